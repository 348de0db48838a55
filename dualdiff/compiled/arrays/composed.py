"""NumPy functions on arrays of duals that are made of others, inside compiled code."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload, overload_attribute, overload_method

from ...generated import function_from
from ...rules.array_functions import of_kind
from ..dual.layout import new_array
from ..dual.types import CALLED, DualArrayType, DualType, is_dual, is_number, level_of_type
from ..numba_internals import TypingError
from .joining import array, elements, outputs
from .loops import (
    applies,
    assign,
    copied,
    flat,
    is_dual_array,
    is_numeric,
    lane_of,
    lane_view,
    line,
    values_of,
    values_view,
)
from .products import lanes, revalued
from .teaching import bare, common, compiled, implements, is_none

# --- functions of the table -----------------------------------------------------------------


def _teach_composed(function: Any, definition: Any) -> None:
    parameters = str(inspect.signature(definition))[1:-1]
    names = ", ".join(inspect.signature(definition).parameters)
    text = f"def typed({parameters}):\n    return definition if any(map(level_of_type, ({names},))) else None\n"
    implements(function)(function_from(text, {"definition": definition, "level_of_type": level_of_type}))


for _function, _entry in of_kind("composed").items():
    _teach_composed(_function, _entry.definition)

# --- powers, eigenvalues and condition of any matrix, and roots of polynomials -------------


@implements(np.linalg.matrix_power)
def _matrix_power(a, n):
    if not is_dual_array(a):
        return None

    def by_squares(a, n):
        # in the order of Numba's own, so that the values have its bits
        x = np.linalg.inv(a) if n < 0 else copied(a)
        n = abs(n)
        if n == 3:
            return np.dot(np.dot(x, x), x)
        power = np.zeros_like(x)
        for i in range(len(x)):
            power[i, i] = 1.0
        first = True
        while n > 0:
            if n % 2:
                power = x if first else np.dot(power, x)
                first = False
            n //= 2
            if n > 0:
                x = np.dot(x, x)
        return power

    return by_squares


@implements(np.linalg.cond)
def _cond(a, p=None):
    if not is_dual_array(a):
        return None
    result = types.TypeRef(a.dtype)
    by_values = is_none(p)

    def quotient(a, p=None):
        order = 2 if by_values else p
        if abs(order) == 2:
            s = np.linalg.svd(a, False)[1]
            c = s[0] / s[len(s) - 1] if order > 0 else s[len(s) - 1] / s[0]
        else:
            c = np.linalg.norm(a, order) * np.linalg.norm(np.linalg.inv(a), order)
        out = new_array(1, result)
        out[0] = c
        return revalued(out, np.linalg.cond(values_of(a), p))[0]

    return quotient


@compiled
def _near_another(w):
    """Which pairs of eigenvalues are equal to rounding; of numbers."""
    n = len(w)
    largest = np.max(np.abs(w)) if n > 0 else 0.0
    out = np.zeros((n, n), np.bool_)
    for i in range(n):
        for j in range(n):
            out[i, j] = i != j and abs(w[i] - w[j]) <= 8 * n * np.finfo(w.dtype).eps * largest
    return out


@implements(np.linalg.eig)
def _eig(a):
    """Real ones, as Numba's. One that repeats has no derivative, nor has its vector: NaN."""
    if not is_dual_array(a):
        return None
    result = types.TypeRef(a.dtype)

    def factored(a):
        w, v = np.linalg.eig(values_of(a))
        w, v = copied(w), copied(v)
        n = len(w)
        duals_w, duals_v = new_array(w.shape, result), new_array(v.shape, result)
        equal = _near_another(bare(w))
        inverse = np.linalg.inv(v)
        for k in range(lanes(a)):
            middle = np.dot(np.dot(inverse, lane_of(a, k)), v)
            slopes = copied(w)
            for i in range(n):
                slopes[i] = middle[i, i] * (np.nan if np.any(equal[i]) else 1.0)
            for i in range(n):
                for j in range(n):
                    middle[i, j] = 0.0 if i == j else middle[i, j] * (np.nan if equal[i, j] else 1.0) / (w[j] - w[i])
            turned = np.dot(v, middle)
            for j in range(n):  # the vectors keep their length
                along = np.sum(v[:, j] * turned[:, j])
                for i in range(n):
                    turned[i, j] -= v[i, j] * along
            assign(lane_view(duals_w, k), slopes)
            assign(lane_view(duals_v, k), turned)
        return revalued(duals_w, w), revalued(duals_v, v)

    return factored


@implements(np.linalg.eigvals)
def _eigvals(a):
    if not is_dual_array(a):
        return None
    return lambda a: revalued(np.linalg.eig(a)[0], np.linalg.eigvals(values_of(a)))


@implements(np.roots)
def _roots(p):
    """Real ones, as Numba's: by the implicit function theorem, dr = -dp(r) / p'(r)."""
    if not is_dual_array(p):
        return None
    result = types.TypeRef(p.dtype)

    def found(p):
        x = values_of(p)
        r = copied(np.roots(x))
        duals = new_array(r.shape, result)
        for k in range(lanes(p)):
            dp = lane_of(p, k)
            steps = copied(r)
            for i in range(len(r)):
                change, slope = dp[0], 0.0 * x[0]
                value = x[0]
                for j in range(1, len(x)):
                    slope = slope * r[i] + value
                    value = value * r[i] + x[j]
                    change = change * r[i] + dp[j]
                steps[i] = -change / slope
            assign(lane_view(duals, k), steps)
        return revalued(duals, r)

    return found


# --- both results of a division -------------------------------------------------------------


@implements(np.divmod)
def _divmod(a, b):
    if level_of_type(a) or level_of_type(b):
        return lambda a, b: (a // b, a % b)
    return None


# --- vectors and matrices -------------------------------------------------------------------


@compiled
def _cross_of(a, b, out):
    if a.size != 3 or b.size != 3:
        raise ValueError("cross takes vectors of 3 numbers")
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]


@implements(np.cross)
def _cross(a, b):
    if not (isinstance(a, types.Array) and isinstance(b, types.Array) and applies(a, b)):
        return None
    result = common(a.dtype, b.dtype)
    if a.ndim == b.ndim == 1:

        def of_vectors(a, b):
            out = new_array(3, result)
            _cross_of(a, b, out)
            return out

        return of_vectors
    wide = a.ndim >= b.ndim

    def of_rows(a, b):
        shape = a.shape if wide else b.shape
        if a.ndim == b.ndim and a.shape != b.shape:
            raise ValueError("operands could not be broadcast together")
        out = new_array(shape, result)
        for i in range(out.size // 3):
            _cross_of(line(a, a.ndim - 1, i), line(b, b.ndim - 1, i), line(out, out.ndim - 1, i))
        return out

    return of_rows


@implements(np.trace, method="trace")
def _trace(a, offset=0):
    if not (is_dual_array(a) and a.ndim == 2):
        return None

    def of_matrix(a, offset=0):
        total = 0.0
        for i in range(max(-offset, 0), min(a.shape[0], a.shape[1] - offset)):
            total += a[i, i + offset]
        return total

    return of_matrix


@implements(np.fill_diagonal)
def _fill_diagonal(a, val):
    if not (is_dual_array(a) and a.ndim == 2 and is_numeric(val)):
        return None
    if not isinstance(val, types.Array):

        def with_number(a, val):
            for i in range(min(a.shape)):
                a[i, i] = val

        return with_number

    def with_array(a, val):
        cells = flat(copied(val))
        for i in range(min(a.shape)):
            a[i, i] = cells[i % cells.size]

    return with_array


# --- sequences ------------------------------------------------------------------------------


@implements(np.ediff1d)
def _ediff1d(ary, to_end=None, to_begin=None):
    parts = (to_begin, ary, to_end)
    given = [t for t in parts if not is_none(t)]
    if not (is_dual_array(ary) and all(isinstance(t, types.Array) and is_numeric(t) for t in given)):
        return None
    cells = "".join(
        f"{text}, "
        for t, text in zip(parts, ("to_begin.ravel()", "np.diff(ary.ravel())", "to_end.ravel()"), strict=True)
        if not is_none(t)
    )
    text = f"def differences(ary, to_end=None, to_begin=None):\n    return np.concatenate(({cells}))"
    return function_from(text, {"np": np})


@implements(np.unwrap)
def _unwrap(p):
    if not is_dual_array(p):
        return None

    def by_whole_turns(p):
        out = copied(p)
        assign(values_view(out), np.unwrap(values_of(p)))  # what is added does not depend on p
        return out

    return by_whole_turns


@implements(np.polynomial.polynomial.polyval)
def _polyval(x, c):
    if not (isinstance(c, types.Array) and c.ndim == 1 and is_numeric(x) and (level_of_type(x) or level_of_type(c))):
        return None

    def by_horner(x, c):
        y = c[c.size - 1] + x * 0.0
        for i in range(c.size - 2, -1, -1):
            y = c[i] + y * x
        return y

    return by_horner


# --- real numbers ---------------------------------------------------------------------------


def _teach_parts(kind: Any, applies: Any, zero: Any) -> None:
    overload_attribute(kind, "real", jit_options=CALLED)(lambda x: lambda x: x)
    overload_attribute(kind, "imag", jit_options=CALLED)(lambda x: zero)
    implements(np.real)(lambda val: (lambda val: val) if applies(val) else None)
    implements(np.imag)(lambda val: (lambda val: val.imag) if applies(val) else None)
    implements(np.iscomplexobj)(lambda x: (lambda x: False) if applies(x) else None)
    implements(np.isrealobj)(lambda x: (lambda x: True) if applies(x) else None)


_teach_parts(DualType, is_dual, lambda x: 0.0)
_teach_parts(DualArrayType, is_dual_array, lambda x: np.zeros(x.shape))


@implements(np.conjugate, method="conj")
def _conjugate(x):
    if is_dual_array(x):
        return lambda x: copied(x)
    return (lambda x: x) if is_dual(x) else None


overload_method(DualArrayType, "conjugate", jit_options=CALLED)(_conjugate)
overload_method(DualType, "conjugate", jit_options=CALLED)(_conjugate)


@implements(np.asarray_chkfinite)
def _asarray_chkfinite(a):
    if not is_dual_array(a):
        return None

    def checked(a):
        for i in range(a.size):
            if not np.isfinite(a.flat[i]):
                raise ValueError("array must not contain infs or NaNs")
        return a

    return checked


@implements(np.asarray)
def _asarray(a, dtype=None):
    if not (is_none(dtype) and isinstance(a, (types.BaseTuple, types.List)) and level_of_type(a)):
        return None
    return (lambda a, dtype=None: outputs(a)) if all(is_dual(t) or is_number(t) for t in elements(a)) else None


# --- conversions ----------------------------------------------------------------------------


def _number_type(dtype: Any) -> Any:
    return dtype.instance_type if isinstance(dtype, types.NumberClass) else getattr(dtype, "dtype", None)


@overload_method(DualArrayType, "astype", jit_options=CALLED)
def _astype(a, dtype):
    number = _number_type(dtype)
    if not isinstance(number, types.Float):
        return lambda a, dtype: bare(a).astype(dtype)
    result = types.TypeRef(a.dtype if is_dual(a.dtype.base) else a.dtype.with_base(number))

    def to_floats(a, dtype):
        out = new_array(a.shape, result)
        assign(out, a)
        return out

    return to_floats


@overload_method(DualArrayType, "view", jit_options=CALLED)
def view(a, dtype):
    """The array seen with another type: that of the numbers in it is its own."""
    number = a.dtype
    while is_dual(number):
        number = number.base
    if _number_type(dtype) != number:
        raise TypingError("the memory of duals as that of numbers")
    return lambda a, dtype: a


# --- lists and tuples of numbers where NumPy takes anything like an array -------------------


def _is_like(ty: Any) -> bool:
    """Whether it is the type of a list or a tuple of numbers, perhaps duals."""
    if not isinstance(ty, (types.BaseTuple, types.List)):
        return False
    return len(elements(ty)) > 0 and all(is_dual(t) or is_number(t) for t in elements(ty))


def _teach_array_likes(function: Any, parameters: str, numbers: bool = False) -> None:
    """Teach a function, of arrays of these names, to lists and tuples; and to numbers, as arrays of one."""
    names = parameters.split(", ")

    def decide(*argtypes: Any) -> Any:
        likes = [_is_like(t) or (numbers and (is_dual(t) or is_number(t))) for t in argtypes]
        others = [t for like, t in zip(likes, argtypes, strict=True) if not like]
        known = all(isinstance(t, types.Array) or is_dual(t) or is_number(t) for t in others)
        if not (known and any(likes) and any(level_of_type(t) for t in argtypes)):
            return None
        cells = [
            name if not like else f"array({name})" if _is_like(t) else f"array(({name},))"
            for name, t, like in zip(names, argtypes, likes, strict=True)
        ]
        text = f"def on_arrays({parameters}):\n    return function({', '.join(cells)})\n"
        return function_from(text, {"function": function, "array": array})

    text = f"def typed({parameters}):\n    return decide({parameters})\n"
    overload(function, jit_options=CALLED, target="cpu")(function_from(text, {"decide": decide}))


for _function in (np.cross, np.outer, np.kron):
    _teach_array_likes(_function, "a, b")
_teach_array_likes(np.convolve, "a, v")
_teach_array_likes(np.correlate, "a, v")
_teach_array_likes(np.interp, "x, xp, fp")
_teach_array_likes(np.append, "arr, values", numbers=True)
