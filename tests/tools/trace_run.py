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
import threading
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


class Running:
    """An endless `tricolor run index` that says each of its collections."""

    def __init__(self, *more):
        self.child = subprocess.Popen(
            [TRICOLOR, "run", "index", "-p", f"dir={DIR}", "-p",
             "rounds=1000000", *more], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
            env=dict(os.environ, TRI_DEBUG="gctrace=1"))
        self.pid = self.child.pid
        self.said, self.collections = [], 0
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.child.stderr:
            with self.changed:
                self.said.append(line)
                self.collections += line.startswith("gc ")
                self.changed.notify_all()

    def collect(self, count):
        """Returns once it has collected so many times from now on.  With each
        it has opened and closed files: cleanups come and go."""
        with self.changed:
            end = self.collections + count
            if not self.changed.wait_for(lambda: self.collections >= end,
                                         timeout=60):
                self.child.kill()
                sys.exit(f"{count} collections took more than a minute; it "
                         f"said {self.said[-5:]}")

    def end(self):
        """What it said, once it has ended."""
        self.child.wait(timeout=60)
        self.reader.join(timeout=60)
        return "".join(self.said)


def session_of(pid):
    return f"tricolor-{pid}-" in run("lttng", "list").stdout


def killed_run(folder):
    """Its guard ends the session; the trace is whole up to where it died, and
    no proof of more."""
    out = os.path.join(folder, "killed")
    running = Running("--trace", "--out", out)
    running.collect(3)
    running.child.send_signal(signal.SIGKILL)
    running.end()
    deadline = time.monotonic() + 30
    while session_of(running.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    report = check(f"{out}/trace", 1)
    if report["cleanups"]["added"] == 0 or report["cycles"] == 0:
        sys.exit(f"the killed run left {report}")
    expect_only("CHK-14", "has no runtime_end: it crashed, was killed", report)


def late_session(folder):
    """A session that begins while the program runs proves nothing."""
    if shutil.which("lttng") is None:
        return
    running = Running()
    name = f"tricolor-test-{running.pid}"
    late = os.path.join(folder, "late")
    running.collect(1)
    on = ["--userspace", "--session", name]
    for words in (["create", name, f"--output={late}"],
                  ["track", *on, "--vpid", str(running.pid)],
                  ["enable-channel", *on, "--subbuf-size=4M", "events"],
                  ["enable-event", *on, "--channel=events", "tricolor:*"],
                  ["add-context", *on, "--channel=events", "--type=vpid"],
                  ["start", name]):
        done = run("lttng", *words)
        if done.returncode != 0:
            running.child.kill()
            sys.exit(f"lttng {words}: {done.stdout}{done.stderr}")
    running.collect(2)
    run("lttng", "destroy", name)
    running.child.kill()
    running.end()
    report = check(late, 1)
    if report["problems"][0]["rule"] != "CHK-13" \
            or "began while it ran" not in report["problems"][0]["text"]:
        sys.exit(f"the late session left {report}")


def interrupted_run(folder):
    """Its session ends with it, and it says what there is."""
    out = os.path.join(folder, "interrupted")
    running = Running("--trace", "--out", out)
    running.collect(3)
    os.killpg(running.pid, signal.SIGINT)
    said = running.end()
    # The guard has the lock until the session is gone.
    run("flock", out, "true")
    if "interrupted" not in said or session_of(running.pid) \
            or running.child.returncode != -signal.SIGINT \
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
