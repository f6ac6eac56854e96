# SPDX-License-Identifier: MIT
"""What the tools/check-* scripts share: the tree's files, C without comments,
and one way to report.  Each script takes --root DIR, so that its own test can
feed it a bad tree."""

import argparse
import os
import re
import sys

# Not ours, not sources, or made on purpose to be wrong.
SKIPPED = {".git", "build", "out", "__pycache__"}
C_NAMES = (".c", ".h", ".cc", ".cpp", ".hpp")


def arguments(doc, *more):
    """The parsed command line; `more` are extra arguments to add."""
    parser = argparse.ArgumentParser(description=doc)
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--root", default=os.path.dirname(here))
    for flags, options in more:
        parser.add_argument(*flags, **options)
    return parser.parse_args()


def files(root, endings=None):
    """Paths below root, relative and sorted, that end in one of `endings`."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED)
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), root)
            if endings is None or path.endswith(tuple(endings)):
                found.append(path)
    return sorted(found)


def text_of(root, path):
    with open(os.path.join(root, path), encoding="utf-8",
              errors="replace") as file:
        return file.read()


_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'
                    r"'(?:\\.|[^'\\\n])*'", re.S)


def code_of(text):
    """C without comments and without what is in quotes, lines kept."""
    def blank(match):
        token = match.group(0)
        lines = "\n" * token.count("\n")
        if token[0] == '"':
            return '""' + lines
        if token[0] == "'":
            return "' '" + lines
        return " " + lines
    return _TOKEN.sub(blank, text)


def finish(tool, faults):
    """Prints the faults, one a line, and ends the program."""
    for fault in faults:
        print(f"{tool}: {fault}")
    if faults:
        print(f"{tool}: {len(faults)} fault(s)")
    sys.exit(1 if faults else 0)
