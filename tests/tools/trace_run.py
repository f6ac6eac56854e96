# SPDX-License-Identifier: MIT
"""`tricolor run --trace`: trace_run.py TRICOLOR.  The trace is proved, agrees with
the runtime's own metrics and with Babeltrace id by id; and the trace of a run
that was killed can be read.  Status 77 (skipped) where LTTng is missing."""

import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TRICOLOR = os.path.abspath(sys.argv[1])
DIR = "/usr/share/common-licenses"
EVENT = re.compile(r"tricolor:cleanup_(\w+): .*\{ id = (\d+),(.*)\}")


def run(*arguments, **options):
    return subprocess.run(arguments, capture_output=True, text=True,
                          timeout=100, **options)


def check(trace, status=0):
    done = run(TRICOLOR, "trace", "check", "--json", trace)
    if done.returncode != status:
        sys.exit(f"check {trace}: status {done.returncode}\n{done.stdout}"
                 f"{done.stderr}")
    return json.loads(done.stdout)


def expect_only(rule, words, report):
    problems = report["problems"]
    if len(problems) != 1 or problems[0]["rule"] != rule \
            or words not in problems[0]["text"]:
        sys.exit(f"not {rule} alone, with '{words}': {problems}")


def metric(result, name):
    return result["metrics"][f"/gc/cleanups/{name}:cleanups"]


def compare_with_babeltrace(trace, cleanups):
    """Each id once, as Babeltrace's own text says it."""
    seen = collections.defaultdict(list)
    for line in run("babeltrace2", trace).stdout.splitlines():
        match = EVENT.search(line)
        if match:
            name = match[1]
            if name == "stop":
                name += match[3].strip()[-1]  # cancelled = 0 or 1
            seen[match[2]].append(name)
    kinds = collections.Counter(tuple(s for s in steps if s != "stop0")
                                for steps in seen.values())
    lives = {("add",): "armed", ("add", "stop1"): "stopped",
             ("add", "queue", "begin", "end"): "executed"}
    for life, count in kinds.items():
        if life not in lives or count != cleanups[lives[life]]:
            sys.exit(f"{count} cleanups live {life}; the check says "
                     f"{cleanups}")
    if sum(kinds.values()) != cleanups["added"]:
        sys.exit(f"{kinds} are not {cleanups['added']}")


def whole_run(folder, procs, events):
    out = os.path.join(folder, f"run{procs}{events}")
    done = run(TRICOLOR, "run", "index", "-p", f"dir={DIR}", "-p", "rounds=5",
               "--procs", str(procs), "--trace", "--events", events, "--out",
               out)
    if done.returncode == 3:
        print(f"skipped: {done.stderr.strip()}")
        sys.exit(77)
    if done.returncode != 0:
        sys.exit(f"run: status {done.returncode}\n{done.stderr}")
    report = check(f"{out}/trace")
    with open(f"{out}/run.json", encoding="utf-8") as file:
        result = json.load(file)
    for name in ("added", "stopped", "queued", "executed"):
        if report["cleanups"][name] != metric(result, name):
            sys.exit(f"{name}: the trace has {report['cleanups'][name]}, the "
                     f"metrics {metric(result, name)}")
    if report["cleanups"]["added"] == 0 or report["problem_count"] != 0 \
            or result["trace"]["discarded"] != 0 \
            or result["trace"]["events"] != report["events"]:
        sys.exit(f"{report}\n{result['trace']}")
    if shutil.which("babeltrace2"):
        compare_with_babeltrace(f"{out}/trace", report["cleanups"])


def killed_run(folder):
    """Its guard ends the session; the trace is whole up to where it died, and
    no proof of more."""
    out = os.path.join(folder, "killed")
    child = subprocess.Popen([TRICOLOR, "run", "index", "-p", f"dir={DIR}",
                              "-p", "rounds=1000000", "--trace", "--out", out],
                             stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    stream = os.path.join(out, "trace/ust")
    deadline = time.monotonic() + 30
    while not os.path.isdir(stream) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    child.send_signal(signal.SIGKILL)
    child.wait()
    while time.monotonic() < deadline:
        if "tricolor-%d-" % child.pid not in run("lttng", "list").stdout:
            break
        time.sleep(0.1)
    report = check(f"{out}/trace", 1)
    if report["cleanups"]["added"] == 0 or report["cycles"] == 0:
        sys.exit(f"the killed run left {report}")
    expect_only("CHK-14", "has no runtime_end: it crashed, was killed", report)


def late_session(folder):
    """A session that begins while the program runs proves nothing."""
    if shutil.which("lttng") is None:
        return
    child = subprocess.Popen([TRICOLOR, "run", "index", "-p", f"dir={DIR}",
                              "-p", "rounds=1000000"],
                             stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    name, late = f"tricolor-test-{child.pid}", os.path.join(folder, "late")
    time.sleep(1)
    on = ["--userspace", "--session", name]
    for words in (["create", name, f"--output={late}"],
                  ["track", *on, "--vpid", str(child.pid)],
                  ["enable-channel", *on, "--subbuf-size=4M", "events"],
                  ["enable-event", *on, "--channel=events", "tricolor:*"],
                  ["add-context", *on, "--channel=events", "--type=vpid"],
                  ["start", name]):
        done = run("lttng", *words)
        if done.returncode != 0:
            sys.exit(f"lttng {words}: {done.stdout}{done.stderr}")
    time.sleep(1)
    run("lttng", "destroy", name)
    child.kill()
    child.wait()
    report = check(late, 1)
    if report["problems"][0]["rule"] != "CHK-13" \
            or "began while it ran" not in report["problems"][0]["text"]:
        sys.exit(f"the late session left {report}")


def interrupted_run(folder):
    """Its session ends with it, and it says what there is."""
    out = os.path.join(folder, "interrupted")
    child = subprocess.Popen([TRICOLOR, "run", "index", "-p", f"dir={DIR}",
                              "-p", "rounds=1000000", "--trace", "--out", out],
                             stdout=subprocess.DEVNULL, text=True,
                             stderr=subprocess.PIPE, start_new_session=True)
    time.sleep(2)
    os.killpg(child.pid, signal.SIGINT)
    said = child.communicate(timeout=60)[1]
    # The guard has the lock until the session is gone.
    run("flock", out, "true")
    if "interrupted" not in said or child.returncode != -signal.SIGINT \
            or "tricolor-%d-" % child.pid in run("lttng", "list").stdout \
            or os.listdir(out) != ["trace"]:
        sys.exit(f"interrupted, it left {os.listdir(out)} and said {said}")
    expect_only("CHK-14", "has no runtime_end", check(f"{out}/trace", 1))


with tempfile.TemporaryDirectory() as place:
    for procs in (1, 2, 8):
        whole_run(place, procs, "core")
    whole_run(place, 2, "all")
    killed_run(place)
    late_session(place)
    interrupted_run(place)
print("the traces agree with the runs")
