"""Integers in products and quotients with duals: NaN in gives NaN out.

``int(x)``, ``round(x)`` and ``math.floor(x)`` of NaN are some integer in compiled code, since no integer is NaN. The
product ``round(x) * x`` is NaN all the same, and so must its derivative be: not that integer.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from ..dual.layout import parts
from ..dual.types import is_dual
from ..numba_internals import FunctionPass, register_pass
from .typed_calls import applied, typed_call

_FACTORS: dict[Any, Any] = {
    operator.mul: operator.mul,
    operator.imul: operator.mul,
    operator.truediv: operator.truediv,
    operator.itruediv: operator.truediv,
    np.multiply: np.multiply,
    np.divide: np.divide,
}
"""The functions by whose derivative a constant operand is a factor of the tangents; what each is on numbers."""


def _root(ty: types.Type) -> types.Type:
    return _root(ty.base) if is_dual(ty) else ty


@functools.cache
def _factor(made: types.Float) -> Any:
    @intrinsic
    def factor(typingctx: Any, integer: Any, dual: Any) -> Any:
        """An integer as a float; where the value of the dual is NaN, that."""

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            ty, value = dual, args[1]
            while is_dual(ty):
                ty, value = ty.base, parts(context, builder, ty, value).value
            number, value = context.cast(builder, args[0], integer, made), context.cast(builder, value, ty, made)
            return builder.select(builder.fcmp_unordered("uno", value, value), value, number)

        return made(integer, dual), codegen

    return factor


@register_pass(mutates_CFG=False, analysis_only=False)
class IntegerFactors(FunctionPass):
    """Has integers that multiply or divide duals, or that duals divide, be floats, once types are known.

    ``$y = $i * $x``, with a dual in $x, becomes ``$factor = call $as_factor($i, $x); $y = $factor * $x``. Constants
    stay: none of them was made from NaN.
    """

    _name = "dualdiff_integer_factors"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        changed = False
        for block in state.func_ir.blocks.values():
            body: list[Any] = []
            for statement in block.body:
                made = _made(state, block.scope, statement)
                changed |= bool(made)
                body += [*made, statement]
            block.body = body
        return changed


def _made(state: Any, scope: Any, statement: Any) -> list[Any]:
    """The statements that make a float of an integer, which the operation, changed, then takes."""
    function, operands = applied(state.typemap, statement)
    if function not in _FACTORS or len(operands) != 2:
        return []
    kinds = [state.typemap[v.name] for v in operands]
    for i, dual in ((0, 1), (1, 0)):
        if isinstance(kinds[i], types.Integer) and not isinstance(kinds[i], types.Literal) and is_dual(kinds[dual]):
            result = state.typemap[statement.target.name]
            given = [operands[i], operands[dual]]
            made, factor = typed_call(state, scope, _factor(_root(result)), given, "$factor", statement.loc)
            operands[i] = factor
            called, again = typed_call(state, scope, _FACTORS[function], operands, "$product", statement.loc)
            statement.value = again
            return [*made, *called]
    return []
