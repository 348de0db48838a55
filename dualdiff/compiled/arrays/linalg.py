"""Linear algebra of arrays of duals inside compiled code.

The value of every result is that of NumPy's function of the values, which Numba hands to LAPACK; the tangents
follow, lane by lane, from the differential identities in Giles (2008), "Collected matrix derivative results for
forward and reverse mode algorithmic differentiation". Where the values are duals themselves, the functions called
here are again those of this file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from ...generated import for_compiled_code, function_from
from ..dual.arithmetic import pushforward
from ..dual.layout import new_array
from ..dual.types import CALLED
from .loops import (
    assign,
    contiguous,
    copied,
    expanded,
    flat,
    is_dual_array,
    lane_of,
    lane_view,
    values_of,
    values_view,
)
from .products import active, are_arrays, kind_of_product, lanes, revalued, text_of_values, written
from .reductions import undefined
from .teaching import bare, compiled, implements, is_none

# --- functions of one matrix with a matrix as result ----------------------------------------


def _teach_pushforward(function: Any, lane: Any, option: str = "") -> None:
    """Teach y = f(x): ``lane(y, x, dx)`` is its tangent; ``option`` is another parameter that only y depends on."""
    lane = compiled(lane)

    def typed(a: Any) -> Any:
        if not is_dual_array(a):
            return None
        result = types.TypeRef(a.dtype)

        def on_matrix(a, y):
            x = values_of(a)
            out = new_array(y.shape, result)
            for k in range(lanes(a)):
                assign(lane_view(out, k), lane(y, x, lane_of(a, k)))
            return revalued(out, y)

        scope = {"on_matrix": compiled(on_matrix), "function": function, "values_of": values_of}
        passed = option.split("=")[0]
        text = f"def on(a{option}):\n    return on_matrix(a, function(values_of(a){passed}))\n"
        return function_from(text, scope)

    implements(function)(function_from(f"def parsed(a{option}):\n    return typed(a)\n", {"typed": typed}))


@compiled
def _symmetric(x):
    """The symmetric matrix with the lower triangle of ``x``: all that some functions read."""
    out = copied(x)
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            out[i, j] = x[j, i]
    return out


@compiled
def _triangle(x, diagonal):
    """The lower triangle, with its diagonal multiplied."""
    out = copied(x)
    for i in range(len(x)):
        out[i, i] = x[i, i] * diagonal
        for j in range(i + 1, x.shape[1]):
            out[i, j] = 0.0
    return out


@compiled
def _between(a, x, b):
    """a x b."""
    return np.dot(np.dot(a, x), b)


def _inverse_lane(y, x, dx):
    return -_between(y, dx, y)


def _cholesky_lane(y, x, dx):
    # with y y^T = x and p = y^-1 dx y^-T:  dy = y (lower triangle of p, half its diagonal)
    inverse = np.linalg.inv(y)
    return np.dot(y, _triangle(_between(inverse, _symmetric(dx), copied(inverse.T)), 0.5))


def _pinv_lane(y, x, dx):
    # Golub and Pereyra (1973), for a rank that does not change
    yt, dxt = copied(y.T), copied(dx.T)
    misfit = dxt - np.dot(dxt, np.dot(x, y))
    rest = dxt - np.dot(np.dot(y, x), dxt)
    return np.dot(np.dot(y, yt), misfit) - _between(y, dx, y) + np.dot(np.dot(rest, yt), y)


_teach_pushforward(np.linalg.inv, _inverse_lane)
_teach_pushforward(np.linalg.cholesky, _cholesky_lane)
_teach_pushforward(np.linalg.pinv, _pinv_lane, ", rcond=1e-15")


@compiled
def _refined(inverse, u, right):
    """The solution of u x = right, refined once (Higham 2002, chapter 12): the inverse alone leaves a residual."""
    x = np.dot(inverse, right)
    return x + np.dot(inverse, right - np.dot(u, x))


@implements(np.linalg.solve)
def _solve(a, b):
    # a dy = db - da y; by the inverse, lane by lane: in one call for all lanes together, the bits of
    # a lane would depend on how many there are
    if not are_arrays(a, b) or a.ndim != 2 or b.ndim > 2:
        return None
    by_a, by_b = active(a, b)
    right = " - ".join(["lane_of(b, k)" if by_b else "0.0"] + ["np.dot(lane_of(a, k), y)"] * by_a)
    column = "{}" if b.ndim == 2 else "expanded({}, 1)"
    kind = kind_of_product(a, b)
    return written(
        [
            f"u, v = {text_of_values('a', by_a)}, {text_of_values('b', by_b)}",
            # a vector is solved as a matrix, lest Numba compile its function for both
            f"solution = np.linalg.solve(u, contiguous({column.format('v')}))",
            f"y = {'solution' if b.ndim == 2 else 'flat(solution)'}",
            "out = new_array(y.shape, result)",
            "n = lanes(out)",
            "inverse = np.linalg.inv(u)",
            "for k in range(n):",
            f"    assign(lane_view(out, k), _refined(inverse, u, {right}))",
            "assign(values_view(out), y)",
            "return out",
        ],
        result=types.TypeRef(kind),
        _refined=_refined,
    )


# --- functions with a number as result ------------------------------------------------------


@compiled
def _gathered(y, partials, a, out):
    """The dual with value y and, as tangents, the sum of the partials times those of a; ``out`` has room for it."""
    assign(out, 0.0)
    zero = values_view(out)[0]
    p, x = flat(copied(partials)), flat(copied(a))
    total = out[0]
    for i in range(x.size):
        total += pushforward(zero, p[i], x[i])
    out[0] = total
    return revalued(out, y)[0]


@compiled
def _minor(x, i, j):
    """The matrix without row i and column j."""
    n = len(x) - 1
    out = copied(x[:n, :n])
    for r in range(n):
        for c in range(n):
            out[r, c] = x[r + (r >= i), c + (c >= j)]
    return out


@compiled
def _by_minors(x):
    out = copied(x)
    for i in range(len(x)):
        for j in range(len(x)):
            minor = np.linalg.det(_minor(x, i, j)) if len(x) > 1 else x[0, 0] * 0.0 + 1.0
            out[i, j] = -minor if (i + j) % 2 else minor
    return out


_cofactors = for_compiled_code("cofactors", "x, determinant")
"""The transposed adjugate. Of small matrices by minors, which are exact where they can be."""


@overload(_cofactors, jit_options=CALLED)
def _typed_cofactors(x, determinant):
    if is_dual_array(x):
        return lambda x, determinant: _by_minors(x) if len(x) <= 5 else determinant * np.linalg.inv(x).T

    def of_numbers(x, determinant):
        if len(x) <= 5:
            return _by_minors(x)
        # x = u s v:  adj(x)^T = det(u v) u diag(products of the other s) v
        u, s, v = np.linalg.svd(x)
        sign = np.linalg.det(u) * np.linalg.det(v)
        for i in range(len(s)):
            others = sign
            for j in range(len(s)):
                if j != i:
                    others *= s[j]
            u[:, i] *= others
        return np.dot(u, v)

    return of_numbers


@implements(np.linalg.det)
def _det(a):
    if not is_dual_array(a):
        return None
    result = types.TypeRef(a.dtype)

    def jacobi(a):
        # Jacobi: d det(x) = trace(adj(x) dx), which singular matrices have too
        x = values_of(a)
        y = np.linalg.det(x)
        return _gathered(y, _cofactors(x, y), a, new_array(1, result))

    return jacobi


@implements(np.linalg.slogdet)
def _slogdet(a):
    if not is_dual_array(a):
        return None
    result = types.TypeRef(a.dtype)

    def by_inverse(a):
        x = values_of(a)
        sign, logarithm = np.linalg.slogdet(x)
        if sign == 0.0:
            determinant = np.linalg.det(x)
            partials = _cofactors(x, determinant) * (1.0 / determinant)
        else:
            partials = copied(np.linalg.inv(x).T)
        constant = new_array(1, result)
        assign(constant, sign)
        return constant[0], _gathered(logarithm, partials, a, new_array(1, result))

    return by_inverse


@compiled
def _vector_norm(x, ord):
    size = np.abs(x)
    if ord == np.inf:
        return np.max(size)
    if ord == -np.inf:
        return np.min(size)
    if ord == 0:
        return np.sum(np.sign(size))
    return np.sum(size) if ord == 1 else np.sum(size**ord) ** (1.0 / ord)


@compiled
def _matrix_norm(x, ord):
    if abs(ord) == 2:
        s = np.linalg.svd(x, False)[1]
        return s[0] if ord > 0 else s[len(s) - 1]
    sums = np.sum(np.abs(x), 0 if abs(ord) == 1 else 1)
    return np.max(sums) if ord > 0 else np.min(sums)


@implements(np.linalg.norm)
def _norm(x, ord=None):
    """At 0 the derivative of a 2-norm is 0, the least-norm subgradient."""
    if not is_dual_array(x):
        return None
    result = types.TypeRef(x.dtype)

    @compiled
    def euclidean(x, y):
        v = values_of(x)
        unit = v / y if y != 0.0 else v * 0.0 + undefined(flat(v))
        return _gathered(y, unit, x, new_array(1, result))

    if is_none(ord):
        return lambda x, ord=None: euclidean(x, np.linalg.norm(values_of(x)))
    other = _vector_norm if x.ndim == 1 else _matrix_norm
    two = x.ndim == 1

    def of_order(x, ord=None):
        y = np.linalg.norm(values_of(x), ord)
        if two and ord == 2:
            return euclidean(x, y)
        out = new_array(1, result)
        out[0] = other(x, ord)
        return revalued(out, y)[0]

    return of_order


# --- factorisations -------------------------------------------------------------------------


@implements(np.linalg.qr)
def _qr(a):
    # Walter and Lehmann (2018);  with w the antisymmetric part of q^T dx r^-1:
    # dr = q^T dx - w r,  dq = (dx - q dr) r^-1.  A wide matrix has its left square factored.
    if not is_dual_array(a):
        return None
    result = types.TypeRef(a.dtype)

    def factored(a):
        x = values_of(a)
        q, r = np.linalg.qr(x)
        q, r = contiguous(q), contiguous(r)
        n = q.shape[1]
        duals_q, duals_r = new_array(q.shape, result), new_array(r.shape, result)
        inverse, qt = np.linalg.inv(copied(r[:, :n])), copied(q.T)
        for k in range(lanes(a)):
            dx = lane_of(a, k)
            below = _triangle(_between(qt, copied(dx[:, :n]), inverse), 0.0)
            dr = np.dot(qt, dx) - np.dot(below - below.T, r)
            for i in range(n):
                for j in range(i):
                    dr[i, j] = 0.0
            assign(lane_view(duals_r, k), dr)
            assign(lane_view(duals_q, k), np.dot(copied(dx[:, :n]) - np.dot(q, copied(dr[:, :n])), inverse))
        return revalued(duals_q, q), revalued(duals_r, r)

    return factored


@compiled
def _repeated(w):
    """Which eigenvalues or singular values are equal, to rounding, to the one before; of numbers."""
    out = np.zeros(len(w), np.bool_)
    largest = np.max(np.abs(w)) if len(w) > 0 else 0.0
    for i in range(1, len(w)):
        out[i] = abs(w[i] - w[i - 1]) <= 8 * len(w) * np.finfo(w.dtype).eps * largest
    return out


@compiled
def _same(repeated, i, j):
    same = True
    for k in range(min(i, j) + 1, max(i, j) + 1):
        same &= repeated[k]
    return same


@compiled
def _eigenvalue_tangents(repeated, middle):
    """The diagonal of ``middle``, or the eigenvalues of its blocks where values repeat (Lancaster 1964)."""
    n = len(repeated)
    out = copied(middle[0]) if n > 0 else flat(copied(middle))
    start = 0
    while start < n:
        stop = start + 1
        while stop < n and repeated[stop]:
            stop += 1
        if stop == start + 1:
            out[start] = middle[start, start]
        elif not np.all(np.isfinite(bare(copied(middle[start:stop, start:stop])))):  # LAPACK's raise
            out[start:stop] = np.nan
        else:
            out[start:stop] = np.linalg.eigvalsh(copied(middle[start:stop, start:stop]))
        start = stop
    return out


@implements(np.linalg.eigh)
def _eigh(a):
    """Eigenvalues that repeat have those of the projected tangent; their vectors have none, NaN."""
    if not is_dual_array(a):
        return None
    result = types.TypeRef(a.dtype)

    def factored(a):
        x = values_of(a)
        w, v = np.linalg.eigh(x)
        v = copied(v)
        duals_w, duals_v = new_array(w.shape, result), new_array(v.shape, result)
        repeated = _repeated(bare(w))
        for k in range(lanes(a)):
            middle = _between(copied(v.T), _symmetric(lane_of(a, k)), v)
            assign(lane_view(duals_w, k), _eigenvalue_tangents(repeated, middle))
            for i in range(len(w)):
                for j in range(len(w)):
                    middle[i, j] = (
                        0.0 if i == j else middle[i, j] * (np.nan if _same(repeated, i, j) else 1.0) / (w[j] - w[i])
                    )
            assign(lane_view(duals_v, k), np.dot(v, middle))
        return revalued(duals_w, w), revalued(duals_v, v)

    return factored


@implements(np.linalg.eigvalsh)
def _eigvalsh(a):
    if not is_dual_array(a):
        return None
    return lambda a: revalued(np.linalg.eigh(a)[0], np.linalg.eigvalsh(values_of(a)))


@compiled
def _turns(s, middle, repeated, left):
    """How singular vectors turn into each other."""
    out = copied(middle)
    for i in range(len(s)):
        for j in range(len(s)):
            if i == j:
                out[i, j] = 0.0
            else:
                gap = (s[j] - s[i]) * (s[j] + s[i]) * (np.nan if _same(repeated, i, j) else 1.0)
                out[i, j] = (
                    middle[i, j] * s[j] + s[i] * middle[j, i] if left else s[i] * middle[i, j] + middle[j, i] * s[j]
                ) / gap
    return out


@compiled
def _outside(basis, dx, other, s):
    """The part of the tangent of singular vectors that leaves their span."""
    step = np.dot(dx, other)
    return (step - np.dot(basis, np.dot(copied(basis.T), step))) / s


@implements(np.linalg.svd)
def _svd(a, full_matrices=1):
    """Singular values that repeat, or are 0: as eigenvalues of ``eigh``; their vectors are NaN."""
    if not is_dual_array(a):
        return None
    result = types.TypeRef(a.dtype)

    def factored(a, full_matrices=1):
        m, n = a.shape
        if full_matrices and m != n:
            raise ValueError("svd of duals takes full_matrices=False, unless the matrix is square")
        u, s, vt = np.linalg.svd(values_of(a), full_matrices)
        u, vt = copied(u), copied(vt)
        v, ut = copied(vt.T), copied(u.T)
        duals_u, duals_s = new_array(u.shape, result), new_array(s.shape, result)
        duals_vt = new_array(vt.shape, result)
        repeated = _repeated(bare(s))
        for k in range(lanes(a)):
            dx = lane_of(a, k)
            middle = _between(ut, dx, v)
            assign(lane_view(duals_s, k), -_eigenvalue_tangents(repeated, (middle + middle.T) / -2.0))
            du = np.dot(u, _turns(s, middle, repeated, True))
            dv = np.dot(v, _turns(s, middle, repeated, False))
            if m > n:
                du += _outside(u, dx, v, s)
            if n > m:
                dv += _outside(v, copied(dx.T), u, s)
            assign(lane_view(duals_u, k), du)
            assign(lane_view(duals_vt, k), dv.T)
        return revalued(duals_u, u), revalued(duals_s, s), revalued(duals_vt, vt)

    return factored


@implements(np.linalg.lstsq)
def _lstsq(a, b, rcond=-1.0):
    """The rank is that of the values."""
    if not are_arrays(a, b) or a.ndim != 2:
        return None
    total = compiled((lambda x: np.sum(x * x, 0)) if b.ndim == 2 else (lambda x: np.sum(expanded(x * x, 1), 0)))
    left, right = (values_of if by else contiguous for by in active(a, b))
    by_a, _ = active(a, b)
    singular = compiled((lambda a, s: revalued(np.linalg.svd(a, False)[1], s)) if by_a else (lambda a, s: s))

    def fitted(a, b, rcond=-1.0):
        y, total_y, rank, s = np.linalg.lstsq(left(a), right(b), rcond)
        x = revalued(np.dot(np.linalg.pinv(a), b), y)
        residuals = total(np.dot(a, x) - b)[: len(total_y)]
        return x, revalued(residuals, total_y), rank, singular(a, s)

    return fitted
