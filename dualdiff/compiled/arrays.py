"""NumPy on arrays of duals inside compiled code: the elementwise functions and the first reductions."""

# Numba compares the signatures of an overload and its implementation, annotations included:
# functions that it compiles have none here.

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numba import njit
from numba.core import types
from numba.core.registry import cpu_target
from numba.extending import overload, overload_method

from ..rules import FLAT, RULES, VALUE_ONLY
from .scalars import arity, spellings
from .types import DualArrayType, is_dual, is_number, new_array

OPTIONS = {"error_model": "numpy"}  # whole loops are not inlined


def is_dual_array(ty: Any) -> bool:
    return isinstance(ty, types.Array) and is_dual(ty.dtype)


def _is_number_array(ty: Any) -> bool:
    return isinstance(ty, types.Array) and is_number(ty.dtype)


def _element(ty: types.Type) -> types.Type:
    return ty.dtype if isinstance(ty, types.Array) else ty


def _applies(*operands: Any) -> bool:
    """Whether an elementwise function of these operands is one on arrays, with duals among them."""
    known = all(is_dual(_element(t)) or is_number(_element(t)) for t in operands)
    return known and any(isinstance(t, types.Array) for t in operands) and any(is_dual(_element(t)) for t in operands)


def _result_type(function: Any, *operands: types.Type) -> types.Type:
    """The type of ``function`` of one element of each operand."""
    context = cpu_target.typing_context
    signature = context.resolve_function_type(context.resolve_value_type(function), tuple(map(_element, operands)), {})
    return signature.return_type


def _teach_unary(function: Any) -> None:
    @overload(function, jit_options=OPTIONS)
    def implementation(x):
        if not _applies(x):
            return None
        result = types.TypeRef(_result_type(function, x))

        def on_array(x):
            out = new_array(x.shape, result)
            flat = out.reshape(out.size)
            i = 0
            for element in x.flat:
                flat[i] = function(element)
                i += 1
            return out

        return on_array


def _teach_binary(function: Any) -> None:
    @overload(function, jit_options=OPTIONS)
    def implementation(a, b):
        if not _applies(a, b):
            return None
        result = types.TypeRef(_result_type(function, a, b))
        if not isinstance(b, types.Array):

            def array_and_number(a, b):
                out = new_array(a.shape, result)
                flat = out.reshape(out.size)
                i = 0
                for element in a.flat:
                    flat[i] = function(element, b)
                    i += 1
                return out

            return array_and_number
        if not isinstance(a, types.Array):

            def number_and_array(a, b):
                out = new_array(b.shape, result)
                flat = out.reshape(out.size)
                i = 0
                for element in b.flat:
                    flat[i] = function(a, element)
                    i += 1
                return out

            return number_and_array
        if a.ndim == b.ndim == 1:

            def vectors(a, b):
                n = max(a.size, b.size) if min(a.size, b.size) > 0 else 0
                if a.size not in (1, n) or b.size not in (1, n):
                    raise ValueError("operands could not be broadcast together")
                out = new_array(n, result)
                step_a = 1 if a.size > 1 else 0
                step_b = 1 if b.size > 1 else 0
                for i in range(n):
                    out[i] = function(a[i * step_a], b[i * step_b])
                return out

            return vectors

        def broadcast(a, b):
            shape = np.broadcast_shapes(a.shape, b.shape)
            x = np.broadcast_to(a, shape)
            y = np.broadcast_to(b, shape)
            out = new_array(shape, result)
            for index in np.ndindex(shape):
                out[index] = function(x[index], y[index])
            return out

        return broadcast


def _teach_elementwise() -> None:
    for function, key in spellings((*RULES, *FLAT, *VALUE_ONLY)):
        if function in (abs, pow) or getattr(function, "__module__", "") == "math":
            continue  # of numbers only
        (_teach_unary if arity(key) == 1 else _teach_binary)(function)


_teach_elementwise()


_IN_PLACE = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
    operator.ifloordiv: operator.floordiv,
    operator.imod: operator.mod,
    operator.ipow: operator.pow,
}


def _teach_in_place(in_place: Any, plain: Any) -> None:
    # for the target "cpu", so that it is asked before NumPy's own, which fails on what it does not know
    @overload(in_place, jit_options=OPTIONS, target="cpu")
    def implementation(a, b):
        if not (is_dual_array(a) and _applies(a, b)):
            return None

        def store(a, b):
            a[...] = plain(a, b)
            return a

        return store


for _in_place, _plain in _IN_PLACE.items():
    _teach_in_place(_in_place, _plain)


# --- reductions -----------------------------------------------------------------------------


def _teach_reduction(function: Any, over: Any) -> None:
    """Teach a reduction over all elements, as a function and as a method."""

    @overload(function, jit_options=OPTIONS)
    def implementation(a):
        return (lambda a: over(a)) if is_dual_array(a) else None

    @overload_method(DualArrayType, function.__name__, jit_options=OPTIONS)
    def method(a):
        return lambda a: over(a)


@njit(**OPTIONS)
def _sum(a):
    total = 0.0
    for element in a.flat:
        total += element
    return total


@njit(**OPTIONS)
def _prod(a):
    # by the product rule, element by element: never product/element, which fails at 0
    total = 1.0
    for element in a.flat:
        total *= element
    return total


@njit(**OPTIONS)
def _mean(a):
    return _sum(a) / a.size


@njit(**OPTIONS)
def _max(a):
    if a.size == 0:
        raise ValueError("zero-size array to reduction operation maximum which has no identity")
    most = a.flat[0]
    for i in range(1, a.size):
        most = np.maximum(most, a.flat[i])
    return most


@njit(**OPTIONS)
def _min(a):
    if a.size == 0:
        raise ValueError("zero-size array to reduction operation minimum which has no identity")
    least = a.flat[0]
    for i in range(1, a.size):
        least = np.minimum(least, a.flat[i])
    return least


for _function, _over in ((np.sum, _sum), (np.prod, _prod), (np.mean, _mean), (np.max, _max), (np.min, _min)):
    _teach_reduction(_function, _over)
