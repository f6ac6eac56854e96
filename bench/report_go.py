# SPDX-License-Identifier: MIT
"""bench/report_go.py: the table and the page of bench/compare-go."""
import math
import re
from statistics import median

PAUSES = "/gc/pauses:seconds"
BIG = ("binary_trees", "gcbench", "goroutine/parked")  # whose memory is worth a column

# What the ratio shall be at most, by case; a case without one is only told.
GOALS = [(re.compile(pattern + "$"), bound) for pattern, bound in (
    (r"alloc/(typed|noscan)/(8|16|32|64|256|512|1024|32768)(/.*)?", 0.6),
    (r"alloc/noscan/1048576", 0.9),
    (r"binary_trees/.*[0-9]", 0.4),
    (r"binary_trees/.*, peak RSS|gcbench, peak RSS", 1.0),
    (r"gcbench", 0.45),
    (r"cleanup/add_stop(/.*)?", 0.25),
    (r"cleanup/add_stop_crowded", 0.02),
    (r"cleanup/add_fresh", 0.3),
    (r"cleanup/run_1M", 0.6),
    (r"goroutine/create_exit/.*", 0.6),
    (r"goroutine/yield/.*|chan/ping_pong/.*", 0.4),
    (r"select/cases:4/.*", 0.7),
    (r"goroutine/parked_1M, collection", 0.6),
    (r"goroutine/parked_1M, second_each", 1.0),
    (r"goroutine/parked_1M, pause_p50", 1.0),
    (r"goroutine/parked_1M, pause_max", 0.5),
    (r"pause/.*_p50", 1.0),
    (r"pause/.*_(p999|max)", 0.5),
)]


# What is asked of Tricolor alone: (case, counter, bound, how it is told).
BOUNDS = (
    ("goroutine/parked_1M", "first_to_touch", 1.5,
     "creating one, to touching a fresh page"),
    ("goroutine/parked_1M", "bytes_each", 4.6 * 1024, "resident bytes of each"),
    ("pause/idle", "blocked_thread_ns", 1000,
     "ns that a blocked thread adds to a stop"),
    ("pause/idle", "parked_goroutine_ns", 1000,
     "ns that a parked goroutine adds to a stop"),
)


def goal_of(case):
    """The bound on the case's ratio, or None."""
    return next((bound for pattern, bound in GOALS if pattern.match(case)),
                None)


def judged(case, values):
    """For the column: "0.40, met" by the median of the ratios."""
    goal = goal_of(case)
    if goal is None or not values:
        return ""
    return f"{goal:.2f}, " + ("met" if median(values) <= goal else "MISSED")


def histogram_max(histogram):
    """(upper end of the last bucket that is not empty, samples)."""
    counts, bounds = histogram["counts"], histogram["bounds"]
    longest = 0.0
    for i, count in enumerate(counts):
        if count:
            upper = bounds[i + 1] if i + 1 < len(bounds) else bounds[i]
            longest = upper if upper is not None else bounds[i]
    return longest, sum(counts)


def human_ns(ns):
    """Three digits that mean something, with a unit."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1)):
        if ns >= size or unit == "ns":
            value = ns / size
            digits = max(0, 2 - int(math.floor(math.log10(value)))) \
                if value > 0 else 2
            return f"{value:.{min(digits, 2)}f} {unit}"
    return ""


def human_bytes(count):
    return f"{count / 2**20:.0f} MiB"


def ratios(mine, theirs, key="ns"):
    """Per pair, Tricolor / Go, sorted."""
    return sorted(m[key] / t[key] for m, t in zip(mine, theirs) if t[key])


def spread(values):
    return f"{values[0]:.2f} – {values[-1]:.2f}" if values else ""


def _figure(runs):
    values = [r["ns"] for r in runs]
    return f"{human_ns(median(values))} ({human_ns(min(values))})"


def rows(result):
    """(case, Tricolor, Go, ratio, range, goal) as text, one for each case."""
    made = []
    for case, row in result["cases"].items():
        if row["failed"]:
            side, why = next(iter(row["failed"].items()))
            made.append((case, *("failed: " + why if side == s else
                                 (_figure(row[s]) if row[s] else "")
                                 for s in ("tricolor", "go")), "", "", ""))
            continue
        values = ratios(row["tricolor"], row["go"])
        made.append((case, _figure(row["tricolor"]), _figure(row["go"]),
                     f"{median(values):.2f}", spread(values),
                     judged(case, values)))
    return made


def memory_rows(result):
    made = []
    for case, row in result["cases"].items():
        if not case.startswith(BIG) or "," in case or row["failed"]:
            continue
        values = ratios(row["tricolor"], row["go"], "rss_bytes")
        name = f"{case}, peak RSS"
        made.append((name,
                     *(human_bytes(median(r["rss_bytes"] for r in row[s]))
                       for s in ("tricolor", "go")),
                     f"{median(values):.2f}", spread(values),
                     judged(name, values)))
    return made


def index_rows(result):
    runs = result["index"]["runs"]
    if not runs["tricolor"] or not runs["go"]:
        return []
    made = []
    for name, key, human in (
            ("wall time", "ns", human_ns),
            ("longest pause", "pause_max_seconds",
             lambda s: human_ns(s * 1e9)),
            ("pauses", "pauses", lambda n: f"{n:.0f}"),
            ("peak RSS", "rss_bytes", human_bytes)):
        values = ratios(runs["tricolor"], runs["go"], key)
        worst = max if key == "pause_max_seconds" else min
        cells = (f"{human(median(r[key] for r in runs[s]))} "
                 f"({human(worst(r[key] for r in runs[s]))})"
                 for s in ("tricolor", "go"))
        made.append((f"index, {name}", *cells,
                     f"{median(values):.2f}" if values else "",
                     spread(values), ""))
    return made


def bound_rows(result):
    """(case, what, median, range, bound) as text."""
    made = []
    for case, counter, bound, what in BOUNDS:
        runs = result["cases"].get(case, {}).get("tricolor", [])
        values = sorted(r["bounded"][counter] for r in runs
                        if counter in r.get("bounded", {}))
        if values:
            verdict = "met" if median(values) <= bound else "MISSED"
            made.append((case, what, f"{median(values):.4g}",
                         f"{values[0]:.4g} – {values[-1]:.4g}",
                         f"{bound:.4g}, {verdict}"))
    return made


def failures(result):
    return [c for c, row in result["cases"].items() if row["failed"]] \
        + (["index"] if "failed" in result["index"] else [])


def all_rows(result):
    return rows(result) + memory_rows(result) + index_rows(result)


HEAD = ("case", "Tricolor", "Go", "Tricolor / Go", "range", "goal")


def table(result):
    """For a terminal."""
    lines = [HEAD, *all_rows(result)]
    widths = [min(44, max(len(line[i]) for line in lines)) for i in range(len(HEAD))]
    bounded = "".join(f"\n{case}: {what}: {median_} ({range_}), bound {bound}"
                      for case, what, median_, range_, bound
                      in bound_rows(result))
    text = "\n".join("  ".join(cell.ljust(width) if i == 0
                               else cell.rjust(width)
                               for i, (cell, width)
                               in enumerate(zip(line, widths)))
                     for line in lines) + bounded
    if "failed" in result["index"]:
        text += "\nindex failed: " + result["index"]["failed"]
    return text


BOUND_HEAD = ("case", "Tricolor alone", "median", "range", "bound")


def markdown_table(made, head=HEAD):
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    lines += ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |"
              for row in made]
    return "\n".join(lines)


def _summary(result):
    faster = slower = undecided = 0
    for row in result["cases"].values():
        values = [] if row["failed"] else ratios(row["tricolor"], row["go"])
        if not values:
            continue
        if values[-1] < 1:
            faster += 1
        elif values[0] > 1:
            slower += 1
        else:
            undecided += 1
    failed = len(failures(result))
    return (f"Of {len(result['cases'])} cases Tricolor is faster than Go in "
            f"{faster} and slower in {slower}, in every pair; in {undecided} "
            "the pairs do not agree" + (f"; {failed} failed." if failed
                                        else ".")
            + _goals(result))


def _goals(result):
    with_goal = [row for row in rows(result) + memory_rows(result) if row[5]]
    if not with_goal:
        return ""
    missed = [f"`{row[0]}`" for row in with_goal if row[5].endswith("MISSED")]
    return (f" Of {len(with_goal)} goals {len(with_goal) - len(missed)} are met"
            + (", and not: " + ", ".join(missed) if missed else "") + ".")


PAGE = """\
# Results: beside Go

<!-- Written by bench/compare-go; do not edit. -->

{summary}

Time of one pass: median over the pairs, the least in parentheses (for the
longest pause: the greatest). The ratio is the median of the pairs' ratios, the
range all of them: below 1 Tricolor is faster, and where the range holds 1
nothing was shown. The goal is what the design asks of the ratio, judged by its
median. What each case does is told in `bench/cases/`; the same in Go
is in `bench/peers/go/`.

{table}
{bounds}{index}
## How it was measured

- {date}, {pairs} pairs, {min_time} s a case and run (`gcbench`, `binary_trees`:
  one whole run); one process a run, Tricolor and Go in turn.
- Machine: {cpu}, {cpus} CPUs, {memory}, {kernel}. Load average during the run:
  {load_low:.1f} to {load_high:.1f}{shared}.
- Tricolor {version}, {build}, {compiler}; {go}. Both with their defaults: one P
  for each CPU, GC percent 100.
- To do it again: `{command}`

## How to read it

- The machine is virtual: the same program twice may differ by a quarter. A
  ratio near 1 means little; hence the ranges.
- `alloc/…` drops every object at once beside 128 MiB without pointers: it shows
  the path of allocation and its sweeping, hardly any marking. `gcbench` and
  `binary_trees` show all of it.
- `store/marking` counts only while the collector marks, which
  `bench/cases/store.c` and its Go twin assure by looking before and after.
- `cleanup/run_1M`: Tricolor waits with `tri_cleanup_drain`; Go has none, so its
  twin looks every 50 µs until all have run.
- `goroutine/…` on two Ps contains wake-ups between processors, whose cost is
  the machine's more than the runtime's.
- `pause/1GiB_10k` makes 800 stops a run, so p99.9 is the longest of a run, and the
  median is over the runs. `machine_gap` is the longest time that one of two threads
  which only look at the clock was kept from its CPU, in two seconds behind them: no
  pause is safe from that, Go's or ours.
- `index`'s pauses are buckets' upper ends, in Go and in Tricolor alike.
"""


def page(result):
    context = result.get("context", {})
    loads = result["load_averages"]
    index = ""
    if result["index"]["directory"]:
        index = ("\nThe main job, over `" + result["index"]["directory"]
                 + "`:\n\n" + (markdown_table(index_rows(result))
                               or "failed") + "\n")
        if "failed" in result["index"]:
            index += "\nIt failed: " + result["index"]["failed"] + "\n"
    bounded = bound_rows(result)
    bounds = ("\nWhat is asked whatever Go does:\n\n"
              + markdown_table(bounded, BOUND_HEAD) + "\n") if bounded else ""
    cpus = int(context.get("machine.cpus", 0))
    shared = " (others were using it)" if max(loads) > cpus + 0.5 else ""
    return PAGE.format(
        summary=_summary(result),
        table=markdown_table(rows(result) + memory_rows(result)), index=index,
        bounds=bounds,
        date=result["date"], pairs=result["pairs"],
        min_time=result["min_time_s"],
        cpu=context.get("machine.cpu", "?"), cpus=cpus,
        memory=_memory(context.get("machine.memory", "?")),
        kernel=context.get("machine.kernel", "?"),
        load_low=min(loads), load_high=max(loads), shared=shared,
        version=context.get("tricolor.version", "?"),
        build=context.get("tricolor.build", "?"),
        compiler=context.get("compiler", "?"), go=result.get("go", "Go ?"),
        command=result["command"])


def _memory(text):
    kib, _, _ = text.partition(" kB")
    return f"{int(kib) / 2**20:.0f} GiB" if kib.isdigit() else text
