# SPDX-License-Identifier: MIT
"""What the tests of the `tricolor` command share: running it, saying what
failed, the pipeline that `index` must agree with."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

# A buffer of its own, because sort is quadratic in a long line from a pipe.
PIPELINE = ("grep -raohE '[A-Za-z]+' \"$1\" | tr A-Z a-z | sort -S 256M"
            " | uniq -c | sort -S 256M -k1,1nr -k2,2")
SKIP = 77


def fail(what):
    print(f"not ok: {what}", file=sys.stderr)
    sys.exit(1)


def expect(condition, what):
    if not condition:
        fail(what)


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIP)


class Scratch:
    """A directory that is gone at the end, whatever lies in it."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="tricolor-test-")
        os.chmod(self.path, 0o755)
        return self.path

    def __exit__(self, *_):
        subprocess.run(["chmod", "-R", "u+rwx", self.path], check=False,
                       stderr=subprocess.DEVNULL)
        subprocess.run(["rm", "-rf", self.path], check=False)


def run(command, status=0, env=None, **more):
    """Runs it and checks its exit status (None: any)."""
    done = subprocess.run(command, capture_output=True, timeout=850,
                          env={**os.environ, "LC_ALL": "C", **(env or {})},
                          **more)
    if status is not None and done.returncode != status:
        words = " ".join(str(word)[:80] for word in command)
        fail(f"{words}: status {done.returncode}, not {status}\n"
             f"{done.stdout[-200:].decode(errors='replace')}\n"
             f"{done.stderr[-4000:].decode(errors='replace')}")
    return done


def pipeline(directory, prefix=()):
    """[(count, word)] as coreutils count them."""
    done = run([*prefix, "sh", "-c", PIPELINE, "sh", directory], None)
    return [(int(line.split()[0]), line.split()[1])
            for line in done.stdout.splitlines()]


def words_of(output):
    """[(count, word)] from what `tricolor run index` printed first."""
    result = []
    for line in output.splitlines():
        count, _, word = line.partition(b" ")
        if not count.isdigit():
            break
        result.append((int(count), word))
    return result


def compare_words(ours, theirs, what):
    if ours == theirs:
        return
    for i, (a, b) in enumerate(zip(ours, theirs)):
        if a != b:
            fail(f"{what}: line {i + 1} is {a[0]} {a[1][:60]!r}, the pipeline "
                 f"says {b[0]} {b[1][:60]!r}")
    fail(f"{what}: {len(ours)} words, the pipeline says {len(theirs)}")


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def have(program):
    return shutil.which(program) is not None
