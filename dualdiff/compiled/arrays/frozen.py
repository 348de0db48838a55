"""What Numba lets write to an array that is read-only, or forgets about: for arguments that are frozen it may not.

A store is refused when it is lowered, not when types are inferred: Numba would take its own meaning of the function.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from ..dual.freezing import is_frozen
from ..dual.types import CALLED, FrozenArray
from ..numba_internals import TypingError
from .teaching import teach


def _refused(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    raise TypingError("a store into an argument that nobody may write to")


def _store_by_flat(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    if isinstance(array, types.NumpyFlatType) and is_frozen(array.array_type):
        return types.none(array, index, value), _refused
    return None


def _fill_diagonal(typingctx: Any, a: Any, val: Any) -> Any:
    return (types.none(a, val), _refused) if isinstance(a, FrozenArray) else None


def _fill_diagonal_wrapped(typingctx: Any, a: Any, val: Any, wrap: Any) -> Any:
    return (types.none(a, val, wrap), _refused) if isinstance(a, FrozenArray) else None


def _nan_to_num(typingctx: Any, x: Any, copy: Any) -> Any:
    return (x(x, copy), _refused) if isinstance(x, FrozenArray) else None


def _nan_to_num_by(typingctx: Any, x: Any, copy: Any, nan: Any) -> Any:
    return (x(x, copy, nan), _refused) if isinstance(x, FrozenArray) else None


teach(operator.setitem, _store_by_flat)
teach(np.fill_diagonal, _fill_diagonal)
teach(np.fill_diagonal, _fill_diagonal_wrapped)
teach(np.nan_to_num, _nan_to_num)
teach(np.nan_to_num, _nan_to_num_by)


def _remember(function: Any, layout: str) -> None:
    """Numba gives the array itself where it has that layout, and then as one that may be written to."""

    @overload(function, jit_options=CALLED, target="cpu")
    def in_order(a):
        if not (isinstance(a, types.Array) and is_frozen(a)):
            return None
        if a.layout == layout or a.ndim == 0:
            return lambda a: a
        return (lambda a: a.copy()) if layout == "C" else (lambda a: a.T.copy().T)


_remember(np.ascontiguousarray, "C")
_remember(np.asfortranarray, "F")
