"""Statements as operations and calls, once types are known: what our typed passes read and write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..numba_internals import ir, mk_unique_var


def applied(typemap: Any, statement: Any) -> tuple[Any, list[Any]]:
    """The function that a statement applies, and the variables that it applies it to; None if it is no operation."""
    expr = statement.value if isinstance(statement, ir.Assign) else None
    if isinstance(expr, ir.Expr):
        if expr.op in ("binop", "inplace_binop"):
            return expr.fn, [expr.lhs, expr.rhs]
        if expr.op == "unary":
            return expr.fn, [expr.value]
        if expr.op == "call" and not (expr.kws or expr.vararg):
            function = getattr(typemap[expr.func.name], "typing_key", None)
            return function if callable(function) else None, list(expr.args)
    return None, []


_FUNCTION = "$function"


def typed_call(
    state: Any, scope: Any, function: Any, operands: Sequence[Any], target: Any, loc: Any
) -> tuple[list[Any], Any]:
    """The statements that call a function, and the variable of its result: ``target``, or a new one of that name."""
    state.typingctx.refresh()
    kind = state.typingctx.resolve_value_type(function)
    variable = ir.Var(scope, mk_unique_var(_FUNCTION), loc)
    call = ir.Expr.call(variable, list(operands), (), loc)
    state.calltypes[call] = kind.get_call_type(state.typingctx, tuple(state.typemap[v.name] for v in operands), {})
    state.typemap[variable.name] = kind
    if isinstance(target, str):
        target = ir.Var(scope, mk_unique_var(target), loc)
        state.typemap[target.name] = state.calltypes[call].return_type
    return [ir.Assign(ir.Global(variable.name, function, loc), variable, loc), ir.Assign(call, target, loc)], target


def is_typed_call(expr: Any) -> bool:
    """Whether it is such a call, none of which writes to memory."""
    return bool(expr.op == "call" and expr.func.name.startswith(_FUNCTION))
