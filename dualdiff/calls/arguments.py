"""What may be passed as the argument to differentiate by, and as a chunk or an argument number."""

from __future__ import annotations

import functools
import operator
import os
from typing import Any

import numpy as np

from ..dual.levels import is_masked
from ..dual.nesting import level_of

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def as_input(x: Any, name: str) -> Any:
    """``x`` as a float or as a contiguous, native array of float32 or float64 that may be written to.

    Integers become float64. Duals pass as they are.

    Raises
    ------
    TypeError : for every other type, naming the argument and its dtype.
    """
    if level_of(x) > 0 or type(x) is float or type(x) is np.float64:
        return x
    if is_masked(x):
        raise TypeError(f"{name} is a masked array: pass its data, or x.filled(...)")
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool):
        return float(x)
    if not isinstance(x, (np.ndarray, np.generic, list, tuple, float)) and not hasattr(x, "__array__"):
        raise TypeError(f"{name} must be a real number or an array of them, not {type(x).__name__}")
    array = np.asarray(x)
    if array.dtype.kind in "iu" or (array.size == 0 and isinstance(x, (list, tuple))):
        array = array.astype(np.float64)
    dtype = array.dtype.newbyteorder("=")
    if dtype not in _FLOATS:
        raise TypeError(
            f"{name} has dtype {array.dtype}: derivatives are taken by float64 or float32 (integers become float64)"
        )
    if array.ndim == 0:
        return array.astype(dtype)[()]
    if array.flags.carray and array.dtype.isnative:
        return array
    return np.array(array, dtype=dtype, order="C")


def as_argnums(argnums: Any, name: str = "argnums") -> int | tuple[int, ...]:
    """Argument numbers, checked: an int or a non-empty tuple of different ints."""
    if isinstance(argnums, (tuple, list)):
        if not argnums or len(set(argnums)) < len(argnums):
            raise ValueError(f"{name} must name at least one argument, each once, not {argnums!r}")
        return tuple(_as_index(i, name) for i in argnums)
    return _as_index(argnums, name)


def _as_index(i: Any, name: str) -> int:
    if isinstance(i, (bool, np.ndarray)) or not hasattr(i, "__index__"):
        shown = "an array" if isinstance(i, np.ndarray) else repr(i)
        raise TypeError(
            f"{name} must be an int or a tuple of ints, not {shown}: "
            "the point is an argument of what is returned, as in gradient(f)(x)"
        )
    return operator.index(i)


def as_chunk(chunk: Any) -> int | None:
    """A chunk, checked: None or a positive int."""
    if chunk is None:
        return None
    if isinstance(chunk, bool) or not hasattr(chunk, "__index__") or operator.index(chunk) < 1:
        raise ValueError(f"chunk must be a positive integer or None, not {chunk!r}")
    return operator.index(chunk)


def as_callable(f: Any, transform: str) -> Any:
    """``f`` if it can be called."""
    if not callable(f):
        raise TypeError(f"{transform} expects a function, not {type(f).__name__}")
    return f


def one_sample(x: Any) -> np.ndarray:
    """A sample like those of a batch that has none, to see what f makes of it: ones, or 0 for what may be indices."""
    return np.full((1, *x.shape[1:]), x.dtype.kind == "f", x.dtype)


@functools.cache
def physical_memory() -> int | None:
    """The bytes of memory of this machine; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def check_memory(size: int, what: str) -> None:
    """Raise a MemoryError for a dense result of ``size`` bytes that cannot fit into this machine's memory."""
    total = physical_memory()
    if total is not None and size > total:
        raise MemoryError(
            f"the dense {what} takes {size / 2**30:.3g} GiB, this machine has {total / 2**30:.3g}: "
            "use sparse_jacobian, or jvp for its products with vectors"
        )
