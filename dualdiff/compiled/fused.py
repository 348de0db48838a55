"""Sums with a product or a power: the tangents of ``a + b * c`` and ``a + b**2`` are fused multiply-adds all through.

Alone, the tangents of a product or a power are rounded before they are added to another number's. Where they have no
other use, the sum is made at once: a third fewer operations on tangents, and one rounding less; a product of a number
with itself counts as its square, which takes half of them. What is fused is decided by the user's text, so it is the
same for every chunk. Values keep the bits of the plain function: they are computed, rounded, and added.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from numba.core import ir, types
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.ir_utils import build_definitions, mk_unique_var
from numba.extending import intrinsic

from .arithmetic import sum_with_product, sum_with_scaled
from .scalars import factors_of_power, factors_of_square
from .types import DualType, is_dual

_SUMS = {operator.add: 1, operator.iadd: 1, operator.sub: -1, operator.isub: -1}
_PRODUCTS = (operator.mul, operator.imul)
_POWERS = (operator.pow, operator.ipow)
_READING = {
    "getitem",
    "static_getitem",
    "binop",
    "unary",
    "cast",
    "getattr",
    "build_tuple",
    "pair_first",
    "pair_second",
}
"""Expressions that write to no array."""


@register_pass(mutates_CFG=False, analysis_only=False)
class FuseProducts(FunctionPass):
    """Replaces ``t = b * c; r = a + t``, and the same with powers, by one operation, once types are known."""

    _name = "dualdiff_fuse_products"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        if not any(is_dual(ty) for ty in state.typemap.values()):
            return False
        uses = Counter(name for block in state.func_ir.blocks.values() for name in _used(block))
        fused = [_Block(state, block).fuse(uses) for block in state.func_ir.blocks.values()]
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


def _operation(expr: Any) -> Any:
    return expr.fn if isinstance(expr, ir.Expr) and expr.op in ("binop", "inplace_binop") else None


class _Term(NamedTuple):
    """A statement whose result may become part of a sum.

    ``operands``: the base of a power, or the two factors of a product. ``factors``: what gives the value and the
    partial derivative of the power; None for a product.
    """

    statement: Any
    operands: list[Any]
    factors: Any = None


class _Block:
    """One block of statements: what is known of the variables at the point that is looked at."""

    def __init__(self, state: Any, block: Any) -> None:
        self.state = state
        self.block = block
        self.terms: dict[str, _Term] = {}  # those that can still be fused, by the names of their results
        self.cells: dict[str, tuple[str, Any]] = {}  # variables that are an element of an array: array and index

    def fuse(self, uses: Counter[str]) -> bool:
        """Fuse what can be fused, and tell whether there was anything."""
        instead: dict[int, list[Any]] = {}
        for statement in list(self.block.body):
            if not isinstance(statement, ir.Assign):
                self.cells.clear()
                continue
            made = self._fused_sum(statement)
            if made is not None:
                taken, of_term, of_sum = made
                instead[id(taken.statement)] = of_term
                instead[id(statement)] = of_sum
            term = None if made else self._term(statement)
            self._forget(statement)
            if term is not None and uses[statement.target.name] == 1:
                self.terms[statement.target.name] = term
        self.block.body = [new for old in self.block.body for new in instead.get(id(old), [old])]
        return bool(instead)

    def _forget(self, statement: Any) -> None:
        """Forget what is no longer true after a statement, and learn what it reads."""
        expr, target = statement.value, statement.target.name
        if isinstance(expr, ir.Expr) and expr.op not in _READING and not is_dual(self.state.typemap[target]):
            self.cells.clear()
        self.cells = {name: cell for name, cell in self.cells.items() if target != name and target not in cell}
        self.terms = {
            name: term
            for name, term in self.terms.items()
            if target != name and target not in [v.name for v in term.operands]
        }
        if isinstance(expr, ir.Expr) and expr.op in ("getitem", "static_getitem"):
            self.cells[target] = expr.value.name, getattr(expr.index, "name", expr.index)

    def _term(self, statement: Any) -> _Term | None:
        """The statement as a term, if it is one."""
        expr, typemap = statement.value, self.state.typemap
        function = _operation(expr)
        if function in _PRODUCTS:
            b, c = expr.lhs, expr.rhs
            same = b.name == c.name or (b.name in self.cells and self.cells[b.name] == self.cells.get(c.name))
            if same and is_dual(typemap[b.name]):
                return _Term(statement, [b], factors_of_square)
            return _Term(statement, [b, c])
        if function in _POWERS:
            exponent = self.state.calltypes[expr].args[1]
            if is_dual(typemap[expr.lhs.name]) and isinstance(exponent, types.IntegerLiteral):
                return _Term(statement, [expr.lhs], factors_of_power(exponent.literal_value))
        return None

    def _fused_sum(self, statement: Any) -> tuple[_Term, list[Any], list[Any]] | None:
        """The term that a sum takes up, and what replaces the statements of both."""
        expr, typemap = statement.value, self.state.typemap
        sign = _SUMS.get(_operation(expr))
        if sign is None:
            return None
        for other, name, signs in (
            (expr.lhs, expr.rhs.name, (1, sign)),
            (expr.rhs, expr.lhs.name, (sign, 1)),
        ):
            term = self.terms.get(name)
            if term is None or other.name == name:
                continue
            operands = [other, *term.operands]
            if _can_be_fused(typemap[statement.target.name], *(typemap[v.name] for v in operands)):
                del self.terms[name]
                if term.factors is None:
                    return term, [], self._call(SUMS[signs], operands, statement.target, statement.loc)
                loc = term.statement.loc
                factors = ir.Var(self.block.scope, mk_unique_var("$factors"), loc)
                of_term = self._call(term.factors, term.operands, factors, loc)
                operands.insert(1, factors)
                return term, of_term, self._call(SCALED_SUMS[signs], operands, statement.target, statement.loc)
        return None

    def _call(self, function: Any, operands: list[Any], target: Any, loc: Any) -> list[Any]:
        """The statements that call a function."""
        state = self.state
        variable = ir.Var(self.block.scope, mk_unique_var("$fused"), loc)
        kind = state.typingctx.resolve_value_type(function)
        state.typemap[variable.name] = kind
        call = ir.Expr.call(variable, operands, (), loc)
        argtypes = tuple(state.typemap[v.name] for v in operands)
        signature = kind.get_call_type(state.typingctx, argtypes, {})
        state.calltypes[call] = signature
        if target.name not in state.typemap:
            state.typemap[target.name] = signature.return_type
        made = ir.Assign(ir.Global(variable.name, function, loc), variable, loc)
        return [made, ir.Assign(call, target, loc)]


def _can_be_fused(result: types.Type, a: types.Type, *others: types.Type) -> bool:
    """Whether all are duals of one kind, over plain numbers, or such numbers; ``a``, and one of the others, duals."""

    def is_operand(ty: types.Type) -> bool:
        if isinstance(ty, DualType):
            return (ty.level, ty.n, ty.base) == (result.level, result.n, types.float64)
        return isinstance(ty, types.Integer) or ty == types.float64

    duals = is_dual(result) and is_dual(a) and any(map(is_dual, others))
    return duals and result.base == types.float64 and all(map(is_operand, (a, *others)))


def _joined(*operands: types.Type) -> DualType:
    duals = [t for t in operands if isinstance(t, DualType)]
    joined = duals[0]
    for dual in duals[1:]:
        joined = joined.joined(dual)
    return joined


def _sum(name: str, signs: tuple[int, int]) -> Any:
    """signs[0] * a + signs[1] * (b * c) for compiled code."""

    def typed(typingctx, a, b, c):
        ty = _joined(a, b, c)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return sum_with_product(context, builder, ty, signs, *zip((a, b, c), args, strict=True))

        return ty(a, b, c), codegen

    typed.__name__ = name
    return intrinsic(typed)


def _scaled_sum(name: str, signs: tuple[int, int]) -> Any:
    """signs[0] * a + signs[1] * f(b) for compiled code, where ``factors`` are f(b) and f'(b)."""

    def typed(typingctx, a, factors, b):
        ty = _joined(a, b)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return sum_with_scaled(context, builder, ty, signs, *zip((a, factors, b), args, strict=True))

        return ty(a, factors, b), codegen

    typed.__name__ = name
    return intrinsic(typed)


_SIGNS = {"added": (1, 1), "subtracted": (1, -1), "subtracted_from": (-1, 1)}
SUMS = {signs: _sum(name, signs) for name, signs in _SIGNS.items()}
SCALED_SUMS = {signs: _scaled_sum(f"scaled_{name}", signs) for name, signs in _SIGNS.items()}
