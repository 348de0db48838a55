"""DualArray: an array of duals, as an array of values and one array of tangents.

NumPy's functions reach it by two protocols, and both are look-ups: elementwise functions in the
rule table, all others in ``FUNCTIONS``.

Level by level a function of duals is the function of their values, and a linear map of their
tangents. Both parts may themselves be arrays of a lower level, so each function is said once, for
one level, in terms of NumPy functions, which bring it to the levels below.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..dual.levels import (
    ArrayOfDuals,
    _array,
    _restored,
    as_dual_array,
    as_floats,
    cast,
    levels,
    lift,
    made,
    operand,
    packed,
    plain,
)
from ..dual.nesting import level_of, note_made
from ..dual.number import Dual
from ..dual.refusals import refused
from ..rules.function import Function, KnownToNumba
from ..rules.table import RULES
from .methods import ArrayMethods
from .registry import CREATION, implementations

_BASIC = (slice, int, np.integer, type(None), type(...))


class DualArray(ArrayOfDuals, ArrayMethods, KnownToNumba):
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

    __slots__ = ()

    def __new__(cls, values: Any, tangents: Any) -> DualArray:
        values = as_floats(as_dual_array(values), "values").copy()
        tangents = as_floats(as_dual_array(tangents), "tangents").copy()
        if tangents.shape[1:] != values.shape or not tangents.ndim:
            raise ValueError(
                f"for values of shape {values.shape} the tangents have that shape after an axis for the N tangents; "
                f"their shape is {tangents.shape}"
            )
        level = 1 + max(level_of(values), level_of(tangents))
        note_made(level)
        return lift(values, tangents, level)

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

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if dtype is None or np.dtype(dtype) == object:
            # slow but right: published code begins with np.asarray(x)
            cells = np.empty(self.shape, dtype=object)
            for index in np.ndindex(self.shape):
                cells[index] = self[index]
            return cells
        raise refused("a DualArray", "a plain array")

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
        if function in CREATION:
            return CREATION[function](self, *args, **kwargs)
        if implementation is not None:
            try:
                return implementation(*args, **kwargs)
            except TypeError as error:
                unknown = re.search("unexpected keyword argument ('.+')", str(error))
                if unknown is None:
                    raise
                name = f"{function.__module__}.{function.__name__}"
                raise TypeError(f"{name} of duals does not take the argument {unknown[1]}") from None
        if function in RULES:
            return implementations()[np.ufunc](function, "__call__", *args, **kwargs)
        raise TypeError(f"{function.__module__}.{function.__name__} is not supported for duals")

    # --- shapes, by the shortest way, and copies ---

    @property
    def T(self) -> DualArray:  # noqa: N802
        """The transposed view."""
        return implementations()[np.transpose](self)

    def reshape(self, *shape: Any, order: str = "C") -> DualArray:
        """``np.reshape``; the new shape is a tuple or several numbers."""
        return implementations()[np.reshape](self, shape[0] if len(shape) == 1 else shape, order=order)

    def transpose(self, *axes: Any) -> DualArray:
        """``np.transpose``; the axes are a tuple or several numbers."""
        if len(axes) == 1 and not isinstance(axes[0], int):
            (axes,) = axes
        return implementations()[np.transpose](self, axes or None)

    def flatten(self, order: str = "C") -> DualArray:
        """A copy in one row."""
        return implementations()[np.ravel](self, order=order).copy()

    def copy(self, order: str = "C") -> DualArray:
        """A copy, in C order."""
        return _array(self._values.copy(), self._tangents.copy(), self._level)

    def astype(self, dtype: Any, copy: bool = True) -> DualArray:
        """A copy with numbers of another type, float64 or float32."""
        dtype = np.dtype(dtype)
        if dtype.char not in "fd":
            raise TypeError(f"a DualArray holds float64 or float32 and does not become {dtype}: use x.values.astype")
        return cast(self, dtype) if dtype != self.dtype else self.copy() if copy else self


Dual._array_class = DualArray
Function.on_arrays = staticmethod(lambda function, *arrays: implementations()[Function](function, *arrays))


# --- parts of the methods ---


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


def _listing(x: Any, margin: str) -> str:
    if isinstance(x, DualArray):
        return repr(x).replace("\n", "\n" + " " * len(margin))
    return np.array2string(x, separator=", ", prefix=margin)
