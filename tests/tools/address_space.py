# SPDX-License-Identifier: MIT
"""tests/tools/address_space.py: under a limit of address space (`ulimit -v`) a run
either is right or says in one line that it cannot start, with status 3.

    address_space.py TRICOLOR DIR

To see it fail: let tri_os_share (base/os_linux.c) take the limit for infinite."""

import resource
import sys

from tool_common import compare_words, expect, pipeline, run, words_of

TRICOLOR, DIR = sys.argv[1:]
INDEX = [TRICOLOR, "run", "index", "-p", f"dir={DIR}", "-p", "top=1000000"]


def limited(bytes_most, status):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (bytes_most, bytes_most))
    return run(INDEX, status, preexec_fn=limit)


done = limited(800 << 20, 3)
line = done.stderr.decode()
expect(line.startswith("tricolor: cannot start: ") and line.count("\n") == 1
       and "raise `ulimit -v`" in line, f"800 MiB: {line!r}")
expect(done.stdout == b"", f"800 MiB: it printed {done.stdout[:80]!r}")

done = limited(3 << 30, 0)
compare_words(words_of(done.stdout), pipeline(DIR), "3 GiB")
expect(done.stderr == b"", f"3 GiB: {done.stderr!r}")
print("ok")
