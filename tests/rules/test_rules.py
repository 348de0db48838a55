"""Every rule of the table against mpmath, at first and second order, over the whole domain."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest

from dualdiff.rules.function import Function
from dualdiff.rules.table import FLAT, RULES, SPELLINGS, VALUE_ONLY, Partial, canonical
from tests.helpers.accuracy import Path, largest_errors, ulps
from tests.helpers.points import HELPERS, ROWS, Row


def name_of(function: Any) -> str:
    """The name that a test's id shows."""
    return str(function.__name__)


@pytest.mark.parametrize("name", sorted(map(name_of, RULES)))
def test_every_function_has_a_row(name: str) -> None:
    rows = {row.name for row in ROWS}
    assert (name in rows) != (name in HELPERS), f"add a row for {name} to tests/helpers/points.py"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_first_derivative(row: Row) -> None:
    _check(row, order=1)


@pytest.mark.parametrize("row", [row for row in ROWS if row.limits[1] is not None], ids=lambda row: row.name)
def test_second_derivative(row: Row) -> None:
    _check(row, order=2)


def _check(row: Row, order: int) -> None:
    limit = row.limits[order - 1]
    errors = {path: error for path, error in largest_errors(row).items() if len(path) == order}
    assert len(errors) == len(row.by or range(row.arity)) ** order
    assert limit is not None
    beyond = {_words(path): error for path, error in errors.items() if not error.ulps <= limit}
    assert not beyond, f"beyond {limit} ulps"


def _words(path: Path) -> str:
    return "by " + ", then ".join(f"argument {i}" for i in path)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_rows_have_enough_points(row: Row) -> None:
    assert len(row.points()) >= 300
    assert row.points() == row.points()


def test_kinds_of_functions_exclude_each_other() -> None:
    assert not FLAT & set(RULES)
    assert not VALUE_ONLY & set(RULES)
    assert not VALUE_ONLY & FLAT


@pytest.mark.parametrize("name", sorted(map(name_of, SPELLINGS)))
def test_spellings_lead_to_the_table(name: str) -> None:
    table = {*RULES, *FLAT, *VALUE_ONLY}
    for spelling, function in SPELLINGS.items():
        if name_of(spelling) == name:
            assert function in table
            assert canonical(spelling) is function
            assert canonical(function) is function


# --- compiled -------------------------------------------------------------------------------


def _compiled(partial: Partial) -> Any:
    from numba import njit

    scope = dict(partial.__globals__)
    for name in partial.__code__.co_names:
        helper = scope.get(name)
        if isinstance(helper, types.FunctionType) and helper.__module__ == partial.__module__:
            scope[name] = _compiled(helper)
    return njit(error_model="numpy")(types.FunctionType(partial.__code__, scope, partial.__name__))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_compiled_rule_is_the_interpreted_one(row: Row) -> None:
    pytest.importorskip("dualdiff.compiled")
    points = row.points()[:: max(1, len(row.points()) // 200)]
    for i in row.by or range(row.arity):
        partial = RULES[row.function].partials[i]
        compiled = _compiled(partial)
        for point in points:
            numbers = [np.float64(x) if isinstance(x, float) else x for x in point]
            with np.errstate(all="ignore"):
                y = row.function(*numbers)
                interpreted = float(partial(*numbers, y))
            _check_same(float(compiled(*numbers, y)), interpreted, row, point)


def _check_same(compiled: float, interpreted: float, row: Row, point: tuple[float, ...]) -> None:
    from mpmath import mp

    if np.isnan(interpreted) or np.isnan(compiled):
        assert np.isnan(interpreted), point
        assert np.isnan(compiled), point
        return
    limit = 2 * row.limits[0] + 2
    magnitudes = [row.magnitudes.get((i,), lambda *_: 0)(*map(mp.mpf, point)) for i in range(row.arity)]
    assert ulps(compiled, mp.mpf(interpreted), max(magnitudes)) <= limit, point


@pytest.mark.parametrize("function", [f for f in RULES if isinstance(f, Function)], ids=name_of)
def test_definition_is_defined_everywhere(function: Function) -> None:
    # Python's math raises at poles and overflow, where Numba's does not: definitions must not
    special = (0.0, -0.0, 1.0, -1.0, -2.0, 0.5, -0.5, 5e-324, -5e-324, 1e308, -1e308, 200.0, np.inf, -np.inf, np.nan)
    for x in special:
        for n in (2.0, 3.0) if function.nin == 2 else (0.0,):
            value = function(n, x) if function.nin == 2 else function(x)
            assert type(value) is np.float64
            if np.isnan(x):
                assert np.isnan(value)
