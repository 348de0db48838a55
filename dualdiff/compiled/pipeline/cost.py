"""What the code of a function tells before it is compiled: whether its values are costly, whether it is recursive."""

from __future__ import annotations

import contextlib
import dis
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
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


def is_bounds_checked(dispatcher: Any) -> bool:
    """Whether indices are checked in an ``@njit`` function, or in one that it calls."""
    return any(d.targetoptions.get("boundscheck") or config.BOUNDSCHECK for d in _all_called(dispatcher))


def must_stop(dispatcher: Any) -> bool:
    """Whether an ``@njit`` function, or one that it calls, checks indices, or may catch an exception."""
    return is_bounds_checked(dispatcher) or any(_may_catch(d.py_func.__code__) for d in _all_called(dispatcher))


def _may_catch(code: CodeType) -> bool:
    """Whether there is a ``try`` in the code of a function."""
    return any(instruction.opname in ("SETUP_FINALLY", "PUSH_EXC_INFO") for instruction in dis.get_instructions(code))


def _all_called(dispatcher: Any) -> set[Any]:
    """An ``@njit`` function with all that it calls."""
    seen, waiting = {dispatcher}, [dispatcher]
    while waiting:
        called = set(_dispatchers(waiting.pop().py_func)) - seen
        seen |= called
        waiting += called
    return seen


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
    names = set(_names(function.__code__))
    known: list[Any] = [*cells, *(function.__globals__.get(name) for name in names)]
    for value in known:
        if isinstance(value, ModuleType):
            known += [getattr(value, name) for name in names if isinstance(getattr(value, name, None), Dispatcher)]
        if isinstance(value, tuple):
            known += value
    yield from (f for f in known if isinstance(f, Dispatcher))


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
