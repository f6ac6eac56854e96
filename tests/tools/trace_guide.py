# SPDX-License-Identifier: MIT
"""Runs every command of docs/guide/tracing.md, in order, in an empty directory:
trace_guide.py TRICOLOR.  Status 77 (skipped) where LTTng is not installed."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
GUIDE = os.path.join(ROOT, "docs/guide/tracing.md")
LEFT = ["run/run.json", "run/trace", "mine", "everything", "little", "hand",
        "flight", "run.perfetto.json", "run.csv", "run.html"]

for program in ("lttng", "lttng-sessiond", "babeltrace2"):
    if shutil.which(program) is None:
        print(f"skipped: {program} is not installed")
        sys.exit(77)

with open(GUIDE, encoding="utf-8") as file:
    text = file.read()
blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)
commands = [line for block in blocks for line in block.splitlines()]
if len(commands) < 15:
    sys.exit(f"only {len(commands)} commands in {GUIDE}")
promised = re.search(r"^```text\n(.*?)^```$", text, re.M | re.S)[1].strip()

with tempfile.TemporaryDirectory() as folder:
    path = os.path.dirname(os.path.abspath(sys.argv[1]))
    environment = dict(os.environ, PATH=f"{path}:{os.environ['PATH']}")
    checked = 0
    try:
        for command in commands:
            print(f"$ {command}", flush=True)
            done = subprocess.run(command, shell=True, cwd=folder, timeout=100,
                                  env=environment, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(f"status {done.returncode}\n{done.stdout[-2000:]}"
                         f"{done.stderr[-2000:]}")
            if " check " in command:
                checked += 1
                if promised not in done.stdout:
                    sys.exit(f"lacks \"{promised}\":\n{done.stdout}")
            if command.startswith("babeltrace2") \
                    and "tricolor:cleanup_add" not in done.stdout:
                sys.exit("babeltrace2 shows no event")
    finally:
        for name in ("tricolor-hand", "tricolor-flight"):
            subprocess.run(["lttng", "destroy", name], capture_output=True)
    for name in LEFT:
        if not os.path.exists(os.path.join(folder, name)):
            sys.exit(f"{name} was not made")
    if checked < 2:
        sys.exit("the guide checks no trace any more")
print(f"{len(commands)} commands done")
