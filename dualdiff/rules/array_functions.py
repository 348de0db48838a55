"""NumPy's functions of arrays: what each does to tangents, said once for both ways to run it.

The interpreted way (``arrays``) and the compiled way (``compiled.arrays``) go through this table. To add a function,
enter it here by one of the verbs:

``values``    looks at the values alone: what it returns, indices or truth values, has no derivative.
``views``     gives a view of its array, or may give one; tangents move with their values.
``moves``     puts elements elsewhere, in new memory; tangents move with their values.
``linear``    is linear in its array; on tangents it is the same function, lane by lane.
``jointly``   is linear in several arrays taken together.
``product``   is linear in each of several arrays, and so follows the product rule.
``composed``  is made of other functions, in text that Python and Numba both run.
``apart``     is written out for each way, since no text serves both.
``unasked``   does not ask its arguments in NumPy, so that only compiled code has it.

Where a file of either way implements a function of its own, that goes before what the table would make of it: it is
faster, or has a convention of its own. ``compiled`` says how ``@njit`` code comes by the function: it is TAUGHT here;
or NUMBA's own serves, since it does with duals what it does with any elements; or there is NONE in Numba.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

TAUGHT, NUMBA, NONE = "taught", "numba", "none"


class ArrayFunction(NamedTuple):
    """What is known of a function."""

    kind: str
    compiled: str
    returns: str = ""  # of one that looks at the values alone: why that has no derivative
    parameters: str = ""  # the same: those that Numba knows, as it declares them
    is_method: bool = False  # the same: of arrays in compiled code
    definition: Callable[..., Any] | None = None  # of a composed one
    is_view: bool = False  # whether the result may share memory with the argument


ARRAY_FUNCTIONS: dict[Any, ArrayFunction] = {}
"""The table."""


def of_kind(*kinds: str) -> dict[Any, ArrayFunction]:
    """The functions of these kinds."""
    return {function: entry for function, entry in ARRAY_FUNCTIONS.items() if entry.kind in kinds}


def values(
    function: Callable[..., Any], returns: str, parameters: str = "", is_method: bool = False, compiled: str = NONE
) -> None:
    """Enter a function of the values alone; with ``parameters``, as Numba declares them, it is taught by them."""
    compiled = TAUGHT if parameters else compiled
    ARRAY_FUNCTIONS[function] = ArrayFunction("values", compiled, returns, parameters, is_method)


def views(*functions: Callable[..., Any], compiled: str) -> None:
    """Enter functions that may give a view."""
    ARRAY_FUNCTIONS.update(dict.fromkeys(functions, ArrayFunction("moves", compiled, is_view=True)))


def moves(*functions: Callable[..., Any], compiled: str) -> None:
    """Enter functions that put elements elsewhere."""
    ARRAY_FUNCTIONS.update(dict.fromkeys(functions, ArrayFunction("moves", compiled)))


def linear(*functions: Callable[..., Any], compiled: str) -> None:
    """Enter linear functions of an array."""
    ARRAY_FUNCTIONS.update(dict.fromkeys(functions, ArrayFunction("linear", compiled)))


def jointly(*functions: Callable[..., Any], compiled: str) -> None:
    """Enter linear functions of several arrays taken together."""
    ARRAY_FUNCTIONS.update(dict.fromkeys(functions, ArrayFunction("jointly", compiled)))


def product(*functions: Callable[..., Any], compiled: str) -> None:
    """Enter functions that are linear in each of several arrays."""
    ARRAY_FUNCTIONS.update(dict.fromkeys(functions, ArrayFunction("product", compiled)))


def composed(function: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function that the decorated one computes."""

    def enter(definition: Callable[..., Any]) -> Callable[..., Any]:
        ARRAY_FUNCTIONS[function] = ArrayFunction("composed", TAUGHT, definition=definition)
        return definition

    return enter


def apart(*functions: Callable[..., Any], compiled: str) -> None:
    """Enter functions that are written out for each way."""
    ARRAY_FUNCTIONS.update(dict.fromkeys(functions, ArrayFunction("apart", compiled)))


def unasked(*functions: Callable[..., Any]) -> None:
    """Enter functions that NumPy itself never hands over."""
    ARRAY_FUNCTIONS.update(dict.fromkeys(functions, ArrayFunction("unasked", TAUGHT)))


def _known(*names: str) -> list[Any]:
    """The functions of these names that this version of NumPy has."""
    return [getattr(np, name) for name in names if hasattr(np, name)]


# --- what looks at the values alone ---------------------------------------------------------

values(np.argmax, "indices", "a, axis=None", is_method=True)
values(np.argmin, "indices", "a, axis=None", is_method=True)
values(np.nanargmax, "indices", "a")
values(np.nanargmin, "indices", "a")
values(np.argsort, "indices", "a, kind='quicksort'", is_method=True)
values(np.argpartition, "indices", "a, kth")
values(np.lexsort, "indices")
values(np.argwhere, "indices")
values(np.searchsorted, "indices", "a, v, side='left'")
values(np.digitize, "indices")
values(np.nonzero, "indices", "a", is_method=True)
values(np.flatnonzero, "indices", "a")
values(np.count_nonzero, "a count", "a")
values(np.any, "truth values", "a", is_method=True)
values(np.all, "truth values", "a", is_method=True)
values(np.allclose, "a truth value", "a, b, rtol=1e-05, atol=1e-08, equal_nan=False")
values(np.isclose, "truth values")
values(np.array_equal, "a truth value", "a1, a2")
values(np.array_equiv, "a truth value")
values(np.isin, "truth values")
values(np.isneginf, "truth values")
values(np.isposinf, "truth values")
values(np.iscomplexobj, "a truth value", compiled=TAUGHT)
values(np.isrealobj, "a truth value", compiled=TAUGHT)
values(np.imag, "zero: duals are real", compiled=TAUGHT)
values(np.shares_memory, "a truth value")
values(np.shape, "a shape", compiled=NUMBA)
values(np.size, "a count", compiled=NUMBA)
values(np.ndim, "a count")
values(np.result_type, "a type")
values(np.linalg.matrix_rank, "a count", "A, tol=None")

# --- what moves elements --------------------------------------------------------------------

views(np.transpose, np.swapaxes, np.moveaxis, np.expand_dims, np.reshape, np.ravel, compiled=NUMBA)
views(np.atleast_1d, np.atleast_2d, np.atleast_3d, np.broadcast_to, np.broadcast_arrays, compiled=NUMBA)
views(np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit, compiled=NUMBA)
views(np.flip, np.flipud, np.fliplr, np.rot90, np.diag, compiled=NUMBA)
views(np.real, compiled=TAUGHT)
views(np.squeeze, np.diagonal, *_known("matrix_transpose"), compiled=NONE)
moves(np.roll, np.copy, np.take, np.take_along_axis, np.delete, compiled=NUMBA)
moves(np.repeat, np.partition, compiled=TAUGHT)
moves(np.tile, np.pad, compiled=NONE)

# --- linear functions -----------------------------------------------------------------------

linear(np.sum, np.mean, np.cumsum, np.diff, np.trace, compiled=TAUGHT)
linear(np.tril, np.triu, compiled=NUMBA)

jointly(np.concatenate, np.stack, np.vstack, np.hstack, np.column_stack, np.append, np.where, compiled=TAUGHT)
jointly(np.dstack, np.select, compiled=NUMBA)
jointly(*(f for f in _known("row_stack") if f is not np.vstack), compiled=TAUGHT)

product(np.dot, np.vdot, np.outer, np.convolve, np.correlate, np.cross, compiled=TAUGHT)
product(np.kron, compiled=NUMBA)
product(np.matmul, np.inner, np.tensordot, np.einsum, *_known("vecdot", "matvec", "vecmat"), compiled=NONE)

# --- functions that are made of others ------------------------------------------------------


@composed(np.nancumsum)
def nancumsum(a):  # type: ignore[no-untyped-def]
    """The running sums, NaN being 0."""
    return np.cumsum(np.where(np.isnan(a), 0.0, a))


@composed(np.nancumprod)
def nancumprod(a):  # type: ignore[no-untyped-def]
    """The running products, NaN being 1."""
    return np.cumprod(np.where(np.isnan(a), 1.0, a))


@composed(np.extract)
def extract(condition, arr):  # type: ignore[no-untyped-def]
    """The elements where a condition holds, in one row."""
    return arr.flatten()[np.nonzero(condition.flatten())[0]]


@composed(np.vander)
def vander(x, N=None, increasing=False):  # type: ignore[no-untyped-def]  # noqa: N803 (NumPy's name)
    """The powers of each number in a row."""
    n = x.size if N is None else N
    if n < 0:
        raise ValueError("Negative dimensions are not allowed")
    out = np.repeat(x, n).reshape((x.size, n))
    for j in range(n):
        k, last = (j, j - 1) if increasing else (n - 1 - j, n - j)
        if j == 0:
            out[:, k] = 1.0
        else:
            out[:, k] = x * out[:, last]
    return out


@composed(np.logspace)
def logspace(start, stop, num=50):  # type: ignore[no-untyped-def]
    """Numbers between powers of ten, their exponents at equal distances."""
    return np.power(10.0, np.linspace(start, stop, num))


@composed(np.geomspace)
def geomspace(start, stop, num=50):  # type: ignore[no-untyped-def]
    """Numbers with equal ratios."""
    if start == 0 or stop == 0:
        raise ValueError("Geometric sequence cannot include zero")
    sign = -1.0 if start < 0 and stop < 0 else 1.0
    out = np.logspace(np.log10(sign * start), np.log10(sign * stop), num)
    out *= sign
    if num > 0:
        out[0] = start
    if num > 1:
        out[num - 1] = stop
    return out


# --- functions that are written out for each way --------------------------------------------

apart(np.prod, np.var, np.std, np.max, np.min, np.ptp, np.median, np.cumprod, compiled=TAUGHT)
apart(np.amax, np.amin, compiled=NUMBA)  # it calls max and min
apart(np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin, np.nanmedian, compiled=TAUGHT)
apart(np.percentile, np.quantile, np.nanpercentile, np.nanquantile, np.cov, np.corrcoef, np.bincount, compiled=TAUGHT)
apart(np.ediff1d, np.unwrap, np.unique, np.roots, np.linalg.eig, np.linalg.eigvals, compiled=TAUGHT)
apart(np.sort, np.clip, np.interp, np.round, np.around, np.nan_to_num, np.linspace, np.fill_diagonal, compiled=TAUGHT)
apart(np.divmod, np.conjugate, np.ldexp, compiled=TAUGHT)
apart(np.average, *_known("trapezoid", "trapz"), compiled=NUMBA)
apart(np.zeros_like, np.ones_like, np.empty_like, np.full_like, compiled=NUMBA)
apart(np.gradient, np.polyfit, np.poly, np.polyadd, np.polysub, np.polymul, np.polyder, np.polyint, compiled=NONE)
apart(np.piecewise, np.apply_along_axis, np.block, np.meshgrid, np.insert, np.resize, np.diagflat, compiled=NONE)
apart(np.choose, np.compress, np.put, np.place, np.putmask, np.put_along_axis, compiled=NONE)
apart(np.trim_zeros, np.linalg.cond, compiled=TAUGHT)
apart(*_known("cumulative_sum", "cumulative_prod", "unstack", "astype"), compiled=NONE)
apart(np.linalg.tensorsolve, np.linalg.tensorinv, compiled=NONE)
apart(*(getattr(np.linalg, name) for name in ("outer", "vecdot", "svdvals") if hasattr(np.linalg, name)), compiled=NONE)
apart(np.copyto, np.polyval, np.modf, np.fix, np.histogram, np.i0, compiled=NONE)
apart(np.linalg.det, np.linalg.slogdet, np.linalg.inv, np.linalg.pinv, np.linalg.solve, compiled=TAUGHT)
apart(np.linalg.eigh, np.linalg.eigvalsh, np.linalg.svd, np.linalg.qr, np.linalg.cholesky, compiled=TAUGHT)
apart(np.linalg.norm, np.linalg.matrix_power, np.linalg.lstsq, compiled=TAUGHT)
apart(np.linalg.multi_dot, compiled=NONE)

unasked(np.array, np.asarray, np.asarray_chkfinite, np.arange, np.polynomial.polynomial.polyval)
