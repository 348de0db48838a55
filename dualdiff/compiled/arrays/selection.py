"""What chooses among elements of arrays of duals inside compiled code, and what looks at their values alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload, overload_method

from ...generated import for_compiled_code, function_from
from ...rules.array_functions import of_kind
from ..dual.arithmetic import constant_like
from ..dual.layout import new_array
from ..dual.types import CALLED, OPTIONS, DualArrayType, is_dual, is_number, level_of_type
from .loops import applies, assign, copied, element, elementwise, flat, is_dual_array, is_numeric, line
from .teaching import bare, common, compiled, implements, is_none, teach

# --- what looks at the values alone ---------------------------------------------------------


def _teach_value_only(function: Any, parameters: str, method: str = "") -> None:
    """Teach a function that is applied to the values; Numba wants some of its arguments as constants."""
    names = [parameter.partition("=")[0].strip() for parameter in parameters.split(",")]

    def write(*arguments: Any) -> Any:
        if not any(level_of_type(t) for t in arguments):
            return None
        given = []
        for name, t in zip(names, arguments, strict=True):
            if isinstance(t, (types.StringLiteral, types.IntegerLiteral)):
                given.append(f"{name}={t.literal_value!r}")
            elif isinstance(t, types.Type) and not isinstance(t, types.Omitted):
                argument = f"bare({name})" if is_numeric(t) else name
                given.append(argument if len(given) == names.index(name) else f"{name}={argument}")
        text = f"def on_values({parameters}):\n    return function({', '.join(given)})"
        return function_from(text, scope)

    scope = {"function": function, "bare": bare, "write": write}
    typed = function_from(f"def typed({parameters}):\n    return write({', '.join(names)})", scope)
    implements(function, method=method, prefer_literal=True)(typed)


for _numpys, _entry in of_kind("values").items():
    if _entry.parameters:
        _teach_value_only(_numpys, _entry.parameters, _numpys.__name__ * _entry.is_method)


# --- selection ------------------------------------------------------------------------------


@implements(np.sort)
def _sort(a):
    if not is_dual_array(a):
        return None

    def on_lines(a):
        out = copied(a)
        out.sort()
        return out

    return on_lines


@overload_method(DualArrayType, "sort", jit_options=CALLED)
def _sort_in_place(a):
    def on_lines(a):
        axis = a.ndim - 1
        for i in range(a.size // max(a.shape[axis], 1)):
            row = line(a, axis, i)
            unsorted = copied(row)
            order = np.argsort(bare(unsorted), kind="mergesort")
            for j in range(order.size):
                row[j] = unsorted[order[j]]

    return on_lines


@implements(np.partition)
def _partition(a, kth):
    if not is_dual_array(a):
        return None

    def on_lines(a, kth):
        out = copied(a)
        axis = a.ndim - 1
        for i in range(a.size // max(a.shape[axis], 1)):
            row, unsorted = line(out, axis, i), line(a, axis, i)
            order = np.argpartition(bare(copied(unsorted)), kth)
            for j in range(order.size):
                row[j] = unsorted[order[j]]
        return out

    return on_lines


_chosen = for_compiled_code("chosen", "condition, x, y")


@overload(_chosen, jit_options=OPTIONS)
def _choose(condition, x, y):
    return lambda condition, x, y: x if condition else y


def _where(typingctx: Any, condition: Any, x: Any, y: Any) -> Any:
    if applies(condition, x, y) or (applies(x, y) and is_numeric(condition)):
        return elementwise(typingctx, _chosen, (condition, x, y))
    return None


teach(np.where, _where)


@implements(np.where)
def _where_of_numbers(condition, x, y):
    if isinstance(condition, types.Array) or not any(map(is_dual, (x, y))):
        return None
    if all(is_dual(t) or is_number(t) for t in (x, y)):
        return lambda condition, x, y: x if condition else y
    return None


@implements(np.clip, method="clip")
def _clip(a, a_min, a_max, out=None):
    given = [t for t in (a, a_min, a_max, out) if not is_none(t)]
    if not applies(*given) or (is_none(a_min) and is_none(a_max)):
        return None
    clipped = "a" if is_none(a_min) else "np.maximum(a, a_min)"
    clipped = clipped if is_none(a_max) else f"np.minimum({clipped}, a_max)"
    lines = f"return {clipped}" if is_none(out) else f"assign(out, {clipped})\n    return out"
    text = f"def between(a, a_min, a_max, out=None):\n    {lines}"
    return function_from(text, {"np": np, "assign": assign})


@compiled
def _between_points(x, xp, fp):
    """Between the points as NumPy; at a point the derivative is that from the right."""
    n = len(xp)
    zero = 0.0 * (x + xp[0] + fp[0])
    j = np.searchsorted(bare(xp), bare(x), side="right") - 1
    if np.isnan(x):
        return x + zero
    if j < 0:
        return fp[0] + zero
    if j >= n - 1:
        return fp[n - 1] + zero
    return (fp[j + 1] - fp[j]) / (xp[j + 1] - xp[j]) * (x - xp[j]) + fp[j]


@implements(np.interp)
def _interp(x, xp, fp):
    if not (all(map(is_numeric, (x, xp, fp))) and any(level_of_type(t) for t in (x, xp, fp))):
        return None
    if not isinstance(x, types.Array):
        return lambda x, xp, fp: _between_points(x, xp, fp)
    result = common(*map(element, (x, xp, fp)))

    def on_array(x, xp, fp):
        out = new_array(x.shape, result)
        cells = flat(out)
        points = flat(copied(x))
        for i in range(cells.size):
            cells[i] = _between_points(points[i], xp, fp)
        return out

    return on_array


def _teach_rounding(function: Any) -> None:
    @implements(function)
    def typed(a, decimals=0, out=None):
        new = is_none(out)
        if is_dual(a) and new:
            return lambda a, decimals=0, out=None: constant_like(np.round(bare(a), decimals), a)
        if not (is_dual_array(a) or is_dual_array(out)):
            return None

        def without_tangents(a, decimals=0, out=None):
            rounded = copied(a) if new else out
            assign(rounded, np.round(bare(a), decimals))
            return rounded

        return without_tangents


for _function in (np.round, np.around):
    _teach_rounding(_function)


@implements(np.nan_to_num)
def _nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    least, most = is_none(neginf), is_none(posinf)
    if is_dual(x) and not any(map(is_dual, (nan, posinf, neginf))):

        def number(x, copy=True, nan=0.0, posinf=None, neginf=None):
            v = bare(x)
            if np.isnan(v):
                return constant_like(nan, x)
            if not np.isfinite(v):
                if v > 0 and not most:
                    return constant_like(posinf, x)
                if v < 0 and not least:
                    return constant_like(neginf, x)
                return constant_like(np.nan_to_num(v), x)
            return x

        return number
    if not is_dual_array(x):
        return None

    def finite(x, copy=True, nan=0.0, posinf=None, neginf=None):
        out = copied(x) if copy else x
        for i in range(out.size):
            v = bare(out.flat[i])
            if np.isnan(v):
                out.flat[i] = nan
            elif not np.isfinite(v):
                out.flat[i] = np.nan_to_num(v)
                if v > 0 and not most:
                    out.flat[i] = posinf
                if v < 0 and not least:
                    out.flat[i] = neginf
        return out

    return finite


@implements(np.repeat, method="repeat")
def _repeat(a, repeats):
    if not is_dual_array(a):
        return None
    return lambda a, repeats: flat(copied(a))[np.repeat(np.arange(a.size), repeats)]


@implements(np.trim_zeros)
def _trim_zeros(filt, trim="fb"):
    if not is_dual_array(filt):
        return None

    def trimmed(filt, trim="fb"):
        start, stop = 0, len(filt)
        if "f" in trim or "F" in trim:
            while start < stop and filt[start] == 0.0:
                start += 1
        if "b" in trim or "B" in trim:
            while stop > start and filt[stop - 1] == 0.0:
                stop -= 1
        return filt[start:stop]

    return trimmed
