"""New arrays like an array of duals: what NumPy's creation functions do with ``like=x`` (NEP 35).

``np.zeros((2, 2), like=x)`` can hold what x holds, so that duals can be stored in it; where x is an ordinary array,
NumPy makes an ordinary one. Integers and truth values stay such.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dual.levels import as_dual_array, cast, promoted, union
from ..dual.nesting import level_of
from .registry import CREATION


def _creates(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def enter(implementation: Callable[..., Any]) -> Callable[..., Any]:
        CREATION.update(dict.fromkeys(functions, implementation))
        return implementation

    return enter


def _like(like: Any, x: Any) -> Any:
    """An array of floats as one that can hold what ``like`` holds; others as they are."""
    if level_of(x) == 0 and x.dtype.char not in "fd":
        return x
    return promoted(x, union(x, as_dual_array(like)))


def _plainly(function: Any) -> None:
    @_creates(function)
    def create(like: Any, *args: Any, **kwargs: Any) -> Any:
        return _like(like, function(*args, **kwargs))


for _function in (np.zeros, np.ones, np.empty, np.eye, np.identity, np.tri, np.fromiter, np.frombuffer):
    _plainly(_function)


@_creates(np.full)
def _full(like: Any, shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", **_: Any) -> Any:
    fill = as_dual_array(fill_value)
    if level_of(fill) == 0:
        return _like(like, np.full(shape, fill_value, dtype, order))
    out = _like(like, np.zeros(shape, fill.dtype if dtype is None else dtype, order))
    out[...] = fill
    return out


@_creates(np.array, np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray, np.require)
def _from(like: Any, x: Any, dtype: Any = None, *, copy: Any = None, ndmin: int = 0, **_: Any) -> Any:
    made = as_dual_array(x)
    if dtype is not None:
        kind = np.dtype(dtype)
        if level_of(made) == 0:
            made = np.asarray(made, kind)
        elif kind.char in "fd":
            made = cast(made, kind)
        else:
            raise TypeError(f"duals hold float64 or float32 and do not become {kind}: drop the dtype")
    result = _like(like, made)
    if result.ndim < ndmin:
        result = result.reshape((1,) * (ndmin - result.ndim) + result.shape)
    return result.copy() if copy and result is x else result


def _copied(like: Any, x: Any, dtype: Any = None, *, copy: Any = True, **options: Any) -> Any:
    return _from(like, x, dtype, copy=copy, **options)


CREATION[np.array] = _copied


@_creates(np.arange)
def _arange(like: Any, start: Any, stop: Any = None, step: Any = 1, dtype: Any = None, **_: Any) -> Any:
    if stop is None:
        start, stop = 0, start
    if level_of((start, stop, step)) == 0:
        return _like(like, np.arange(start, stop, step, dtype))
    numbers = [float(as_plain(x)) for x in (start, stop, step)]
    return start + step * np.arange(len(np.arange(*numbers)), dtype=np.float64)


def as_plain(x: Any) -> Any:
    """The value of a number, of all levels."""
    while level_of(x):
        x = x._value
    return x


@_creates(np.fromfunction)
def _fromfunction(like: Any, function: Any, shape: Any, *, dtype: Any = float, **kwargs: Any) -> Any:
    return _like(like, as_dual_array(function(*np.indices(shape, dtype=dtype), **kwargs)))
