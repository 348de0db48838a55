"""The methods of NumPy's arrays that are NumPy functions called in another way, for DualArray to inherit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..dual.refusals import refused

_POWERS = {-1: np.reciprocal, 0.5: np.sqrt, 1: np.positive, 2: np.square}
"""What NumPy computes for these exponents."""


class ArrayMethods(NDArrayOperatorsMixin):
    """Operators and methods of an array in terms of its indexing and of NumPy functions of it."""

    __slots__ = ()

    @property
    def real(self) -> Any:
        """The array itself."""
        return self

    def __pow__(self, exponent: Any) -> Any:
        if isinstance(exponent, (int, float, np.number)) and exponent in _POWERS:
            return _POWERS[exponent](self)
        return np.power(self, exponent)

    def __ipow__(self, exponent: Any) -> Any:
        self[...] = self**exponent
        return self

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())

    # --- conversions, which never lose a derivative silently ---

    def __float__(self) -> float:
        raise refused("a DualArray", "a float")

    def __int__(self) -> int:
        raise TypeError("a DualArray does not become an int: use x.values for the numbers alone")

    def __complex__(self) -> complex:
        raise TypeError("a DualArray is real and does not become complex")

    def tolist(self) -> Any:
        """Nested lists of Duals."""
        return [row.tolist() if isinstance(row, ArrayMethods) else row for row in self] if self.ndim else self[()]

    def item(self, *index: Any) -> Any:
        """The element at ``index``, which may be omitted if there is but one."""
        if index:
            return self[index] if len(index) > 1 else self.reshape(-1)[index]
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a scalar")
        return self.reshape(-1)[0]

    # --- in place ---

    def fill(self, value: Any) -> None:
        """Set all elements."""
        self[...] = value

    def sort(self, axis: int = -1, kind: Any = None) -> None:
        """Sort in place."""
        self[...] = np.sort(self, axis, kind)


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: ArrayMethods, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__ = function.__name__
    method.__doc__ = f"``np.{function.__name__}``."
    return method


for _function in (
    *(np.all, np.any, np.argmax, np.argmin, np.argsort, np.clip, np.cumprod, np.cumsum, np.diagonal, np.dot),
    *(np.max, np.mean, np.min, np.nonzero, np.prod, np.ravel, np.repeat, np.round, np.searchsorted, np.squeeze),
    *(np.std, np.sum, np.swapaxes, np.take, np.trace, np.var),
):
    setattr(ArrayMethods, _function.__name__, _method(_function))
