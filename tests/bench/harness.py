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


def run(program, pattern, min_time="0.02"):
    done = subprocess.run([program, f"--benchmark_filter={pattern}",
                           f"--benchmark_min_time={min_time}",
                           "--benchmark_format=json"],
                          capture_output=True, text=True, timeout=50)
    entries = json.loads(done.stdout)["benchmarks"] if done.stdout else []
    return done, {e["name"].partition("/process_time")[0]: e for e in entries}


def main(program):
    done, good = run(program, "^good/")
    assert done.returncode == 0, done.stderr + done.stdout
    assert len(good) == 7, sorted(good)

    # A busy machine makes it longer, never shorter; the preparation would add
    # 5 ms to every pass.
    done, timed = run(program, "^timed/", "0.05")
    assert done.returncode == 0, done.stderr
    assert len(timed) == 3, sorted(timed)
    for name, entry in timed.items():
        assert 1.9e6 <= entry["real_time"] < 6.5e6, (name, entry["real_time"])
    assert abs(timed["timed/by_case"]["real_time"] - 2e6) < 1e3

    for name, why in FAILURES.items():
        done, failed = run(program, f"^{name}/")
        assert done.returncode == 1, f"{name}: status {done.returncode}"
        assert failed[name]["error_message"] == why, failed[name]
    print(f"{len(good) + len(timed) + len(FAILURES)} cases judged")


main(sys.argv[1])
