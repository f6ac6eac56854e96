# SPDX-License-Identifier: MIT
"""tests/tools/run_place.py: where `tricolor run` leaves its results: nothing runs
if they cannot be left there, one run at a time has the place, and a run that is
interrupted says so, leaves no result and no process.

To see it fail: take the call of output_lock, output_try, unlink or interrupt_say
out of tools/run_*.c."""

import os
import resource
import signal
import subprocess
import sys
import time

from tool_common import Scratch, expect, run

TRICOLOR = os.path.abspath(sys.argv[1])
INDEX = [TRICOLOR, "run", "index", "-p", "dir=/usr/share/common-licenses"]
LONG = [*INDEX, "-p", "rounds=1000000"]


def refused(arguments, *words, status=3, **more):
    done = run([*INDEX, *arguments], status, **more)
    line = done.stderr.decode()
    expect(line.count("\n") == 1, f"{arguments}: one line? {line!r}")
    for word in words:
        expect(word in line, f"{arguments}: no {word!r} in {line!r}")
    return done


def start(*arguments):
    child = subprocess.Popen([*LONG, *arguments], stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, start_new_session=True)
    return child


def wait_for(what, why):
    deadline = time.monotonic() + 60
    while not what():
        expect(time.monotonic() < deadline, why)
        time.sleep(0.05)


def locked(directory):
    """Is somebody's lock on it?  By reading: who tries to have it, even for a
    moment, may have it when the run comes for it."""
    if not os.path.isdir(directory):
        return False
    inode = f":{os.stat(directory).st_ino}"
    with open("/proc/locks", encoding="ascii") as locks:
        return any(line.split()[5].endswith(inode) for line in locks
                   if "->" not in line and "FLOCK" in line)


def interrupt(child, number, *words):
    child.send_signal(number)
    said = child.communicate(timeout=60)[1].decode()
    expect(child.returncode == -number, f"{number}: status {child.returncode}")
    for word in words:
        expect(word in said, f"{number}: no {word!r} in {said!r}")


def files_below(directory):
    return [name for _, _, names in os.walk(directory) for name in names]


def check_unwritable(place):
    """Before anything runs: there are no results on standard output."""
    for path in (f"{place}/none/x.json", place):
        done = refused(["--json", path], f"cannot write {path}: ", "name a file")
        expect(done.stdout == b"", f"--json {path}: it ran")
    file = os.path.join(place, "file")
    with open(file, "w", encoding="ascii"):
        pass
    for more in ([], ["--repeat", "2"]):
        done = refused(["--out", f"{file}/x", *more],
                       f"cannot make the directory {file}/x: ", "--out")
        expect(done.stdout == b"", f"--out {file}/x: it ran")

    # A disk that fills up while the result is written leaves no half of it.
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    out = os.path.join(place, "small")
    done = refused(["--out", out], f"cannot write {out}/run.json: ",
                   "File too large", preexec_fn=limit, restore_signals=False)
    expect(os.listdir(out) == [], f"left: {os.listdir(out)}")


def check_one_at_a_time(place):
    out = os.path.join(place, "out")
    run([*INDEX, "--out", out])
    expect(files_below(out) == ["run.json"], "a result")
    child = start("--out", out)
    wait_for(lambda: locked(out), "nobody locks the directory")
    done = refused(["--out", out], f"another run writes to {out}", "wait")
    expect(done.stdout == b"", "two runs in one directory")
    wait_for(lambda: files_below(out) == [], "the old result stays")
    time.sleep(0.5)
    interrupt(child, signal.SIGINT, "interrupted: no result is written")
    expect(files_below(out) == [], f"left: {files_below(out)}")
    run([*INDEX, "--out", out])


def check_repeat(place):
    """Its runs end with it, whoever is told."""
    out = os.path.join(place, "several")
    first = os.path.join(out, "run-1")
    child = start("--repeat", "3", "--out", out)
    wait_for(lambda: locked(first), "no run locks its directory")
    time.sleep(0.5)
    interrupt(child, signal.SIGTERM, "interrupted after 0 of 3 runs")
    wait_for(lambda: not locked(first), "a run goes on after its parent")
    expect(files_below(out) == [], f"left: {files_below(out)}")


with Scratch() as scratch:
    check_unwritable(scratch)
    check_one_at_a_time(scratch)
    check_repeat(scratch)
print("ok")
