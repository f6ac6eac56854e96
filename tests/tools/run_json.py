#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tools/run_json.py: run.json holds what docs/reference/run-json.md
says, of the types it says, and the accounting in it adds up."""

import os
import sys

from tool_common import Scratch, expect, load, run

TRICOLOR = sys.argv[1]
INDEX = [TRICOLOR, "run", "index", "-p", "dir=/usr/share/common-licenses"]

FIELDS = {"schema": str, "version": str, "workload": str, "params": dict,
          "seed": int, "config": dict, "machine": dict, "start_unix_ns": int,
          "wall_ns": int, "cpu_ns": int, "max_rss_bytes": int, "metrics": dict,
          "invariants": list, "output": dict, "series": dict}
CLEANUPS = ["added", "stopped", "queued", "executed", "armed", "pending"]


def check_fields(result, fields, what):
    for name, kind in fields.items():
        expect(name in result, f"{what} has no {name}")
        expect(isinstance(result[name], kind), f"{what}: {name} is a "
               f"{type(result[name]).__name__}, not {kind.__name__}")


def check_metrics(metrics):
    for name, value in metrics.items():
        expect(name.startswith("/") and ":" in name, f"metric {name!r}")
        if isinstance(value, dict):
            expect(len(value["bounds"]) == len(value["counts"]) + 1,
                   f"{name}: {len(value['counts'])} buckets, "
                   f"{len(value['bounds'])} bounds")
            known = [bound for bound in value["bounds"] if bound is not None]
            expect(known == sorted(known), f"{name}: bounds are not in order")
        else:
            expect(isinstance(value, (int, float)), f"{name} is {value!r}")
    count = {name: metrics[f"/gc/cleanups/{name}:cleanups"]
             for name in CLEANUPS}
    expect(count["added"] == count["stopped"] + count["queued"]
           + count["armed"], f"cleanups: {count}")
    expect(count["queued"] == count["executed"] + count["pending"],
           f"cleanups: {count}")
    expect(metrics["/gc/cycles/total:gc-cycles"] > 0, "no collection?")


def check_series(series):
    points = len(series["t_ns"])
    expect(0 < points <= 2000, f"{points} points")
    expect(series["t_ns"] == sorted(series["t_ns"]), "time runs backwards")
    for name, values in series.items():
        if name != "interval_ns":
            expect(len(values) == points, f"{name}: {len(values)} points")


def check_run(result):
    check_fields(result, FIELDS, "run.json")
    expect(result["schema"] == "tricolor.run/1", result["schema"])
    expect(result["wall_ns"] > 0 and result["max_rss_bytes"] > 1 << 20,
           "no time or no memory used")
    expect(len(result["invariants"]) >= 5, "few invariants")
    for one in result["invariants"]:
        check_fields(one, {"name": str, "ok": bool, "detail": str},
                     "an invariant")
        expect(one["ok"], f"{one['name']}: {one['detail']}")
    check_metrics(result["metrics"])
    check_series(result["series"])
    expect("cpus" in result["machine"] and "kernel" in result["machine"],
           "the machine is not described")


with Scratch() as place:
    out = os.path.join(place, "deep", "out")
    file = os.path.join(place, "copy.json")
    done = run([*INDEX, "--out", out, "--json", file, "--procs", "2", "--gc",
                "50", "--seed", "7", "--bind", "compact", "--numa",
                "interleave"])
    one_run = load(os.path.join(out, "run.json"))
    check_run(one_run)
    expect(one_run == load(file), "--json and --out differ")
    expect(one_run["seed"] == 7, "the seed is lost")
    expect(one_run["config"]["procs"] == 2, f"{one_run['config']}")
    expect(one_run["config"]["gc"] == 50, f"{one_run['config']}")
    expect(one_run["config"]["bind"] == "compact", f"{one_run['config']}")
    numa = "default" if b"TRI_NUMA" in done.stderr else "interleave"
    expect(one_run["config"]["numa"] == numa, f"{one_run['config']}")

    several = os.path.join(place, "several")
    run([*INDEX, "--out", several, "--repeat", "3", "--seed", "5"])
    result = load(os.path.join(several, "run.json"))
    check_fields(result, {"schema": str, "workload": str, "runs": list},
                 "run.json of --repeat")
    expect([one["seed"] for one in result["runs"]] == [5, 6, 7],
           "each run has a seed of its own")
    for one in result["runs"]:
        check_run(one)
    counts = {one["output"]["words"] for one in result["runs"]}
    expect(len(counts) == 1, f"three runs, three counts: {counts}")
print("ok")
