"""The benchmark: its processes answer, what fails is told, tables and page are written. No speed is judged."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest

from bench import compare, page, regression
from bench.__main__ import main
from bench.functions import BY_HAND
from bench.instructions import counter
from bench.measure import Contestant, Key, Timing, _loop_over_array, _loop_over_numbers, flat
from bench.peers import by_hand, ceres, dual
from bench.pool import PeerError, Pool, Worker
from bench.report import crossing, duration, lines, summary, winner
from bench.results import Absence, Measured, Results, machine, verdicts
from bench.rounds import QUICK, limit_of, measure, plan, thinned, timings
from bench.worker import serve, undisturbed
from bench.workloads import WORKLOADS, Goal

LIMIT = Key("by hand", "Python", "")
OURS = Key("dualdiff", "Python", "default")
RIVAL = Key("jax", "Python", "reverse, grad")

# --- processes --------------------------------------------------------------------------------


def contestant(value: float = 2.0, cost: float = 1e-3) -> Contestant:
    return Contestant(lambda: np.array([1.0, value]), lambda n: n * cost)


def answers(peer, *requests):
    """What a worker answers."""
    out = io.StringIO()
    serve(peer, map(json.dumps, requests), out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_worker_enters_checks_times_and_forgets(tmp_path):
    peer = SimpleNamespace(enter=lambda workload: {Key(workload.name, "Python", ""): contestant()})
    file = tmp_path / "result.npy"
    requests = (
        {"enter": "example", "settings": {"name": "another"}},
        {"check": 0, "file": str(file)},
        {"time": 0, "calls": 3},
        {"leave": True},
        {"time": 0, "calls": 3},
    )
    entered, checked, timed, left, forgotten = answers(peer, *requests)
    assert entered == {"contestants": [{"key": ["another", "Python", ""], "tolerance": 1e-9}]}
    assert checked == left == {}
    np.testing.assert_array_equal(np.load(file), [1.0, 2.0])
    assert timed == {"seconds": pytest.approx(3e-3)}
    assert "IndexError" in forgotten["error"]


def test_a_turn_in_which_the_processor_was_taken_away_is_repeated(monkeypatch):
    interrupted = iter([0, 1, 1, 1])  # before and after the first attempt and the second
    monkeypatch.setattr("bench.worker.interruptions", lambda: next(interrupted))
    times = iter([9e-3, 3e-3])
    assert undisturbed(Contestant(lambda: 0.0, lambda n: next(times)), 1) == 3e-3


def test_a_long_turn_is_taken_as_it_is(monkeypatch):
    interrupted = iter([0, 1])
    monkeypatch.setattr("bench.worker.interruptions", lambda: next(interrupted))
    assert undisturbed(contestant(cost=3.0), 1) == 3.0


def test_a_worker_answers_with_the_error_of_its_peer(capsys):
    peer = SimpleNamespace(enter=lambda workload: 1 / 0)
    assert answers(peer, {"enter": "example", "settings": {}}) == [{"error": "ZeroDivisionError: division by zero"}]
    assert "Traceback" in capsys.readouterr().err


DIES = """
import os, sys
def enter(workload):
    print("no answer, only chatter")
    print("out of luck", file=sys.stderr, flush=True)
    os._exit(3)
"""

WORKS = """
from bench.measure import Contestant, Key
def enter(workload):
    return {Key("works", "Python", ""): Contestant(lambda: 1.0, lambda n: 1e-3 * n)}
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a peer's module where workers find it."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def write(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text)
        return name

    return write


def test_a_peer_that_dies_is_reported_and_the_others_go_on(module):
    with Pool({"dies": module("peer_that_dies", DIES), "works": module("peer_that_works", WORKS)}) as pool:
        times, failures = measure(pool, WORKLOADS["example"], QUICK)
        assert list(times) == [Key("works", "Python", "")]
        ((key, reason),) = failures.items()
        assert key.peer == "dies"
        assert str(reason) == "its process ended with status 3: out of luck"
        again, _ = pool.enter("example", {}, patience=60)  # it gets a fresh process
        assert list(again) == list(times)


def test_a_peer_that_does_not_answer_is_ended(module):
    worker = Worker(module("peer_that_works", WORKS))
    worker.tell(enter="example", settings={})
    with pytest.raises(PeerError, match="no answer within 0 s"):
        worker.answer(patience=0)
    with pytest.raises(PeerError, match="has ended"):
        worker.ask(patience=60, time=0, calls=1)


# --- rounds -----------------------------------------------------------------------------------


@dataclass
class Local:
    """An entrant of this process; ``costs`` are the seconds per call of one turn after the other."""

    value: float = 2.0
    costs: Callable[[], float] = lambda: 1e-3
    tolerance: float = 1e-9

    def prepare(self, directory):
        pass

    def result(self, directory, patience):
        return np.array([1.0, self.value])

    def seconds(self, calls, patience):
        return calls * self.costs()


def measured_locally(entrants, workload=WORKLOADS["example"], pace=QUICK):
    """Timings and failures of entrants of this process."""
    pool = SimpleNamespace(enter=lambda *_: (entrants, {}), leave=lambda _: None)
    times, failures = measure(pool, workload, pace)
    return timings([times]), {key: str(failure) for key, failure in failures.items()}


def test_who_computes_something_else_is_out():
    wrong = {OURS: Local(2.001), RIVAL: Local(2.001, tolerance=1e-2)}
    found, failures = measured_locally({LIMIT: Local(), **wrong})
    assert list(found) == [LIMIT, RIVAL]
    assert failures == {OURS: "differs from by hand by 5.0e-04 where 1e-09 is allowed"}


def test_not_a_number_is_something_else():
    assert list(measured_locally({LIMIT: Local(), OURS: Local(np.nan)})[1]) == [OURS]


def test_ratios_are_taken_round_by_round():
    one = {LIMIT: {0: 1.0, 1: 10.0}, OURS: {0: 3.0, 1: 30.0}}
    other = {LIMIT: {0: 2.0, 1: 1.0}, OURS: {0: 6.0}}  # in another process
    assert timings([one])[OURS] == Timing((9.75, 16.5, 23.25), (3.0, 3.0, 3.0), 2)
    assert timings([one, other])[OURS] == Timing((8.625, 11.25, 13.875), (3.0, 3.0, 3.0), 3)
    found, _ = measured_locally({LIMIT: Local(), OURS: Local(costs=lambda: 3e-3)})
    assert found[OURS].seconds == pytest.approx((3e-3,) * 3)
    assert found[OURS].ratio == pytest.approx((3.0,) * 3)


def test_a_process_that_was_disturbed_is_one_of_several():
    quiet = {LIMIT: {0: 1.0}, OURS: {0: 3.0}}
    disturbed = {LIMIT: dict.fromkeys(range(9), 1.0), OURS: dict.fromkeys(range(9), 30.0)}
    assert timings([quiet, disturbed, quiet])[OURS].ratio[1] == 3.0


def test_a_disturbed_turn_does_not_decide_how_many_calls_make_a_turn():
    disturbed = iter([QUICK.turn])  # the first turn of a single call
    entrant = Local(costs=lambda: next(disturbed, 1e-6))
    calls, seconds = plan(OURS, entrant, QUICK)
    assert calls * 1e-6 == pytest.approx(seconds) == pytest.approx(QUICK.turn)


def test_there_is_no_ratio_without_a_limit():
    assert measured_locally({OURS: Local()})[0][OURS].ratio is None


def test_the_slow_have_fewer_turns_and_the_slowest_none():
    entrants = {LIMIT: Local(), OURS: Local(costs=lambda: 0.5), RIVAL: Local(costs=lambda: 60.0)}
    found, failures = measured_locally(entrants)
    assert (found[LIMIT].rounds, found[OURS].rounds) == (QUICK.most, QUICK.least)
    assert failures == {RIVAL: "a call takes 60 s"}


def test_a_quick_run_has_every_fourth_point_of_a_sweep():
    one = WORKLOADS["example"]
    curves = [replace(one, sweep=sweep, size=size) for sweep in "ab" for size in (1, 3, 10, 30, 100)]
    kept = thinned([one, *curves, one], QUICK)
    assert [(w.sweep, w.size) for w in kept] == [("", 0), ("a", 1), ("a", 100), ("b", 1), ("b", 100), ("", 0)]


def test_every_limit_is_by_hand():
    assert limit_of(Key("dualdiff", "Python", "chunk 4")) == LIMIT


def in_this_process(workload):
    """The entrants of dualdiff and by hand, in this process."""

    def local(c: Contestant) -> SimpleNamespace:
        return SimpleNamespace(
            prepare=lambda directory: None,
            result=lambda directory, patience: flat(c.result()),
            seconds=lambda n, patience: n / 1000,
            tolerance=c.tolerance,
        )

    return {key: local(c) for key, c in (by_hand.enter(workload) | dual.enter(workload)).items()}


SOLVED = ["example", "example_of_two", "rosenbrock", "brusselator", "rosenbrock2"]


@pytest.mark.parametrize("function", [*SOLVED, "waves", "polynomial", "call_price"])
def test_contestants_agree(function):
    workload = next(w for w in WORKLOADS.values() if w.function == function)
    small = tuple(x if isinstance(x, float) else x[:6] for x in workload.point())
    few = replace(workload, point=lambda: small, chunked=False)
    found, failures = measured_locally(in_this_process(few), few)
    assert found
    assert not failures


def test_calls_stay_in_the_compiled_loop():
    """The evaluation, here a cosine, lies between the places where the argument and the result are in memory."""
    for function, loop in (("example", _loop_over_array), ("example_of_two", _loop_over_numbers)):
        g = BY_HAND[function]
        x = np.array([2.0, 5.0])
        loop(g, x, 1)
        code = loop.inspect_llvm(next(s for s in loop.signatures if s[0].dispatcher is g))
        before, _, after = re.split(r"call double @(?:llvm\.)?(cos)", code, maxsplit=1)
        assert "asm sideeffect" in before
        assert "asm sideeffect" in after


# --- results, tables and the page -------------------------------------------------------------


def timing(cost: float, limit: float = 1e-6, spread: float = 0.02) -> Timing:
    around = (1 - spread, 1.0, 1 + spread)
    return Timing(tuple(a * cost for a in around), tuple(a * cost / limit for a in around), 9)


def results(**of_machine) -> Results:
    """A run with a workload, a failure in it, and two sweeps that cross between 10 and 100."""
    goals = (Goal(1.5, "by hand"), Goal(4, "by hand"))
    taken = {LIMIT: timing(1e-6), OURS: timing(2e-6), RIVAL: timing(1.5e-6)}
    absent = {Key("torch", "Python", "compile"): Absence("it <raised>", True)}
    measured = [Measured("one", "gradient of <f>", "gradient", goals, timings=taken, absent=absent)]
    for sweep in ("gradient-by-inputs", "jacobian-by-outputs"):
        for n in (1, 10, 100):
            points = {LIMIT: timing(1e-6), OURS: timing(1e-6 * n), RIVAL: timing(3e-5)}
            measured.append(Measured(f"{sweep}-{n}", "point", "gradient", (), sweep, n, points))
    missing = {"casadi": "pip install casadi"}
    return Results(machine() | of_machine, {"dualdiff": "0.1.0"}, "quick", 1, missing, tuple(measured))


@pytest.fixture
def saved(tmp_path):
    file = tmp_path / "results.json"
    results().save(file)
    return file


def test_results_are_read_back_as_they_were(saved):
    assert Results.load(saved) == results()


def test_durations_have_a_unit():
    assert [duration(s) for s in (2.5, 1.234e-3, 5.67e-7, 1e-10)] == ["2.5 s", "1.23 ms", "567 ns", "0.1 ns"]


def test_goals_are_met_or_missed():
    measured = results().single[0]
    assert [used for _, _, used in verdicts(measured)] == pytest.approx([2 / 1.5, 2 / 4])
    assert [re.search("met|MISSED", line)[0] for line in lines(measured) if "goal" in line] == ["MISSED", "met"]


def test_who_is_faster_is_told_by_the_ratios():
    """Seconds of different rounds may say something else where the machine was disturbed."""
    ours, rival = Timing((2.0,) * 3, (1.0,) * 3), Timing((1.5,) * 3, (1.2,) * 3)
    assert winner(ours, (RIVAL, rival)) == "dualdiff, 1.2 times"
    measured = Measured("one", "", "gradient", (Goal(1, "jax"),), timings={OURS: ours, RIVAL: rival})
    assert [used for _, _, used in verdicts(measured)] == pytest.approx([1 / 1.2])


def test_a_failure_is_in_the_table():
    assert "  FAILED: Python, torch, compile: it <raised>" in list(lines(results().single[0]))


def test_the_summary_says_who_is_faster_and_where_the_curves_cross():
    text = "\n".join(summary(results()))
    assert re.search(r"one +Python +default +2\.00 +jax, reverse, grad +1\.50 +jax, 1\.33 times", text)
    assert text.count("From 1 on dualdiff is fastest.\n  From 100 on jax reverse is fastest (3.33 times") == 2
    assert list(crossing(results().sweeps["gradient-by-inputs"][:2])) == ["From 1 on dualdiff is fastest."]


def test_the_page_has_the_tables_and_both_sweeps_and_asks_nobody(saved, tmp_path, capsys):
    directory = tmp_path / "report"
    assert main(["--load", str(saved), "--report", str(directory)]) == 1  # a contestant had failed
    text = (directory / "index.html").read_text()
    assert text.count("<table>") == 4  # the summary, two sweeps, one workload
    assert text.count("<svg") == text.count('role="img"') == 4
    assert "From 100 on jax reverse is fastest" in text
    assert "gradient of &lt;f&gt;" in text
    assert "FAILED: Python, torch, compile: it &lt;raised&gt;" in text
    assert "prefers-color-scheme: dark" in text
    names = {address for address in re.findall(r"https?://[^\"'\s]+", text) if "www.w3.org" not in address}
    assert not names
    assert not re.search(r"<(script|link|img|iframe)|url\((?!#)|@import", text)
    charts = ("overview", "workload-one", "sweep-gradient-by-inputs", "sweep-jacobian-by-outputs")
    for chart in charts:
        assert (directory / f"{chart}.svg").read_text().startswith("<svg")
        for suffix in ("", "-dark"):
            assert (directory / f"{chart}{suffix}.png").read_bytes().startswith(b"\x89PNG")
    assert str(directory / "index.html") in capsys.readouterr().out


def test_a_run_without_limits_and_rivals_has_a_page_too(tmp_path):
    alone = Measured("two", "batch", "batch", timings={OURS: Timing((1.0, 1.0, 1.0), None, 3)})
    assert page.write(replace(results(), measured=(alone,)), tmp_path).exists()


def test_a_report_without_matplotlib_names_the_extra(saved, monkeypatch, capsys):
    monkeypatch.setattr("bench.__main__.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        main(["--load", str(saved), "--report", "nowhere"])
    assert ended.value.code == 2
    assert "numba-dualdiff[bench]" in capsys.readouterr().err


# --- comparison -------------------------------------------------------------------------------


def test_runs_of_different_machines_are_not_compared(saved, tmp_path, capsys):
    other = tmp_path / "other.json"
    results(cores=1000, features=["none"]).save(other)
    with pytest.raises(SystemExit) as ended:
        main(["--load", str(saved), "--compare", str(other)])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("the runs are from different machines")
    assert "cores (1000 then," in error
    assert error.count("\n") == 1


def test_changes_are_marked_and_versions_listed(saved, capsys):
    old = results()
    slower = {**old.measured[0].timings, OURS: timing(2.2e-6), RIVAL: timing(1.9e-6)}
    new = replace(
        old, versions={"dualdiff": "0.2.0"}, measured=(replace(old.measured[0], timings=slower), *old.measured[1:])
    )
    text = "\n".join(compare.lines(old, new))
    assert "dualdiff was 0.1.0, is 0.2.0" in text
    assert re.search(r"one +Python +dualdiff, default +2 +2\.2 +\+10\.0% +! beyond the quartiles\n", text)
    assert re.search(r"one +Python +jax, reverse, grad +1\.5 +1\.9 +\+26\.7% +!! beyond 15 %\n", text)
    assert "14 contestants, 1 of them beyond 15 %, 1 more beyond" in text
    main(["--load", str(saved), "--compare", str(saved)])
    assert "14 contestants, 0 of them beyond 15 %, 0 more beyond" in capsys.readouterr().out


# --- the command line -------------------------------------------------------------------------


def test_list_names_every_workload(capsys):
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(WORKLOADS)


def test_an_unknown_workload_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--only", "nothing"])
    assert "rosenbrock-16" in capsys.readouterr().err


def test_a_run_prints_a_table_names_the_missing_and_saves(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("bench.__main__.PEERS", [by_hand, dual, ceres])
    monkeypatch.setattr(ceres, "missing", lambda: "no C++ compiler is installed")
    monkeypatch.setattr("bench.__main__.QUICK", replace(QUICK, turn=1e-5, most=3, processes=2))
    file = tmp_path / "results.json"
    assert main(["--quick", "--only", "example-of-two", "--save", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "ceres::Jet: no C++ compiler" in printed
    assert re.search(r"Python +dualdiff, default +[\d.]+ [nµm]s", printed)
    assert "at most 1.5 x by hand" in printed
    found = Results.load(file)
    assert not found.failed
    assert found.processes == 2
    assert found.single[0].timings[OURS].rounds == 6
    assert {"numpy", "numba", "dualdiff", "python"} <= set(found.versions)
    assert found.single[0].ours("Python")[0] == OURS
    assert found.single[0].timings[LIMIT].ratio == (1.0, 1.0, 1.0)


# --- regressions ------------------------------------------------------------------------------


def test_regressions_can_be_looked_for(capsys):
    assert regression.main(["--smoke"]) == 0
    assert re.search(r"waves +[\d.e+]+ +[\d.e+]+ +\+0\.0%", capsys.readouterr().out)


def test_a_slower_kernel_fails_and_a_faster_one_does_not(monkeypatch, tmp_path, capsys):
    file = tmp_path / "base.json"
    figures = dict.fromkeys(regression.KERNELS, 1.0)
    monkeypatch.setattr(
        regression, "measure_in_processes", lambda n: {"machine": machine(), "unit": "arithmetic", "kernels": figures}
    )
    assert regression.main(["--save", str(file)]) == 0
    figures |= {"waves": 1.02, "options": 0.5}
    assert regression.main(["--against", str(file)]) == 0
    figures |= {"waves": 1.1}
    capsys.readouterr()
    assert regression.main(["--against", str(file)]) == 1
    assert re.search(r"waves +1 +1\.1 +\+10\.0% +SLOWER", capsys.readouterr().out)


def test_instructions_are_counted_where_the_processor_does_so():
    software, nanoseconds_of_this_thread = 1, 1
    count = counter(software, nanoseconds_of_this_thread)
    if count is None:
        pytest.skip("the system has no perf_event_open for us")
    assert count() < count()
