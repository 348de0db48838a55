"""Dual: a number that carries N tangents."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from ..rules import chain
from ..rules.custom import is_custom, rule_of
from ..rules.function import Function, KnownToNumba
from ..rules.scipy_special import ELSEWHERE
from ..rules.table import FLAT, RULES, VALUE_ONLY
from . import other_numbers
from .nesting import level_of, note_made, unlike_tangents
from .refusals import refused

# --- the number -----------------------------------------------------------------------------


class Dual(KnownToNumba):
    """A number with N tangents: ``value`` + sum over k of ``tangents[k]`` eps_k, eps_i eps_j = 0.

    Arithmetic and the elementary functions act on ``value`` as they do on the plain number and
    carry the tangents along by the chain rule. Comparisons, ``bool`` and ``hash`` look at
    the value alone. A Dual is immutable.

    Parameters
    ----------
    value : a real number, of any type: float, NumPy scalar, Fraction, mpmath or SymPy number, or
        a Dual (for higher derivatives). Integers become floats.
    tangents : a number or a sequence of N numbers.

    Raises
    ------
    TypeError : for a value or tangent that is not a real number.

    >>> x = Dual(2.0, 1.0)
    >>> x * x
    Dual(4.0, (4.0,))
    """

    __slots__ = ("__weakref__", "_level", "_tangents", "_value")

    # The array of duals; arrays/dual_array.py says it.
    _array_class: ClassVar[Any]

    _value: Any
    _tangents: tuple[Any, ...]
    _level: int

    def __new__(cls, value: Any, tangents: Any = ()) -> Dual:
        value = _number(value, "value")
        if isinstance(tangents, (str, bytes)) or not hasattr(tangents, "__iter__"):
            tangents = (tangents,)
        if other_numbers.is_foreign(value):  # an exact value keeps whole tangents exact
            tangents = tuple(t if isinstance(t, int) else _number(t, "tangent") for t in tangents)
        else:
            tangents = tuple(_number(t, "tangent") for t in tangents)
        level = 1 + max(level_of(value), level_of(tangents))
        note_made(level)
        return _dual(value, tangents, level)

    @property
    def value(self) -> Any:
        """The number itself."""
        return self._value

    @property
    def tangents(self) -> tuple[Any, ...]:
        """The N tangents."""
        return self._tangents

    def __repr__(self) -> str:
        return f"Dual({_plain(self._value)!r}, {tuple(map(_plain, self._tangents))!r})"

    def __format__(self, spec: str) -> str:
        tangents = ", ".join(format(t, spec) for t in self._tangents)
        return f"Dual({format(self._value, spec)}, ({tangents}{',' * (len(self._tangents) == 1)}))"

    def __reduce__(self) -> Any:
        return _restored, (self._value, self._tangents, self._level)

    # comparisons and conversions: the value alone

    def __bool__(self) -> bool:
        return bool(self._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __round__(self, ndigits: int | None = None) -> Any:
        if ndigits is None:
            return round(self._value)
        return _dual(round(self._value, ndigits), _zeros(self), self._level)

    def __floor__(self) -> int:
        return math.floor(self._value)

    def __ceil__(self) -> int:
        return math.ceil(self._value)

    def __trunc__(self) -> int:
        return math.trunc(self._value)

    def __float__(self) -> float:
        raise refused("a Dual", "a float")

    def as_integer_ratio(self) -> tuple[int, int]:
        """Refused: what asks for it, as ``statistics.mean``, computes with plain numbers."""
        raise refused("a Dual", "a ratio of integers")

    def __int__(self) -> int:
        raise TypeError("a Dual does not become an int: use math.floor(x), or int(x.value) for the number alone")

    def __complex__(self) -> complex:
        raise TypeError(
            "a Dual is real and does not become complex: derivatives of complex functions are not supported"
        )

    def _sympy_(self) -> Any:
        from sympy import SympifyError  # SymPy asks, so it is there

        raise SympifyError("a Dual")  # then its operators leave the work to ours

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    # NumPy: np.sin(x), np.float64(2) * x, array * x

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        for operand in inputs:
            if isinstance(operand, np.ndarray) and operand.dtype == object:
                cells = [np.array(x, dtype=object) if isinstance(x, Dual) else x for x in inputs]
                return getattr(ufunc, method)(*cells, **kwargs)
        if ufunc is np.divmod and not kwargs:
            return inputs[0] // inputs[1], inputs[0] % inputs[1]
        known = ufunc in RULES or ufunc in FLAT or ufunc in VALUE_ONLY or is_custom(ufunc)
        if not known or method != "__call__" or kwargs or any(not _is_scalar(x) for x in inputs):
            return Dual._array_class.__array_ufunc__(self, ufunc, method, *inputs, **kwargs)
        return apply(ufunc, ufunc, *inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return Dual._array_class.__array_function__(self, function, types, args, kwargs)


def _dual(value: Any, tangents: tuple[Any, ...], level: int) -> Dual:
    self = object.__new__(Dual)
    self._value = value
    self._tangents = tangents
    self._level = level
    return self


other_numbers.Symbolic.dual = staticmethod(_dual)


def _restored(value: Any, tangents: tuple[Any, ...], level: int) -> Dual:
    note_made(level)
    return _dual(value, tangents, level)


def _number(x: Any, what: str) -> Any:
    if isinstance(x, (bool, int, np.bool_, np.integer)):
        return float(x)
    if isinstance(x, (complex, np.complexfloating)):
        raise TypeError(f"the {what} of a Dual is a real number, not complex")
    if isinstance(x, (float, np.floating, Dual)):
        return x
    if other_numbers.is_foreign(x) and not isinstance(x, (str, bytes)) and x is not None:
        other_numbers.namespace_of(x)  # raises a TypeError for what is no known number
        return x
    raise TypeError(f"the {what} of a Dual is a real number, not {type(x).__name__}")


def _is_scalar(x: Any) -> bool:
    return isinstance(x, (Dual, bool, int, float, np.generic)) or (
        not hasattr(x, "__array_ufunc__") and not hasattr(x, "__len__")
    )


def _plain(x: Any) -> Any:
    return float(x) if isinstance(x, np.float64) else x


def _zeros(like: Dual) -> tuple[Any, ...]:
    return tuple(0 * like._value if other_numbers.is_foreign(like._value) else 0.0 for _ in like._tangents)


# --- the chain rule on numbers --------------------------------------------------------------


def apply(function: Any, call: Callable[..., Any], *args: Any) -> Any:
    """``function`` of the table on numbers, some of them duals of any level.

    ``call`` is what computes the value: the function itself, or the Python operator that was used,
    so that the value is to the bit what the plain number would have given.
    """
    level = max(a._level for a in args if isinstance(a, Dual))
    duals = [isinstance(a, Dual) and a._level == level for a in args]
    values = [a._value if dual else a for a, dual in zip(args, duals, strict=True)]
    some_foreign = any(map(other_numbers.is_foreign, values))
    y = other_numbers.call(call, *values) if some_foreign else call(*values)
    if function in VALUE_ONLY:
        return y
    if isinstance(y, _COMPLEX):
        y = _nan_for_complex(y, values)
    lanes = {len(a._tangents) for a, dual in zip(args, duals, strict=True) if dual}
    if len(lanes) > 1:
        raise unlike_tangents(lanes)
    if function in FLAT:
        return _dual(y, (0 if some_foreign else 0.0,) * lanes.pop(), level)
    rule = rule_of(function)
    if rule is None:
        raise no_rule(function)
    active = sum(duals)
    partials = []
    with np.errstate(all="ignore"):
        if some_foreign:
            namespace = other_numbers.namespace_of(*values)
            operands = [namespace.exact(v) for v in (*values, y)]
        else:
            operands = [_lenient(v) for v in (*values, y)]
        for i, dual in enumerate(duals):
            if dual:
                partial = rule.partial(i, active)
                if some_foreign:
                    partial = namespace.partial(partial, i, function)
                partials.append(partial(*operands))
        tangents = [a._tangents for a, dual in zip(args, duals, strict=True) if dual]
        return _dual(y, chain.pushforward(partials, tangents, scaled_dual), level)


def _lenient(x: Any) -> Any:
    """A number whose arithmetic raises nothing: a rule divides by zero where a slope is infinite."""
    if type(x) is float:
        return np.float64(x)
    if isinstance(x, Dual) and not other_numbers.is_foreign(x._value):
        return _dual(_lenient(x._value), tuple(map(_lenient, x._tangents)), x._level)
    return x


_COMPLEX = (complex, np.complexfloating)


def _nan_for_complex(y: Any, values: Sequence[Any]) -> float:
    """Where Python's power of a negative float is complex, NumPy's NaN."""
    if any(isinstance(v, _COMPLEX) for v in values):
        raise TypeError("a Dual is real and does not mix with complex numbers")
    return math.nan


def scaled_dual(partial: Any, tangent: Any, product: Callable[[Any, Any], Any] = chain.scaled) -> Any:
    """The product of a partial derivative and a tangent, 0 where the tangent is 0, on duals too.

    On duals it is the derivative of that product, in which a zero among the tangents of either counts.
    """
    level = max(level_of(partial), level_of(tangent))
    if level == 0:
        return product(partial, tangent)
    p, p_tangents = (partial._value, partial._tangents) if level_of(partial) == level else (partial, None)
    t, t_tangents = (tangent._value, tangent._tangents) if level_of(tangent) == level else (tangent, None)
    terms = []
    if t_tangents is not None:
        terms.append([scaled_dual(p, lane, product) for lane in t_tangents])
    if p_tangents is not None:
        terms.append([scaled_dual(lane, t, chain.crossed) for lane in p_tangents])
    lanes = terms[0] if len(terms) == 1 else [a + b for a, b in zip(*terms, strict=True)]
    return _dual(scaled_dual(p, t, product), tuple(lanes), level)


def no_rule(function: Any) -> TypeError:
    """The error for a function that is not in the table."""
    name = getattr(function, "__name__", repr(function))
    if name.lstrip("_") in ELSEWHERE:
        name = name.lstrip("_")
        return TypeError(f"scipy.special.{name} does not take duals: call dualdiff.special.{name}")
    return TypeError(
        f"{name} has no derivative rule: write it with functions that have one, or give it one by "
        f"dualdiff.{'register_rule' if isinstance(function, np.ufunc) else 'custom_derivative'}({name}, ...)"
    )


# --- operators and methods ------------------------------------------------------------------


def _is_operand(x: Any) -> bool:
    return isinstance(x, (Dual, *other_numbers.NATIVE)) or (
        other_numbers.is_foreign(x) and not isinstance(x, Sequence) and x is not None
    )


def _forward(function: Any, call: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Dual, other: Any) -> Any:
        return apply(function, call, self, other) if _is_operand(other) else NotImplemented

    return method


def _reflected(function: Any, call: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Dual, other: Any) -> Any:
        return apply(function, call, other, self) if _is_operand(other) else NotImplemented

    return method


def _unary(function: Any, call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self: apply(function, call, self)


numbers.Number.register(Dual)  # so that np.isscalar says what it says of the plain number

_BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
}
for _name, _function in _BINARY.items():
    setattr(Dual, f"__{_name}__", _forward(_function, getattr(operator, _name)))
    setattr(Dual, f"__r{_name}__", _reflected(_function, getattr(operator, _name)))

_COMPARISONS = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
for _name, _function in _COMPARISONS.items():
    setattr(Dual, f"__{_name}__", _forward(_function, getattr(operator, _name)))

for _name, _function in {"neg": np.negative, "pos": np.positive, "abs": np.absolute}.items():
    setattr(Dual, f"__{_name}__", _unary(_function, getattr(operator, _name)))

# NumPy calls these methods for the elements of an object array: np.sin(np.array([x, y])).
for _function in (*RULES, *FLAT, *VALUE_ONLY):
    if isinstance(_function, (np.ufunc, Function)) and not hasattr(Dual, _function.__name__):
        _method = _unary if _function.nin == 1 else _forward
        setattr(Dual, _function.__name__, _method(_function, _function))
