#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tools/index_matches_pipeline.py: `tricolor run index` counts words as
grep, tr, sort and uniq do, and knows where they are.

    index_matches_pipeline.py TRICOLOR nasty|far|DIR [--procs N] [--debug K=V]
                              [-p key=value]... [--each FLAGS]...

With --each the job runs once for each of them (FLAGS: more flags of `tricolor
run`, in one word), against one run of the pipeline.

To see it fail: let index_scan.c lose `word_hash` between two pieces, or take
the memmove out of its flush()."""

import argparse
import functools
import os
import shutil

import index_tree
from tool_common import (Scratch, compare_words, expect, have, load, pipeline,
                         run, words_of)

parser = argparse.ArgumentParser()
parser.add_argument("tricolor")
parser.add_argument("tree")
parser.add_argument("--procs")
parser.add_argument("--debug")
parser.add_argument("-p", action="append", default=[])
parser.add_argument("--each", action="append", default=[])
args = parser.parse_args()


def flags(more=""):
    words = more.split()
    for name in ("procs", "debug"):
        value = getattr(args, name)
        words += [f"--{name}={value}"] if value else []
    for pair in args.p:
        words += ["-p", pair]
    return words


def check_invariants(result):
    """LOAD-1: there are some; of descriptors, each closed once, too (INDEX-3)."""
    for one in result["invariants"]:
        expect(one["ok"], f"{one['name']}: {one['detail']}")


@functools.cache
def positions(path, word):
    """Once for all variants: it takes longer than they do."""
    return index_tree.positions(path, word)


def check_positions(result, root):
    """Every position of every query, in files whose name is plain."""
    checked = 0
    for query in result["output"]["queries"]:
        for hit in query["hits"]:
            path = hit["path"]
            if "\\" in path or len(path) > 4000 or not os.access(path, os.R_OK):
                continue
            wanted = positions(path, query["word"].encode())
            expect(hit["count"] == len(wanted),
                   f"{query['word']} is {len(wanted)} times in {path}, not "
                   f"{hit['count']}")
            expect(hit["positions"] == wanted[:len(hit["positions"])],
                   f"{query['word']} in {path}: wrong positions")
            checked += 1
    expect(checked > 0, f"no position below {root} was checked")


def nobody(scratch):
    """A prefix that makes root an ordinary user, or nothing."""
    if os.geteuid() != 0 or not have("setpriv"):
        return []
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def check(root, scratch, queries, prefix=(), unreadable=0, more="",
          reference=None):
    program = os.path.join(scratch, "tricolor")
    shutil.copy(args.tricolor, program)
    out = os.path.join(scratch, "out")
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    os.chmod(out, 0o777)
    command = [*prefix, program, "run", "index", "-p", f"dir={root}", "-p",
               "top=1000000000", "-p", "hits=10000", "--out", out, *flags(more)]
    for word in queries:
        command += ["-p", f"query={word}"]
    done = run(command)
    compare_words(words_of(done.stdout), reference or pipeline(root, prefix),
                  f"{root} {more}")
    result = load(os.path.join(out, "run.json"))
    check_invariants(result)
    check_positions(result, root)
    expect(result["output"]["unreadable"] == unreadable,
           f"{result['output']['unreadable']} files could not be read, not "
           f"{unreadable}")
    if unreadable:
        expect(b"secret" in done.stderr, "the unreadable file is not named")


def nasty(scratch):
    root = os.path.join(scratch, "tree")
    os.mkdir(root)
    index_tree.make(root)
    prefix = nobody(scratch)
    locked = 0 if os.geteuid() == 0 and not prefix else 2
    check(root, scratch, ["same", "crossing", "border", "word", "named",
                          "q" * 70000, "absent"], prefix, locked)


def far(scratch):
    """A word, 5 GiB of nothing, another word: offsets need 33 bits."""
    root = os.path.join(scratch, "tree")
    os.mkdir(root)
    with open(os.path.join(root, "sparse"), "wb") as file:
        file.write(b"near word ")
        file.seek((5 << 30) + 7)
        file.write(b"far word")
    program = args.tricolor
    out = os.path.join(scratch, "out")
    run([program, "run", "index", "-p", f"dir={root}", "-p", "query=word",
         "--out", out, *flags()])
    result = load(os.path.join(out, "run.json"))
    check_invariants(result)
    hit = result["output"]["queries"][0]["hits"][0]
    expect(hit["positions"] == [5, (5 << 30) + 11], f"positions are {hit}")


with Scratch() as place:
    if args.tree == "nasty":
        nasty(place)
    elif args.tree == "far":
        far(place)
    else:
        words = ["the", "gnu", "license"]
        wanted = pipeline(args.tree, ())
        for variant in args.each or [""]:
            check(args.tree, place, words, more=variant, reference=wanted)
print("ok")
