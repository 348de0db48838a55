"""What the code of a function tells before it is compiled: whether its values are costly, whether it is recursive."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from ...rules.table import RULES, SPELLINGS
from ..numba_internals import Dispatcher, config

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
    costly = not COSTLY.isdisjoint(_names(function.__code__))
    return costly or any(is_costly(called, seen) for called in _called(function))


def is_bounds_checked(dispatcher: Any, _seen: set[Any] | None = None) -> bool:
    """Whether indices are checked in an ``@njit`` function, or in one that it calls."""
    seen = set() if _seen is None else _seen
    if dispatcher in seen:
        return False
    seen.add(dispatcher)
    if dispatcher.targetoptions.get("boundscheck") or config.BOUNDSCHECK:
        return True
    return any(is_bounds_checked(called, seen) for called in _dispatchers(dispatcher.py_func))


def is_recursive(function: FunctionType) -> bool:
    """Whether an ``@njit`` function calls itself, by way of others perhaps."""
    seen: set[FunctionType] = set()
    waiting = [function]
    while waiting:
        for called in _called(waiting.pop()):
            if called is function:
                return True
            if called not in seen:
                seen.add(called)
                waiting.append(called)
    return False


def _called(function: FunctionType) -> Iterator[FunctionType]:
    yield from (dispatcher.py_func for dispatcher in _dispatchers(function))


def _dispatchers(function: FunctionType) -> Iterator[Any]:
    """The ``@njit`` functions that a function refers to, as globals or from the function around it."""
    cells = []
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # not yet filled
            cells.append(cell.cell_contents)
    known: list[Any] = [*cells, *(function.__globals__.get(name) for name in _names(function.__code__))]
    yield from (f for f in known if isinstance(f, Dispatcher))


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
