"""The operators and every row of the rule table, taught to Numba for scalar duals."""

from __future__ import annotations

import functools
import math
import operator
import types as python_types
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic, models, overload, overload_method, register_model

from ...generated import for_compiled_code
from ...rules import special
from ...rules.function import NUMBA_TYPES, AlsoCompiled, Function
from ...rules.table import FLAT, RULES, SPELLINGS, VALUE_ONLY, Partial
from ..numba_internals import AttributeTemplate, cpu_target, infer_getattr, make_callable_template
from .arithmetic import constant_like, has_fma, pushforward, pushforward2, seeded, square_rest, tangent_at, value
from .types import OPTIONS, DualType, is_dual, is_number, level_of_type

IN_COMPILED_CODE = {special.square_rest: square_rest} if has_fma() else {}
"""Helpers of rules for which the processor has an instruction."""


@functools.cache
def compiled_partial(partial: Partial, level: int = 0) -> Any:
    """A rule's text, or a ``Function``'s definition, compiled for numbers of a level, 0 for floats.

    A rule on duals may call its own function, whose rule is then compiled for the level below. With one
    dispatcher for all levels Numba would take that for a recursion, which it does not link.
    """
    scope = dict(partial.__globals__)
    for name in partial.__code__.co_names:
        helper = scope.get(name)
        if isinstance(helper, python_types.FunctionType) and helper.__module__ == partial.__module__:
            scope[name] = IN_COMPILED_CODE.get(helper) or compiled_partial(helper, level)
    text = python_types.FunctionType(partial.__code__, scope, partial.__name__, None, partial.__closure__)
    return njit(**OPTIONS)(text)


def spellings(functions: Any) -> list[tuple[Any, Any]]:
    """Every spelling of the functions, with its key in the table."""
    others = [(spelling, key) for spelling, key in SPELLINGS.items() if key in functions]
    return [(function, function) for function in functions] + others


def _is_operand(ty: Any) -> bool:
    return is_dual(ty) or is_number(ty)


def _active(a: Any, b: Any) -> tuple[bool, bool]:
    """Which operands are duals of the highest level: the others are constants."""
    level = max(level_of_type(a), level_of_type(b))
    return is_dual(a) and a.level == level, is_dual(b) and b.level == level


def _unary(spelling: Any, function: Any) -> Callable[[Any], Any]:
    def implementation(x):
        if not is_dual(x):
            return None
        partial = compiled_partial(RULES[function].alone[0], level_of_type(x.base))

        def on_dual(x):
            v = value(x)
            y = spelling(v)
            return pushforward(y, partial(v, y), x)

        return on_dual

    return implementation


def _binary(spelling: Any, function: Any) -> Callable[[Any, Any], Any]:
    rule = RULES[function]

    def implementation(a, b):
        if not (_is_operand(a) and _is_operand(b) and (is_dual(a) or is_dual(b))):
            return None
        active = _active(a, b)
        level = max(level_of_type(t.base if on else t) for t, on in zip((a, b), active, strict=True))
        by_a, by_b = (compiled_partial(p, level) for p in (rule.partials if all(active) else rule.alone))
        if active == (True, True):

            def both(a, b):
                u, v = value(a), value(b)
                y = spelling(u, v)
                return pushforward2(y, by_a(u, v, y), a, by_b(u, v, y), b)

            return both
        if active == (True, False):
            if isinstance(b, types.IntegerLiteral):
                # Numba multiplies out a constant exponent: so must the value of a dual
                n = b.literal_value

                def first_to_constant(a, b):
                    u = value(a)
                    y = spelling(u, n)
                    return pushforward(y, by_a(u, n, y), a)

                return first_to_constant

            def first(a, b):
                u = value(a)
                y = spelling(u, b)
                return pushforward(y, by_a(u, b, y), a)

            return first

        def second(a, b):
            v = value(b)
            y = spelling(a, v)
            return pushforward(y, by_b(a, v, y), b)

        return second

    return implementation


def _flat_unary(spelling: Any) -> Callable[[Any], Any]:
    def implementation(x):
        if is_dual(x):
            return lambda x: constant_like(spelling(value(x)), x)
        return None

    return implementation


def _flat_binary(spelling: Any) -> Callable[[Any, Any], Any]:
    def implementation(a, b):
        if not (_is_operand(a) and _is_operand(b) and (is_dual(a) or is_dual(b))):
            return None
        if _active(a, b)[0]:
            if level_of_type(a) == level_of_type(b):
                return lambda a, b: constant_like(spelling(value(a), value(b)), a)
            return lambda a, b: constant_like(spelling(value(a), b), a)
        return lambda a, b: constant_like(spelling(a, value(b)), b)

    return implementation


def _value_unary(spelling: Any) -> Callable[[Any], Any]:
    def implementation(x):
        return (lambda x: spelling(value(x))) if is_dual(x) else None

    return implementation


def _value_binary(spelling: Any) -> Callable[[Any, Any], Any]:
    def implementation(a, b):
        if _is_operand(a) and _is_operand(b) and (is_dual(a) or is_dual(b)):
            return lambda a, b: spelling(value(a), value(b))
        return None

    return implementation


def _definition(function: Function) -> Callable[..., Any]:
    """A ``Function`` on plain numbers."""
    definition = compiled_partial(function.definition)
    if function.nin == 1:
        return lambda x: (lambda x: definition(x)) if is_number(x) else None
    return lambda a, b: (lambda a, b: definition(a, b)) if is_number(a) and is_number(b) else None


@overload(np.heaviside, jit_options=OPTIONS)
def _heaviside(x, h):
    """On numbers, which Numba has not."""
    if is_number(x) and is_number(h):
        return lambda x, h: float(x) if x != x else (float(h) if x == 0 else (1.0 if x > 0 else 0.0))
    return None


def arity(function: Any) -> int:
    """The number of arguments of a function of the table."""
    return function.nin if hasattr(function, "nin") else len(RULES[function].partials)


def _teach(spelling: Any, implementation: Callable[..., Any], **options: Any) -> None:
    overload(spelling, jit_options=OPTIONS, **options)(implementation)


def _teach_table() -> None:
    for function in (*RULES, *FLAT, *VALUE_ONLY):
        if isinstance(function, Function):
            _teach(function, _definition(function))
    for spelling, function in spellings(RULES):
        kind = _unary if arity(function) == 1 else _binary
        _teach(spelling, kind(spelling, function), prefer_literal=function is np.power)
    for spelling, function in spellings(FLAT):
        _teach(spelling, (_flat_unary if arity(function) == 1 else _flat_binary)(spelling))
    for spelling, function in spellings(VALUE_ONLY):
        _teach(spelling, (_value_unary if arity(function) == 1 else _value_binary)(spelling))


IN_PLACE = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
    operator.ifloordiv: operator.floordiv,
    operator.imod: operator.mod,
    operator.ipow: operator.pow,
}


def _teach_in_place(in_place: Any, plain: Any) -> None:
    @overload(in_place, jit_options=OPTIONS, prefer_literal=plain is operator.pow)
    def implementation(a, b):
        if not (_is_operand(a) and _is_operand(b) and (is_dual(a) or is_dual(b))):
            return None
        if isinstance(b, types.IntegerLiteral):
            n = b.literal_value
            return lambda a, b: plain(a, n)
        return lambda a, b: plain(a, b)


# --- conversions to numbers and builtins ----------------------------------------------------


def _teach_to_integer(function: Any) -> None:
    @overload(function, jit_options=OPTIONS)
    def implementation(x):
        return (lambda x: function(value(x))) if is_dual(x) else None


@overload(bool, jit_options=OPTIONS)
def _bool(x):
    return (lambda x: bool(value(x))) if is_dual(x) else None


@overload(operator.not_, jit_options=OPTIONS)
def _not(x):
    return (lambda x: not bool(value(x))) if is_dual(x) else None


@overload_method(DualType, "__hash__", jit_options=OPTIONS)
def _hash(x):
    return lambda x: hash(value(x))


@overload(float, jit_options=OPTIONS)
def _float(x):
    return (lambda x: x) if is_dual(x) else None


single = for_compiled_code("single", "x")
"""``np.float32(x)``, which the clone of a function calls instead."""


@intrinsic
def _rounded(typingctx: Any, x: Any) -> Any:
    def of_single(ty: Any) -> Any:
        return ty.with_base(of_single(ty.base)) if is_dual(ty) else types.float32

    ty = of_single(x)
    return ty(x), lambda context, builder, sig, args: context.cast(builder, args[0], x, ty)


@overload(single, jit_options=OPTIONS)
def _single(x):
    return (lambda x: _rounded(x)) if is_dual(x) else (lambda x: np.float32(x))


def _teach_text(function: Any) -> None:
    @overload(function, jit_options=OPTIONS, target="cpu")  # Numba's own, for any type, writes the name of the type
    def typed(x):
        return (lambda x: function(value(x))) if is_dual(x) else None


for _text in (str, repr):
    _teach_text(_text)


class DualClass(types.NumberClass):
    """The type of ``type(x)`` for a dual x. Called, it makes a float of a constant and leaves a dual a dual."""

    def get_impl_key(self, sig: Any) -> Any:
        return types.NumberClass  # a cast to the result's type


register_model(DualClass)(models.OpaqueModel)


@infer_getattr
class DualAttributes(AttributeTemplate):
    """``type(x)`` of a dual."""

    key = DualType

    def resolve___class__(self, dual: DualType) -> DualClass:
        return DualClass(dual)


@infer_getattr
class DualClassAttributes(AttributeTemplate):
    """``type(x)(number)``."""

    key = DualClass

    def resolve___call__(self, made: DualClass) -> types.Type:
        dual = made.instance_type

        def typer(number):
            if is_dual(number):
                return self.context.unify_types(dual, number)
            base = dual
            while is_dual(base):
                base = base.base
            return base if isinstance(number, (types.Number, types.Boolean)) else None

        return types.Function(make_callable_template(key=made, typer=typer))


@overload(round, jit_options=OPTIONS)
def _round(x, ndigits=None):
    if not is_dual(x):
        return None
    if ndigits is None or isinstance(ndigits, (types.NoneType, types.Omitted)):
        return lambda x, ndigits=None: round(value(x))
    return lambda x, ndigits=None: constant_like(round(value(x), ndigits), x)


@overload(divmod, jit_options=OPTIONS)
def _divmod(a, b):
    if _is_operand(a) and _is_operand(b) and (is_dual(a) or is_dual(b)):
        return lambda a, b: (a // b, a % b)
    return None


def _teach_extremum(builtin: Any, function: Any, second_wins: Any) -> None:
    # the value is the builtin's, which differs from NumPy's when there is a NaN;
    # the derivative at a tie is the average
    by_a, by_b = map(compiled_partial, RULES[function].partials)  # constants: 0, 1/2 or 1

    pick = for_compiled_code("pick", "a, b")

    @overload(pick, jit_options=OPTIONS)
    def _pick(a, b):
        if is_number(a) and is_number(b):
            return lambda a, b: builtin(a, b)
        active = _active(a, b)
        if active == (True, True):

            def both(a, b):
                u, v = value(a), value(b)
                if u == v:
                    return pushforward2(pick(u, v), by_a(u, v, u), a, by_b(u, v, u), b)
                return b if second_wins(v, u) else a

            return both
        if active == (True, False):

            def first(a, b):
                u = value(a)
                if u == b:
                    return pushforward(pick(u, b), by_a(u, b, u), a)
                return constant_like(pick(u, b), a) if second_wins(b, u) else a

            return first

        def second(a, b):
            v = value(b)
            if a == v:
                return pushforward(pick(a, v), by_b(a, v, v), b)
            return b if second_wins(v, a) else constant_like(pick(a, v), b)

        return second

    @overload(builtin, jit_options=OPTIONS)
    def _of_two(a, b):
        if _is_operand(a) and _is_operand(b) and (is_dual(a) or is_dual(b)):
            return lambda a, b: pick(a, b)
        return None

    @overload(builtin, jit_options=OPTIONS)
    def _of_three(a, b, c):
        if all(map(_is_operand, (a, b, c))) and any(map(is_dual, (a, b, c))):
            return lambda a, b, c: pick(pick(a, b), c)
        return None


@overload(np.clip, jit_options=OPTIONS)
def _clip(a, a_min, a_max):
    if not any(map(is_dual, (a, a_min, a_max))):
        return None
    if isinstance(a_min, types.NoneType):
        return lambda a, a_min, a_max: np.minimum(a, a_max)
    if isinstance(a_max, types.NoneType):
        return lambda a, a_min, a_max: np.maximum(a, a_min)
    return lambda a, a_min, a_max: np.minimum(np.maximum(a, a_min), a_max)


_teach_table()
for _in_place, _plain in IN_PLACE.items():
    _teach_in_place(_in_place, _plain)
for _function in (math.floor, math.ceil, math.trunc, int):
    _teach_to_integer(_function)
_teach_extremum(max, np.maximum, operator.gt)
_teach_extremum(min, np.minimum, operator.lt)


def type_of_function(function: Any) -> Any:
    """The Numba type of a function of this package met as a global in ``@njit`` code."""
    context = cpu_target.typing_context
    context.refresh()
    cpu_target.target_context.refresh()
    return context._lookup_global(function)


NUMBA_TYPES[Function] = NUMBA_TYPES[AlsoCompiled] = type_of_function


# --- derivatives of elementary functions of any order ---------------------------------------


@functools.cache
def derived(function: Any, path: tuple[int, ...], alone: bool = False, level: int = 0) -> Any:
    """The mixed partial derivative of an elementary function by the arguments on ``path``, compiled.

    ``path = ()`` is the function itself, ``(0, 1)`` its derivative by the first argument, differentiated
    by the second. ``alone``: the other argument is a constant. ``level``: of the numbers that it is called with.
    """
    compile = njit(**OPTIONS)
    unary = arity(function) == 1
    if not path:
        return compile((lambda x: function(x)) if unary else (lambda a, b: function(a, b)))
    if len(path) == 1:
        rule = RULES[function]
        partial = compiled_partial((rule.alone if alone else rule.partials)[path[0]], level)
        if unary:
            return compile(lambda x: partial(x, function(x)))
        return compile(lambda a, b: partial(a, b, function(a, b)))
    lower = derived(function, path[:-1], alone, level + 1)
    if unary:
        return compile(lambda x: tangent_at(lower(seeded(x, x)), seeded(x, x), 0))
    if path[-1] == 0:
        return compile(lambda a, b: tangent_at(lower(seeded(a, b), b), seeded(a, b), 0))
    return compile(lambda a, b: tangent_at(lower(a, seeded(b, a)), seeded(b, a), 0))
