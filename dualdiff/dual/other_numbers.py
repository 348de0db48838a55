"""Numbers of other packages as the values of duals: fractions, mpmath and SymPy.

NumPy's ufuncs do not know these types, so the functions of the table are looked up by name in a
namespace of the package, and the same rule text is run with that namespace in the place of ``np``.
"""

from __future__ import annotations

import functools
import math
import operator
import types
from collections.abc import Callable, Sequence
from numbers import Rational
from typing import Any, ClassVar

import numpy as np

from ..rules.function import Function

NATIVE = (bool, int, float, np.generic)


class Namespace:
    """The table's functions for one foreign number type, under their NumPy names."""

    def __init__(self, name: str, number: Callable[[int], Any], functions: dict[str, Any], package: Any = None) -> None:
        self._name = name
        self._number = number
        self._package = package
        self._functions = functions

    def __getattr__(self, name: str) -> Any:
        if not self.knows(name):
            raise TypeError(f"numpy.{name} is not known for numbers of type {self._name}")
        function = self._functions[name] if name in self._functions else getattr(self._package, name)
        if name in ("pi", "inf", "nan"):
            return function

        def on_numbers_or_duals(*args: Any) -> Any:
            return getattr(np, name)(*args) if any(map(_is_dual, args)) else function(*args)

        return on_numbers_or_duals

    def knows(self, name: str) -> bool:
        """Whether the function ``name`` is here."""
        return name in self._functions or hasattr(self._package, name)

    def exact(self, value: Any) -> Any:
        """``value``, a whole one as a number of this type: 1/3 must not become a float."""
        return self._number(value) if isinstance(value, int) else value

    def partial(self, partial: Callable[..., Any], i: int, function: Any) -> Callable[..., Any]:
        """The rule text ``partial``, run with this namespace for ``np``."""
        return _rebound(partial, self)


class Symbolic(Namespace):
    """SymPy: a rule's case distinctions are undecided on symbols, so SymPy differentiates itself."""

    # What makes a dual of a value, tangents and a level; dual.py says it.
    dual: ClassVar[Callable[..., Any]]

    def partial(self, partial: Callable[..., Any], i: int, function: Any) -> Callable[..., Any]:
        """SymPy's derivative of ``function`` by argument i."""

        def derivative(*arguments_and_result: Any) -> Any:
            arguments = arguments_and_result[:-1]
            dummies = [self._package.Dummy(real=True) for _ in arguments]
            return _substituted(call(function, *dummies).diff(dummies[i]), dummies, arguments)

        return derivative


def _substituted(formula: Any, variables: Sequence[Any], arguments: Sequence[Any]) -> Any:
    """A SymPy formula of ``variables`` at ``arguments``, some of which may be duals."""
    level = max(getattr(a, "_level", 0) for a in arguments)
    if level == 0:
        return formula.subs(dict(zip(variables, arguments, strict=True)), simultaneous=True)
    active = [(v, a) for v, a in zip(variables, arguments, strict=True) if getattr(a, "_level", 0) == level]
    values = [a._value if getattr(a, "_level", 0) == level else a for a in arguments]
    value = _substituted(formula, variables, values)
    lanes = zip(*(a._tangents for _, a in active), strict=True)
    partials = [_substituted(formula.diff(v), variables, values) for v, _ in active]
    tangents = tuple(sum(p * t for p, t in zip(partials, lane, strict=True)) for lane in lanes)
    return Symbolic.dual(value, tangents, level)


@functools.cache
def _rebound(function: types.FunctionType, namespace: Namespace) -> Callable[..., Any]:
    scope = dict(function.__globals__)
    scope["np"] = namespace
    for name, value in scope.items():
        if (
            isinstance(value, types.FunctionType)
            and value.__module__ == function.__module__
            and name != function.__name__
        ):
            scope[name] = _late(value, namespace)
    return types.FunctionType(function.__code__, scope, function.__name__)


def _late(function: types.FunctionType, namespace: Namespace) -> Callable[..., Any]:
    return lambda *args: _rebound(function, namespace)(*args)


def _is_dual(value: Any) -> bool:
    return hasattr(value, "_value")


def _innermost(value: Any) -> Any:
    while _is_dual(value):
        value = value._value
    return value


def is_foreign(value: Any) -> bool:
    """Whether ``value`` is a number of another package, unknown to NumPy's ufuncs, or a dual of such."""
    if isinstance(value, NATIVE):
        return False
    value = _innermost(value)
    return not isinstance(value, NATIVE) and not hasattr(type(value), "__array_ufunc__")


def namespace_of(*values: Any) -> Namespace:
    """The namespace of the foreign numbers among ``values``."""
    for value in map(_innermost, values):
        if isinstance(value, NATIVE):
            continue
        package = type(value).__module__.partition(".")[0]
        for base in type(value).__mro__:
            if base.__module__.partition(".")[0] in ("mpmath", "sympy"):
                package = base.__module__.partition(".")[0]
        if package == "mpmath":
            return _mpmath()
        if package == "sympy":
            return _sympy()
        if isinstance(value, Rational):  # last, for SymPy's rationals are that too
            return _rational()
        raise TypeError(
            f"a Dual holds real numbers (float, NumPy, Fraction, mpmath, SymPy), not {type(value).__name__}"
        )
    raise AssertionError("no foreign number among the values")


def call(function: Any, *values: Any) -> Any:
    """``function`` of the table on foreign numbers."""
    if not isinstance(function, (np.ufunc, Function)) or any(map(_is_dual, values)):
        return function(*values)  # a Python operator, or the chain rule on the duals
    namespace = namespace_of(*values)
    if isinstance(function, Function) and not namespace.knows(function.__name__):
        return _rebound(function.definition, namespace)(*values)
    return getattr(namespace, function.__name__)(*values)


Function.on_foreign = staticmethod(call)

_OPERATORS = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "remainder": operator.mod,
    "floor_divide": operator.floordiv,
    "power": operator.pow,
    "negative": operator.neg,
    "positive": operator.pos,
    "absolute": abs,
    "fabs": abs,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "inf": np.inf,
}


def _copysign(x: Any, y: Any) -> Any:
    return abs(x) if y >= 0 else -abs(x)


@functools.cache
def _rational() -> Namespace:
    from fractions import Fraction  # who holds a fraction has it imported already

    # 1.0 in a rule text means the number one: keep fractions exact
    return Namespace(
        "Fraction",
        Fraction,
        {
            **_OPERATORS,
            "copysign": lambda x, y: _copysign(int(x) if x == 1 else x, y),
            "floor": math.floor,
            "ceil": math.ceil,
            "trunc": math.trunc,
            "rint": round,
        },
    )


_RENAMED = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2",
    "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
    "degrees": "degrees", "radians": "radians", "rad2deg": "degrees", "deg2rad": "radians",
    "rint": "nint",
}  # fmt: skip


@functools.cache
def _mpmath() -> Namespace:
    import mpmath

    mp = mpmath.mp
    names = {name: getattr(mp, theirs) for name, theirs in _RENAMED.items()}
    return Namespace(
        "mpf",
        mp.mpf,
        {
            **_OPERATORS,
            **names,
            "copysign": _copysign,
            "exp2": lambda x: mp.mpf(2) ** x,
            "log2": lambda x: mp.log(x, 2),
            "logaddexp": lambda a, b: max(a, b) + mp.log1p(mp.exp(-abs(a - b))),
            "logaddexp2": lambda a, b: max(a, b) + mp.log(1 + mp.mpf(2) ** -abs(a - b), 2),
            "float_power": operator.pow,
            "maximum": max,
            "minimum": min,
            "trunc": lambda x: mp.floor(x) if x >= 0 else mp.ceil(x),
            "sinc": mp.sincpi,
            "lgamma": mp.loggamma,
            "polygamma": mp.psi,
        },
        mp,
    )


@functools.cache
def _sympy() -> Namespace:
    import sympy

    names = {name: theirs for name, theirs in _RENAMED.items() if hasattr(sympy, theirs)}
    return Symbolic(
        "SymPy expression",
        sympy.Integer,
        {
            **_OPERATORS,
            **{name: getattr(sympy, theirs) for name, theirs in names.items()},
            "absolute": sympy.Abs,
            "fabs": sympy.Abs,
            "exp2": lambda x: 2**x,
            "expm1": lambda x: sympy.exp(x) - 1,
            "log1p": lambda x: sympy.log(1 + x),
            "log2": lambda x: sympy.log(x, 2),
            "log10": lambda x: sympy.log(x, 10),
            "hypot": lambda a, b: sympy.sqrt(a * a + b * b),
            "degrees": lambda x: x * 180 / sympy.pi,
            "rad2deg": lambda x: x * 180 / sympy.pi,
            "radians": lambda x: x * sympy.pi / 180,
            "deg2rad": lambda x: x * sympy.pi / 180,
            "logaddexp": lambda a, b: sympy.log(sympy.exp(a) + sympy.exp(b)),
            "logistic": lambda x: 1 / (1 + sympy.exp(-x)),
            "softplus": lambda x: sympy.log(1 + sympy.exp(x)),
            "xlogy": lambda x, y: x * sympy.log(y),
            "ceil": sympy.ceiling,
            "trunc": lambda x: sympy.sign(x) * sympy.floor(sympy.Abs(x)),
            "heaviside": sympy.Heaviside,
            "maximum": sympy.Max,
            "minimum": sympy.Min,
            "float_power": operator.pow,
            "sinc": lambda x: sympy.sinc(sympy.pi * x),
        },
        sympy,
    )
