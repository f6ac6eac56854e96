# SPDX-License-Identifier: MIT
"""Feeds a lint check one good tree, which must pass, and bad ones, each of
which must be refused for the right reason: can_fail.py CHECK."""

import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
LICENCE = "/* SPDX-License-Identifier: MIT */\n"

# For go-map; in pieces, so that it does not take them for citations of ours.
GO_ROW = "| S-9" "99 | Sweeps. | `f` | `gc/a.c` |\n"
GO_TESTS = "".join(f"| X{n} | Tests. | `f` | `gc/a.c` |\n"
                   for n in (997, 998, 999))
GO_CITED = LICENCE + "/* S-9" "99; X9" "97 ... X9" "99; SWEEP-3, P-1, C17 */\n"

# For rules: one rule told and asserted, one told and tested, one argued; what stands
# in for their numbers is not theirs.
RULE = (LICENCE + "/*\n * gc/a.c: rules.\n *\n"
        " *   ONE-" "1  It is so, otherwise it is not.\n"
        " *   ONE-" "2  It is also so; it would fail\n"
        " *          otherwise.\n"
        " *   ONE-" "3  And so.  Otherwise, what?  Argued, no test: it is\n"
        " *          clear.\n */\n"
        "void f(void) { TRI_CHECK(x, \"ONE-" "1: it is not\"); }\n")
TESTED = LICENCE + "/* tests/t.c: breaks ONE-" "2. */\n"

# For heads.
BREAKS = LICENCE + "/*\n * t.c: that it is.\n * To see it fail: leave out {}.\n */\n"

# check: (good tree, [(bad tree, words of the complaint)]); a tree is
# {path: text}.
TREES = {
    "layers": (
        {"gc/a.c": '#include "alloc/b.h"\n#include <tricolor/tricolor.h>\n',
         "bench/w.c": "#include <tricolor/tricolor.h>\n",
         "tests/t.c": '#include "runtime/x.h"\n'},
        [({"alloc/a.c": '#include "gc/gc.h"\n'}, "points up"),
         ({"base/a.h": '#  include "trace/trace.h"\n'}, "points up"),
         ({"bench/w.c": '#include "runtime/g.h"\n'}, "points up"),
         ({"include/tricolor/a.h": '#include "base/os.h"\n'},
          "public headers"),
         ({"gc/a.c": '#include "gc.h"\n'}, "from the root"),
         ({"gc/a.c": "#include <gc/gc.h>\n"}, "use quotes")]),
    "heads": (
        {"gc/a.c": LICENCE + "void a_b(void) { pay(); }\n",
         "tests/t.c": BREAKS.format("a_b, or pay (a.c), or pay (gc/a.c), or a_*")},
        [({"gc/a.c": LICENCE + "/* a_b */ void a_bc(void) { }\n",
           "tests/t.c": BREAKS.format("a_b")}, "a_b, which is nowhere"),
         ({"gc/a.c": LICENCE + "/* pay */ void a_b(void) { }\n",
           "gc/b.c": LICENCE + "void pay(void) { }\n",
           "tests/t.c": BREAKS.format("pay\n * (a.c)")},
          "pay, which is not in a.c")]),
    # BASE-1, HOST-2: no malloc and no stdio.
    "words": (
        {"gc/a.c": LICENCE + "/* never malloc() here */\n"
                             'const char *s = "atomic_load(";\n'
                             "void f(void) { pool->free(x); }\n",
         "base/atomic.h": LICENCE + "#define l(p) atomic_load(p)\n"},
        [({"gc/a.c": LICENCE + "int x = atomic_load(&y);\n"}, "base/atomic.h"),
         ({"gc/a.c": LICENCE + "int o = memory_order_relaxed;\n"},
          "base/atomic.h"),
         ({"alloc/a.c": LICENCE + "int x = __atomic_load_n(y, 0);\n"},
          "base/atomic.h"),
         ({"tests/a.c": LICENCE + "void f(void) { atomic_thread_fence(5); }\n"},
          "no fences"),
         ({"runtime/a.c": LICENCE + "void *p = malloc (3);\n"}, "malloc"),
         ({"trace/a.c": LICENCE + "void f(void) { printf(\"x\"); }\n"},
          "no stdio"),
         ({"docs/a.md": "FIX" "ME\n"}, "finish it"),
         ({"CMakeLists.txt": "include(Fetch" "Content)\n"}, "Debian"),
         ({"gc/a.c": LICENCE + "\tint x;\n"}, "no tabs"),
         ({"gc/a.c": LICENCE + "int x; \n"}, "trailing"),
         ({"gc/a.c": "int x;\n"}, "SPDX"),
         ({"tools/a": "cd /wo" "rk/x\n"}, "one machine")]),
    "go-map": (
        {"docs/reference/go-map.md": GO_ROW + GO_TESTS, "gc/a.c": GO_CITED},
        [({"docs/reference/go-map.md": GO_TESTS, "gc/a.c": GO_CITED},
          "lacks S-9" "99, which gc/a.c cites"),
         ({"docs/reference/go-map.md": GO_ROW + GO_TESTS,
           "gc/a.c": LICENCE + "/* X9" "97 ... X9" "99 */\n"},
          "has S-9" "99, which nothing cites"),
         ({"docs/reference/go-map.md": GO_ROW + GO_TESTS,
           "gc/a.c": GO_CITED.replace("X9" "99", "X9" "98")},
          "has X9" "99, which nothing cites"),
         ({"docs/reference/go-map.md": GO_ROW + GO_TESTS,
           "gc/a.c": GO_CITED + "TEST(g9" "99_runs)\n"},
          "lacks G9" "99, which gc/a.c cites"),
         ({"docs/reference/go-map.md": GO_ROW + GO_ROW + GO_TESTS,
           "gc/a.c": GO_CITED}, "twice"),
         ({"docs/reference/go-map.md": GO_ROW.replace("a.c", "b.c") + GO_TESTS,
           "gc/a.c": GO_CITED}, "names gc/b.c, which is not there"),
         ({"docs/reference/go-map.md": GO_ROW.replace("`f`", "") + GO_TESTS,
           "gc/a.c": GO_CITED}, "needs what it says")]),
    "format": (
        {"gc/a.c": "int\nf(void)\n{\n    return 0;\n}\n"},
        [({"gc/a.c": "int f(void) { return 0; }\n"}, "clang-format"),
         ({"gc/b.h": "int  x;\n"}, "clang-format")]),
}

HEADER = """
#define TRI_API __attribute__((visibility("default")))
struct point { int x; };
TRI_API int tri_one(int (*fn)(void *), struct point *p);
TRI_API void (*tri_two(void (*fn)(const char *)))(const char *);
extern TRI_API unsigned tri_three;
extern TRI_API const unsigned char tri_four[3];
inline int tri_five(void) { if (tri_three) { return 1; } return 2; }
extern inline __attribute__((always_inline, gnu_inline)) int
tri_not_exported(void) { return 3; }
"""
LIBRARY = """
#include <tricolor/tricolor.h>
int tri_one(int (*fn)(void *), struct point *p) { return fn(p); }
void (*tri_two(void (*fn)(const char *)))(const char *) { return fn; }
unsigned tri_three = 1;
const unsigned char tri_four[3] = { 1 };
extern inline TRI_API int tri_five(void);
"""


def write(folder, tree):
    for path, text in tree.items():
        full = os.path.join(folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)


def run(check, folder, *more):
    done = subprocess.run([f"{ROOT}/tools/check-{check}", "--root", folder,
                           *more], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def expect(name, result, words):
    """words None: must pass; else: must fail and say so."""
    status, said = result
    if words is None and status != 0:
        sys.exit(f"{name}: a good tree was refused:\n{said}")
    if words is not None and (status == 0 or words not in said):
        sys.exit(f"{name}: should have said \"{words}\", status {status}:\n"
                 f"{said}")


def try_trees(check):
    good, bad = TREES[check]
    for number, (tree, words) in enumerate([(good, None)] + bad):
        with tempfile.TemporaryDirectory() as folder:
            if check == "format":
                shutil.copy(f"{ROOT}/.clang-format", folder)
            write(folder, tree)
            expect(f"{check} {number}", run(check, folder), words)


def try_rules():
    page = "docs/reference/rules.md"
    tree = {"gc/a.c": RULE, "tests/t.c": TESTED, page: ""}
    cases = [("nothing", {}, None),
             ("no test", {"tests/t.c": LICENCE}, "2 is named by no assertion"),
             ("no assertion", {"gc/a.c": RULE.replace("\"ONE-" "1: ", "\"")},
              "1 is named by no assertion"),
             ("no argument", {"gc/a.c": RULE.replace("Argued", "Sure")},
              "3 is named by no assertion"),
             ("no reason", {"gc/a.c": RULE.replace("otherwise", "or")},
              "does not say what happens otherwise"),
             ("told twice", {"gc/b.c": RULE}, "is told twice"),
             ("not told", {"gc/b.c": LICENCE + "/* ONE-" "4. */\n"},
              "cites ONE-" "4, which is told nowhere"),
             ("one of several not told",
              {"tests/u.c": LICENCE + "/* ONE-" "1 to ONE-" "5 */\n"},
              "cites ONE-" "5, which is told nowhere"),
             ("another test", {"tests/u.c": TESTED}, "lacks: | ONE-" "2"),
             ("a rule gone", {"gc/a.c": LICENCE, "tests/t.c": LICENCE},
              "should not have: | ONE-" "1")]
    for what, change, words in cases:
        with tempfile.TemporaryDirectory() as folder:
            write(folder, tree)
            expect("rules --fix", run("rules", folder, "--fix"), None)
            write(folder, change)
            expect(f"rules: {what}", run("rules", folder), words)


def try_index():
    page = "docs/code-index.md"
    tree = {"gc/a.c": LICENCE + "/* gc/a.c: marks things.  More. */\n",
            page: ""}
    cases = [("nothing", {}, None),
             ("a new file", {"gc/b.c": LICENCE + "/* gc/b.c: new. */\n"},
              "lacks: - `gc/b.c` new"),
             ("another head", {"gc/a.c": LICENCE + "/* gc/a.c: rests. */\n"},
              "lacks: - `gc/a.c` rests"),
             ("no head", {"gc/a.c": LICENCE + "int x;\n"}, "says what it"),
             ("a file gone", {"gc/a.c": None}, "should not have: - `gc/a.c`")]
    for what, change, words in cases:
        with tempfile.TemporaryDirectory() as folder:
            write(folder, tree)
            expect("index --fix", run("index", folder, "--fix"), None)
            for path, text in change.items():
                if text is None:
                    os.remove(os.path.join(folder, path))
                else:
                    write(folder, {path: text})
            expect(f"index: {what}", run("index", folder), words)


def try_tables():
    with tempfile.TemporaryDirectory() as folder:
        for path in ("base/lock_ranks.def", "base/options.def",
                     "docs/design/locking.md", "docs/reference/options.md"):
            with open(f"{ROOT}/{path}", encoding="utf-8") as file:
                write(folder, {path: file.read()})

        def compare():
            done = subprocess.run([f"{ROOT}/tools/gen-tables", "--check",
                                   "--root", folder],
                                  capture_output=True, text=True)
            return done.returncode, done.stdout + done.stderr

        expect("tables: as they are", compare(), None)
        with open(f"{folder}/base/lock_ranks.def", "a",
                  encoding="utf-8") as file:
            file.write('TRI_LOCK_RANK(LAST, "nothing")\n')
        expect("tables: a new lock", compare(), "lock ranks differs")


def try_symbols():
    cases = [(LIBRARY, None),
             (LIBRARY + "int tri_stray(void);\nint tri_stray(void)"
                        " { return 1; }\n", "no public header declares"),
             (LIBRARY.replace("unsigned tri_three = 1;", "")
              + "static unsigned here;\n", "does not export it"),
             (LIBRARY.replace("extern inline TRI_API int tri_five(void);", ""),
              "tri_five is TRI_API, but")]
    for number, (code, words) in enumerate(cases):
        with tempfile.TemporaryDirectory() as folder:
            write(folder, {"include/tricolor/tricolor.h": HEADER,
                           "lib.c": code})
            library = f"{folder}/lib.so"
            subprocess.run(["cc", "-shared", "-fPIC", "-Wl,-z,lazy",
                            "-I", f"{folder}/include", "-o", library,
                            f"{folder}/lib.c"], check=True)
            expect(f"symbols {number}",
                   run("symbols", folder, "--library", library), words)


if sys.argv[1] == "symbols":
    try_symbols()
elif sys.argv[1] == "tables":
    try_tables()
elif sys.argv[1] == "index":
    try_index()
elif sys.argv[1] == "rules":
    try_rules()
else:
    try_trees(sys.argv[1])
