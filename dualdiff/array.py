"""DualArray: a batch of duals, as an array of values and one array of tangents.

NumPy's functions reach it by two protocols, and both are look-ups: elementwise functions in the
rule table, all others in ``FUNCTIONS``.

Level by level a function of duals is the function of their values, and a linear map of their
tangents. Both parts may themselves be batches of a lower level, so each function is said once, for
one level, in terms of NumPy functions, which bring it to the levels below.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .array_methods import ArrayMethods
from .dual import Dual, _dual, _note_made, level_of
from .function import Function
from .inputs import is_masked
from .rules import RULES

FUNCTIONS: dict[Any, Callable[..., Any]] = {}
"""NumPy functions on batches, by the NumPy function. What calls a ufunc of batches stands under ``np.ufunc``, what
calls a function of ours over plain arrays under ``Function``."""


@functools.cache
def implementations() -> dict[Any, Callable[..., Any]]:
    """``FUNCTIONS``, filled: the modules above that do it are loaded at the first look-up, not at import."""
    from . import array_reductions as array_reductions  # which imports all the others

    return FUNCTIONS


_BASIC = (slice, int, np.integer, type(None), type(...))


class DualArray(ArrayMethods):
    """An array of duals of one level: ``values`` of shape S and N tangents, of shape (N,) + S.

    It stands for a NumPy array: arithmetic, elementwise functions, indexing and the array functions
    that have a derivative act on the values as NumPy does and carry the tangents along. Elements and
    results of shape () are Duals. Basic indexing and reshaping give views. Comparisons, ``bool`` and
    index functions look at the values alone.

    Parameters
    ----------
    values : an array of float64, float32 or integers (which become float64), nested lists, Duals in
        lists, or a DualArray of a lower level (for higher derivatives). It is copied.
    tangents : the same, of shape (N,) + S; ``tangents[k]`` is one direction.

    Raises
    ------
    TypeError : for numbers that are not real float64 or float32.
    ValueError : if the shapes do not match.

    >>> x = DualArray([2.0, 3.0], [[1.0, 0.0], [0.0, 1.0]])
    >>> x * x
    DualArray([4., 9.], [[4., 0.],
                         [0., 6.]])
    """

    __slots__ = ("__weakref__", "_level", "_tangents", "_values")

    _values: Any
    _tangents: Any
    _level: int

    def __new__(cls, values: Any, tangents: Any) -> DualArray:
        values = _real(as_batch(values), "values").copy()
        tangents = _real(as_batch(tangents), "tangents").copy()
        if tangents.shape[1:] != values.shape or not tangents.ndim:
            raise ValueError(
                f"for values of shape {values.shape} the tangents have that shape after an axis for the N tangents; "
                f"their shape is {tangents.shape}"
            )
        level = 1 + max(level_of(values), level_of(tangents))
        _note_made(level)
        return lift(values, tangents, level)

    # --- what an array has ---

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

    @property
    def flat(self) -> DualArray:
        """All elements in one row: a view, or where that is impossible a read-only copy."""
        row = self.reshape(-1)
        if not np.may_share_memory(plain(row), plain(self)):
            _freeze(row)
        return row

    def __repr__(self) -> str:
        start = "DualArray("
        values = _listing(self._values, start)
        margin = " " * (len(start) + len(values.rpartition("\n")[2].lstrip()) + 2)
        return f"{start}{values}, {_listing(self._tangents, margin)})"

    def __bool__(self) -> bool:
        return bool(plain(self))

    def __format__(self, spec: str) -> str:
        if spec:
            raise TypeError("unsupported format string passed to DualArray.__format__")
        return repr(self)

    def __reduce__(self) -> Any:
        return _restored, (self._values, self._tangents, self._level)

    def __copy__(self) -> DualArray:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> DualArray:
        return self.copy()

    @property
    def _numba_type_(self) -> Any:
        from .compiled.boundary import type_of_batch

        return type_of_batch(self)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if dtype is None or np.dtype(dtype) == object:
            # slow but right: published code begins with np.asarray(x)
            cells = np.empty(self.shape, dtype=object)
            for index in np.ndindex(self.shape):
                cells[index] = self[index]
            return cells
        raise TypeError(
            "a DualArray does not become a plain array: that would lose its derivatives. Use np.zeros_like(x) rather "
            "than np.zeros(n) for an array that is to hold duals, np.stack([x, y]) rather than np.array([x, y]), "
            "x.copy() rather than np.array(x), or x.values for the numbers alone"
        )

    # --- indexing ---

    def __getitem__(self, index: Any) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        values = self._values[index]
        if all(isinstance(part, _BASIC) and not isinstance(part, bool) for part in parts):
            tangents = self._tangents[(slice(None), *parts)]
            view = isinstance(values, (np.ndarray, DualArray))  # x[..., 0] stays an array, x[0] is an element
            return (_array if view else made)(values, tangents, self._level)
        tangents = _lanes_first(_lanes_last(self._tangents)[_all_lanes(parts)])
        return made(packed(values), packed(tangents), self._level)

    def __setitem__(self, index: Any, value: Any) -> None:
        source = operand(value)
        missing = set(levels(source)) - set(levels(self))
        if missing:
            raise TypeError(
                f"an array for duals of (level, number of tangents) {levels(self)} cannot store one of "
                f"{sorted(missing)}: make it with np.zeros_like(x), x being of that kind, or with np.stack"
            )
        tangents: Any = 0.0
        if level_of(source) == self._level:
            source, tangents = source._values, _lanes_last(source._tangents)
        self._values[index] = source
        _lanes_last(self._tangents)[_all_lanes(index if isinstance(index, tuple) else (index,))] = tangents

    # --- NumPy's protocols; they are called with a Dual as self, too ---

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return implementations()[np.ufunc](ufunc, method, *inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if kwargs.get("out") is not None:
            np.copyto(kwargs["out"], function(*args, **{name: x for name, x in kwargs.items() if name != "out"}))
            return kwargs["out"]
        implementation = implementations().get(function)
        if implementation is not None:
            return implementation(*args, **kwargs)
        if function in RULES:
            return implementations()[np.ufunc](function, "__call__", *args, **kwargs)
        raise TypeError(f"{function.__module__}.{function.__name__} is not supported for duals")

    # --- methods that are not functions of NumPy's ---

    def copy(self, order: str = "C") -> DualArray:
        """A copy, in C order."""
        return _array(self._values.copy(), self._tangents.copy(), self._level)

    def astype(self, dtype: Any, copy: bool = True) -> DualArray:
        """A copy with numbers of another type, float64 or float32."""
        dtype = np.dtype(dtype)
        if dtype.char not in "fd":
            raise TypeError(f"a DualArray holds float64 or float32 and does not become {dtype}: use x.values.astype")
        return cast(self, dtype) if dtype != self.dtype else self.copy() if copy else self


Dual.batch = DualArray
Function.on_arrays = staticmethod(lambda function, *arrays: implementations()[Function](function, *arrays))


# --- construction ---------------------------------------------------------------------------


def _array(values: Any, tangents: Any, level: int) -> DualArray:
    self = object.__new__(DualArray)
    self._values = values
    self._tangents = tangents
    self._level = level
    return self


def _restored(values: Any, tangents: Any, level: int) -> DualArray:
    _note_made(level)
    return _array(values, tangents, level)


def made(values: Any, tangents: Any, level: int) -> Any:
    """What an operation returns: a DualArray, or a Dual if its shape is ()."""
    if getattr(values, "ndim", 0):
        return _array(values, tangents, level)
    return _dual(_scalar(values), tuple(tangents), level)


def _scalar(value: Any) -> Any:
    return value[()] if isinstance(value, (np.ndarray, DualArray)) else value


def lift(x: Any, tangents: Any, level: int) -> DualArray:
    """The batch of duals of ``level`` with the values ``x``, shape S, and ``tangents``, shape (N,) + S.

    Both are arrays of floats or batches of lower levels. Where only one of them has tangents of a
    lower level, the other gets zeros, so that every number of the result can hold such a dual.
    """
    tangents = cast(tangents, x.dtype)
    below = union(x, tangents)
    return _array(promoted(x, below), promoted(tangents, below), level)


def as_batch(x: Any) -> Any:
    """``x`` as a DualArray, or as a plain array if there is no dual in it.

    ``x`` is a number, a Dual, an array, or lists, tuples and object arrays of them, nested. Raises
    TypeError for what holds no real numbers, ValueError where shapes differ.
    """
    if isinstance(x, (DualArray, np.ndarray)) and x.dtype != object:
        return x
    if isinstance(x, Dual):
        return _array_of(x)
    if isinstance(x, np.ndarray):
        x = x.tolist() if x.size else np.zeros(x.shape)
    if isinstance(x, (list, tuple)) and level_of(x):
        if all(isinstance(item, Dual) or not hasattr(item, "__len__") for item in x):
            return _row(x)
        return np.stack([as_batch(item) for item in x])
    if isinstance(x, Dual):
        return _array_of(x)
    array = np.asarray(x)
    if array.dtype == object:
        raise TypeError(f"expected real numbers, not {type(x).__name__} of {_first(x)}")
    return array


def operand(x: Any) -> Any:
    """What takes part in an operation, as a DualArray or a plain array."""
    x = as_batch(x)
    if is_masked(x):
        raise TypeError("masked arrays do not mix with duals")
    return x


def _row(numbers: Sequence[Any]) -> Any:
    """A batch of one axis of Duals and plain numbers."""
    level = max(map(level_of, numbers))
    if level == 0:
        return as_batch(np.asarray(numbers))
    duals = [isinstance(x, Dual) and x._level == level for x in numbers]
    lanes = {len(x._tangents) for x, dual in zip(numbers, duals, strict=True) if dual}
    if len(lanes) > 1:
        raise ValueError(f"duals with different numbers of tangents met: {' and '.join(map(str, sorted(lanes)))}")
    none = (0.0,) * lanes.pop()
    values = _row([x._value if dual else x for x, dual in zip(numbers, duals, strict=True)])
    rows = zip(*(x._tangents if dual else none for x, dual in zip(numbers, duals, strict=True)), strict=True)
    lanes_of = [_row(row) for row in rows]
    tangents = np.stack(lanes_of) if lanes_of else np.zeros((0, len(numbers)))
    return lift(_real(values, "values of Duals"), _real(tangents, "tangents of Duals"), level)


def _array_of(x: Dual) -> DualArray:
    if level_of(x._value) or level_of(x._tangents):
        return _row([x]).reshape(())
    values = _real(np.asarray(x._value), "value of a Dual")
    return _array(values, np.array(x._tangents, values.dtype), x._level)


def _first(x: Any) -> str:
    while isinstance(x, (list, tuple, np.ndarray)) and len(x):
        x = x[0]
    return type(x).__name__


def _real(x: Any, what: str) -> Any:
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
    while isinstance(x, DualArray):
        found.append((x._level, len(x._tangents)))
        x = x._values
    return found


def union(*operands: Any) -> list[tuple[int, int]]:
    """The levels of all operands, the highest first."""
    found = sorted({pair for x in operands for pair in levels(x)}, reverse=True)
    if len({level for level, _ in found}) < len(found):
        numbers = " and ".join(str(lanes) for _, lanes in sorted(found))
        raise ValueError(f"duals with different numbers of tangents met: {numbers}")
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
    if isinstance(like, DualArray):
        lanes = len(like._tangents)
        return _array(zeros(shape, like._values), zeros((lanes, *shape), like._values), like._level)
    return np.zeros(shape, like.dtype)


def plain(x: Any) -> Any:
    """The values alone, of all levels, as a plain array."""
    x = as_batch(x)
    while isinstance(x, DualArray):
        x = x._values
    return x


def packed(x: Any) -> Any:
    """``x`` in C order."""
    if isinstance(x, DualArray):
        return _array(packed(x._values), packed(x._tangents), x._level)
    return np.ascontiguousarray(x) if getattr(x, "ndim", 0) else x


def cast(x: Any, dtype: Any) -> Any:
    """``x`` with numbers of type ``dtype``, aligned."""
    if isinstance(x, DualArray):
        return x if x.dtype == dtype else _array(cast(x._values, dtype), cast(x._tangents, dtype), x._level)
    return x if x.dtype == dtype and x.flags.aligned else np.array(x, dtype)


def _freeze(x: Any) -> None:
    if isinstance(x, DualArray):
        _freeze(x._values)
        _freeze(x._tangents)
    else:
        x.flags.writeable = False


def _lanes_last(tangents: Any) -> Any:
    return tangents.transpose(*range(1, tangents.ndim), 0)


def _lanes_first(tangents: Any) -> Any:
    return tangents.transpose(tangents.ndim - 1, *range(tangents.ndim - 1))


def _all_lanes(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    # with the lanes as the last axis an index means the same for tangents as for values
    return (*parts, slice(None) if any(part is ... for part in parts) else ...)


def aligned(tangents: Any, ndim: int) -> Any:
    """Tangents of shape (N,) + S with axes of length 1 put before S, so that they broadcast to ``ndim`` axes."""
    missing = ndim + 1 - tangents.ndim
    return tangents.reshape(tangents.shape[:1] + (1,) * missing + tangents.shape[1:]) if missing > 0 else tangents


def _listing(x: Any, margin: str) -> str:
    if isinstance(x, DualArray):
        return repr(x).replace("\n", "\n" + " " * len(margin))
    return np.array2string(x, separator=", ", prefix=margin)
