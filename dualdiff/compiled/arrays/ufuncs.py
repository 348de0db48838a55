"""NumPy on arrays of duals inside compiled code: the elementwise functions and assignments."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numba import types
from numba.extending import lower_cast, models, overload, register_model

from ...rules.table import FLAT, RULES, VALUE_ONLY
from ..dual.overloads import arity, spellings
from ..dual.types import CALLED, is_dual
from ..numba_internals import Rewrite, ir, rewrite_registry
from .loops import applies, assign, copied, elementwise, is_dual_array, is_numeric, overlap, stores
from .teaching import teach


def _teach_elementwise(function: Any, arguments: int) -> None:
    def of_one(typingctx: Any, x: Any) -> Any:
        return elementwise(typingctx, function, (x,)) if applies(x) else None

    def of_two(typingctx: Any, a: Any, b: Any) -> Any:
        return elementwise(typingctx, function, (a, b)) if applies(a, b) else None

    def of_one_into(typingctx: Any, x: Any, out: Any) -> Any:
        return elementwise(typingctx, function, (x,), out) if stores(out, x) else None

    def of_two_into(typingctx: Any, a: Any, b: Any, out: Any) -> Any:
        return elementwise(typingctx, function, (a, b), out) if stores(out, a, b) else None

    # Numba multiplies out a constant exponent: so must the values of duals
    literal = function in (operator.pow, np.power)
    teach(function, of_one if arguments == 1 else of_two, prefer_literal=literal)
    if isinstance(function, np.ufunc):
        teach(function, of_one_into if arguments == 1 else of_two_into, prefer_literal=literal)


for _function, _key in spellings((*RULES, *FLAT, *VALUE_ONLY)):
    # abs and pow of Python and the functions of math are of numbers only
    if _function not in (abs, pow) and getattr(_function, "__module__", "") != "math":
        _teach_elementwise(_function, arity(_key))


# --- no array expressions -------------------------------------------------------------------


class CalledType(types.Function):
    """The type of a ufunc by which Numba does not know it as one."""

    def __init__(self, function: types.Function) -> None:
        super().__init__(function.templates)
        self._impl_keys = function._impl_keys
        self.typing_key = f"{function}, called"


register_model(CalledType)(models.OpaqueModel)


@lower_cast(types.Function, CalledType)
def _function_to_called(context: Any, builder: Any, fromty: Any, toty: Any, val: Any) -> Any:
    return val


class KeepCalls(Rewrite):
    """Keeps Numba from making an array expression of a ufunc of an array and a dual: these take plain numbers only."""

    def match(self, func_ir: Any, block: Any, typemap: Any, calltypes: Any) -> bool:
        for statement in block.find_insts(ir.Assign):
            call = statement.value
            if not (isinstance(call, ir.Expr) and call.op == "call" and is_dual_array(typemap[statement.target.name])):
                continue
            if any(is_dual(typemap[v.name]) for v in call.args):
                called = typemap[call.func.name]
                if isinstance(called, types.Function) and isinstance(called.typing_key, np.ufunc):
                    typemap.pop(call.func.name)  # a type cannot be changed otherwise
                    typemap[call.func.name] = CalledType(called)
        return False


rewrite_registry.rewrites["after-inference"].insert(0, KeepCalls)


# --- assignments ----------------------------------------------------------------------------


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
    @overload(in_place, jit_options=CALLED, target="cpu", prefer_literal=plain is operator.pow)
    def implementation(a, b):
        if not (is_dual_array(a) and a.mutable and applies(a, b)):
            return None
        if isinstance(b, types.IntegerLiteral):
            n = b.literal_value

            def by_constant(a, b):
                assign(a, plain(a, n))
                return a

            return by_constant

        def store(a, b):
            assign(a, plain(a, b))
            return a

        return store


for _in_place, _plain in _IN_PLACE.items():
    _teach_in_place(_in_place, _plain)


def _selects_a_view(a: types.Array, index: Any) -> bool:
    """Whether ``a[index]`` is a view of part of the array, rather than an element or a copy."""
    parts = tuple(index.types) if isinstance(index, types.BaseTuple) else (index,)
    if not all(isinstance(part, (types.Integer, types.SliceType, types.EllipsisType)) for part in parts):
        return False
    return len(parts) < a.ndim or not all(isinstance(part, types.Integer) for part in parts)


@overload(operator.setitem, jit_options=CALLED, target="cpu")
def _set_part(a, index, source):
    # Numba's own would compile its message about shapes that differ, which takes longer than all the rest
    if not (is_dual_array(a) and a.mutable and is_numeric(source) and _selects_a_view(a, index)):
        return None
    if isinstance(index, types.EllipsisType):  # Numba stores at [...], but does not read there
        return lambda a, index, source: operator.setitem(a, slice(None), source)
    if is_dual_array(source):

        def from_duals(a, index, source):
            target = a[index]
            assign(target, copied(source) if overlap(target, source) else source)

        return from_duals
    return lambda a, index, source: assign(a[index], source)
