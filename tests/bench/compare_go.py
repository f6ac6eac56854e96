# SPDX-License-Identifier: MIT
"""tests/bench/compare_go.py: the arithmetic of bench/compare-go, and that both
sides have the same cases (where there is a Go)."""
import importlib.machinery
import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "bench"))
import report_go  # noqa: E402

# Cases that only one side can have.
MINE_ALONE = {"alloc/conservative/64", "alloc/malloc_free/64", "sem/goroutines:2",
              "sem/uncontended", "store/plain"}


def load_compare_go():
    loader = importlib.machinery.SourceFileLoader(
        "compare_go", str(ROOT / "bench/compare-go"))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader("compare_go", loader))
    loader.exec_module(module)
    return module


def runs(*values):
    return [{"ns": v, "rss_bytes": 2**20 * v} for v in values]


def result():
    return {"cases": {
                "fast": {"tricolor": runs(1, 2, 3), "go": runs(2, 4, 12),
                         "failed": {}},
                "slow": {"tricolor": runs(30, 20), "go": runs(10, 10),
                         "failed": {}},
                "either": {"tricolor": runs(9, 11), "go": runs(10, 10),
                           "failed": {}},
                "broken": {"tricolor": [], "go": runs(1),
                           "failed": {"tricolor": "status -11: a | b"}}},
            "index": {"directory": None, "runs": {"tricolor": [], "go": []}},
            "date": "2026-01-01", "pairs": 2, "min_time_s": 0.1,
            "load_averages": [0.5, 9.0], "command": "bench/compare-go",
            "context": {"machine.memory": "4194304 kB", "machine.cpus": "2"}}


def test_arithmetic():
    assert report_go.ratios(runs(1, 2, 3), runs(2, 4, 12)) == [0.25, 0.5, 0.5]
    assert report_go.human_ns(1234.5) == "1.23 µs"
    assert report_go.human_ns(12.34e6) == "12.3 ms"
    assert report_go.human_ns(0.57) == "0.57 ns"
    assert report_go.histogram_max(
        {"counts": [0, 2, 1, 0], "bounds": [0, 1, 2, 4, 8]}) == (4, 3)
    assert report_go.histogram_max({"counts": [], "bounds": []}) == (0.0, 0)


def test_page():
    rows = {row[0]: row for row in report_go.rows(result())}
    assert rows["fast"][1:] == ("2.00 ns (1.00 ns)", "4.00 ns (2.00 ns)",
                                "0.50", "0.25 – 0.50", "")
    assert rows["slow"][3] == "2.50", rows["slow"]
    assert rows["broken"][1] == "failed: status -11: a | b"
    page = report_go.page(result())
    assert "faster than Go in 1 and slower in 1" in page, page
    assert "in 1 the pairs do not agree; 1 failed" in page, page
    assert "a \\| b" in page and "4 GiB" in page and "others were" in page
    assert report_go.failures(result()) == ["broken"]


def test_bounds():
    made = result()
    case, counter, bound, _ = report_go.BOUNDS[0]
    runs_ = [{"ns": 1, "rss_bytes": 1, "bounded": {counter: bound * part}}
             for part in (0.5, 2, 3)]
    made["cases"][case] = {"tricolor": runs_, "go": runs(1), "failed": {}}
    (row,) = report_go.bound_rows(made)
    assert row[0] == case and row[4].endswith("MISSED"), row
    runs_.pop()
    runs_[1]["bounded"] = {counter: bound}
    (row,) = report_go.bound_rows(made)
    assert row[4].endswith("met"), row
    assert row[1] in report_go.page(made) and row[1] in report_go.table(made)


def test_goals():
    made = result()
    made["cases"] = {"goroutine/yield/procs:1": made["cases"]["fast"],
                     "select/cases:4/wait": made["cases"]["fast"],
                     "gc/empty": made["cases"]["slow"]}
    goals = {row[0]: row[5] for row in report_go.rows(made)}
    assert goals == {"goroutine/yield/procs:1": "0.40, MISSED",
                     "select/cases:4/wait": "0.70, met", "gc/empty": ""}, goals
    page = report_go.page(made)
    assert ("Of 2 goals 1 are met, and not: `goroutine/yield/procs:1`."
            in page), page


def test_command(compare):
    line = compare.command_line(["--json", "/x/y", "--pairs", "3",
                                 "--filter", "a|b", "--no-build"])
    assert line == "bench/compare-go --pairs 3 --filter 'a|b'", line


def test_same_cases(compare, program):
    try:
        go = compare.find_go()
    except compare.Missing as why:
        print(f"the two lists of cases were not compared: {why}")
        return
    both, alone = compare.cases_of(program, compare.build_go(go), "")
    assert set(alone) == MINE_ALONE, alone
    assert len(both) > 30, both


def main(program):
    compare = load_compare_go()
    test_arithmetic()
    test_page()
    test_goals()
    test_bounds()
    test_command(compare)
    test_same_cases(compare, Path(program))


main(sys.argv[1])
