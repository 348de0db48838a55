"""Products and linear algebra of arrays of duals inside compiled code.

The value of every result is that of NumPy's function of the values, which Numba hands to BLAS or LAPACK;
the tangents follow, lane by lane, from the differential identities in Giles (2008), "Collected matrix
derivative results for forward and reverse mode algorithmic differentiation". Where the values are duals
themselves, the functions called here are again those of this file.
"""

# Numba compares the signatures of an overload and its implementation, annotations included:
# functions that it compiles have none here.

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.registry import cpu_target
from numba.extending import intrinsic, overload

from .array_functions import OPTIONS, compiled, implements, is_none
from .loops import assign, copied, element, expanded, flat, is_dual_array, is_numeric, lane_of, lane_view, values_of, values_view
from .types import DualType, array_of, constant_like, is_dual, level_of, make, new_array, packed, value

# --- values and lanes -----------------------------------------------------------------------


def _is_array(ty: Any) -> bool:
    return isinstance(ty, types.Array) and is_numeric(ty)


def _stub(name: str, parameters: str) -> Any:
    scope: dict[str, Any] = {}
    exec(f"def {name}({parameters}):\n    raise TypeError('{name} is for compiled code')", scope)
    return scope[name]


below = _stub("below", "x, level")
tangent = _stub("tangent", "x, level, k")


@overload(below, jit_options=OPTIONS, prefer_literal=True)
def _below(x, level):
    """The values of ``x`` at a level; contiguous."""
    if level_of(x) == level.literal_value:
        return lambda x, level: values_of(x)
    if x.layout == "C":
        return lambda x, level: x
    return lambda x, level: copied(x)


def result_kind(function: Any, *operands: types.Type) -> DualType:
    """The type of dual that ``function`` of one element of each operand makes."""
    context = cpu_target.typing_context
    known = context.resolve_value_type(function)
    return context.resolve_function_type(known, tuple(map(element, operands)), {}).return_type


@intrinsic
def lane_count(typingctx: Any, a: Any) -> Any:
    """The number of tangents of the duals in an array."""
    n = a.dtype.n
    return types.intp(a), lambda context, builder, sig, args: context.get_constant(types.intp, n)


@intrinsic
def lifted(typingctx: Any, values: Any, like: Any) -> Any:
    """A new array of duals, of the kind of those in ``like``, with the values and no tangents yet."""
    ty = array_of(like.dtype.with_base(values.dtype), values.ndim)
    element_type = types.TypeRef(ty.dtype)

    def implementation(values, like):
        out = new_array(values.shape, element_type)
        assign(values_view(out), values)
        return out

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        return context.compile_internal(builder, implementation, sig, args)

    return ty(values, like), codegen


def is_finite(x: Any) -> Any:
    raise TypeError("is_finite is for compiled code")


@overload(is_finite, jit_options=OPTIONS)
def _is_finite(x):
    """Whether all numbers in an array, of any level, are finite."""
    if is_dual_array(x):

        def duals(x):
            if not is_finite(values_view(x)):
                return False
            for k in range(lane_count(x)):
                if not is_finite(lane_view(x, k)):
                    return False
            return True

        return duals

    def numbers(x):
        for number in x.flat:
            if not np.isfinite(number):
                return False
        return True

    return numbers
