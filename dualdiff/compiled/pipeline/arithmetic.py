"""What arithmetic of duals needs beside the rules.

Division by zero under Numba's error model "python": what plain f raises, f on duals raises. Divisions of plain numbers
raise by themselves, as the clone is compiled with the options of the user's function, and so does the value of an
expression that preaccumulation has put together. The arithmetic of single duals is compiled apart from f, without
Python's division errors, so that no partial derivative raises: here the denominator is looked at before.

Integers in products and quotients with duals: ``int(x)``, ``round(x)`` and ``math.floor(x)`` of NaN are some integer in
compiled code, since no integer is NaN. The product ``round(x) * x`` is NaN all the same, and so must its derivative be:
not that integer.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from ..dual.layout import parts
from ..dual.types import is_dual, is_number
from ..llvm.noting import Noting
from ..numba_internals import FunctionPass, cgutils, register_pass
from .typed_calls import applied, typed_call

# --- division by zero -----------------------------------------------------------------------

_DIVISIONS = {
    operator.truediv: "division by zero",
    operator.itruediv: "division by zero",
    operator.floordiv: "division by zero",
    operator.ifloordiv: "division by zero",
    operator.mod: "modulo by zero",
    operator.imod: "modulo by zero",
    divmod: "modulo by zero",
}
"""What Numba says of each."""


def _refusing(message: str) -> Any:
    @intrinsic
    def refuse_zero(typingctx: Any, denominator: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            ty, value = sig.args[0], args[0]
            while is_dual(ty):
                ty, value = ty.base, parts(context, builder, ty, value).value
            is_zero = cgutils.is_scalar_zero(builder, value)
            if isinstance(context.error_model, Noting):
                context.error_model.note(builder, is_zero)
            else:
                with cgutils.if_unlikely(builder, is_zero):
                    context.error_model.fp_zero_division(builder, (message,), None)
            return context.get_dummy_value()

        return types.none(denominator), codegen

    return refuse_zero


_REFUSING = {message: _refusing(message) for message in _DIVISIONS.values()}


@register_pass(mutates_CFG=False, analysis_only=False)
class CheckDivisions(FunctionPass):
    """Has the denominators of duals looked at, once types are known.

    Before ``$c = $a / $b``, with a dual in $a or $b, it puts ``$checked = call $refuse_zero($b)``. In a loop that must
    not stop, also where there is none.
    """

    _name = "dualdiff_check_divisions"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        if state.flags.error_model != "python":
            return False
        changed = False
        for block in state.func_ir.blocks.values():
            body: list[Any] = []
            for statement in block.body:
                found = _division(state.typemap, statement, state.goes_on)
                if found is not None:
                    denominator, message = found
                    check = _REFUSING[message]
                    body += typed_call(state, block.scope, check, [denominator], "$checked", statement.loc)[0]
                    changed = True
                body.append(statement)
            block.body = body
        return changed


def _division(typemap: Any, statement: Any, all_numbers: bool) -> tuple[Any, str] | None:
    """The denominator of a division of duals, or of any numbers, and what is said if it is zero."""
    function, operands = applied(typemap, statement)
    message = _DIVISIONS.get(function)
    kinds = [typemap[v.name] for v in operands]
    if message is None or not all(is_dual(t) or is_number(t) for t in kinds):
        return None
    if not all_numbers and not any(map(is_dual, kinds)):
        return None
    return operands[1], message


# --- integers as factors --------------------------------------------------------------------

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
