"""Tuples of floats and duals inside compiled code: iterated and indexed as tuples of floats are.

A tuple of floats has one element type for Numba; where some of them become duals it has several, and Numba can
neither iterate such a tuple nor index it by a number known at run time. There, and only there, all become duals.
"""

from __future__ import annotations

import operator
from typing import Any

from numba import types
from numba.extending import intrinsic, overload

from ..numba_internals import AbstractTemplate, cpu_target, impl_ret_borrowed, infer, infer_global, signature
from .types import OPTIONS, level_of_type


def _one_type(ty: Any) -> types.UniTuple | None:
    """The type of a tuple of numbers and duals with one element type; None of what needs none, or has none."""
    if not isinstance(ty, types.BaseTuple) or isinstance(ty, types.IterableType) or level_of_type(ty) == 0:
        return None
    element = cpu_target.typing_context.unify_types(*ty.types)
    return None if element is None or level_of_type(element) == 0 else types.UniTuple(element, len(ty.types))


@intrinsic
def uniform(typingctx: Any, t: Any) -> Any:
    """A tuple of numbers and duals as one with one element type; anything else as it is."""
    result = _one_type(t)
    if result is None:
        return t(t), lambda context, builder, sig, args: impl_ret_borrowed(context, builder, t, args[0])
    return result(t), lambda context, builder, sig, args: context.cast(builder, args[0], t, result)


@infer
class Iterated(AbstractTemplate):
    """``for number in t``."""

    key = "getiter"

    def generic(self, args: Any, kws: Any) -> Any:
        one = _one_type(args[0])
        return None if one is None else signature(one.iterator_type, one)


@overload(operator.getitem, jit_options=OPTIONS)
def _item(t, i):
    if _one_type(t) is None or not isinstance(i, types.Integer):
        return None
    return lambda t, i: uniform(t)[i]


def _teach_iterator(function: Any) -> None:
    """Teach what gives an iterator over its arguments, which refers to them: it cannot be left to another function."""

    class Consumed(AbstractTemplate):
        key = function

        def generic(self, args: Any, kws: Any) -> Any:
            known = tuple(_one_type(t) or t for t in args)
            if known == tuple(args):
                return None
            return self.context.resolve_function_type(self.context.resolve_value_type(function), known, kws)

    infer_global(function)(Consumed)


def _teach_reduction(function: Any) -> None:
    @overload(function, jit_options=OPTIONS)
    def typed(t):
        return None if _one_type(t) is None else lambda t: function(uniform(t))


for _iterator in (enumerate, zip, list):
    _teach_iterator(_iterator)
for _reduction in (max, min, sum):
    _teach_reduction(_reduction)
