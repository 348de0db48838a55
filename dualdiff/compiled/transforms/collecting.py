"""What a compiled driver does with the results: it collects tangents and values.

Each name below is a function for compiled code; ``x`` is a lifted argument: its type tells the level, and a dual
of a lower level is a constant. ``start`` is as in seeding.py.
"""

from __future__ import annotations

import sys
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

from ...calls.arguments import physical_memory
from ...generated import for_compiled_code, function_from
from ..dual.arithmetic import is_at_level, kind_of, result_base, tangent_at, value, value_at
from ..dual.elements import BORROWING, base_type, get_flat, put_flat, within
from ..dual.layout import new_array, parts, unpacked
from ..dual.types import OPTIONS, TangentsType, is_array, is_dual, is_number
from ..numba_internals import TypingError, arrayobj

TOO_LARGE = (
    "the dense Jacobian does not fit into memory, use sparse_jacobian, or jvp for its products with vectors; "
    "rows and columns:"
)

empty_gradient = for_compiled_code("empty_gradient", "y, x")
collect_gradient = for_compiled_code("collect_gradient", "result, y, x, start")
empty_pair = for_compiled_code("empty_pair", "x, all_arguments")
empty_jacobian = for_compiled_code("empty_jacobian", "y, x")
collect_jacobian = for_compiled_code("collect_jacobian", "result, y, x, start")
collect_number = for_compiled_code("collect_number", "result, y, x, start")
any_nan = for_compiled_code("any_nan", "y")
value_of = for_compiled_code("value_of", "y, x")
tangent_of = for_compiled_code("tangent_of", "y, x")


@overload(empty_pair, jit_options=OPTIONS)
def _empty_pair(x, all_arguments):
    """Room for the values and the derivatives of a function of each number in ``x``."""
    element = types.TypeRef(base_type(x))
    return lambda x, all_arguments: (new_array(x.size, element), new_array(x.size, element))


@overload(empty_gradient, jit_options=OPTIONS)
def _empty_gradient(y, x):
    if is_array(x):
        element = types.TypeRef(result_base(y, x))
        return lambda y, x: new_array(x.shape, element)
    return lambda y, x: tangent_at(y, x, 0)


@intrinsic
def _put_tangents(typingctx, array, i, y):
    """Store all tangents of ``y`` from element ``i`` of a contiguous array on, and tell whether one is NaN."""

    def codegen(context, builder, sig, args):
        ary = arrayobj.make_array(array)(context, builder, args[0])
        tangents = parts(context, builder, y, args[2]).tangents
        place = builder.bitcast(builder.gep(ary.data, [args[1]]), tangents.type.as_pointer())
        builder.store(tangents, place, align=4)
        nans = builder.bitcast(builder.fcmp_unordered("uno", tangents, tangents), ir.IntType(y.n))
        return builder.icmp_unsigned("!=", nans, ir.Constant(nans.type, 0))

    return types.boolean(array, types.intp, y), codegen


@njit(**OPTIONS)
def _put(result, i, tangent):
    """Store a tangent in element ``i`` of a contiguous array, and tell whether it is NaN."""
    put_flat(result, i, tangent)
    return any_nan(tangent)


def _is_vector(result, y, x):
    """Whether the tangents of ``y`` can be stored as they are."""
    return is_at_level(y, x) and isinstance(y.tangents, TangentsType) and y.base == result.dtype


@overload(collect_gradient, jit_options=BORROWING)
def _collect_gradient(result, y, x, start):
    """Fill an array with the tangents of a number, and tell whether one is NaN."""
    lanes = kind_of(x).n

    if _is_vector(result, y, x):

        def on_vector(result, y, x, start):
            if start >= 0 and start + lanes <= result.size:
                return _put_tangents(result, start, y)
            found = False
            for i in range(within(start, result.size), within(start + lanes, result.size)):
                found |= _put(result, i, tangent_at(y, x, i - start))
            return found

        return on_vector

    def on_array(result, y, x, start):
        found = False
        for i in range(within(start, result.size), within(start + lanes, result.size)):
            found |= _put(result, i, tangent_at(y, x, i - start))
        return found

    return on_array


@overload(empty_jacobian, jit_options=OPTIONS)
def _empty_jacobian(y, x):
    if not isinstance(y, types.Array):
        return lambda y, x: empty_gradient(y, x)
    element = types.TypeRef(result_base(y, x))
    if not is_array(x):
        return lambda y, x: new_array(y.shape, element)
    most = (physical_memory() or sys.maxsize) // 8

    def on_arrays(y, x):
        if y.size * x.size > most:  # Numba's exceptions are made of constants and numbers
            raise MemoryError(TOO_LARGE, y.size, x.size)
        return new_array(y.shape + x.shape, element)

    return on_arrays


@overload(collect_jacobian, jit_options=BORROWING)
def _collect_jacobian(result, y, x, start):
    """The same, for an array of results."""
    lanes = kind_of(x).n
    if not isinstance(y, types.Array):
        return lambda result, y, x, start: collect_gradient(result, y, x, start)

    if y.layout == "C" and _is_vector(result, y.dtype, x):

        def on_vectors(result, y, x, start):
            rows = y.size
            columns = result.size // rows if rows > 0 else 0
            first, last = within(start, columns), within(start + lanes, columns)
            found = False
            if last - first == lanes:
                for r in range(rows):
                    found |= _put_tangents(result, r * columns + start, get_flat(y, r))
            else:
                for r in range(rows):
                    cell = get_flat(y, r)
                    for i in range(first, last):
                        found |= _put(result, r * columns + i, tangent_at(cell, x, i - start))
            return found

        return on_vectors

    def on_array(result, y, x, start):
        rows = y.size
        columns = result.size // rows if rows > 0 else 0
        found = False
        r = 0
        for cell in y.flat:
            for i in range(within(start, columns), within(start + lanes, columns)):
                found |= _put(result, r * columns + i, tangent_at(cell, x, i - start))
            r += 1
        return found

    return on_array


@overload(collect_number, jit_options=OPTIONS)
def _collect_number(result, y, x, start):
    """The derivatives by a number, which come about in one of the passes."""
    lanes = kind_of(x).n
    if not isinstance(result, types.Array):
        return lambda result, y, x, start: tangent_at(y, x, -start) if 0 <= -start < lanes else result

    def of_array(result, y, x, start):
        if 0 <= -start < lanes:
            i = 0
            for cell in y.flat:
                put_flat(result, i, tangent_at(cell, x, -start))
                i += 1
        return result

    return of_array


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
            return function_from(f"def on_tuple(y, x):\n    return ({cells})", {name: function})
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


def _has_lists(y: Any) -> bool:
    """Whether a result is a list or holds some, whose items Numba counts references to."""
    return isinstance(y, (types.List, types.ListType)) or (
        isinstance(y, types.BaseTuple) and any(map(_has_lists, y.types))
    )


@overload(any_nan, jit_options=BORROWING)
def _any_nan(y):
    return None if _has_lists(y) else _nan_among(y)


@overload(any_nan, jit_options=OPTIONS)
def _any_nan_of_lists(y):
    return _nan_among(y) if _has_lists(y) else None


def _nan_among(y: Any) -> Any:
    """What tells whether there is a NaN in a result."""
    if is_dual(y):
        return lambda y: any_nan(value(y)) or any_nan(_tangents_tuple(y))
    if is_number(y):
        return lambda y: y != y
    if isinstance(y, types.BaseTuple):
        cells = " or ".join(f"any_nan(y[{i}])" for i in range(len(y.types))) or "False"
        return function_from(f"def on_tuple(y):\n    return {cells}", {"any_nan": any_nan})

    if isinstance(y, types.Array) and y.layout == "C":

        def on_contiguous(y):
            found = False
            for i in range(y.size):
                found |= any_nan(get_flat(y, i))
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
