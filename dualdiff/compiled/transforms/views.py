"""An array to differentiate by, for code that reads single numbers of it: they become duals where they are read.

A view has the memory of the array itself, and the number of the element that lane 0 is for. So no duals are stored, or
seeded in each pass: the tangents of an element, 1 in one lane, are cut out of a short constant that stays in the cache.
"""

# Numba compares the signatures of an overload and its implementation, annotations included:
# functions that it compiles have none here.

from __future__ import annotations

import operator

from numba import types
from numba.extending import intrinsic, models, overload, overload_attribute, register_model

from ...generated import for_compiled_code, function_from
from ..dual.types import OPTIONS, ViewType
from ..numba_internals import arrayobj, cgutils
from .seeding import dual_type, seed, unit

view = for_compiled_code("view", "x, all_arguments, n, strict")


@register_model(ViewType)
class ViewModel(models.StructModel):
    """What is needed to read elements. There is no reference: whoever calls with a view holds the array."""

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
def _view(typingctx, x, all_arguments, n, strict):
    ty = ViewType(dual_type(x, all_arguments, n.literal_value, bool(strict.literal_value)), x)

    def codegen(context, builder, sig, args):
        array = arrayobj.make_array(x)(context, builder, args[0])
        made = cgutils.create_struct_proxy(ty)(context, builder)
        made.data, made.shape, made.strides = array.data, array.shape, array.strides
        made.start = context.get_constant(types.intp, 0)
        return made._getvalue()

    return ty(x, all_arguments, n, strict), codegen


@overload(view, jit_options=OPTIONS, prefer_literal=True)
def _of_array(x, all_arguments, n, strict):
    if not isinstance(n, types.IntegerLiteral):
        return None  # Numba asks again, with literals
    level, lanes, is_strict = all_arguments.literal_value, n.literal_value, strict.literal_value
    return lambda x, all_arguments, n, strict: _view(x, level, lanes, is_strict)


@intrinsic
def _from(typingctx, x, start):
    def codegen(context, builder, sig, args):
        made = cgutils.create_struct_proxy(x)(context, builder, value=args[0])
        made.start = args[1]
        return made._getvalue()

    return x(x, types.intp), codegen


@overload(seed, jit_options=OPTIONS)
def _seed(x, start):
    if isinstance(x, ViewType):
        return lambda x, start: _from(x, start)
    return None


@intrinsic
def _number(typingctx, x, index):
    """An element, as a dual."""
    indices = index.types if isinstance(index, types.BaseTuple) else (index,)

    def codegen(context, builder, sig, args):
        view = cgutils.create_struct_proxy(x)(context, builder, value=args[0])
        shape = cgutils.unpack_tuple(builder, view.shape)
        cells = cgutils.unpack_tuple(builder, args[1]) if isinstance(index, types.BaseTuple) else [args[1]]
        cells = [
            arrayobj.fix_integer_index(context, builder, ty, cell, extent)
            for ty, cell, extent in zip(indices, cells, shape, strict=True)
        ]
        flat = cells[0]
        for cell, extent in zip(cells[1:], shape[1:], strict=True):
            flat = builder.add(builder.mul(flat, extent), cell)
        strides = cgutils.unpack_tuple(builder, view.strides)
        place = cgutils.get_item_pointer2(
            context, builder, view.data, shape, strides, x.array.layout, cells, boundscheck=context.enable_boundscheck
        )
        number = arrayobj.load_item(context, builder, x.array, place)
        value = context.cast(builder, number, x.array.dtype, x.dtype.base)
        return unit(context, builder, x.dtype, value, builder.sub(flat, view.start))

    return x.dtype(x, index), codegen


@overload(operator.getitem, jit_options=OPTIONS)
def _getitem(x, index):
    if not isinstance(x, ViewType):
        return None
    indices = index.types if isinstance(index, types.BaseTuple) else (index,)
    if len(indices) == x.ndim and all(isinstance(i, types.Integer) for i in indices):
        return lambda x, index: _number(x, index)
    return None


@overload(len, jit_options=OPTIONS)
def _len(x):
    return (lambda x: x.shape[0]) if isinstance(x, ViewType) else None


@intrinsic
def _shape_of(typingctx, x):
    def codegen(context, builder, sig, args):
        return cgutils.create_struct_proxy(x)(context, builder, value=args[0]).shape

    return types.UniTuple(types.intp, x.ndim)(x), codegen


@overload_attribute(ViewType, "shape", jit_options=OPTIONS)
def _shape(x):
    return lambda x: _shape_of(x)


@overload_attribute(ViewType, "size", jit_options=OPTIONS)
def _size(x):
    text = "def size(x):\n    return " + " * ".join(["1", *(f"x.shape[{k}]" for k in range(x.ndim))]) + "\n"
    return function_from(text, {})


@overload_attribute(ViewType, "ndim", jit_options=OPTIONS)
def _ndim(x):
    ndim = x.ndim
    return lambda x: ndim
