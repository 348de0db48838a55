"""Preaccumulation: an expression of several operations is differentiated by its operands in numbers, at once.

``total + 100 * (y - x**2)**2`` makes a dual from three. Operation by operation, the chain rule would pass all tangents
through each of the five. Here the partial derivatives by the three operands are computed first, by reverse mode over
the numbers (Griewank and Walther 2008, section 10.2; in forward mode Bartlett, Gay and Phipps 2006), and the tangents
are combined once: one multiply-add for each operand and tangent. What belongs to an expression is decided by the
user's text, so no bit depends on the chunk. Values keep the bits of the plain function: they are computed as it does.
"""

from __future__ import annotations

import functools
import operator
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import intrinsic

from ...rules.table import RULES, SPELLINGS
from ..dual.arithmetic import Lanes, Typed, multiply_add, weighted_sum, zeros_in
from ..dual.layout import make, parts
from ..dual.overloads import IN_PLACE, compiled_partial
from ..dual.types import DualType, is_dual
from ..llvm.noting import Noting
from ..numba_internals import FunctionPass, build_definitions, cgutils, ir, mk_unique_var, register_pass
from .typed_calls import applied, is_typed_call, typed_call

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

ONES = {np.add: (0, 1), np.subtract: (0,), np.positive: (0,)}
"""The operands by which the derivative is 1, whatever they are."""

DIVISIONS = (operator.truediv, operator.floordiv, operator.mod)
"""The operations that raise, or note, that their second operand is zero."""

MOST_OPERANDS = 16
"""An expression of more is taken in parts: a sum written out over many numbers need not be one long function."""


@register_pass(mutates_CFG=False, analysis_only=False)
class Preaccumulate(FunctionPass):
    """Replaces the operations of each expression by one, once types are known.

    For ``w[1] = np.log(x[0]) - np.sin(x[1])``, with duals in x and w, it finds ::

        $a = static_getitem(value=x, index=0)         : Dual
        $b = call $log($a)                            : Dual
        $c = static_getitem(value=x, index=1)         : Dual
        $d = call $sin($c)                            : Dual
        $e = $b - $d                                  : Dual
        w[1] = $e

    and leaves ::

        $a = static_getitem(value=x, index=0)         : Dual
        $c = static_getitem(value=x, index=1)         : Dual
        $operands = build_tuple($a, $c)
        $e = call $function($operands)                : Dual
        w[1] = $e

    ``$function`` is an intrinsic made for this expression: it computes log and sin of the values, then backwards
    the partial derivatives of the whole by its operands, 1 / a and -cos(c), in plain numbers, and at last the
    tangents, ``1 / a * a.tangents - cos(c) * c.tangents``: two multiply-adds per tangent, where going from
    operation to operation takes a product for log, one for sin and a difference. Reads may change places with the
    expression, so the pass stops at whatever could write.
    """

    _name = "dualdiff_preaccumulate"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        _drop_promotions(state)
        counts = {ty.n for ty in state.typemap.values() if is_dual(ty)}
        if not counts or (counts == {1} and not state.is_chunked):
            return False  # one tangent, mostly of 1, takes less from operation to operation
        uses = Counter(name for block in state.func_ir.blocks.values() for name in _used(block))
        changed = [_Block(state, block).rewrite(uses) for block in state.func_ir.blocks.values()]
        if any(changed):
            state.func_ir._definitions = build_definitions(state.func_ir.blocks)
        return any(changed)


def _drop_promotions(state: Any) -> None:
    """Drop the calls that make a container one of duals where there is none: they use operands for a second time."""
    promoters: set[str] = set()
    for block in state.func_ir.blocks.values():
        for s in block.find_insts(ir.Assign):
            if isinstance(s.value, ir.Global) and getattr(s.value.value, "is_promoter", False):
                promoters.add(s.target.name)
            elif isinstance(s.value, ir.Expr) and s.value.op == "call" and s.value.func.name in promoters:
                made = s.value.args[0]
                if state.typemap[made.name] == state.typemap[s.target.name]:  # it stays what it is
                    s.value = made


def _used(block: Any) -> Iterator[str]:
    for statement in block.body:
        if isinstance(statement, ir.Assign):
            value = statement.value
            used = value.list_vars() if isinstance(value, ir.Expr) else [value] if isinstance(value, ir.Var) else []
        else:
            used = statement.list_vars()
        yield from (variable.name for variable in used)


class _Operation:
    """A statement that applies a function of the table to duals or numbers, each a variable or an operation."""

    def __init__(self, statement: Any, function: Any, exponent: int | None, operands: Sequence[Any]) -> None:
        self.statement = statement
        self.copies: list[Any] = []  # statements that give its result another name
        self.function = function
        self.exponent = exponent  # where it is a constant in the text
        self.operands = operands

    def variables(self) -> Iterator[Any]:
        """Those that the whole expression is made of."""
        for operand in self.operands:
            yield from operand.variables() if isinstance(operand, _Operation) else [operand]

    def operations(self) -> Iterator[_Operation]:
        """It, and those below it, as they are carried out."""
        for operand in self.operands:
            if isinstance(operand, _Operation):
                yield from operand.operations()
        yield self


class _Block:
    """One block of statements: what is known of the variables at the point that is looked at."""

    def __init__(self, state: Any, block: Any) -> None:
        self.state = state
        self.block = block
        self.open: dict[str, _Operation] = {}  # those that may become part of another, by the names of their results
        self.cells: dict[str, tuple[str, Any]] = {}  # variables that are an element of an array: array and index
        self.copies: dict[str, Any] = {}  # variables that are another one

    def rewrite(self, uses: Counter[str]) -> bool:
        """Replace the expressions, and tell whether there were any."""
        taken: dict[int, list[Any]] = {}
        found: list[_Operation] = []
        for statement in self.block.body:
            if not isinstance(statement, ir.Assign):
                self.cells.clear()
                continue
            operation = self._operation(statement)
            if operation is not None:
                found.append(operation)
                for operand in operation.operands:
                    if isinstance(operand, _Operation):
                        taken.update((id(s), []) for s in (operand.statement, *operand.copies))
            elif isinstance(statement.value, ir.Var) and statement.value.name in self.open:
                operation = self.open.pop(statement.value.name)
                operation.copies.append(statement)
            self._forget(statement)
            if operation is not None and uses[statement.target.name] == 1:
                self.open[statement.target.name] = operation
        for operation in found:
            whole = id(operation.statement) not in taken
            if whole and any(isinstance(operand, _Operation) for operand in operation.operands):
                taken[id(operation.statement)] = self._written(operation)
        self.block.body = [new for old in self.block.body for new in taken.get(id(old), [old])]
        return bool(taken)

    def _forget(self, statement: Any) -> None:
        """Forget what is no longer true after a statement, and learn what it reads."""
        expr, target = statement.value, statement.target.name
        reads = isinstance(expr, ir.Expr) and (expr.op in _READING or is_typed_call(expr))
        if isinstance(expr, ir.Expr) and not reads and not is_dual(self.state.typemap[target]):
            self.cells.clear()
        self.cells = {name: cell for name, cell in self.cells.items() if target != name and target not in cell}
        self.copies = {name: v for name, v in self.copies.items() if target not in (name, v.name)}
        self.open = {
            name: operation
            for name, operation in self.open.items()
            if target != name and target not in [v.name for v in operation.variables()]
        }
        if isinstance(expr, ir.Expr) and expr.op in ("getitem", "static_getitem"):
            index = getattr(expr.index, "name", expr.index)
            if isinstance(index, (int, str, tuple)):  # it may be a constant array
                self.cells[target] = expr.value.name, index
        if isinstance(expr, ir.Var):
            self.copies[target] = self.copies.get(expr.name, expr)

    def _operation(self, statement: Any) -> _Operation | None:
        """The statement as an operation, if it is one, with what it can take up."""
        typemap = self.state.typemap
        function, variables = applied(typemap, statement)
        if function is None or not _is_simple(typemap[statement.target.name]):
            return None
        function = IN_PLACE.get(function, function)
        rule = RULES.get(_canonical(function))
        if rule is None or len(rule.partials) != len(variables):
            return None
        level = typemap[statement.target.name].level
        if not all(_is_operand(typemap[v.name], level) for v in variables):
            return None
        last = self.state.calltypes[statement.value].args[-1]
        is_power = rule.function is np.power and isinstance(last, types.IntegerLiteral)
        exponent = last.literal_value if is_power else None
        return _Operation(statement, function, exponent, self._operands(variables))

    def _operands(self, variables: Sequence[Any]) -> list[Any]:
        """What an operation takes: an open operation in place of its result, and one variable for each element."""
        operands: list[Any] = [self._first_of(v) for v in variables]
        for i, variable in enumerate(variables):
            operation = self.open.get(variable.name)
            if operation is None:
                continue
            merged = [*operands[:i], operation, *operands[i + 1 :]]
            leaves = (v.name for o in merged for v in (o.variables() if isinstance(o, _Operation) else [o]))
            if len(set(leaves)) <= MOST_OPERANDS:
                del self.open[variable.name]
                operands = merged
        return operands

    def _first_of(self, variable: Any) -> Any:
        """The variable that was first to be the same number, or element of an array, as this one."""
        first = self.copies.get(variable.name, variable).name
        cell = self.cells.get(first)
        if cell is not None:
            first = next(name for name, other in self.cells.items() if other == cell)
        same = self.state.typemap[first] == self.state.typemap[variable.name]  # or it was converted
        return ir.Var(variable.scope, first, variable.loc) if same else variable

    def _written(self, operation: _Operation) -> list[Any]:
        """The statements that carry out a whole expression."""
        variables = list({v.name: v for v in operation.variables()}.values())
        place = {v.name: (OPERAND, i) for i, v in enumerate(variables)}
        operations = list(operation.operations())
        result = {id(o): (RESULT, k) for k, o in enumerate(operations)}
        steps = tuple(
            Step(
                o.function,
                o.exponent,
                tuple(result[id(v)] if isinstance(v, _Operation) else place[v.name] for v in o.operands),
            )
            for o in operations
        )
        typemap, loc = self.state.typemap, operation.statement.loc
        operands = ir.Var(self.block.scope, mk_unique_var("$operands"), loc)
        typemap[operands.name] = types.Tuple([typemap[v.name] for v in variables])
        made = ir.Assign(ir.Expr.build_tuple(variables, loc), operands, loc)
        target = operation.statement.target
        return [made, *typed_call(self.state, self.block.scope, evaluated(steps), [operands], target, loc)[0]]


def _is_simple(ty: Any) -> bool:
    """Whether it is the type of duals over double precision."""
    return isinstance(ty, DualType) and ty.base == types.float64


def _is_operand(ty: Any, level: int) -> bool:
    """Whether it is the type of such a dual, of that level, or of a number."""
    return isinstance(ty, types.Integer) or ty == types.float64 or (_is_simple(ty) and ty.level == level)


def _canonical(function: Any) -> Any:
    try:
        return SPELLINGS.get(function, function)
    except TypeError:  # it cannot be looked up
        return None


# --- in LLVM --------------------------------------------------------------------------------

OPERAND, RESULT = range(2)


class Step(NamedTuple):
    """An elementary function applied to operands of the expression or results of earlier steps, each by its number."""

    function: Any
    exponent: int | None
    arguments: tuple[tuple[int, int], ...]


class _Call(NamedTuple):
    """A function for numbers, as Numba resolved it."""

    function: Any
    signature: Any

    def __call__(self, context: Any, builder: Any, arguments: Sequence[Typed]) -> Typed:
        implementation = context.get_function(self.function, self.signature)
        cells = [
            context.cast(builder, x, ty, wanted) for (ty, x), wanted in zip(arguments, self.signature.args, strict=True)
        ]
        return self.signature.return_type, implementation(builder, cells)


@functools.cache
def evaluated(steps: tuple[Step, ...]) -> Any:
    """For compiled code: a function of a tuple of duals and numbers that carries out these steps."""

    @intrinsic
    def expression(typingctx, operands):
        kinds = operands.types
        ty = functools.reduce(DualType.joined, filter(is_dual, kinds))
        resolved = _resolved(typingctx, steps, kinds)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            numbers = list(zip(kinds, cgutils.unpack_tuple(builder, args[0]), strict=True))
            lanes = {}
            for i, (kind, x) in enumerate(numbers):
                if is_dual(kind):
                    dual = parts(context, builder, kind, x)
                    numbers[i], lanes[i] = (types.float64, dual.value), Lanes(kind, dual.tangents)
            zeros = zeros_in(ty)
            y, slopes = _value_and_slopes(context, builder, zeros, steps, resolved, numbers, lanes)
            terms = [((types.float64, slopes[i]), lanes[i]) for i in lanes]
            return make(context, builder, ty, y, weighted_sum(context, builder, ty, None, terms, zeros))

        return ty(operands), codegen

    return expression


def _resolved(typingctx: Any, steps: Sequence[Step], kinds: Sequence[types.Type]) -> list[tuple[_Call, list[Any]]]:
    """For each step the function of its value, and of each partial derivative; None where that is 1 or not needed."""
    found = []
    for step in steps:
        rule = RULES[_canonical(step.function)]
        active = [source == RESULT or is_dual(kinds[i]) for source, i in step.arguments]
        argtypes = [types.float64 if is_it else kinds[i] for is_it, (_, i) in zip(active, step.arguments, strict=True)]
        if step.exponent is not None:
            argtypes[1] = types.literal(step.exponent)
        value = _call(typingctx, step.function, argtypes)
        partials = [
            _call(
                typingctx,
                compiled_partial(rule.partial(i, sum(active))),
                [*map(types.unliteral, argtypes), types.float64],
            )
            if is_it and i not in ONES.get(rule.function, ())
            else None
            for i, is_it in enumerate(active)
        ]
        found.append((value, partials))
    return found


def _call(typingctx: Any, function: Any, argtypes: Sequence[types.Type]) -> _Call:
    kind = typingctx.resolve_value_type(function)
    return _Call(kind, kind.get_call_type(typingctx, tuple(argtypes), {}))


def _value_and_slopes(
    context: Any,
    builder: Any,
    zeros: int,
    steps: Sequence[Step],
    resolved: Sequence[tuple[_Call, list[Any]]],
    numbers: Sequence[Typed],
    active: Iterable[int],
) -> tuple[Any, dict[int, Any]]:
    """The value of an expression, and its partial derivative by each active operand: forwards, then backwards."""

    def as_float(number: Typed) -> Any:
        return context.cast(builder, number[1], number[0], types.float64)

    results: list[Typed] = []
    slopes: list[list[Any]] = []
    for step, (value, partials) in zip(steps, resolved, strict=True):
        arguments = [results[i] if source == RESULT else numbers[i] for source, i in step.arguments]
        if step.exponent is not None:
            arguments[1] = types.intp, context.get_constant(types.intp, step.exponent)
        if isinstance(context.error_model, Noting) and step.function in DIVISIONS:
            context.error_model.note(builder, cgutils.is_scalar_zero(builder, arguments[1][1]))
        results.append(value(context, builder, arguments))
        arguments.append(results[-1])
        slopes.append([p if p is None else as_float(p(context, builder, arguments)) for p in partials])

    def product(outer: Any, inner: Any) -> Any:
        if outer is None or inner is None:  # which is 1
            return inner if outer is None else outer
        return multiply_add(builder, None, outer, inner, zeros)

    adjoints: list[Any] = [None] * len(steps)
    terms: dict[int, list[Any]] = {i: [] for i in active}
    for k in reversed(range(len(steps))):
        for (source, i), inner in zip(steps[k].arguments, slopes[k], strict=True):
            if source == RESULT:
                adjoints[i] = product(adjoints[k], inner)
            elif i in terms:
                terms[i].append((adjoints[k], inner))

    def total(products: Sequence[Any]) -> Any:
        result = None
        for outer, inner in sorted(products, key=lambda product: None not in product):  # sums first, then products
            if result is not None and outer is not None and inner is not None:
                result = multiply_add(builder, result, outer, inner, zeros)
            else:
                term = product(outer, inner)
                term = context.get_constant(types.float64, 1.0) if term is None else term
                result = term if result is None else builder.fadd(result, term)
        return result

    return as_float(results[-1]), {i: total(products) for i, products in terms.items()}
