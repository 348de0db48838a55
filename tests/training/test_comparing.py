"""Gradients four ways, and the race of optimizers on test functions."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from numba import njit

import dualdiff
from dualdiff.training import RACERS, TEST_FUNCTIONS, compare_gradients, race, step_size_errors


def example(x):
    return np.log(x[0]) + x[0] * x[1] - np.sin(x[1])


def test_gradients_four_ways():
    pytest.importorskip("sympy")
    table = compare_gradients(example, np.array([2.0, 5.0]))
    truth = [5.5, 2 - math.cos(5)]
    assert table["forward mode"].error < 1e-15
    assert table["symbolic"].error < 1e-15
    assert 1e-15 < table["central differences"].error < 1e-9
    assert 1e-10 < table["forward differences"].error < 1e-6
    for row in table.rows:
        if row.gradient is not None:
            np.testing.assert_allclose(row.gradient, truth, rtol=1e-6)
            assert row.seconds > 0
    assert "mpmath with 50 digits" in repr(table)
    assert len(repr(table).splitlines()) == 8
    assert table._repr_html_().count("<tr>") == 6


def test_what_a_package_cannot_run_or_is_missing_is_said(monkeypatch):
    pytest.importorskip("sympy")
    monkeypatch.setitem(sys.modules, "torch", None)
    table = compare_gradients(njit(lambda x: x[0] * x[1] if x[0] > 0 else x[1]), np.array([2.0, 5.0]))
    assert table["symbolic"].remark.startswith("cannot run it: cannot determine truth value")
    assert table["reverse mode"].remark == 'pip install "numba-dualdiff[torch]"'
    np.testing.assert_array_equal(table["forward mode"].gradient, [5.0, 2.0])
    monkeypatch.setitem(sys.modules, "mpmath", None)
    assert compare_gradients(example, np.array([2.0, 5.0])).reference == "forward mode"
    with pytest.raises(ImportError, match="compare"):
        step_size_errors(example, np.array([2.0, 5.0]))


def test_reverse_mode_is_that_of_pytorch():
    pytest.importorskip("torch", reason="PyTorch is what is compared here")
    for f in (example, lambda x: np.mean(np.tanh(np.outer([1.0, 2.0], x) @ x) ** 2) + np.sum(x**3) / np.sqrt(x[0])):
        row = compare_gradients(f, np.array([2.0, 5.0]))["reverse mode"]
        assert row.remark == ""
        assert row.error < 1e-14


def test_reverse_mode_takes_sums_in_a_loop_and_refuses_to_write_into_arrays():
    pytest.importorskip("torch", reason="PyTorch is what is compared here")

    def loop(x):
        total = 0.0
        for i in range(len(x)):
            total += np.tanh(x[i]) * x[i]
        return total

    def written(x):
        y = x * 2.0
        y += x
        return np.sum(y)

    assert compare_gradients(loop, np.array([2.0, 5.0]))["reverse mode"].error < 1e-15
    assert "cannot be written to" in compare_gradients(written, np.array([2.0, 5.0]))["reverse mode"].remark


def test_a_step_onto_a_pole_is_infinitely_wrong():
    errors = step_size_errors(njit(lambda x: np.exp(x[0]) / x[0]), [1.0], [1e-5, 1.0])
    assert errors.central[0] < 1e-9
    assert errors.central[1] == np.inf


def test_differences_have_a_best_step_and_duals_have_none():
    errors = step_size_errors(example, np.array([2.0, 5.0]))
    for line, best in ((errors.forward, 1e-8), (errors.central, 1e-5)):
        k = int(np.argmin(line))
        assert best / 100 < errors.steps[k] < best * 100
        assert line[0] > 1e4 * line[k] < line[-1]
        assert errors.dual < line[k] / 10


@pytest.mark.parametrize("name", TEST_FUNCTIONS)
def test_minima_of_the_test_functions(name):
    function = TEST_FUNCTIONS[name]
    for minimum in function.minima:
        np.testing.assert_allclose(dualdiff.gradient(function)(np.array(minimum)), 0, atol=1e-12)
        assert function(np.array(minimum)) < 1e-25
    outcome = race(name, steps=300)
    assert set(outcome.ranking[:3]) == {"Newton", "Gauss-Newton", "Levenberg-Marquardt"}
    assert len(repr(outcome).splitlines()) == len(RACERS) + 3
    for path in outcome.paths.values():
        assert path.shape[1] == 2
        assert len(path) <= 301
