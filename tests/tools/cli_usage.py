#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tools/cli_usage.py: wrong usage is status 2 and one line that says
what was wrong, with the nearest valid name (CLI-1), and nothing is done (CLI-3) or
printed; results alone go to standard output (CLI-2)."""

import os
import sys

from tool_common import Scratch, expect, run

TRICOLOR = sys.argv[1]
INDEX = ["run", "index", "-p", "dir=/usr/share/common-licenses"]

# (arguments, words the line must have)
WRONG = [
    ([], ["which command"]),
    (["rum"], ["'rum'", "nearest", "'run'"]),
    (["lst"], ["'list'"]),
    (["run"], ["which workload"]),
    (["run", "indx", "-p", "dir=/"], ["'indx'", "'index'"]),
    (["run", "index"], ["needs -p dir="]),
    (["run", "index", "other", "-p", "dir=/"], ["other"]),
    (["run", "index", "-p", "dri=/"], ["'dri'", "'dir'"]),
    (["run", "index", "-p", "dir"], ["key=value"]),
    (INDEX + ["-p", "top=many"], ["'top'", "'many'"]),
    (INDEX + ["-p", "top=-1"], ["'top'", "from 0"]),
    (INDEX + ["-p", "dir=/etc"], ["'dir'", "twice"]),
    (INDEX + ["--procs", "none"], ["--procs", "none"]),
    (INDEX + ["--procs", "0"], ["--procs"]),
    (INDEX + ["--bind", "tight"],
     ["--bind: \"tight\"", "none, compact or scatter"]),
    (INDEX + ["--numa", "near"],
     ["--numa: \"near\"", "default, local or interleave"]),
    (INDEX + ["--gc", "some"], ["--gc", "some"]),
    (INDEX + ["--memory-limit", "12parsec"], ["--memory-limit", "12parsec"]),
    (INDEX + ["--debug", "gctrcae=1"], ["gctrcae", "gctrace"]),
    (INDEX + ["--debug", "gctrace"], ["--debug"]),
    (INDEX + ["--seed", "x"], ["--seed"]),
    (INDEX + ["--repeat", "0"], ["--repeat"]),
    (INDEX + ["--repeat"], ["'--repeat'", "needs a value"]),
    (INDEX + ["--progress", "allways"], ["allways", "'always'"]),
    (INDEX + ["--porcs", "2"], ["'--porcs'", "'--procs'"]),
    (INDEX + ["--trace"], ["--trace needs --out"]),
    (INDEX + ["--events", "core"], ["--events needs --trace"]),
    (INDEX + ["-q"], ["'-q'"]),
    (["run", "index", "-p", "dir=/no/such/place"], ["/no/such/place"]),
    (["run", "index", "-p", "dir="], ["'dir'", "empty"]),
    (INDEX + ["-p", "query="], ["'query'", "empty"]),
    (INDEX + ["-p", "top="], ["'top'", "empty"]),
    (INDEX + ["-p", ""], ["'-p'", "empty"]),
    (INDEX + ["--procs", ""], ["'--procs'", "empty"]),
    (INDEX + ["--procs="], ["'--procs'", "empty"]),
    (INDEX + ["--out", ""], ["'--out'", "empty"]),
    (INDEX + ["--json="], ["'--json'", "empty"]),
    (["report", "/tmp", "-o", ""], ["'-o'", "empty"]),
    (["trace", "export", "x", "--to="], ["'--to'", "empty"]),
    (["trace", "record", "--events=", "--", "true"], ["'--events'", "empty"]),
    (["trace", "export", "/no/such/place", "--to", "csv"], ["/no/such/place"]),
    (["trace", "export", "/no/such/place", "--to", "perfetto"],
     ["/no/such/place"]),
    (["trace", "check", "/no/such/place"], ["/no/such/place"]),
    (["list", "--jsno"], ["'--jsno'", "'--json'"]),
    (["list", "index"], ["index"]),
    (["report"], ["which run"]),
    (["report", "/no/such/place"], ["/no/such/place"]),
    (["compare", "a.json"], ["two files"]),
    (["compare", "/no/a.json", "/no/b.json"], ["/no/a.json"]),
    (["doctor", "now"], ["now"]),
    (["trace"], ["which command"]),
    (["trace", "chek", "x"], ["'chek'", "'check'"]),
    (["trace", "check", ""], ["''", "name the directory"]),
    (["trace", "check", "/usr/share/common-licenses"],
     ["there is no trace in", "name the directory"]),
    (["trace", "check", "x", "y"], ["one trace"]),
    (["trace", "export", "x"], ["--to what"]),
]

RIGHT = [["--help"], ["--version"], ["list"], ["list", "--json"],
         ["run", "--help"], ["doctor"], ["doctor", "--json"]]

for arguments, words in WRONG:
    done = run([TRICOLOR, *arguments], 2)
    line = done.stderr.decode()
    what = f"tricolor {' '.join(arguments)}: {line!r}"
    expect(line.count("\n") == 1 and line.endswith("\n"), f"{what}: one line?")
    expect(done.stdout == b"", f"{what}: and it printed a result")
    for word in words:
        expect(word in line, f"{what}: no {word!r} in it")

for arguments in RIGHT:
    done = run([TRICOLOR, *arguments])
    expect(done.stderr == b"" and done.stdout != b"",
           f"tricolor {' '.join(arguments)}: {done.stderr!r}")

# An option is one thing in all three places: the environment is refused too.
done = run([TRICOLOR, *INDEX], 2, env={"TRI_GC": "some"})
expect(b"TRI_GC" in done.stderr, f"TRI_GC=some: {done.stderr!r}")
# ... and the flag wins over it.
run([TRICOLOR, *INDEX, "--gc", "50"], env={"TRI_GC": "some"})

with Scratch() as place:
    file = os.path.join(place, "file")
    with open(file, "w", encoding="ascii"):
        pass
    done = run([TRICOLOR, *INDEX, "--out", file], 3)
    expect(b"cannot make the directory" in done.stderr, f"{done.stderr!r}")

# What cannot be written is said, by every command that prints (OUT-1): on a full
# disk, and where standard output is closed.
SENTENCE = b"could not be written to standard output"


def expect_unwritten(arguments, status=3):
    for place in (">/dev/full", ">&-"):
        done = run(["sh", "-c", f'exec "$@" {place}', "sh", TRICOLOR,
                    *arguments], status)
        expect(done.stderr.count(SENTENCE) == 1 and done.stdout == b"",
               f"{arguments} {place}: {done.stderr!r}")


with Scratch() as place:
    out = os.path.join(place, "out")
    run([TRICOLOR, *INDEX, "--out", out])
    for arguments in RIGHT:
        expect_unwritten(arguments)
    expect_unwritten(INDEX)
    expect_unwritten(INDEX + ["--repeat", "2"])
    expect_unwritten(["compare", f"{out}/run.json", f"{out}/run.json"])
    expect_unwritten(["report", out])
    expect_unwritten(["trace", "--help"])
    # Closed, it is not taken by the first file that is opened.
    run(["sh", "-c", 'exec "$@" >&-', "sh", TRICOLOR, *INDEX, "--json",
         f"{out}/second.json"], 3)
    with open(f"{out}/second.json", "rb") as file:
        expect(file.read(1) == b"{", "results went into the JSON")

    # A file is whole or not there, and what was there stays (OUT-2).
    for to in ("csv", "perfetto"):
        kept = os.path.join(place, to)
        with open(kept, "w", encoding="ascii") as file:
            file.write("mine")
        run([TRICOLOR, "trace", "export", out, "--to", to, "-o", kept], 2)
        with open(kept, encoding="ascii") as file:
            expect(file.read() == "mine", f"{to}: an old file is gone")
        run([TRICOLOR, "trace", "export", out, "--to", to, "-o",
             f"{place}/new"], 2)
    expect(sorted(os.listdir(place)) == ["csv", "out", "perfetto"],
           f"left behind: {os.listdir(place)}")
print("ok")
