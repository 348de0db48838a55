"""``vmap``: functions and derivatives of one sample, evaluated for batches of samples."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..calls.arguments import as_callable
from ..calls.threads import number_of_threads
from ..calls.trees import as_results, flat
from ..dual.levels import as_dual_array, is_masked
from ..dual.nesting import level_of
from .interpreted import on_samples


def vmap(g: Callable[..., Any], in_axes: Any = 0, threads: int | None = None) -> Callable[..., Any]:
    """A function of one sample, evaluated for a batch of them.

    An ``@njit`` function, or a derivative of one, becomes a compiled loop over the samples, in threads if that pays.
    Where a sample is of numbers alone, as in f(S, K, T, r, sigma), and f makes numbers of them, the loop uses the
    vector unit across samples, with vector functions for exp, sin and the like where the machine has them (see
    ``show_config``). Such a loop does not stop: a division by zero makes infinity or NaN in it, where f alone raises
    ZeroDivisionError.

    A Python function is called for each sample. A derivative of one by numbers is first tried on all samples at once,
    with an object in the place of each number that allows for what treats all samples alike, elementwise functions and
    ``np.where``, and refuses all else: branches, sums, indices. So an elementwise NumPy function costs a few passes
    over memory, and any other one Python's time per sample.

    Parameters
    ----------
    g : a function of numbers and arrays: ``gradient(f)``, ``jacobian(f)``, ``derivative(f)``, their ``value_and_``
        forms, or any other function that returns numbers, arrays, or tuples of them.
    in_axes : which axis of the arguments counts the samples: an int for all arguments, or a tuple with an int for each
        argument, or None for one that is the same for all samples.
    threads : how many threads may be used at most; by default ``DUALDIFF_NUM_THREADS``, or one for each processor.
        The result is the same to the bit.

    Returns
    -------
    A function with the positional parameters of g, whose results are those of g stacked along a new first axis. Its
    keyword ``out`` takes arrays of the shapes and types of the results, which are written to and returned. For a batch
    without samples g may be called with ones, and zeros for integers, to see the shapes of its results.

    Raises
    ------
    TypeError : g is no function or takes another number of arguments, or an argument is not real.
    ValueError : an argument lacks its axis, lengths of axes differ, ``out`` does not fit, or f returns arrays of
        different shapes for different samples; and as g does.
    CompilationError : g is of an ``@njit`` function that cannot be compiled.

    >>> import numpy as np
    >>> from dualdiff import derivative
    >>> slope = derivative(lambda x, k: np.sin(k * x))
    >>> vmap(slope, in_axes=(0, None))(np.zeros(3), 2.0)
    array([2., 2., 2.])
    """
    return Batched(g, in_axes, threads)


class Batched:
    """What ``vmap`` returns: it can be pickled if g can."""

    def __init__(self, g: Callable[..., Any], in_axes: Any, threads: int | None) -> None:
        self._g = as_callable(g, "vmap")
        self._in_axes = _as_axes(in_axes)
        self._threads = threads
        number_of_threads(threads)  # tells what is wrong now
        functools.update_wrapper(self, g, updated=())

    def __reduce__(self) -> Any:
        return vmap, (self._g, self._in_axes, self._threads)

    def __repr__(self) -> str:
        return f"<batches of {getattr(self._g, '__name__', repr(self._g))}>"

    def __call__(self, *args: Any, out: Any = None) -> Any:
        axes = self._in_axes if isinstance(self._in_axes, tuple) else (self._in_axes,) * len(args)
        if len(axes) != len(args):
            raise ValueError(f"in_axes has {len(axes)} entries for {len(args)} arguments")
        if all(axis is None for axis in axes):
            why = "in_axes has only None" if axes else "there are no arguments"
            raise ValueError(f"at least one argument must have an axis of samples: {why}")
        arguments = [_moved(x, axis, i) for i, (x, axis) in enumerate(zip(args, axes, strict=True))]
        batched = [axis is not None for axis in axes]
        n = _length(arguments, batched, args)
        if _is_compiled(self._g) and not level_of(arguments):
            from ..compiled.batches.batch import batch

            return batch(self._g).evaluated(arguments, batched, n, number_of_threads(self._threads), out)
        result = on_samples(self._g, arguments, batched, n)
        return result if out is None else _copied(result, out)


def _is_compiled(g: Any) -> bool:
    if "numba" not in sys.modules:
        return False
    from ..compiled.transforms.driver import is_compiled

    return is_compiled(g)


def _as_axes(in_axes: Any) -> Any:
    if isinstance(in_axes, (tuple, list)):
        return tuple(_as_axes_of_one(axis) for axis in in_axes)
    return _as_axes_of_one(in_axes)


def _as_axes_of_one(axis: Any) -> int | None:
    if axis is None or (hasattr(axis, "__index__") and not isinstance(axis, bool)):
        return axis if axis is None else int(axis)
    raise TypeError(f"in_axes must be an int, None, or a tuple of them, not {axis!r}")


def _moved(x: Any, axis: int | None, i: int) -> Any:
    """An argument with its axis of samples in front."""
    if axis is None:
        return x
    if level_of(x):
        array = as_dual_array(x)
    else:
        if is_masked(x):
            raise TypeError(f"argument {i} is a masked array: pass its data, or x.filled(...)")
        array = np.asarray(x)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"argument {i} must be an array of real numbers, not of {array.dtype}")
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"argument {i} has shape {array.shape}: it has no axis {axis} of samples")
    return np.moveaxis(array, axis, 0) if axis else array


def _length(arguments: Sequence[Any], batched: Sequence[bool], given: Sequence[Any]) -> int:
    lengths = {len(x) for x, is_batched in zip(arguments, batched, strict=True) if is_batched}
    if len(lengths) > 1:
        shapes = ", ".join(str(np.shape(x)) for x, is_batched in zip(given, batched, strict=True) if is_batched)
        raise ValueError(
            f"the arguments have different numbers of samples: their shapes are {shapes}; one that is the same for all "
            f"samples has None in in_axes, as in in_axes=(0, None)"
        )
    return lengths.pop()


def _copied(result: Any, out: Any) -> Any:
    """``out``, with the results in it."""
    for array, r in zip(as_results(out, result), flat(result), strict=True):
        array[...] = r
    return out
