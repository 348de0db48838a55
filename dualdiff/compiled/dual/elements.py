"""Elements of arrays of duals, one by one, without counting references: what drivers and loops are made of."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from ...generated import for_compiled_code
from ..numba_internals import arrayobj
from .layout import new_array
from .types import OPTIONS, DualType

BORROWING = {**OPTIONS, "_nrt": False}
"""For helpers that keep no array: their callers hold the references, so that none need be counted."""


def base_type(x: types.Type) -> types.Type:
    """The type of the numbers in an argument, integers being floats."""
    element = x.dtype if isinstance(x, types.Array) else x
    return element if isinstance(element, (types.Float, DualType)) else types.float64


fill = for_compiled_code("fill", "duals, x")


@intrinsic
def within(typingctx, i, n):
    """The place nearest to ``i`` from 0 to ``n``. Numba's min and max are functions to be compiled."""

    def codegen(context, builder, sig, args):
        zero = ir.Constant(args[0].type, 0)
        least = builder.select(builder.icmp_signed("<", args[0], zero), zero, args[0])
        return builder.select(builder.icmp_signed("<", least, args[1]), least, args[1])

    return types.intp(types.intp, types.intp), codegen


@intrinsic
def get_flat(typingctx, array, i):
    """Element ``i`` of a contiguous array."""

    def codegen(context, builder, sig, args):
        ary = arrayobj.make_array(array)(context, builder, args[0])
        return arrayobj.load_item(context, builder, array, builder.gep(ary.data, [args[1]]))

    return array.dtype(array, types.intp), codegen


@intrinsic
def put_flat(typingctx, array, i, cell):
    """Store element ``i`` of a contiguous array."""

    def codegen(context, builder, sig, args):
        ary = arrayobj.make_array(array)(context, builder, args[0])
        number = context.cast(builder, args[2], cell, array.dtype)
        arrayobj.store_item(context, builder, array, number, builder.gep(ary.data, [args[1]]))
        return context.get_dummy_value()

    return types.void(array, types.intp, cell), codegen


@overload(fill, jit_options=BORROWING)
def _fill(duals, x):
    if x.layout == "C":

        def on_contiguous(duals, x):
            for i in range(x.size):
                put_flat(duals, i, get_flat(x, i))

        return on_contiguous

    def on_array(duals, x):
        i = 0
        for number in x.flat:
            put_flat(duals, i, number)
            i += 1

    return on_array


as_flat = for_compiled_code("as_flat", "x")


@overload(as_flat, jit_options=OPTIONS)
def _as_flat(x):
    """The numbers of an array, contiguous along one axis."""
    if x.layout == "C":
        return lambda x: x.reshape(x.size)
    element = types.TypeRef(x.dtype)

    def on_array(x):
        flat = new_array(x.size, element)
        i = 0
        for number in x.flat:
            put_flat(flat, i, number)
            i += 1
        return flat

    return on_array
