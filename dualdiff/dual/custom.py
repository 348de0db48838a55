"""Functions with derivatives along directions of their author's, on duals and arrays of duals."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..rules.custom import CustomJvp
from .levels import _array, as_dual_array, operand, zeros
from .nesting import level_of
from .number import Dual, _dual


def on_duals(function: CustomJvp, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any] | None:
    """What a function with a derivative along directions returns; None if there is no dual among its arguments."""
    args = tuple(as_dual_array(x) if _holds_duals(x) else x for x in args)
    level = max(map(level_of, (*args, kwargs)), default=0)
    if level == 0:
        return None
    name = function.__name__
    if function.rule is None:
        raise TypeError(f"{name} has no derivative yet: enter it by @{name}.jvp")
    if level_of(kwargs):
        raise TypeError(f"duals are passed to {name} by position: its derivative is called with them so")
    duals = [level_of(x) == level for x in args]
    for x, dual in zip(args, duals, strict=True):
        if dual and not isinstance(x, (Dual, Dual._array_class)):
            raise TypeError(f"duals are passed to {name} as numbers and arrays, not in a {type(x).__name__}")
    primals = tuple(_value(x) if dual else x for x, dual in zip(args, duals, strict=True))
    lanes = {len(x._tangents) for x, dual in zip(args, duals, strict=True) if dual}
    (n,) = lanes
    rule = function.rule
    if level_of(primals) or any(level_of(x._tangents) for x, dual in zip(args, duals, strict=True) if dual):
        rule = getattr(rule, "py_func", rule)  # what Numba has compiled takes no duals from Python
    y: Any = None
    found: list[Any] = []
    for k in range(n):
        tangents = tuple(x._tangents[k] if dual else _zero(x) for x, dual in zip(args, duals, strict=True))
        if all(_is_zero(t) for t, dual in zip(tangents, duals, strict=True) if dual):
            found.append(None)  # what is exactly 0 stays 0
            continue
        result = _called(rule, primals, tangents, kwargs)
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(f"the jvp of {name} returns the value and its tangent, as a tuple of two")
        y = result[0] if y is None else y
        found.append(result[1])
    if y is None:
        y = function(*primals, **kwargs)
    return (_joined(name, y, found, level),)


CustomJvp.on_duals = staticmethod(on_duals)


def _holds_duals(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype == object and level_of(x) > 0


def _value(x: Any) -> Any:
    return x._value if isinstance(x, Dual) else x._values


def _called(rule: Any, primals: Any, tangents: Any, kwargs: dict[str, Any]) -> Any:
    # a rule's own arithmetic raises nothing: it divides by zero where a slope is infinite, as NumPy's numbers may
    with np.errstate(all="ignore"):
        try:
            return rule(primals, tangents, **kwargs)
        except ZeroDivisionError:
            if not hasattr(rule, "py_func"):
                raise
            return rule.py_func(primals, tangents, **kwargs)


def _is_zero(tangent: Any) -> bool:
    return level_of(tangent) == 0 and not np.any(tangent)


def _zero(x: Any) -> Any:
    """The tangent of a constant."""
    if isinstance(x, (Dual._array_class, np.ndarray)):
        return zeros(x.shape, x) if isinstance(x, Dual._array_class) or x.dtype.kind == "f" else np.zeros(x.shape)
    return 0.0 if isinstance(x, (float, int, np.number, Dual)) else None


def _joined(name: str, y: Any, tangents: list[Any], level: int) -> Any:
    """The result with its tangents; parts of tuples by themselves."""
    if isinstance(y, tuple):
        parts = [
            _joined(name, part, [None if dy is None else dy[i] for dy in tangents], level) for i, part in enumerate(y)
        ]
        return tuple(parts) if type(y) is tuple else type(y)(*parts)
    tangents = [zeros(np.shape(y), operand(y)) if dy is None else dy for dy in tangents]
    shapes = {np.shape(dy) for dy in tangents}
    if shapes != {np.shape(y)}:
        raise ValueError(f"the jvp of {name} returned a value of shape {np.shape(y)} and tangents of {shapes}")
    if np.shape(y) == ():
        numbers = tuple(dy[()] if isinstance(dy, (np.ndarray, Dual._array_class)) else dy for dy in tangents)
        return _dual(y[()] if isinstance(y, (np.ndarray, Dual._array_class)) else y, numbers, level)
    return _array(operand(y), np.stack([operand(dy) for dy in tangents]), level)
