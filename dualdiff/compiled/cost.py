"""Whether the values of a function are costly next to its tangents, read off its code."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from numba.core.dispatcher import Dispatcher

from ..rules import RULES, SPELLINGS

_ARITHMETIC = {
    *("add", "subtract", "multiply", "divide", "fmod", "remainder", "negative", "positive", "reciprocal", "square"),
    *("absolute", "fabs", "copysign", "ldexp", "deg2rad", "radians", "rad2deg", "degrees", "sqrt"),
    *("maximum", "minimum", "fmax", "fmin"),
}
_COSTLY_RULES = {function for function in RULES if function.__name__ not in _ARITHMETIC}
COSTLY = {f.__name__ for f in (*_COSTLY_RULES, *(f for f, rule in SPELLINGS.items() if rule in _COSTLY_RULES))}
"""The names of functions that take many times as long as a multiplication, in NumPy and in ``math``."""


def is_costly(function: FunctionType, _seen: set[FunctionType] | None = None) -> bool:
    """Whether a function, or an ``@njit`` function that it calls, evaluates one of these."""
    seen = set() if _seen is None else _seen
    if function in seen:
        return False
    seen.add(function)
    names = set(_names(function.__code__))
    cells = (cell.cell_contents for cell in function.__closure__ or ())
    known: list[Any] = [*cells, *(function.__globals__.get(name) for name in names)]
    return not COSTLY.isdisjoint(names) or any(is_costly(f.py_func, seen) for f in known if isinstance(f, Dispatcher))


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
