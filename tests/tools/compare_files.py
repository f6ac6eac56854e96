#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tools/compare_files.py: `tricolor compare` finds a difference that is
there, does not find one that is not, and says when it cannot know."""

import json
import os
import sys

from tool_common import Scratch, expect, run

TRICOLOR = sys.argv[1]


def result(walls, workload="index"):
    return {"schema": "tricolor.run/1", "workload": workload,
            "runs": [{"schema": "tricolor.run/1", "wall_ns": wall,
                      "metrics": {"/a/b:bytes": 10, "/h:seconds": {}}}
                     for wall in walls]}


def benchmark(times):
    return {"benchmarks": [
        {"name": "alloc/repeat", "run_name": "alloc", "run_type": "iteration",
         "real_time": time, "time_unit": "ns"} for time in times]
        + [{"name": "alloc_mean", "run_name": "alloc",
            "run_type": "aggregate", "real_time": 1e9, "time_unit": "ns"}]}


def compare(place, a, b, status=0):
    paths = []
    for name, content in (("a.json", a), ("b.json", b)):
        paths.append(os.path.join(place, name))
        with open(paths[-1], "w", encoding="utf-8") as file:
            json.dump(content, file)
    run([TRICOLOR, "compare", *paths], status)
    done = run([TRICOLOR, "compare", "--json", *paths], status)
    if status != 0:
        return done.stderr.decode()
    return {row["name"]: row for row in json.loads(done.stdout)}


with Scratch() as place:
    slow = [200 + i for i in range(10)]
    fast = [100 + i for i in range(10)]
    rows = compare(place, result(fast), result(slow))
    wall = rows["wall_ns"]
    expect(abs(wall["ratio"] - 204.5 / 104.5) < 1e-9, f"{wall}")
    expect(1 < wall["low"] <= wall["ratio"] <= wall["high"], f"{wall}")
    expect(wall["verdict"] == "more", f"{wall}")
    expect(rows["/a/b:bytes"]["ratio"] == 1, f"{rows}")
    expect("/h:seconds" not in rows, "a histogram is not a number")

    wall = compare(place, result(slow), result(fast))["wall_ns"]
    expect(wall["verdict"] == "less" and wall["high"] < 1, f"{wall}")

    noisy = [100, 300, 120, 250, 90, 310]
    wall = compare(place, result(noisy), result(noisy[::-1]))["wall_ns"]
    expect(wall["verdict"] == "no difference shown", f"{wall}")
    expect(wall["low"] < 1 < wall["high"], f"{wall}")

    wall = compare(place, result([100]), result([150]))["wall_ns"]
    expect(wall["ratio"] == 1.5 and wall["low"] is None, f"{wall}")

    rows = compare(place, benchmark(fast), benchmark(slow))
    expect(rows["alloc (ns)"]["verdict"] == "more", f"{rows}")

    line = compare(place, result(fast), result(fast, "other"), 2)
    expect("'other'" in line, line)
    line = compare(place, result(fast), {"what": 1}, 2)
    expect("neither" in line, line)
    line = compare(place, result(fast), benchmark(fast), 2)
    expect("nothing in common" in line, line)
    expect(run([TRICOLOR, "compare", f"{place}/a.json", f"{place}/b.json"],
               2).stdout == b"", "a table of nothing")
    for runs in (5, {"a": 1}, [1], "runs"):
        line = compare(place, result(fast),
                       {"schema": "tricolor.run/1", "runs": runs}, 2)
        expect("b.json are no list of runs" in line, line)
    line = compare(place, result(fast), {"schema": "other", "runs": []}, 2)
    expect("is not of the schema" in line, line)
    for content, words in (("", "is not JSON"), ("[" * 10000, "is not JSON"),
                           ('{"schema": "tricolor', "is not JSON"),
                           ("[1, 2]", "neither")):
        with open(f"{place}/b.json", "w", encoding="ascii") as file:
            file.write(content)
        done = run([TRICOLOR, "compare", f"{place}/a.json", f"{place}/b.json"],
                   2)
        expect(words in done.stderr.decode() and done.stdout == b"",
               f"{content[:20]!r}: {done.stderr!r}")
    done = run([TRICOLOR, "compare", place, place], 2)
    expect(b"it is a directory; name a file in it" in done.stderr,
           f"{done.stderr!r}")
print("ok")
