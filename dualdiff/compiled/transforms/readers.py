"""An array to differentiate by, for code that reads single numbers of it: they become duals where they are read.

A reader has the memory of the array itself, and the number of the element that lane 0 is for. So no duals are stored,
or seeded in each pass: the tangents of an element, 1 in one lane, are cut out of a short constant that stays in the
cache.
"""

from __future__ import annotations

import operator

from numba import types
from numba.extending import intrinsic, models, overload, overload_attribute, register_model

from ...generated import for_compiled_code, function_from
from ..dual.types import OPTIONS, ReaderType
from ..numba_internals import arrayobj, cgutils
from .seeding import dual_type, seed, unit

reader = for_compiled_code("reader", "x, all_arguments, n, strict")


@register_model(ReaderType)
class ReaderModel(models.StructModel):
    """What is needed to read elements. There is no reference: whoever calls with a reader holds the array."""

    def __init__(self, dmm, fe_type):
        extents = types.UniTuple(types.intp, fe_type.ndim)
        members = [
            ("data", types.CPointer(fe_type.array.dtype)),
            ("shape", extents),
            ("strides", extents),
            ("start", types.intp),
        ]
        super().__init__(dmm, fe_type, members)


@intrinsic(prefer_literal=True)
def _reader(typingctx, x, all_arguments, n, strict):
    ty = ReaderType(dual_type(x, all_arguments, n.literal_value, bool(strict.literal_value)), x)

    def codegen(context, builder, sig, args):
        array = arrayobj.make_array(x)(context, builder, args[0])
        made = cgutils.create_struct_proxy(ty)(context, builder)
        made.data, made.shape, made.strides = array.data, array.shape, array.strides
        made.start = context.get_constant(types.intp, 0)
        return made._getvalue()

    return ty(x, all_arguments, n, strict), codegen


@overload(reader, jit_options=OPTIONS, prefer_literal=True)
def _of_array(x, all_arguments, n, strict):
    if not isinstance(n, types.IntegerLiteral):
        return None  # Numba asks again, with literals
    level, lanes, is_strict = all_arguments.literal_value, n.literal_value, strict.literal_value
    return lambda x, all_arguments, n, strict: _reader(x, level, lanes, is_strict)


@intrinsic
def _from(typingctx, x, start):
    def codegen(context, builder, sig, args):
        made = cgutils.create_struct_proxy(x)(context, builder, value=args[0])
        made.start = args[1]
        return made._getvalue()

    return x(x, types.intp), codegen


@overload(seed, jit_options=OPTIONS)
def _seed(x, start):
    if isinstance(x, ReaderType):
        return lambda x, start: _from(x, start)
    return None


@intrinsic
def _number(typingctx, x, index):
    """An element, as a dual."""
    indices = index.types if isinstance(index, types.BaseTuple) else (index,)

    def codegen(context, builder, sig, args):
        reader = cgutils.create_struct_proxy(x)(context, builder, value=args[0])
        shape = cgutils.unpack_tuple(builder, reader.shape)
        cells = cgutils.unpack_tuple(builder, args[1]) if isinstance(index, types.BaseTuple) else [args[1]]
        cells = [
            arrayobj.fix_integer_index(context, builder, ty, cell, extent)
            for ty, cell, extent in zip(indices, cells, shape, strict=True)
        ]
        flat = cells[0]
        for cell, extent in zip(cells[1:], shape[1:], strict=True):
            flat = builder.add(builder.mul(flat, extent), cell)
        strides = cgutils.unpack_tuple(builder, reader.strides)
        place = cgutils.get_item_pointer2(
            context, builder, reader.data, shape, strides, x.array.layout, cells, boundscheck=context.enable_boundscheck
        )
        number = arrayobj.load_item(context, builder, x.array, place)
        value = context.cast(builder, number, x.array.dtype, x.dtype.base)
        return unit(context, builder, x.dtype, value, builder.sub(flat, reader.start))

    return x.dtype(x, index), codegen


@overload(operator.getitem, jit_options=OPTIONS)
def _getitem(x, index):
    if not isinstance(x, ReaderType):
        return None
    indices = index.types if isinstance(index, types.BaseTuple) else (index,)
    if len(indices) == x.ndim and all(isinstance(i, types.Integer) for i in indices):
        return lambda x, index: _number(x, index)
    return None


@overload(len, jit_options=OPTIONS)
def _len(x):
    return (lambda x: x.shape[0]) if isinstance(x, ReaderType) else None


@intrinsic
def _shape_of(typingctx, x):
    def codegen(context, builder, sig, args):
        return cgutils.create_struct_proxy(x)(context, builder, value=args[0]).shape

    return types.UniTuple(types.intp, x.ndim)(x), codegen


@overload_attribute(ReaderType, "shape", jit_options=OPTIONS)
def _shape(x):
    return lambda x: _shape_of(x)


@overload_attribute(ReaderType, "size", jit_options=OPTIONS)
def _size(x):
    text = "def size(x):\n    return " + " * ".join(["1", *(f"x.shape[{k}]" for k in range(x.ndim))]) + "\n"
    return function_from(text, {})


@overload_attribute(ReaderType, "ndim", jit_options=OPTIONS)
def _ndim(x):
    ndim = x.ndim
    return lambda x: ndim
