"""A short array of one sample, as numbers that each have a type, and so lanes, of their own.

Code that takes elements by constant indices, ``camera[3]``, then runs on registers, for many samples at a time. It
has nothing else of an array: where f wants more, it is compiled for arrays instead.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from numba import types
from numba.extending import intrinsic, models, overload, overload_attribute, register_model

from ..dual.types import OPTIONS, is_dual
from ..numba_internals import cgutils
from .samples import dual_of, sample_type

LONGEST = 32
"""More numbers do not fit into registers, and LLVM would take long over them."""


class RowType(types.Type):
    """The type of the numbers of a row."""

    def __init__(self, numbers: Sequence[types.Type]) -> None:
        self.numbers = tuple(numbers)
        super().__init__(name=f"Row({', '.join(map(str, self.numbers))})")


@register_model(RowType)
class RowModel(models.StructModel):
    """A struct of the numbers."""

    def __init__(self, dmm: Any, fe_type: RowType) -> None:
        super().__init__(dmm, fe_type, [(f"x{k}", number) for k, number in enumerate(fe_type.numbers)])


def row_type(number: types.Type, length: int, level: int, n: int, first: int | None, strict: bool) -> RowType:
    """The type of ``row_at(place, i, length, level, n, first, strict)``; ``first`` is None for constants."""
    if first is None:
        return RowType([number] * length)
    return RowType([sample_type(number, level, n, first + k, strict) for k in range(length)])


@intrinsic(prefer_literal=True)
def row_at(typingctx, place, i, length, level, n, first, strict):
    """Row ``i`` of those at a place: duals whose derivatives are in the lanes from ``first`` on; -1 for constants."""
    lane = None if first.literal_value < 0 else first.literal_value
    sizes = length.literal_value, level.literal_value, n.literal_value
    ty = row_type(place.dtype, *sizes, lane, bool(strict.literal_value))

    def codegen(context, builder, sig, args):
        row = cgutils.create_struct_proxy(ty)(context, builder)
        start = builder.mul(args[1], context.get_constant(types.intp, len(ty.numbers)))
        for k, number in enumerate(ty.numbers):
            at = builder.gep(args[0], [builder.add(start, context.get_constant(types.intp, k))])
            x = context.unpack_value(builder, place.dtype, at)
            setattr(row, f"x{k}", dual_of(context, builder, number, place.dtype, x) if is_dual(number) else x)
        return row._getvalue()

    return ty(place, i, length, level, n, first, strict), codegen


@intrinsic(prefer_literal=True)
def _number(typingctx, row, k):
    ty = row.numbers[k.literal_value]

    def codegen(context, builder, sig, args):
        return getattr(cgutils.create_struct_proxy(row)(context, builder, value=args[0]), f"x{k.literal_value}")

    return ty(row, k), codegen


@overload(operator.getitem, jit_options=OPTIONS, prefer_literal=True)
def _getitem(row, k):
    if not (isinstance(row, RowType) and isinstance(k, types.IntegerLiteral)):
        return None
    if not -len(row.numbers) <= k.literal_value < len(row.numbers):
        return None  # an array raises an IndexError
    at = k.literal_value % len(row.numbers)
    return lambda row, k: _number(row, at)


@overload(len, jit_options=OPTIONS)
def _len(row):
    if isinstance(row, RowType):
        length = len(row.numbers)
        return lambda row: length
    return None


@overload_attribute(RowType, "size", jit_options=OPTIONS)
def _size(row):
    length = len(row.numbers)
    return lambda row: length


@overload_attribute(RowType, "shape", jit_options=OPTIONS)
def _shape(row):
    shape = (len(row.numbers),)
    return lambda row: shape
