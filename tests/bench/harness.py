# SPDX-License-Identifier: MIT
"""tests/bench/harness.py: the benchmark harness over tests/bench/harness_cases.c.

To see it fail: leave out the pause in tri_bench_begin_paused (timed/batches
takes 7 ms), or the restoring in tri_bench_run (good/settings_restored fails).
"""
import json
import subprocess
import sys

FAILURES = {"fails/before": "failed before the loop",
            "fails/after": "failed after the loop",
            "fails/metric": "a metric that the case needs is missing"}


def run(program, pattern, *flags):
    done = subprocess.run([program, f"--benchmark_filter={pattern}",
                           "--benchmark_min_time=0.01",
                           "--benchmark_format=json", *flags],
                          capture_output=True, text=True, timeout=50)
    entries = json.loads(done.stdout)["benchmarks"] if done.stdout else []
    by_name = {}
    for entry in entries:
        if entry["run_type"] == "iteration":
            name = entry["name"].partition("/process_time")[0]
            by_name.setdefault(name, []).append(entry)
    return done, by_name


def main(program):
    done, good = run(program, "^good/")
    assert done.returncode == 0, done.stderr + done.stdout
    assert len(good) == 7, sorted(good)

    # A busy machine makes a run longer, never shorter: the shortest of some
    # counts.  The preparation would add 5 ms to every pass of each.
    done, timed = run(program, "^timed/", "--benchmark_repetitions=12")
    assert done.returncode == 0, done.stderr
    assert len(timed) == 3, sorted(timed)
    for name, entries in timed.items():
        shortest = min(entry["real_time"] for entry in entries)
        assert 1.9e6 <= shortest < 6.5e6, (name, shortest)
    assert abs(timed["timed/by_case"][0]["real_time"] - 2e6) < 1e3

    for name, why in FAILURES.items():
        done, failed = run(program, f"^{name}/")
        assert done.returncode == 1, f"{name}: status {done.returncode}"
        assert failed[name][0]["error_message"] == why, failed[name]
    print(f"{len(good) + len(timed) + len(FAILURES)} cases judged")


main(sys.argv[1])
