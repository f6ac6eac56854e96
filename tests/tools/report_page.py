#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tools/report_page.py: the report is one well-formed page that needs
nothing else, whatever it is made from; names in it stay text (REPORT-1), and
what is missing or damaged is said in a sentence (REPORT-2).  Where a chromium
is installed, the page is drawn by it too."""

import html.parser
import json
import os
import re
import shutil
import subprocess
import sys

from tool_common import Scratch, expect, load, run

TRICOLOR = sys.argv[1]
EVIL = "</script><script>alert(1)</script><!--<b>&\"'"
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(html.parser.HTMLParser):
    """Every tag closed in order; collects the scripts."""

    def __init__(self, text):
        super().__init__(convert_charrefs=False)
        self.open, self.scripts, self.links = [], [], []
        self.feed(text)
        self.close()
        expect(self.open == [], f"not closed: {self.open}")

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append([dict(attrs), ""])
        self.links += [value for name, value in attrs
                       if name in ("src", "href", "action")]

    def handle_endtag(self, tag):
        expect(self.open and self.open[-1] == tag,
               f"</{tag}> closes {self.open[-1:]}")
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1][1] += data


def check_page(path):
    """The data of a page that is sound."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    page = Page(text)
    expect(page.links == [], f"it refers to {page.links}")
    outside = [url for url in re.findall(r"https?://[^\s\"'<)]+", text)
               if not url.startswith("http://www.w3.org/")]
    expect(outside == [], f"it names {outside}")
    expect("default-src 'none'" in text, "nothing forbids it the network")
    expect(len(page.scripts) == 2, f"{len(page.scripts)} scripts")
    attributes, data = page.scripts[0]
    expect(attributes.get("id") == "data", "the first script is the data")
    expect("<" not in data, "markup in the data")
    return json.loads(data)


def draw(path, sentences):
    """Lets a browser draw it, and looks for what must be readable then."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        return
    with Scratch() as home:
        done = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu",
             f"--user-data-dir={home}", "--virtual-time-budget=4000",
             "--dump-dom", f"file://{path}"], capture_output=True, timeout=120,
            check=False)
    text = done.stdout.decode(errors="replace")
    if "<main" not in text:
        print("the browser does not run here; the page was not drawn")
        return
    for sentence in sentences:
        expect(sentence in text, f"drawn, {path} does not say {sentence!r}")


def change(directory, to, edit):
    """A copy of a run with its JSON changed."""
    os.makedirs(to)
    result = load(os.path.join(directory, "run.json"))
    edit(result)
    with open(os.path.join(to, "run.json"), "w", encoding="utf-8") as file:
        json.dump(result, file)


def check_traced(place):
    """A run with a real trace: the page's figures are those of run.json."""
    out = os.path.join(place, "traced")
    done = run([TRICOLOR, "run", "index", "-p",
                "dir=/usr/share/common-licenses", "-p", "rounds=3", "--out",
                out, "--trace"], None)
    if done.returncode == 3:
        print(f"no trace here: {done.stderr.decode()}")
        return
    expect(done.returncode == 0, f"{done.stderr.decode()}")
    run([TRICOLOR, "report", out])
    entry = check_page(os.path.join(out, "report.html"))["runs"][0]
    trace, metrics = entry["trace"], entry["run"]["metrics"]
    expect(len(trace["cycles"]) == metrics["/gc/cycles/total:gc-cycles"],
           f"{len(trace['cycles'])} collections in the trace")
    for name in ("added", "stopped", "queued", "executed"):
        expect(trace["cleanups"][name]
               == metrics[f"/gc/cleanups/{name}:cleanups"], f"{name} differ")
    for cycle in trace["cycles"]:
        expect(cycle["reason"] in ("heap", "time", "forced", "stress"),
               f"{cycle}")
    for begin, stopping, total, reason, _ in trace["pauses"]["list"]:
        expect(isinstance(reason, str) and 0 <= stopping <= total, "a pause")
        expect(begin >= -10**9, "before the run")
    expect(len(trace["heap"]["t"]) == len(trace["heap"]["live"]), "the heap")
    draw(os.path.join(out, "report.html"), ["mark termination", "in all"])


def only_the_schema(result):
    for key in list(result):
        if key not in ("schema", "workload"):
            del result[key]


with Scratch() as place:
    good = os.path.join(place, "good")
    run([TRICOLOR, "run", "index", "-p", "dir=/usr/share/common-licenses",
         "-p", "query=gnu", "--out", good])
    run([TRICOLOR, "report", good])
    page_path = os.path.join(good, "report.html")
    data = check_page(page_path)
    expect(len(data["runs"]) == 1, "one run")
    draw(page_path, ["invariants hold", "Most frequent words", "Cleanups",
                     "/gc/cycles/total:gc-cycles"])

    evil = os.path.join(place, "evil")
    def poison(result):
        result["output"]["top"][0]["word"] = EVIL
        result["params"]["dir"] = EVIL
        result["invariants"][0]["detail"] = EVIL
        result["invariants"][0]["ok"] = False
    change(good, evil, poison)
    run([TRICOLOR, "report", evil])
    data = check_page(os.path.join(evil, "report.html"))
    expect(data["runs"][0]["run"]["params"]["dir"] == EVIL, "changed on the way")
    draw(os.path.join(evil, "report.html"),
         ["1 of 7 invariants failed", "&lt;/script&gt;"])

    long = os.path.join(place, "long")
    change(good, long, lambda result: result["metrics"].update(
        {f"/test/{n}:things": n for n in range(50)}))
    run([TRICOLOR, "report", long])
    draw(os.path.join(long, "report.html"), [" rows", "scroll for the rest"])

    bare = os.path.join(place, "bare")
    change(good, bare, only_the_schema)
    run([TRICOLOR, "report", bare])
    check_page(os.path.join(bare, "report.html"))
    draw(os.path.join(bare, "report.html"), ["No invariant was checked"])

    truncated = os.path.join(place, "truncated")
    os.makedirs(truncated)
    with open(os.path.join(good, "run.json"), "rb") as file:
        half = file.read()[:5000]
    with open(os.path.join(truncated, "run.json"), "wb") as file:
        file.write(half)
    empty = os.path.join(place, "empty")
    os.makedirs(empty)
    shapeless = os.path.join(place, "shapeless")
    change(good, shapeless, lambda result: result.update(runs=5))
    for directory, words in ((truncated, "is not JSON"),
                             (empty, "cannot read"),
                             (shapeless, "no list of runs")):
        done = run([TRICOLOR, "report", directory], 1)
        expect(words.encode() in done.stderr, f"{done.stderr!r}")
        data = check_page(os.path.join(directory, "report.html"))
        expect(words in data["runs"][0]["notes"][0], f"{data['runs'][0]}")
        draw(os.path.join(directory, "report.html"),
             ["No run to show", words])

    # A folder `trace` of an earlier run is not taken for this one's.
    stale = os.path.join(place, "stale")
    change(good, stale, lambda result: None)
    os.makedirs(os.path.join(stale, "trace", "ust"))
    run([TRICOLOR, "report", stale])
    entry = check_page(os.path.join(stale, "report.html"))["runs"][0]
    expect(len(entry["notes"]) == 1 and "was not traced" in entry["notes"][0],
           f"{entry['notes']}")

    check_traced(place)

    both = os.path.join(place, "both.html")
    lost = os.path.join(place, "lost")
    def traced(result):
        result["trace"] = {"path": "trace", "events": 1, "discarded": 0}
    change(good, lost, traced)
    run([TRICOLOR, "report", good, lost, empty, "-o", both])
    data = check_page(both)
    expect(len(data["runs"]) == 3, "two runs and a sentence")
    expect(any("its trace is not there" in note
               for note in data["runs"][1]["notes"]), "a lost trace")
    draw(both, ["2 runs", "Side by side"])
print("ok")
