# SPDX-License-Identifier: MIT
"""tests/bench/smoke.py: every benchmark runs once, on two seeds.

Each case checks what it assumes (BENCH-4) and the program checks the cleanups'
books at the end, so this is a test of the runtime too.  To see it fail: let
tri_cleanup_stop return true without cancelling, or a case's body be empty.
"""
import json
import os
import subprocess
import sys

CONTEXT = ("seed", "compiler", "tricolor.version", "tricolor.build",
           "machine.cpus", "machine.kernel", "config.procs", "config.gc")
AREAS = ("alloc/", "store/", "cleanup/", "goroutine/", "chan/", "mutex/", "gc/",
         "ring/", "fan/", "timer/", "pause/",
         "gcbench", "binary_trees/")


def run(program, *flags):
    quick = os.environ | {"TRI_BENCH_QUICK": "1"}
    return subprocess.run([program, *flags], capture_output=True, text=True,
                          timeout=280, env=quick)


def check(data, seed):
    assert data["context"]["seed"] == str(seed), data["context"]
    for key in CONTEXT:
        assert data["context"].get(key), f"the context lacks {key}"
    names = [entry["name"] for entry in data["benchmarks"]]
    assert len(names) == len(set(names)), "two cases have one name"
    for area in AREAS:
        assert any(name.startswith(area) for name in names), f"no {area}"
    for entry in data["benchmarks"]:
        why = entry.get("error_message")
        assert why is None, f"{entry['name']}: {why}"
        assert entry["iterations"] >= 1, entry
        assert entry["real_time"] > 0, entry


def main(program):
    # The long ones once; the rest also in a second run, on another seed.
    for seed, flags in ((1, ()), (7, ("--benchmark_filter=-gcbench|trees",))):
        done = run(program, "--benchmark_min_time=0", f"--seed={seed}",
                   "--benchmark_format=json", *flags)
        assert done.returncode == 0, \
            f"status {done.returncode}\n{done.stderr}\n{done.stdout[-2000:]}"
        data = json.loads(done.stdout)
        if not flags:
            check(data, seed)
        print(f"seed {seed}: {len(data['benchmarks'])} cases")
    for flags in (["--seed=x"], ["--seed", "-"], ["--no-such-flag"]):
        done = run(program, *flags)
        assert done.returncode == 2, f"{flags}: status {done.returncode}"
        assert done.stderr.strip(), f"{flags}: not a word"


main(sys.argv[1])
