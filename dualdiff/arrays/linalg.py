"""Linear algebra on arrays of duals.

The tangent of a result is written with NumPy functions of the matrices below, so that it holds at
every order; it is derived in Giles (2008), "Collected matrix derivative results for forward and
reverse mode algorithmic differentiation", unless another source is named.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..dual.levels import _array, aligned, cast, made, operand, plain, top, zeros
from ..dual.nesting import level_of
from ..rules.special import cosine
from .composed import below, composed
from .dual_array import DualArray
from .linear import _after_lanes, dual_array
from .registry import implements
from .ufuncs import scaled_array


def transposed(x: Any) -> Any:
    """Matrices with their rows and columns exchanged."""
    return np.swapaxes(x, -1, -2)


def pushforward(function: Callable[..., Any]) -> Callable[..., Any]:
    """Enter the decorated tangent of a function of one array: it is given y = f(x), x and dx."""

    def enter(tangent: Callable[..., Any]) -> Callable[..., Any]:
        @implements(function)
        @functools.wraps(function)
        def on_batch(x: Any, *args: Any, **kwargs: Any) -> Any:
            x = dual_array(x)
            y = function(x._values, *args, **kwargs)
            with np.errstate(all="ignore"):
                return made(y, tangent(y, x._values, x._tangents, *args, **kwargs), x._level)

        return tangent

    return enter


# --- equations and determinants -------------------------------------------------------------


@pushforward(np.linalg.inv)
def _inv(y: Any, x: Any, dx: Any) -> Any:
    return -(y @ dx @ y)


@implements(np.linalg.solve)
def _solve(a: Any, b: Any) -> Any:
    # a dy = db - da y
    a, b = operand(a), operand(b)
    level = top(a, b)
    u, du = (a._values, a._tangents) if level_of(a) == level else (a, None)
    v, dv = (b._values, b._tangents) if level_of(b) == level else (b, None)
    y = np.linalg.solve(u, v)
    vector = b.ndim == 1 or (b.ndim == a.ndim - 1 and np.ndim(y) == b.ndim)
    columns, ndim = (y[..., None], np.ndim(y) + 1) if vector else (y, np.ndim(y))
    with np.errstate(all="ignore"):
        right = 0.0
        if dv is not None:
            right = aligned(dv[..., None] if vector else dv, ndim)
        if du is not None:
            right = right - np.matmul(aligned(du, ndim), columns)
        dy = np.linalg.solve(u, right)
        return made(y, dy[..., 0] if vector else dy, level)


@pushforward(np.linalg.det)
def _det(y: Any, x: Any, dx: Any) -> Any:
    # Jacobi: d det(x) = trace(adj(x) dx), which singular matrices have too
    return np.sum(scaled_array(_cofactors(x, y), dx), axis=(-2, -1))


def _cofactors(x: Any, determinant: Any) -> Any:
    """The transposed adjugate. Of small matrices by minors, which are exact where they can be."""
    n = x.shape[-1]
    if n <= 5:
        others = np.array([[j for j in range(n) if j != i] for i in range(n)], dtype=int).reshape(n, max(n - 1, 0))
        minors = x[..., others[:, None, :, None], others[None, :, None, :]]
        signs = (-1.0) ** np.add.outer(range(n), range(n))
        return np.linalg.det(minors) * signs.astype(x.dtype)
    if isinstance(x, DualArray):
        return np.expand_dims(determinant, (-2, -1)) * transposed(np.linalg.inv(x))
    # x = u s v:  adj(x)^T = det(u v) u diag(products of the other s) v
    u, s, v = np.linalg.svd(x)
    products = np.stack([np.prod(np.delete(s, i, axis=-1), axis=-1) for i in range(n)], axis=-1)
    sign = np.linalg.det(u) * np.linalg.det(v)
    return (u * (sign[..., None] * products)[..., None, :]) @ v


@implements(np.linalg.slogdet)
def _slogdet(x: Any) -> Any:
    x = dual_array(x)
    result = np.linalg.slogdet(x._values)
    sign, logarithm = result
    with np.errstate(all="ignore"):
        tangents = np.sum(scaled_array(transposed(_inverse(x._values)), x._tangents), axis=(-2, -1))
    steps = zeros(tangents.shape, x._values)
    return type(result)(made(sign, steps, x._level), made(logarithm, tangents, x._level))


def _inverse(x: Any) -> Any:
    """The inverse, infinite or NaN for a singular matrix."""
    try:
        return np.linalg.inv(x)
    except np.linalg.LinAlgError:
        return np.expand_dims(1 / np.linalg.det(x), (-2, -1)) * transposed(_cofactors(x, np.linalg.det(x)))


@composed(np.linalg.matrix_power)
def _matrix_power(x: Any, n: int) -> Any:
    x = dual_array(x)
    if n < 0:
        x, n = np.linalg.inv(x), -n
    power = zeros(x.shape, x) + _identity(x.shape[-1], x)
    while n:
        power = power @ x if n % 2 else power
        x, n = x @ x, n // 2
    return power


@composed(np.linalg.multi_dot)
def _multi_dot(arrays: Any) -> Any:
    return functools.reduce(np.dot, arrays)


# --- norms ----------------------------------------------------------------------------------


@composed(np.linalg.norm)
def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Of vectors and matrices; at 0 the derivative of a 2-norm is 0, the least-norm subgradient."""
    x = dual_array(x)
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if ord is None or (ord == 2 and len(axes) == 1) or ord == "fro":
        return _euclidean(x, axes, keepdims)
    if len(axes) == 1:
        size = np.abs(x)
        if ord == 0:
            return np.sum(np.sign(size), axis=axes, keepdims=keepdims)
        if abs(ord) == np.inf:
            return (np.max if ord > 0 else np.min)(size, axis=axes, keepdims=keepdims)
        total = np.sum(size if ord == 1 else size**ord, axis=axes, keepdims=keepdims)
        return total if ord == 1 else total ** (1 / ord)
    result = _matrix_norm(np.moveaxis(x, axes, (-2, -1)), ord)
    return np.expand_dims(result, tuple(k % x.ndim for k in axes)) if keepdims else result


def _euclidean(x: DualArray, axes: tuple[int, ...], keepdims: bool) -> Any:
    v, t = x._values, x._tangents
    y = np.sqrt(np.sum(np.square(v), axis=axes, keepdims=True))
    at_kink = plain(y) == 0
    unit = v / np.where(at_kink, 1.0, y)
    if at_kink.any() and level_of(v) > 0:  # there the direction is 0, but how it changes is undefined
        unit = np.where(at_kink, np.sum(cosine(v, v), axis=axes, keepdims=True), unit)
    lanes = _after_lanes(tuple(k % x.ndim for k in axes))
    tangents = np.sum(scaled_array(unit, t), axis=lanes, keepdims=keepdims)
    return made(y if keepdims else np.squeeze(y, axis=axes), tangents, x._level)


def _matrix_norm(x: Any, ord: Any) -> Any:
    if ord in (1, -1, np.inf, -np.inf):
        sums = np.sum(np.abs(x), axis=-2 if abs(ord) == 1 else -1)
        return (np.max if ord > 0 else np.min)(sums, axis=-1)
    s = np.linalg.svd(x, compute_uv=False)
    if ord == "nuc":
        return np.sum(s, axis=-1)
    if ord not in (2, -2):
        raise ValueError("Invalid norm order for matrices.")
    return s[..., 0 if ord > 0 else -1]


# --- factorisations -------------------------------------------------------------------------


def _symmetric(x: Any, triangle: str = "L") -> Any:
    """The symmetric matrix with this triangle, lower or upper, of ``x``: all that some functions read."""
    lower = np.tri(x.shape[-1], dtype=bool)
    return np.where(lower if triangle.upper() == "L" else lower.T, x, transposed(x))


def _triangle(x: Any, diagonal: float) -> Any:
    """The lower triangle, with its diagonal multiplied."""
    n = x.shape[-1]
    return x * (np.tri(n, k=-1, dtype=x.dtype) + diagonal * _identity(n, x))


def _identity(n: int, like: Any) -> np.ndarray:
    return np.eye(n, dtype=like.dtype)


@implements(np.linalg.cholesky)
def _cholesky(x: Any, *, upper: bool = False) -> Any:
    x = dual_array(x)
    if upper:
        return transposed(_cholesky(transposed(x)))
    # with l l^T = x and p = l^-1 dx l^-T:  dl = l (lower triangle of p, half its diagonal)
    y = np.linalg.cholesky(x._values)
    inverse = np.linalg.inv(y)
    middle = inverse @ _symmetric(x._tangents) @ transposed(inverse)
    return _array(y, y @ _triangle(middle, 0.5), x._level)


@implements(np.linalg.qr)
def _qr(x: Any, mode: str = "reduced") -> Any:
    # Walter and Lehmann (2018);  with w the antisymmetric part of q^T dx r^-1:
    # dr = q^T dx - w r,  dq = (dx - q dr) r^-1.  A wide matrix has its left square factored.
    x = dual_array(x)
    if mode not in ("reduced", "r"):
        raise TypeError(f"qr with mode {mode!r} is not supported for duals: use 'reduced' or 'r'")
    result = np.linalg.qr(x._values)
    q, r = result
    n = q.shape[-1]
    dx, inverse = x._tangents, np.linalg.inv(r[..., :n])
    below = _triangle(transposed(q) @ dx[..., :n] @ inverse, 0.0)
    dr = transposed(q) @ dx - (below - transposed(below)) @ r
    dq = (dx[..., :n] - q @ dr[..., :n]) @ inverse
    r = _array(r, np.triu(dr), x._level)
    return r if mode == "r" else type(result)(_array(q, dq, x._level), r)


@implements(np.linalg.eigh)
def _eigh(x: Any, UPLO: str = "L") -> Any:  # noqa: N803
    """Eigenvalues that repeat have those of the projected tangent; their vectors have none, NaN."""
    x = dual_array(x)
    result = np.linalg.eigh(x._values, UPLO)
    w, v = result
    middle = transposed(v) @ _symmetric(x._tangents, UPLO) @ v
    gaps = w[..., None, :] - w[..., :, None]
    with np.errstate(all="ignore"):
        mixing = np.where(np.eye(w.shape[-1], dtype=bool), 0.0, middle / np.where(_repeated(w), np.nan, gaps))
    return type(result)(_array(w, _eigenvalue_tangents(w, middle), x._level), _array(v, v @ mixing, x._level))


@implements(np.linalg.eigvalsh)
def _eigvalsh(x: Any, UPLO: str = "L") -> Any:  # noqa: N803
    x = dual_array(x)
    values, _ = _eigh(x, UPLO)
    return _array(np.linalg.eigvalsh(x._values, UPLO), values._tangents, x._level)


def _repeated(w: Any) -> np.ndarray:
    """Which pairs of eigenvalues or singular values are equal to rounding."""
    w = plain(w)
    largest = np.max(np.abs(w), axis=-1, initial=0.0)[..., None, None]
    return np.abs(w[..., None, :] - w[..., :, None]) <= 8 * w.shape[-1] * np.finfo(w.dtype).eps * largest


def _eigenvalue_tangents(w: Any, middle: Any) -> Any:
    """The diagonal of ``middle``, or the eigenvalues of its blocks where those of ``w`` repeat (Lancaster 1964)."""
    tangents = np.diagonal(middle, axis1=-2, axis2=-1).copy()
    same = _repeated(w)
    for place in np.ndindex(same.shape[:-2]):
        for start, stop in _clusters(same[place]):
            block = middle[(slice(None), *place, slice(start, stop), slice(start, stop))]
            known = np.all(np.isfinite(plain(block)), axis=(-2, -1))  # of others LAPACK's raise
            found = np.linalg.eigvalsh(np.where(known[..., None, None], block, 0.0))
            tangents[(slice(None), *place, slice(start, stop))] = np.where(known[..., None], found, np.nan)
    return tangents


def _clusters(same: np.ndarray) -> list[tuple[int, int]]:
    """The stretches of two or more neighbours that are the same."""
    breaks = [0, *(np.flatnonzero(~np.diagonal(same, 1)) + 1), len(same)]
    return [(a, b) for a, b in itertools.pairwise(breaks) if b - a > 1]


@implements(np.linalg.eig)
def _eig(x: Any) -> Any:
    """Of matrices whose eigenvalues are real. One that repeats has no derivative, nor has its vector: NaN."""
    x = dual_array(x)
    result = np.linalg.eig(x._values)
    w, v = result
    _only_real(np.linalg.eig, w)
    with np.errstate(all="ignore"):
        middle = _inverse(v) @ x._tangents @ v
        diagonal = np.eye(w.shape[-1], dtype=bool)
        repeated = _repeated(w)
        lonely = np.all(~repeated | diagonal, axis=-1)
        dw = np.where(lonely, np.diagonal(middle, axis1=-2, axis2=-1), np.nan)
        gaps = np.where(repeated, np.nan, w[..., None, :] - w[..., :, None])
        dv = v @ np.where(diagonal, 0.0, middle / gaps)
        dv = dv - v * np.sum(v * dv, axis=-2, keepdims=True)  # the vectors keep their length
    return type(result)(_array(w, dw, x._level), _array(v, dv, x._level))


@implements(np.linalg.eigvals)
def _eigvals(x: Any) -> Any:
    x = dual_array(x)
    w, _ = _eig(x)
    return _array(np.linalg.eigvals(x._values), w._tangents, x._level)


def _only_real(function: Callable[..., Any], numbers: Any) -> None:
    if np.iscomplexobj(plain(numbers)):
        raise TypeError(f"{function.__name__} of duals: the result is complex, and duals are real numbers")


@implements(np.roots)
def _roots(p: Any) -> Any:
    """Real roots, by the implicit function theorem: dr = -dp(r) / p'(r)."""
    p = dual_array(p)
    r = np.roots(p._values)
    _only_real(np.roots, r)
    with np.errstate(all="ignore"):
        change = zeros((len(p._tangents), len(r)), r)
        for coefficient in np.moveaxis(p._tangents, -1, 0):
            change = change * r + coefficient[:, None]
        return _array(r, cast(change / -np.polyval(np.polyder(p._values), r), r.dtype), p._level)


@implements(np.linalg.svd)
def _svd(x: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Singular values that repeat, or are 0: as eigenvalues of ``eigh``; their vectors are NaN."""
    x = dual_array(x)
    if hermitian or (compute_uv and full_matrices and x.shape[-1] != x.shape[-2]):
        raise TypeError("svd of duals takes full_matrices=False, unless the matrix is square, and no hermitian=True")
    result = np.linalg.svd(x._values, full_matrices=False)
    u, s, vt = result
    v, dx = transposed(vt), x._tangents
    middle = transposed(u) @ dx @ v
    symmetric = (middle + transposed(middle)) / 2
    ds = -_eigenvalue_tangents(-s, -symmetric)
    if not compute_uv:
        return _array(np.linalg.svd(x._values, compute_uv=False), ds, x._level)
    with np.errstate(all="ignore"):
        column, row = s[..., :, None], s[..., None, :]
        gaps = np.where(_repeated(s), np.nan, (row - column) * (row + column))
        turn = np.where(np.eye(s.shape[-1], dtype=bool), 0.0, 1 / gaps)
        du = u @ (turn * (middle * row + column * transposed(middle)))
        dv = v @ (turn * (column * middle + transposed(middle) * row))
        du = du + (dx @ v - u @ (transposed(u) @ dx @ v)) / row if u.shape[-2] > u.shape[-1] else du
        dv = dv + (transposed(dx) @ u - v @ (vt @ transposed(dx) @ u)) / row if v.shape[-2] > v.shape[-1] else dv
    return type(result)(_array(u, du, x._level), _array(s, ds, x._level), _array(vt, transposed(dv), x._level))


@pushforward(np.linalg.pinv)
def _pinv(y: Any, x: Any, dx: Any, *cutoff: Any, **options: Any) -> Any:
    # Golub and Pereyra (1973), for a rank that does not change
    outer = _identity(x.shape[-2], x) - x @ y
    inner = _identity(x.shape[-1], x) - y @ x
    dxt = transposed(dx)
    return -(y @ dx @ y) + y @ transposed(y) @ dxt @ outer + inner @ dxt @ transposed(y) @ y


@implements(np.linalg.lstsq)
def _lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """The rank is that of the values."""
    a, b = operand(a), operand(b)
    level = top(a, b)
    x, residuals, rank, s = np.linalg.lstsq(below(a, level), below(b, level), rcond)
    x = _array(x, (np.linalg.pinv(a) @ b)._tangents, level)
    if residuals.size:
        squares = np.sum(np.square(a @ x - b), axis=0, keepdims=b.ndim == 1)
        residuals = _array(residuals, squares._tangents, level)
    if level_of(a) == level:
        s = _array(s, np.linalg.svd(a, compute_uv=False)._tangents, level)
    return x, residuals, rank, s


@implements(np.linalg.tensorsolve)
def _tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    a, b = operand(a), operand(b)
    if axes is not None:
        raise TypeError("np.linalg.tensorsolve of duals takes axes=None: transpose a before")
    shape = a.shape[b.ndim :]
    return np.linalg.solve(a.reshape((b.size, -1)), b.reshape(-1)).reshape(shape)


@implements(np.linalg.tensorinv)
def _tensorinv(a: Any, ind: int = 2) -> Any:
    a = operand(a)
    before, after = a.shape[:ind], a.shape[ind:]
    return np.linalg.inv(a.reshape((int(np.prod(before)), -1))).reshape((*after, *before))


for _name in ("outer", "vecdot"):  # NumPy 2 has them in linalg, too
    if hasattr(np.linalg, _name):
        implements(getattr(np.linalg, _name))(getattr(np, _name))
if hasattr(np.linalg, "svdvals"):
    implements(np.linalg.svdvals)(lambda x: np.linalg.svd(x, compute_uv=False))
