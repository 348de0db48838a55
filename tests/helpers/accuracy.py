"""The errors of every rule, in ulps: ``python -m tests.helpers.accuracy`` prints them."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from mpmath import mp

from dualdiff.dual.number import Dual, apply
from dualdiff.rules.table import RULES
from tests.helpers.points import ROWS, Row

PRECISIONS = (200, 400, 800, 1600, 3200, 6400)  # bits

Path = tuple[int, ...]
"""The arguments to differentiate by, one after the other."""


@dataclass(frozen=True)
class Error:
    """The largest error of a derivative, in ulps, and the point where it occurs."""

    ulps: float = 0.0
    at: tuple[float, ...] = ()
    computed: float = math.nan
    exact: str = ""


# --- the exact derivative -------------------------------------------------------------------


@functools.cache
def exact_function(row: Row, path: Path) -> Callable[..., Any] | None:
    """The derivative of the row's formula as a function of mpmath numbers; None if it is 0."""
    names = "x" if row.arity == 1 else "a b"
    symbols = sympy.symbols(names, real=True, seq=True)
    scope = {str(symbol): symbol for symbol in symbols}
    if row.slopes:
        formula = sympy.sympify(row.slopes[path[0]], locals=scope)
        path = path[1:]
    else:
        formula = sympy.sympify(row.formula, locals=scope)
    for i in path:
        formula = sympy.diff(formula, symbols[i]).replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))
    return None if formula == 0 else sympy.lambdify(symbols, formula, "mpmath", cse=True)


def exact(row: Row, path: Path, point: tuple[float, ...]) -> Any:
    """The derivative at ``point``, right to 100 bits: two precisions agree on them. NaN at a pole."""
    function = exact_function(row, path)
    if function is None:
        return mp.mpf(0)
    previous = mp.mpf(0)
    for bits in PRECISIONS:
        mp.prec = bits
        try:
            value = mp.mpmathify(function(*map(mp.mpf, point)))
        except (ValueError, ZeroDivisionError):
            return mp.nan  # a pole
        if value and abs(value - previous) <= abs(value) * mp.mpf(2) ** -100:
            break
        previous = value
    return value


# --- the rule's derivative ------------------------------------------------------------------


def computed(row: Row, i: int, point: tuple[float, ...]) -> Iterator[tuple[Path, float]]:
    """The partial derivative by argument i and its derivatives, as the rule gives them."""
    rule = RULES[row.function]
    numbers = tuple(np.float64(x) if isinstance(x, float) else x for x in point)
    with np.errstate(all="ignore"):
        y = row.function(*numbers)
        directions = np.eye(row.arity).tolist()
        duals = [Dual(x, seed) for x, seed in zip(numbers, directions, strict=True)]
        dual_y = apply(row.function, row.function, *duals) if row.by is None else None
        for partial in {rule.partials[i], rule.alone[i]}:
            yield (i,), partial(*numbers, y)
            if row.limits[1] is None:
                continue
            if row.by is not None:  # the other arguments are no real numbers that vary
                duals = [Dual(x, 1.0) if k in row.by else x for k, x in enumerate(numbers)]
                dual_y = apply(row.function, row.function, *duals)
            derivative = partial(*duals, dual_y)
            tangents = derivative.tangents if isinstance(derivative, Dual) else (0.0,) * row.arity
            yield from (((i, j), t) for j, t in zip(row.by or range(row.arity), tangents, strict=False))


# --- their difference -----------------------------------------------------------------------


def spacing(x: Any) -> Any:
    """The distance of neighbouring float64 numbers at x, an mpmath number."""
    return mp.ldexp(1, max(mp.frexp(x)[1] - 53, -1074))


def ulps(value: float, exact: Any, magnitude: Any = 0) -> float:
    """The error of ``value`` in spacings of float64 at the exact result, or at ``magnitude``."""
    overflow = mp.ldexp(1, 1024)
    if math.isnan(value):
        return math.inf
    if math.isinf(value):
        value = math.copysign(1, value) * overflow
    exact = max(-overflow, min(overflow, exact))
    unit = min(spacing(max(abs(exact), abs(magnitude))), mp.ldexp(1, 971))
    return float(abs(value - exact) / unit)


@functools.cache
def largest_errors(row: Row) -> dict[Path, Error]:
    """The largest error of each first and second partial derivative of the row's rule."""
    worst: dict[Path, Error] = {}
    precision = mp.prec
    try:
        for point in row.points():
            for i in row.by or range(row.arity):
                for path, value in computed(row, i, point):
                    reference = exact(row, path, point)
                    if not isinstance(reference, mp.mpf) or mp.isnan(reference):
                        continue  # a power of a negative number, by its exponent
                    magnitude = row.magnitudes.get(path, lambda *_: 0)(*map(mp.mpf, point))
                    error = ulps(float(value), reference, magnitude)
                    if path not in worst or error > worst[path].ulps:
                        worst[path] = Error(error, tuple(map(float, point)), float(value), mp.nstr(reference, 20)[:40])
    finally:
        mp.prec = precision
    return worst


def main(names: list[str]) -> None:
    """Print the largest errors of the functions named, or of all."""
    print(f"{'function':14} {'by':6} {'ulps':>9} {'limit':>6}  worst at")
    for row in ROWS:
        if names and row.name not in names:
            continue
        for path, error in sorted(largest_errors(row).items()):
            limit = row.limits[len(path) - 1]
            assert limit is not None
            by = ",".join(map(str, path))
            over = "" if error.ulps <= limit else f"  OVER: {error.computed!r}, exact {error.exact}"
            print(f"{row.name:14} {by:6} {error.ulps:9.2f} {limit:6}  {error.at}{over}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
