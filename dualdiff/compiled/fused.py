"""Sums with a product: the tangents of ``a + b * c`` are fused multiply-adds all through.

Alone, a product's tangents are rounded before they are added to another number's. Where the product has no other
use, its sum is made at once: a third fewer operations in the tangents of a scalar product, and one rounding less.
What is fused is decided by the user's text, so it is the same for every chunk. Values keep the bits of the plain
function: they are multiplied, rounded, and added.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterator
from typing import Any

from numba.core import ir, types
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.ir_utils import build_definitions, mk_unique_var
from numba.extending import intrinsic

from .arithmetic import sum_with_product
from .types import DualType, is_dual

_SUMS = {operator.add: 1, operator.iadd: 1, operator.sub: -1, operator.isub: -1}
_PRODUCTS = (operator.mul, operator.imul)


@register_pass(mutates_CFG=False, analysis_only=False)
class FuseProducts(FunctionPass):
    """Replaces ``t = b * c; r = a + t`` by one operation, once types are known."""

    _name = "dualdiff_fuse_products"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        if not any(is_dual(ty) for ty in state.typemap.values()):
            return False
        uses = Counter(name for block in state.func_ir.blocks.values() for name in _used(block))
        fused = [_fuse(state, block, uses) for block in state.func_ir.blocks.values()]
        if any(fused):
            state.func_ir._definitions = build_definitions(state.func_ir.blocks)
        return any(fused)


def _used(block: Any) -> Iterator[str]:
    for statement in block.body:
        if isinstance(statement, ir.Assign):
            value = statement.value
            used = value.list_vars() if isinstance(value, ir.Expr) else [value] if isinstance(value, ir.Var) else []
        else:
            used = statement.list_vars()
        yield from (variable.name for variable in used)


def _fuse(state: Any, block: Any, uses: Counter[str]) -> bool:
    """Fuse the products of a block, and tell whether there were any."""
    products: dict[str, Any] = {}  # those of which nothing has changed since they were made
    dropped = set()
    body = []
    for statement in block.body:
        if isinstance(statement, ir.Assign):
            expr, target = statement.value, statement.target.name
            fusion = _fusion(state.typemap, statement, products)
            if fusion is not None:
                function, operands, product = fusion
                call, made = _called(state, block.scope, statement, function, operands)
                body.append(made)
                statement = call
                dropped.add(id(products.pop(product)))
            products = {
                name: made
                for name, made in products.items()
                if target != name and target not in (made.value.lhs.name, made.value.rhs.name)
            }
            if fusion is None and _operation(expr) in _PRODUCTS and uses[target] == 1:
                products[target] = statement
        body.append(statement)
    block.body = [statement for statement in body if id(statement) not in dropped]
    return bool(dropped)


def _operation(expr: Any) -> Any:
    return expr.fn if isinstance(expr, ir.Expr) and expr.op in ("binop", "inplace_binop") else None


def _fusion(typemap: Any, statement: Any, products: dict[str, Any]) -> Any:
    """The function that makes the sum, its operands, and the product's name; None if it is no sum to fuse."""
    sign = _SUMS.get(_operation(statement.value))
    if sign is None:
        return None
    left, right = statement.value.lhs, statement.value.rhs
    for other, product, function in (
        (left, right, added if sign > 0 else subtracted),
        (right, left, added if sign > 0 else subtracted_from),
    ):
        made = products.get(product.name)
        if made is None or other.name == product.name:
            continue
        operands = [other, made.value.lhs, made.value.rhs]
        if _can_be_fused(typemap[statement.target.name], *(typemap[v.name] for v in operands)):
            return function, operands, product.name
    return None


def _can_be_fused(result: types.Type, a: types.Type, b: types.Type, c: types.Type) -> bool:
    """Whether all are duals of one kind, over plain numbers, or such numbers; ``a``, and ``b`` or ``c``, duals."""

    def is_operand(ty: types.Type) -> bool:
        if isinstance(ty, DualType):
            return (ty.level, ty.n, ty.base) == (result.level, result.n, types.float64)
        return isinstance(ty, types.Integer) or ty == types.float64

    duals = is_dual(result) and is_dual(a) and (is_dual(b) or is_dual(c))
    return duals and result.base == types.float64 and all(map(is_operand, (a, b, c)))


def _called(state: Any, scope: Any, statement: Any, function: Any, operands: Any) -> tuple[Any, Any]:
    """The statement with a call of ``function`` instead, and the assignment that it needs before it."""
    loc = statement.loc
    variable = ir.Var(scope, mk_unique_var("$fused"), loc)
    kind = state.typingctx.resolve_value_type(function)
    state.typemap[variable.name] = kind
    call = ir.Expr.call(variable, operands, (), loc)
    argtypes = tuple(state.typemap[v.name] for v in operands)
    state.calltypes[call] = kind.get_call_type(state.typingctx, argtypes, {})
    made = ir.Assign(ir.Global(function.__name__, function, loc), variable, loc)
    return ir.Assign(call, statement.target, loc), made


def _joined(*operands: types.Type) -> DualType:
    duals = [t for t in operands if isinstance(t, DualType)]
    joined = duals[0]
    for dual in duals[1:]:
        joined = joined.joined(dual)
    return joined


def _intrinsic(name: str, signs: tuple[int, int]) -> Any:
    """signs[0] * a + signs[1] * (b * c) for compiled code."""

    def typed(typingctx, a, b, c):
        ty = _joined(a, b, c)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return sum_with_product(context, builder, ty, signs, *zip((a, b, c), args, strict=True))

        return ty(a, b, c), codegen

    typed.__name__ = name
    return intrinsic(typed)


added = _intrinsic("added", (1, 1))
subtracted = _intrinsic("subtracted", (1, -1))
subtracted_from = _intrinsic("subtracted_from", (-1, 1))
