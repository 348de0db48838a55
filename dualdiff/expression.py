"""Formulas as text, read safely: ``log(x1) + x1*x2 - sin(x2)``.

Python's own parser reads the text; what it found is then checked node by node against a short list
of what a formula may hold. Nothing is ever executed but arithmetic and functions of the rule table.
"""

from __future__ import annotations

import ast
import difflib
import math
import operator
import sys
import unicodedata
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .dual import other_numbers as foreign
from .rules.table import FLAT, RULES, SPELLINGS, logistic, softplus, xlogy

CONSTANTS = {"pi": math.pi, "e": math.e}

_TABLE = {*RULES, *FLAT} - {np.ldexp}  # that wants an integer

FUNCTIONS: dict[str, Any] = {
    **{f.__name__: f for f in _TABLE if isinstance(f, np.ufunc)},
    **{f.__name__: f for f in (logistic, softplus, xlogy)},
    **{other.__name__: f for other, f in SPELLINGS.items() if f in _TABLE},
    "max": np.maximum,
    "min": np.minimum,
}
"""What can be called in a formula: the differentiable functions, by their NumPy and math names, and three more."""

OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}

# Enough for any formula that a person writes, and far from the end of Python's stack.
LONGEST = 4000
DEEPEST = 300
_LARGEST = sys.float_info.max
_TOO_DEEP = f"the expression is nested too deeply: at most {DEEPEST} levels are read"


class ExpressionError(ValueError):
    """A text that is no formula, or a formula without a value where it was asked for one."""


class Expression:
    """A formula in named variables.

    It holds numbers, the constants pi and e, the operators + - * / // % **, parentheses, and the
    functions in ``FUNCTIONS``; every other name is a variable.

    Parameters
    ----------
    text : the formula, in Python's notation.

    Raises
    ------
    ExpressionError : for anything else, with one line that says what and where.

    >>> f = Expression("3*x + sqrt(y)")
    >>> f.names
    ('x', 'y')
    >>> print(f(x=1, y=4))
    5.0
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self._body = _parsed(self.text)
        self._names: dict[str, None] = {}  # a set that keeps the order
        self._check(self._body, DEEPEST)

    @property
    def names(self) -> tuple[str, ...]:
        """The variables, in the order of their first appearance."""
        return tuple(self._names)

    def __call__(self, number: Callable[[float], Any] = np.float64, /, **values: Any) -> Any:
        """The formula at ``values``, one for each name: numbers of any type, duals, or arrays.

        ``number`` makes the formula's own numbers. It is float64 unless said otherwise, so that
        9**9**9 is an overflow and not an integer of 369693100 digits.
        """
        for name in self._names:
            if name not in values:
                raise ExpressionError(f"{name} has no value: add {name}=number")
        for name in values:
            if name not in self._names:
                raise ExpressionError(f"{name} is not a variable of {_short(self.text)}")
        return self._evaluated(self._body, number, values)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def _check(self, node: ast.expr, depth: int) -> None:
        """Raise for all that is not in a formula's grammar; collect the variables."""
        if depth == 0:
            raise ExpressionError(_TOO_DEEP)
        operands: list[ast.expr] = []
        match node:
            case ast.Constant(value=bool()):
                raise ExpressionError(f"{self._source(node)} is not a number")
            case ast.Constant(value=int() | float() as literal):
                if not -_LARGEST <= literal <= _LARGEST:
                    raise ExpressionError(f"{self._source(node)} is too large for a number")
            case ast.Name(id=name):
                if name not in CONSTANTS:
                    self._names[name] = None
            case ast.BinOp(op=ast.BitXor()):
                power = self._source(node).replace("^", "**")
                raise ExpressionError(f"^ is not a power in Python: write {power}")
            case ast.BinOp(op=op, left=left, right=right) if type(op) in OPERATORS:
                operands = [left, right]
            case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
                operands = [operand]
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
                wanted = FUNCTIONS[name].nin
                if len(arguments) != wanted:
                    s = "s" if wanted > 1 else ""
                    raise ExpressionError(
                        f"{name} takes {wanted} argument{s}, not {len(arguments)}: {self._source(node)}"
                    )
                operands = arguments
            case ast.Call(func=ast.Name(id=name)) if name not in FUNCTIONS:
                close = difflib.get_close_matches(name, sorted(FUNCTIONS), n=1)
                hint = f"; did you mean {close[0]}?" if close else ""
                raise ExpressionError(f"{name} is not a function that dualdiff knows{hint}")
            case ast.Attribute(attr=name) | ast.Call(func=ast.Attribute(attr=name)):
                raise ExpressionError(f"names have no dots here: write {name} for {self._source(node)}")
            case _:
                raise ExpressionError(
                    f"{self._source(node)} is no part of a formula: "
                    "it holds numbers, names, + - * / // % **, parentheses and functions"
                )
        for operand in operands:
            self._check(operand, depth - 1)

    def _evaluated(self, node: ast.expr, number: Callable[[float], Any], values: dict[str, Any]) -> Any:
        operands: list[ast.expr] = []
        match node:
            case ast.Constant(value=int() | float() as literal):
                return number(literal)
            case ast.Name(id=name):
                return number(CONSTANTS[name]) if name in CONSTANTS else values[name]
            case ast.BinOp(op=op, left=left, right=right):
                function, operands = OPERATORS[type(op)], [left, right]
            case ast.UnaryOp(op=op, operand=operand):
                function, operands = OPERATORS[type(op)], [operand]
            case ast.Call(func=ast.Name(id=name), args=arguments):
                function, operands = FUNCTIONS[name], arguments
        arguments = [self._evaluated(operand, number, values) for operand in operands]
        try:
            if any(map(foreign.is_foreign, arguments)):
                return foreign.call(function, *arguments)
            return function(*arguments)
        except ArithmeticError as error:
            raise ExpressionError(f"{self._source(node)} has no value here: {error}") from error

    def _source(self, node: ast.expr) -> str:
        return _short(ast.get_source_segment(self.text, node) or "this")


def variable(name: str) -> str:
    """``name`` as Python's parser spells it: identifiers are compared after NFKC normalisation."""
    return unicodedata.normalize("NFKC", name)


def _parsed(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise ExpressionError(f"the expression is too long: {len(text)} characters, at most {LONGEST} are read")
    if "\0" in text:
        raise ExpressionError("the expression holds a null character")
    if not text:
        raise ExpressionError("the expression is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Python only warns of 1if: here it is a syntax error
            return ast.parse(text, mode="eval").body
    except (RecursionError, MemoryError):
        raise ExpressionError(_TOO_DEEP) from None
    except SyntaxError as error:
        if error.msg == "too many nested parentheses":
            raise ExpressionError(_TOO_DEEP) from None
        place = f"column {error.offset}" if error.offset else "it breaks off"
        raise ExpressionError(f"cannot read {_short(text)}: {error.msg}, {place}") from None


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."
