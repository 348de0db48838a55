"""The benchmark runs: its contestants agree, its table and its file are written. No speed is judged."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from bench.__main__ import limit_of, main, run
from bench.measure import Contestant, Key, check, measure
from bench.peers import PEERS, ceres
from bench.report import duration, verdict
from bench.workloads import WORKLOADS, Goal


@pytest.fixture
def without_compilers(monkeypatch):
    """A machine where the peers that need a C++ compiler are missing, so that nothing slow is compiled."""
    ceres._libraries.cache_clear()
    monkeypatch.setattr(ceres, "COMPILERS", ())
    yield
    ceres._libraries.cache_clear()


def test_list_names_every_workload(capsys):
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(WORKLOADS)


def test_an_unknown_workload_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--only", "nothing"])
    assert "rosenbrock-16" in capsys.readouterr().err


def test_a_run_prints_a_table_names_the_missing_and_saves(without_compilers, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("bench.__main__.ROUNDS", {"quick": (2, 1e-5)})
    assert main(["--quick", "--only", "example", "--save", str(tmp_path / "results.json")]) == 0
    printed = capsys.readouterr().out
    assert "ceres::Jet: no C++ compiler" in printed
    assert re.search(r"Python +dualdiff, default +[\d.]+ [nu]s", printed)
    assert "at most 1.5 x by hand" in printed
    saved = json.loads((tmp_path / "results.json").read_text())
    assert {row["workload"] for row in saved["rows"]} == {"example", "example-of-two"}
    assert saved["missing"]["ceres::Jet"]
    assert all(row["seconds"][0] <= row["seconds"][1] <= row["seconds"][2] for row in saved["rows"])


SOLVED = ["example", "example_of_two", "rosenbrock", "ackley", "brusselator", "newton", "rosenbrock2"]


@pytest.mark.parametrize("function", [*SOLVED, "waves", "polynomial", "call_price", "residuals"])
def test_contestants_agree(function, without_compilers):
    workload = next(w for w in WORKLOADS.values() if w.function == function)
    small = tuple(x if isinstance(x, float) else x[:6] for x in workload.point())
    few = type(workload)(workload.name, workload.title, workload.kind, function, lambda: small)
    check({key: c for peer in PEERS if not peer.missing() for key, c in peer.enter(few).items()})


def test_a_wrong_result_is_found():
    right, wrong = (Contestant(lambda y=y: np.array([1.0, y]), lambda n: 0.0) for y in (2.0, 2.1))
    check({Key("a", "", ""): right, Key("b", "", ""): right})
    with pytest.raises(AssertionError, match="computes something else"):
        check({Key("a", "", ""): right, Key("b", "", ""): wrong})


def test_quartiles_and_ratios_are_taken_round_by_round():
    limit, other = Key("limit", "", ""), Key("other", "", "")
    seconds = {limit: 1.0, other: 3.0}
    contestants = {key: Contestant(lambda: 0.0, lambda n, s=s: n * s) for key, s in seconds.items()}
    timings = measure(contestants, lambda key: limit, rounds=3, seconds=1e-3)
    assert timings[other].seconds == (3.0, 3.0, 3.0)
    assert timings[other].ratio == (3.0, 3.0, 3.0)
    ours = {Key("dualdiff", "", "default"): timings[other], limit: timings[limit]}
    assert [line.split(": ")[2].split()[0] for line in verdict(Goal(2, "limit"), ours)] == ["MISSED"]
    assert [line.split(": ")[2].split()[0] for line in verdict(Goal(4, "limit"), ours)] == ["met"]


def test_durations_have_a_unit():
    assert [duration(s) for s in (2.5, 1.234e-3, 5.67e-7, 1e-10)] == ["2.5 s", "1.23 ms", "567 ns", "0.1 ns"]


def test_every_limit_is_by_hand():
    assert limit_of(Key("dualdiff", "Python", "chunk 4")) == Key("by hand", "Python", "")


def test_the_run_of_a_workload_has_the_limit_in_it(without_compilers, monkeypatch):
    monkeypatch.setattr("bench.__main__.ROUNDS", {"quick": (1, 1e-5)})
    timings = run(WORKLOADS["example-of-two"], {"ceres::Jet": "not wanted"}, "quick")
    assert timings[Key("by hand", "Python", "")].ratio == (1.0, 1.0, 1.0)
