"""What a compiled driver calls: making duals of arguments, seeding them, and collecting tangents.

Each name below is a function for compiled code. An argument that is differentiated is an array,
whose duals live in a buffer that all passes share, or a number, whose dual is made anew. The
elements of all such arguments are numbered through; ``start`` is the number, counted from this
argument's first element, of the element that lane 0 seeds, so it may be negative. Where results are
read, ``x`` is a lifted argument: its type tells the level, and a dual of a lower level is a constant.
"""

# Numba compares the signatures of an overload and its implementation, annotations included:
# functions that it compiles have none here.

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.extending import intrinsic, overload
from numba.np import arrayobj

from .types import (
    LANES,
    OPTIONS,
    SCALARS,
    DualType,
    TangentsType,
    array_of,
    constant,
    is_at_level,
    is_dual,
    is_number,
    kind_of,
    level_of,
    make,
    new_array,
    packed,
    parts,
    result_base,
    tangent_at,
    unpacked,
    value,
    value_at,
)

BORROWING = {**OPTIONS, "_nrt": False}
"""For helpers that keep no array: their callers hold the references, so that none need be counted."""


def base_type(x: types.Type) -> types.Type:
    """The type of the numbers in an argument, integers being floats."""
    element = x.dtype if isinstance(x, types.Array) else x
    return element if isinstance(element, (types.Float, DualType)) else types.float64


def dual_type(x: types.Type, everything: types.Type, n: int, strict: bool) -> DualType:
    """The type of the duals of argument ``x`` of a function called with ``everything``, or of a known level."""
    level = everything.literal_value if isinstance(everything, types.IntegerLiteral) else 1 + level_of(everything)
    return DualType(level, base_type(x), n, LANES if n > 1 else SCALARS, strict)


def lifted_type(x: types.Type, everything: types.Type, n: int, strict: bool) -> types.Type:
    """The type of ``lift(x, everything, n, strict)``."""
    dual = dual_type(x, everything, n, strict)
    return array_of(dual, x.ndim) if isinstance(x, types.Array) else dual


def dual_type_along(x: types.Type, direction: types.Type, everything: types.Type, strict: bool) -> DualType:
    """The type of the duals of argument ``x`` along a direction, which may hold duals of a lower level."""
    ty = dual_type(x, everything, 1, strict)
    direction = base_type(direction)
    return ty if level_of(direction) <= level_of(ty.base) else ty.with_base(direction)


def lifted_along_type(x: types.Type, direction: types.Type, everything: types.Type, strict: bool) -> types.Type:
    """The type of ``lift_along(x, direction, everything, strict)``."""
    dual = dual_type_along(x, direction, everything, strict)
    return array_of(dual, x.ndim) if isinstance(x, types.Array) else dual


def _for_compiled_code(name: str, parameters: str) -> Any:
    scope: dict[str, Any] = {}
    exec(f"def {name}({parameters}):\n    raise TypeError('{name} is for compiled code')", scope)
    return scope[name]


fill = _for_compiled_code("fill", "duals, x")
size = _for_compiled_code("size", "x")
lift = _for_compiled_code("lift", "x, everything, n, strict")
lift_along = _for_compiled_code("lift_along", "x, direction, everything, strict")
seed = _for_compiled_code("seed", "x, start")
empty_early = _for_compiled_code("empty_early", "x")
empty_gradient = _for_compiled_code("empty_gradient", "y, x")
collect_gradient = _for_compiled_code("collect_gradient", "result, y, x, start")
empty_pair = _for_compiled_code("empty_pair", "x, everything")
empty_jacobian = _for_compiled_code("empty_jacobian", "y, x")
collect_jacobian = _for_compiled_code("collect_jacobian", "result, y, x, start")
any_nan = _for_compiled_code("any_nan", "y")
value_of = _for_compiled_code("value_of", "y, x")
tangent_of = _for_compiled_code("tangent_of", "y, x")


@overload(size, jit_options=OPTIONS)
def _size(x):
    if isinstance(x, types.Array):
        return lambda x: x.size
    return lambda x: 1


# --- arguments ------------------------------------------------------------------------------


@intrinsic(prefer_literal=True)
def _constant_dual(typingctx, x, everything, n, strict):
    ty = dual_type(x, everything, n.literal_value, bool(strict.literal_value))

    def codegen(context, builder, sig, args):
        return constant(context, builder, ty, context.cast(builder, args[0], x, ty.base))

    return ty(x, everything, n, strict), codegen


@overload(lift, jit_options=OPTIONS, prefer_literal=True)
def _lift(x, everything, n, strict):
    lanes, is_strict = n.literal_value, strict.literal_value
    if not isinstance(x, types.Array):
        level = everything.literal_value
        return lambda x, everything, n, strict: _constant_dual(x, level, lanes, is_strict)

    element = types.TypeRef(dual_type(x, everything, lanes, bool(is_strict)))

    if x.layout == "C":

        def on_contiguous(x, everything, n, strict):
            duals = new_array(x.shape, element)
            fill(duals, x)
            return duals

        return on_contiguous

    def on_array(x, everything, n, strict):
        duals = new_array(x.shape, element)
        flat = duals.reshape(duals.size)
        i = 0
        for number in x.flat:
            flat[i] = number
            i += 1
        return duals

    return on_array


@intrinsic(prefer_literal=True)
def _along(typingctx, x, direction, everything, strict):
    ty = dual_type_along(x, direction, everything, bool(strict.literal_value))

    def codegen(context, builder, sig, args):
        v = context.cast(builder, args[0], x, ty.base)
        t = context.cast(builder, args[1], direction, ty.base)
        return make(context, builder, ty, v, packed(context, builder, ty, [t]))

    return ty(x, direction, everything, strict), codegen


@overload(lift_along, jit_options=OPTIONS, prefer_literal=True)
def _lift_along(x, direction, everything, strict):
    is_strict = strict.literal_value
    if not isinstance(x, types.Array):
        return lambda x, direction, everything, strict: _along(x, direction, everything, is_strict)

    element = types.TypeRef(dual_type_along(x, direction, everything, bool(is_strict)))

    def on_array(x, direction, everything, strict):
        duals = new_array(x.shape, element)
        flat = duals.reshape(duals.size)
        i = 0
        for number, step in zip(x.flat, direction.flat):  # noqa: B905 (Numba has no strict zip)
            flat[i] = _along(number, step, everything, is_strict)
            i += 1
        return duals

    return on_array


@intrinsic
def _get_flat(typingctx, array, i):
    """Element ``i`` of a contiguous array."""

    def codegen(context, builder, sig, args):
        ary = arrayobj.make_array(array)(context, builder, args[0])
        return arrayobj.load_item(context, builder, array, builder.gep(ary.data, [args[1]]))

    return array.dtype(array, types.intp), codegen


@intrinsic
def _put_flat(typingctx, array, i, cell):
    """Store element ``i`` of a contiguous array."""

    def codegen(context, builder, sig, args):
        ary = arrayobj.make_array(array)(context, builder, args[0])
        number = context.cast(builder, args[2], cell, array.dtype)
        arrayobj.store_item(context, builder, array, number, builder.gep(ary.data, [args[1]]))
        return context.get_dummy_value()

    return types.void(array, types.intp, cell), codegen


@intrinsic
def _put_tangents(typingctx, array, i, y):
    """Store all tangents of ``y`` from element ``i`` of a contiguous array on."""

    def codegen(context, builder, sig, args):
        ary = arrayobj.make_array(array)(context, builder, args[0])
        tangents = parts(context, builder, y, args[2]).tangents
        place = builder.bitcast(builder.gep(ary.data, [args[1]]), tangents.type.as_pointer())
        builder.store(tangents, place, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, y), codegen


def _is_vector(result, y, x):
    """Whether the tangents of ``y`` can be stored as they are."""
    return is_at_level(y, x) and isinstance(y.tangents, TangentsType) and y.base == result.dtype


# --- seeds ----------------------------------------------------------------------------------


@intrinsic
def _set_tangent(typingctx, duals, i, lane, number):
    """Store one tangent of element ``i`` of a contiguous array of duals."""
    ty = duals.dtype

    def codegen(context, builder, sig, args):
        array = arrayobj.make_array(duals)(context, builder, args[0])
        element = builder.gep(array.data, [args[1]])
        first = cgutils.gep_inbounds(builder, element, 0, 1)
        first = builder.bitcast(first, context.get_data_type(ty.base).as_pointer())
        place = builder.gep(first, [args[2]])
        context.pack_value(builder, ty.base, context.cast(builder, args[3], number, ty.base), place)
        return context.get_dummy_value()

    return types.void(duals, types.intp, types.intp, number), codegen


@intrinsic
def _unit(typingctx, dual, lane):
    """``dual`` with tangent 1 in a lane, 0 in the others; none if there is no such lane."""

    def codegen(context, builder, sig, args):
        d = parts(context, builder, dual, args[0])
        zero, one = (
            context.cast(builder, ir.Constant(ir.DoubleType(), number), types.float64, dual.base)
            for number in (0.0, 1.0)
        )
        tangents = [
            builder.select(builder.icmp_signed("==", args[1], ir.Constant(args[1].type, k)), one, zero)
            for k in range(dual.n)
        ]
        return make(context, builder, dual, d.value, packed(context, builder, dual, tangents))

    return dual(dual, types.intp), codegen


@overload(fill, jit_options=BORROWING)
def _fill(duals, x):
    def on_arrays(duals, x):
        for i in range(x.size):
            _put_flat(duals, i, _get_flat(x, i))

    return on_arrays


@overload(seed, jit_options=BORROWING)
def _seed(x, start):
    if is_dual(x):
        return lambda x, start: _unit(x, -start)
    n = x.dtype.n

    def on_array(x, start):
        # the last pass's seeds are cleared one by one: the buffer may be far larger
        for i in range(max(start - n, 0), min(start, x.size)):
            _set_tangent(x, i, i - start + n, 0.0)
        for i in range(max(start, 0), min(start + n, x.size)):
            _set_tangent(x, i, i - start, 1.0)

    return on_array


# --- results --------------------------------------------------------------------------------


@overload(empty_pair, jit_options=OPTIONS)
def _empty_pair(x, everything):
    """Room for the values and the derivatives of a function of each number in ``x``."""
    element = types.TypeRef(base_type(x))
    return lambda x, everything: (new_array(x.size, element), new_array(x.size, element))


@overload(empty_early, jit_options=OPTIONS)
def _empty_early(x):
    if isinstance(x, types.Array):
        element = types.TypeRef(x.dtype.base)
        return lambda x: new_array(x.shape, element)
    return lambda x: 0.0


@overload(empty_gradient, jit_options=OPTIONS)
def _empty_gradient(y, x):
    if isinstance(x, types.Array):
        element = types.TypeRef(result_base(y, x))
        return lambda y, x: new_array(x.shape, element)
    return lambda y, x: tangent_at(y, x, 0)


@overload(collect_gradient, jit_options=BORROWING)
def _collect_gradient(result, y, x, start):
    lanes = kind_of(x).n
    if not isinstance(result, types.Array):
        return lambda result, y, x, start: tangent_at(y, x, -start) if 0 <= -start < lanes else result

    if _is_vector(result, y, x):

        def on_vector(result, y, x, start):
            if start >= 0 and start + lanes <= result.size:
                _put_tangents(result, start, y)
            else:
                for i in range(max(start, 0), min(start + lanes, result.size)):
                    _put_flat(result, i, tangent_at(y, x, i - start))

        return on_vector

    def on_array(result, y, x, start):
        for i in range(max(start, 0), min(start + lanes, result.size)):
            _put_flat(result, i, tangent_at(y, x, i - start))

    return on_array


@overload(empty_jacobian, jit_options=OPTIONS)
def _empty_jacobian(y, x):
    if not isinstance(y, types.Array):
        return lambda y, x: empty_gradient(y, x)
    element = types.TypeRef(result_base(y, x))
    if isinstance(x, types.Array):
        return lambda y, x: new_array(y.shape + x.shape, element)
    return lambda y, x: new_array(y.shape, element)


@overload(collect_jacobian, jit_options=BORROWING)
def _collect_jacobian(result, y, x, start):
    lanes = kind_of(x).n
    if not isinstance(y, types.Array):
        return lambda result, y, x, start: collect_gradient(result, y, x, start)

    if y.layout == "C" and _is_vector(result, y.dtype, x):

        def on_vectors(result, y, x, start):
            rows = y.size
            columns = result.size // rows if rows > 0 else 0
            first, last = max(start, 0), min(start + lanes, columns)
            if last - first == lanes:
                for r in range(rows):
                    _put_tangents(result, r * columns + start, _get_flat(y, r))
            else:
                for r in range(rows):
                    cell = _get_flat(y, r)
                    for i in range(first, last):
                        _put_flat(result, r * columns + i, tangent_at(cell, x, i - start))

        return on_vectors

    def on_array(result, y, x, start):
        rows = y.size
        columns = result.size // rows if rows > 0 else 0
        flat = result.reshape(result.size)
        r = 0
        for cell in y.flat:
            for i in range(max(start, 0), min(start + lanes, columns)):
                flat[r * columns + i] = tangent_at(cell, x, i - start)
            r += 1

    return on_array


def is_structure(y: Any) -> bool:
    """Whether it is the type of numbers and arrays, or of tuples and lists of them, which have derivatives."""
    if isinstance(y, types.BaseTuple):
        return all(map(is_structure, y.types))
    if isinstance(y, (types.List, types.ListType)):
        return is_structure(y.dtype)
    number = y.dtype if isinstance(y, types.Array) else y
    return is_dual(number) or is_number(number)


def _teach_structure(function: Any, on_number: Any, element_type: Any) -> None:
    """Teach ``function(y, x)``, known on numbers, to results of any structure."""
    name = function.__name__

    @overload(function, jit_options=OPTIONS)
    def implementation(y, x):
        if is_dual(y) or is_number(y):
            return lambda y, x: on_number(y, x)
        if isinstance(y, types.Array):
            element = types.TypeRef(element_type(y, x))

            def on_array(y, x):
                out = new_array(y.shape, element)
                flat = out.reshape(out.size)
                i = 0
                for cell in y.flat:
                    flat[i] = on_number(cell, x)
                    i += 1
                return out

            return on_array
        if isinstance(y, types.BaseTuple):
            # Numba has no comprehension over a tuple of several types: written out
            cells = "".join(f"{name}(y[{i}], x), " for i in range(len(y.types)))
            scope = {name: function}
            exec(f"def on_tuple(y, x):\n    return ({cells})", scope)
            return scope["on_tuple"]
        if isinstance(y, (types.List, types.ListType)):
            return lambda y, x: [function(cell, x) for cell in y]
        raise TypingError(f"the derivative of a result of type {y} is not defined")


@njit(**OPTIONS)
def _first_tangent(y, x):
    return tangent_at(y, x, 0)


_teach_structure(tangent_of, _first_tangent, result_base)
_teach_structure(value_of, value_at, lambda y, x: y.dtype.base if is_at_level(y.dtype, x) else y.dtype)


@intrinsic
def _tangents_tuple(typingctx, dual):
    ty = types.UniTuple(dual.base, dual.n)

    def codegen(context, builder, sig, args):
        cells = unpacked(builder, dual, parts(context, builder, dual, args[0]).tangents)
        return context.make_tuple(builder, ty, cells)

    return ty(dual), codegen


@overload(any_nan, jit_options=BORROWING)
def _any_nan(y):
    """Whether there is a NaN in a result."""
    if is_dual(y):
        return lambda y: any_nan(value(y)) or any_nan(_tangents_tuple(y))
    if is_number(y):
        return lambda y: y != y
    if isinstance(y, types.BaseTuple):
        cells = " or ".join(f"any_nan(y[{i}])" for i in range(len(y.types))) or "False"
        scope = {"any_nan": any_nan}
        exec(f"def on_tuple(y):\n    return {cells}", scope)
        return scope["on_tuple"]

    if isinstance(y, types.Array) and y.layout == "C":

        def on_contiguous(y):
            found = False
            for i in range(y.size):
                found |= any_nan(_get_flat(y, i))
            return found

        return on_contiguous

    def on_sequence(y):
        found = False
        for cell in y.flat:
            found |= any_nan(cell)
        return found

    def on_list(y):
        found = False
        for cell in y:
            found |= any_nan(cell)
        return found

    return on_sequence if isinstance(y, types.Array) else on_list
