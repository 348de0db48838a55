"""Products of arrays of duals inside compiled code.

The value is that of NumPy's function of the values, which Numba hands to BLAS; the tangents are found lane by
lane, by the product rule, so that no bit of a lane depends on the others. Where the values are duals themselves,
the functions called here are again those of this file.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from ...generated import function_from
from ..dual.layout import new_array
from ..dual.types import DualType, is_dual, level_of_type
from ..numba_internals import cpu_target
from .loops import (
    accumulate,
    assign,
    contiguous,
    copied,
    element,
    expanded,
    flat,
    is_dual_array,
    is_numeric,
    lane_of,
    lane_view,
    slab,
    values_of,
    values_view,
)
from .teaching import bare, compiled, implements

# --- values and lanes -----------------------------------------------------------------------


def _is_array(ty: Any) -> bool:
    return isinstance(ty, types.Array) and is_numeric(ty)


def are_arrays(*operands: Any) -> bool:
    """Whether these are the types of arrays, with duals in one at least."""
    return all(map(_is_array, operands)) and any(map(is_dual_array, operands))


def kind_of_product(*operands: types.Type) -> DualType:
    """The type of dual that a product of one element of each operand is."""
    context = cpu_target.typing_context
    return context.resolve_function_type(
        context.resolve_value_type(operator.mul), tuple(map(element, operands)), {}
    ).return_type


def active(a: Any, b: Any) -> tuple[bool, bool]:
    """Which operands are duals of the highest level: the others are constants."""
    level = max(level_of_type(a), level_of_type(b))
    return level_of_type(a) == level, level_of_type(b) == level


@intrinsic
def lanes(typingctx: Any, a: Any) -> Any:
    """The number of tangents of the duals in an array."""
    n = a.dtype.n
    return types.intp(a), lambda context, builder, sig, args: context.get_constant(types.intp, n)


@compiled
def revalued(duals, values):
    """The array of duals, with its values replaced."""
    assign(values_view(duals), values)
    return duals


def text_of_values(name: str, active: bool) -> str:
    """The text for the values of an operand, contiguous as BLAS wants them."""
    return f"values_of({name})" if active else f"contiguous({name})"


def written(text: Sequence[str], **more: Any) -> Any:
    """A function of a and b for Numba. As text it is one function: each that it would call takes as long to compile."""
    body = "".join(f"    {line}\n" for line in text)
    return function_from(f"def on_arrays(a, b):\n{body}", {**_CALLED, **more})


# --- products -------------------------------------------------------------------------------


@compiled
def _all_finite(row):
    finite = True
    for i in range(row.size):
        finite &= np.isfinite(row[i])
    return finite


@compiled
def _written_out(a, b, out):
    """The product of two matrices in the arithmetic of duals, which keeps zero tangents zero beside infinities."""
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            total = 0.0
            for k in range(b.shape[0]):
                total += a[i, k] * b[k, j]
            out[i * b.shape[1] + j] = total


_CALLED = {
    "np": np,
    "_all_finite": _all_finite,
    "_written_out": _written_out,
    "accumulate": accumulate,
    "assign": assign,
    "bare": bare,
    "contiguous": contiguous,
    "expanded": expanded,
    "flat": flat,
    "lane_of": lane_of,
    "lane_view": lane_view,
    "lanes": lanes,
    "new_array": new_array,
    "slab": slab,
    "values_of": values_of,
    "values_view": values_view,
}
"""The functions that written ones call."""


def _product(multiply: Any, a: Any, b: Any, number: bool, as_matrices: tuple[str, str] | None = None) -> Any:
    """A function linear in each of two arrays, by the product rule; ``number``: its result is one.

    ``as_matrices`` are the texts of the matrices whose product it is, if it is one. Where the second is
    a single column, each element of the first is used once per lane, so BLAS has nothing to gain from
    blocks, and one pass over the operands for all lanes is faster than a pass for each.
    """
    kind, (by_a, by_b) = kind_of_product(a, b), active(a, b)
    terms = ["multiply(lane_of(a, k), v)"] * by_a + ["multiply(u, lane_of(b, k))"] * by_b
    stored = ("assign", "accumulate")
    lines = [f"    {store}(lane_view(out, k), {term})" for store, term in zip(stored, terms, strict=False)]
    lines = ["for k in range(lanes(out)):", *lines]
    if as_matrices and (kind.strict or b.ndim == 1):
        product = f"_written_out({as_matrices[0]}, {as_matrices[1]}, flat(out))"
        finite = [f"_all_finite(flat({f'bare({x})' if is_dual(kind.base) else x}))" for x in "uv"]
        by_lanes = [f"if {' and '.join(finite)}:", *("    " + line for line in lines), "else:", "    " + product]
        lines = [product] if b.ndim == 1 else by_lanes
    return written(
        [
            f"u, v = {text_of_values('a', by_a)}, {text_of_values('b', by_b)}",
            "y = multiply(u, v)",
            f"out = new_array({'1' if number else 'y.shape'}, result)",
            *lines,
            "assign(values_view(out), y)",
            f"return out{'[0]' * number}",
        ],
        multiply=multiply,
        result=types.TypeRef(kind),
    )


@implements(operator.matmul)
def _matmul(a, b):
    if not are_arrays(a, b) or max(a.ndim, b.ndim) > 2:
        return None
    matrices = "a" if a.ndim == 2 else "expanded(a, 0)", "b" if b.ndim == 2 else "expanded(b, 1)"
    return _product(np.dot, a, b, a.ndim == b.ndim == 1, matrices)


@implements(np.dot, method="dot")
def _dot(a, b):
    if not (is_numeric(a) and is_numeric(b)):
        return None
    if not (_is_array(a) and _is_array(b)):
        return (lambda a, b: a * b) if is_dual_array(a) or is_dual_array(b) else None
    return _matmul(a, b)


@implements(np.dot)
def _dot_into(a, b, out):
    if not (isinstance(out, types.Array) and are_arrays(a, b, out)):
        return None

    def store(a, b, out):
        assign(out, np.dot(a, b))
        return out

    return store


@implements(np.vdot)
def _vdot(a, b):
    if not are_arrays(a, b):
        return None
    return lambda a, b: np.dot(flat(copied(a)), flat(copied(b)))


@implements(np.outer)
def _outer(a, b):
    if not are_arrays(a, b):
        return None
    return lambda a, b: expanded(flat(copied(a)), 1) * expanded(flat(copied(b)), 0)


def _teach_bilinear(function: Any) -> None:
    @implements(function)
    def typed(a, v):
        if not (are_arrays(a, v) and a.ndim == v.ndim == 1):
            return None
        on_arrays = compiled(_product(function, a, v, False))
        return lambda a, v: on_arrays(a, v)

    @implements(function, prefer_literal=True)
    def typed_with_mode(a, v, mode):
        if not (are_arrays(a, v) and a.ndim == v.ndim == 1 and isinstance(mode, types.StringLiteral)):
            return None
        name = mode.literal_value
        on_arrays = compiled(_product(compiled(lambda a, v: function(a, v, name)), a, v, False))
        return lambda a, v, mode: on_arrays(a, v)


for _function in (np.convolve, np.correlate):
    _teach_bilinear(_function)
