#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tools/guide.py: every command line of a guide works as it stands:
guide.py TRICOLOR GUIDE.md runs the lines of its ```sh blocks, in order."""

import os
import re
import sys

from tool_common import Scratch, expect, run

TRICOLOR, GUIDE = os.path.abspath(sys.argv[1]), sys.argv[2]

with open(GUIDE, encoding="utf-8") as file:
    blocks = re.findall(r"^```sh\n(.*?)^```", file.read(), re.M | re.S)
lines = [line for block in blocks for line in block.splitlines() if line]
expect(len(lines) >= 5, f"{GUIDE} has only {len(lines)} commands")

with Scratch() as place:
    folder = os.path.join(place, "bin")
    os.mkdir(folder)
    os.symlink(TRICOLOR, os.path.join(folder, "tricolor"))
    path = {"PATH": folder + ":" + os.environ["PATH"]}
    os.mkdir(os.path.join(place, "out"))
    for line in lines:
        done = run(["sh", "-ec", line], env=path, cwd=place)
        expect(done.stdout != b"" or "--json" in line or "--out" in line,
               f"{line}: prints nothing")
print(f"ok: {len(lines)} commands")
