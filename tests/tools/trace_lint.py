# SPDX-License-Identifier: MIT
"""Shows that tools/check-xml and tools/gen-events-doc --check can fail: each
mutation of the tree must be refused, with the right words."""

import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
STATES = "trace/tracecompass/tricolor-states.xml"
LATENCIES = "trace/tracecompass/tricolor-latencies.xml"
FLAME = "trace/tracecompass/tricolor-flame.xml"
EVENTS = "trace/events.def"
VALUES = "trace/values.def"
PAGE = "docs/reference/events.md"
TOP = '<pattern version="1" id="tricolor.extra"/>\n</tmfxml>'

# (file, old text, new text, words of the complaint)
XML = [
    (STATES, "tricolor:phase", "tricolor:phases", "no event is called"),
    (STATES, 'value="phase"', 'value="phaze"', "has no field 'phaze'"),
    (STATES, 'type="location" value="proc"', 'type="location" value="p"',
     "no location 'p'"),
    (STATES, '<entry path="Sweep">', '<entry path="Sweeps">',
     "nobody writes Processes/*/Sweeps"),
    (STATES, '"constant" value="state"/>\n        <entry',
     '"constant" value="stat"/>\n        <entry',
     "nobody writes Processes/*/Ps/*/stat"),
    (STATES, '<analysis id="tricolor.states"/>', '<analysis id="tricolor.x"/>',
     "no analysis"),
    (STATES, "Tricolor Ps", "Ps", "does not begin with 'Tricolor '"),
    (STATES, 'name="mark" value="1"', 'name="marking" value="1"',
     "value 1 of phase is 'mark', not 'marking'"),
    (STATES, 'id="tricolor.states" version="1"', 'id="tricolor.states"',
     "no version"),
    (STATES, 'id="tricolor.view.heap"', 'id="tricolor.view.procs"',
     "used twice"),
    (STATES, 'id="tricolor.view.heap"', 'id="view.heap"', "global"),
    (STATES, "Tricolor States", "Tricolor St\u00e4tes", "ASCII"),
    (STATES, "</stateProvider>", "", "not well-formed"),
    (LATENCIES, 'cond="is_added"', 'cond="is_aded"', "no cond 'is_aded'"),
    (LATENCIES, 'action="open_stop"', 'action="open"', "no action 'open'"),
    (LATENCIES, 'action="open_stop"', 'action="open_cycle"', "no field"),
    (LATENCIES, 'target="run"', 'target="ran"', "no state 'ran'"),
    (LATENCIES, 'initial="cleanups:', 'initial="cleanup:',
     "no state machine 'cleanup'"),
    (LATENCIES, 'value="Queued"', 'value="Queue"', "nobody writes Queued"),
    (LATENCIES, 'type="long"><stateValue type="eventField" value="object"',
     'type="double"><stateValue type="eventField" value="object"',
     "int, long or string"),
    (LATENCIES, "pause: test", "pause: tests", "not values.def's"),
    (LATENCIES, "<segContent>", '<storedField id="x"/><segContent>',
     "ignores this"),
    (LATENCIES, "tracetype", "tracetypes", "its trace type is not"),
    (LATENCIES, 'mappingGroup="stop_reason"', 'mappingGroup="stop"',
     "no mapping group 'stop'"),
    (FLAME, "</tmfxml>", TOP.replace("<pattern", "<xyView").replace(
        "tricolor.extra", "tricolor.view.extra"), "reject the whole file"),
    (EVENTS, "cleanup_queue, u64, id", "cleanup_queue, u64, ident",
     "has no field 'id'"),
]
DOC = [
    (EVENTS, "u64, cycle, u32, phase)", "u64, cycle, u64, phase)",
     "differs from the registry"),
    (VALUES, '"whole cycle"', '"cycle"', "differs from the registry"),
    (EVENTS, "stw_begin, u64, stop", "stw_begin, u64, timestamp",
     "may not be called timestamp"),
    (EVENTS, "cleanup_end,", "cleanup_ended,", "cleanup_begin has no"),
    (EVENTS, "TRI_EVENT4(cleanups, INFO, cleanup_add",
     "TRI_EVENT4(cleanup, INFO, cleanup_add", "unknown set or level"),
    (EVENTS, "TRI_EVENT4(cleanups, INFO, cleanup_add",
     "TRI_EVENT3(cleanups, INFO, cleanup_add", "number or type"),
    (VALUES, "TRI_CODED(phase, phase", "TRI_CODED(phase, phaze",
     "has no field phaze"),
]


def run(folder, *command):
    done = subprocess.run([f"{ROOT}/tools/{command[0]}", *command[1:], "--root",
                           folder], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def try_one(command, change):
    with tempfile.TemporaryDirectory() as folder:
        for path in (STATES, LATENCIES, FLAME, EVENTS, VALUES, PAGE):
            os.makedirs(os.path.dirname(f"{folder}/{path}"), exist_ok=True)
            shutil.copy(f"{ROOT}/{path}", f"{folder}/{path}")
        if change is None:
            status, said = run(folder, *command)
            if status != 0:
                sys.exit(f"{command[0]} refuses the tree as it is:\n{said}")
            return
        path, old, new, words = change
        with open(f"{folder}/{path}", encoding="utf-8") as file:
            text = file.read()
        if old not in text:
            sys.exit(f"{path} has no {old!r}: mend this test")
        with open(f"{folder}/{path}", "w", encoding="utf-8") as file:
            file.write(text.replace(old, new, 1))
        status, said = run(folder, *command)
        if status == 0 or words not in said:
            sys.exit(f"{command[0]}, {old!r} made {new!r}: status {status}, "
                     f"should say {words!r}:\n{said}")


for command, changes in ((("check-xml",), XML),
                         (("gen-events-doc", "--check"), DOC)):
    for change in [None] + changes:
        try_one(command, change)
print(f"{len(XML) + len(DOC)} mutations refused")
