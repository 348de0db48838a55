"""Arrays of duals level by level: stored, made of numbers and lists, and brought to common levels."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from .nesting import level_of, note_made, unlike_tangents
from .number import Dual, _dual


class ArrayOfDuals:
    """Values of shape S and N tangents, of shape (N,) + S, of one level; both may be arrays of a lower level.

    It is the part of ``DualArray`` that the functions here need.
    """

    __slots__ = ("__weakref__", "_level", "_tangents", "_values")

    _values: Any
    _tangents: Any
    _level: int

    @property
    def values(self) -> Any:
        """The numbers themselves, shape S."""
        return self._values

    @property
    def tangents(self) -> Any:
        """The N tangents, shape (N,) + S."""
        return self._tangents

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape S of the batch."""
        return self._values.shape

    @property
    def ndim(self) -> int:
        """The number of axes of the batch."""
        return self._values.ndim

    @property
    def size(self) -> int:
        """The number of duals."""
        return self._values.size

    @property
    def dtype(self) -> np.dtype:
        """The type of the numbers, float64 or float32."""
        return self._values.dtype


# --- construction ---------------------------------------------------------------------------


def _array(values: Any, tangents: Any, level: int) -> Any:
    self = object.__new__(Dual._array_class)
    self._values = values
    self._tangents = tangents
    self._level = level
    return self


def _restored(values: Any, tangents: Any, level: int) -> Any:
    note_made(level)
    return _array(values, tangents, level)


def made(values: Any, tangents: Any, level: int) -> Any:
    """What an operation returns: a DualArray, or a Dual if its shape is ()."""
    if getattr(values, "ndim", 0):
        return _array(values, tangents, level)
    return _dual(_scalar(values), tuple(tangents), level)


def _scalar(value: Any) -> Any:
    return value[()] if isinstance(value, (np.ndarray, Dual._array_class)) else value


def lift(x: Any, tangents: Any, level: int) -> Any:
    """The array of duals of ``level`` with the values ``x``, shape S, and ``tangents``, shape (N,) + S.

    Both are arrays of floats or arrays of lower levels. Where only one of them has tangents of a
    lower level, the other gets zeros, so that every number of the result can hold such a dual.
    """
    tangents = cast(tangents, x.dtype)
    below = union(x, tangents)
    return _array(promoted(x, below), promoted(tangents, below), level)


def as_dual_array(x: Any) -> Any:
    """``x`` as a DualArray, or as a plain array if there is no dual in it.

    ``x`` is a number, a Dual, an array, or lists, tuples and object arrays of them, nested. Raises
    TypeError for what holds no real numbers, ValueError where shapes differ.
    """
    if isinstance(x, (ArrayOfDuals, np.ndarray)) and x.dtype != object:
        return x
    if isinstance(x, Dual):
        return _array_of(x)
    if isinstance(x, np.ndarray):
        x = x.tolist() if x.size else np.zeros(x.shape)
    if isinstance(x, (list, tuple)) and level_of(x):
        if all(isinstance(item, Dual) or not hasattr(item, "__len__") for item in x):
            return _vector(x)
        return np.stack([as_dual_array(item) for item in x])
    if isinstance(x, Dual):
        return _array_of(x)
    array = np.asarray(x)
    if array.dtype == object:
        raise TypeError(f"expected real numbers, not {type(x).__name__} of {_first(x)}")
    return array


def operand(x: Any) -> Any:
    """What takes part in an operation, as a DualArray or a plain array."""
    x = as_dual_array(x)
    if is_masked(x):
        raise TypeError("masked arrays do not mix with duals")
    return x


def _vector(numbers: Sequence[Any]) -> Any:
    """A batch of one axis of Duals and plain numbers."""
    level = max(map(level_of, numbers))
    if level == 0:
        return as_dual_array(np.asarray(numbers))
    duals = [isinstance(x, Dual) and x._level == level for x in numbers]
    lanes = {len(x._tangents) for x, dual in zip(numbers, duals, strict=True) if dual}
    if len(lanes) > 1:
        raise unlike_tangents(lanes)
    none = (0.0,) * lanes.pop()
    values = _vector([x._value if dual else x for x, dual in zip(numbers, duals, strict=True)])
    rows = zip(*(x._tangents if dual else none for x, dual in zip(numbers, duals, strict=True)), strict=True)
    lanes_of = [_vector(row) for row in rows]
    tangents = np.stack(lanes_of) if lanes_of else np.zeros((0, len(numbers)))
    return lift(as_floats(values, "values of Duals"), as_floats(tangents, "tangents of Duals"), level)


def _array_of(x: Dual) -> Any:
    if level_of(x._value) or level_of(x._tangents):
        return _vector([x]).reshape(())
    values = as_floats(np.asarray(x._value), "value of a Dual")
    return _array(values, np.array(x._tangents, values.dtype), x._level)


def _first(x: Any) -> str:
    while isinstance(x, (list, tuple, np.ndarray)) and len(x):
        x = x[0]
    return type(x).__name__


def as_floats(x: Any, what: str) -> Any:
    """``x`` with integers made floats; a TypeError for numbers that are not float64 or float32."""
    if is_masked(x):
        raise TypeError(f"{what}: masked arrays are not supported")
    if x.dtype.kind in "iu":
        return x.astype(np.float64)
    if x.dtype.char not in "fd":
        raise TypeError(f"{what}: expected float64, float32 or integers, not {x.dtype}")
    return x if x.dtype.isnative else x.astype(x.dtype.char)


# --- levels ---------------------------------------------------------------------------------


def levels(x: Any) -> list[tuple[int, int]]:
    """The levels of a batch with their numbers of tangents, the highest first."""
    found = []
    while isinstance(x, ArrayOfDuals):
        found.append((x._level, len(x._tangents)))
        x = x._values
    return found


def union(*operands: Any) -> list[tuple[int, int]]:
    """The levels of all operands, the highest first."""
    found = sorted({pair for x in operands for pair in levels(x)}, reverse=True)
    if len({level for level, _ in found}) < len(found):
        raise unlike_tangents(lanes for _, lanes in found)
    return found


def top(*operands: Any) -> int:
    """The highest level of operands that take part in one operation, 0 if there is no dual."""
    return next(iter(union(*operands)), (0, 0))[0]


def promoted(x: Any, above: list[tuple[int, int]]) -> Any:
    """``x`` with zero tangents at the levels that it lacks."""
    if levels(x) == above:
        return x
    (level, lanes), *below = above
    if level_of(x) == level:
        return _array(promoted(x._values, below), promoted(x._tangents, below), level)
    values = promoted(x, below)
    return _array(values, zeros((lanes, *x.shape), values), level)


def zeros(shape: tuple[int, ...], like: Any) -> Any:
    """Zeros that can hold what ``like`` holds."""
    if isinstance(like, ArrayOfDuals):
        lanes = len(like._tangents)
        return _array(zeros(shape, like._values), zeros((lanes, *shape), like._values), like._level)
    return np.zeros(shape, like.dtype)


def plain(x: Any) -> Any:
    """The values alone, of all levels, as a plain array."""
    x = as_dual_array(x)
    while isinstance(x, ArrayOfDuals):
        x = x._values
    return x


def packed(x: Any) -> Any:
    """``x`` in C order."""
    if isinstance(x, ArrayOfDuals):
        return _array(packed(x._values), packed(x._tangents), x._level)
    return np.ascontiguousarray(x) if getattr(x, "ndim", 0) else x


def cast(x: Any, dtype: Any) -> Any:
    """``x`` with numbers of type ``dtype``, aligned."""
    if isinstance(x, ArrayOfDuals):
        return x if x.dtype == dtype else _array(cast(x._values, dtype), cast(x._tangents, dtype), x._level)
    return x if x.dtype == dtype and x.flags.aligned else np.array(x, dtype)


def aligned(tangents: Any, ndim: int) -> Any:
    """Tangents of shape (N,) + S with axes of length 1 put before S, so that they broadcast to ``ndim`` axes."""
    missing = ndim + 1 - tangents.ndim
    return tangents.reshape(tangents.shape[:1] + (1,) * missing + tangents.shape[1:]) if missing > 0 else tangents


def is_masked(x: Any) -> bool:
    """Whether ``x`` is a masked array. There is none before numpy.ma is imported, which takes a while."""
    return "numpy.ma" in sys.modules and isinstance(x, np.ma.MaskedArray)
