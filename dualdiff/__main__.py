"""The command line: ``python -m dualdiff "log(x1) + x1*x2 - sin(x2)" x1=2 x2=5``."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from .expression import Expression, ExpressionError, variable

PROGRAM = "python -m dualdiff"

Point = dict[str, np.float64]
"""The variables' values."""

Indices = tuple[int, ...]
"""The variables of a partial derivative, by position: (0, 1) is d2/dx0 dx1."""

Column = tuple[str, list[float]]
"""A heading and one number for each partial derivative."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave with status 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line ``arguments``, those of the process unless given."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    command = COMMANDS.get(arguments[0]) if arguments else None
    if command:
        command(arguments[1:])
    else:
        differentiate(arguments)


def train(arguments: Sequence[str]) -> None:
    """Train a model on real data and print how it went."""
    from .commands import train_command

    print(train_command(Parser(f"{PROGRAM} train", allow_abbrev=False), arguments))


def race(arguments: Sequence[str]) -> None:
    """Let optimizers run down a test function and print who arrives when."""
    from .commands import race_command

    print(race_command(Parser(f"{PROGRAM} race", allow_abbrev=False), arguments))


COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {"train": train, "race": race}
"""Commands by name. An expression stands without one."""


# --- the derivatives of an expression ---------------------------------------------------------


def differentiate(arguments: Sequence[str]) -> None:
    """Print the value of an expression and its partial derivatives."""
    parser = Parser(
        PROGRAM,
        allow_abbrev=False,
        description="Print the value of an expression and its exact partial derivatives.",
        epilog=f'example: {PROGRAM} "log(x1) + x1*x2 - sin(x2)" x1=2 x2=5 --compare; '
        f"other commands: {', '.join(COMMANDS)}",
    )
    parser.add_argument("expression", help="a formula in Python's notation; functions by their NumPy or math names")
    parser.add_argument("values", nargs="*", metavar="name=number", help="a value for each variable; pi/2 is a number")
    parser.add_argument("--order", type=int, choices=(1, 2), default=1, help="2 adds the second derivatives")
    parser.add_argument("--digits", type=int, default=6, help="significant digits to print (default: 6)")
    parser.add_argument("--compare", action="store_true", help="add finite differences and SymPy's derivative")
    options = parser.parse_intermixed_args(_with_leading_minus(arguments))
    if not 1 <= options.digits <= 17:
        parser.error(f"--digits is a number from 1 to 17, not {options.digits}")
    try:
        expression = Expression(options.expression)
        values = _assignments(options.values)
        _print_derivatives(expression, values, options)
    except ExpressionError as error:
        parser.error(str(error))


def _with_leading_minus(arguments: Sequence[str]) -> list[str]:
    """Protect an expression such as -x*y, which argparse would take for an option."""
    first, *others = arguments or [""]
    is_expression = first[:1] == "-" and first[:2] != "--" and first != "-h"
    return [" " + first if is_expression else first, *others] if arguments else []


def _assignments(texts: Sequence[str]) -> Point:
    assignments: Point = {}
    for text in texts:
        name, equals, number = text.partition("=")
        name = variable(name.strip())
        if not equals or not name.isidentifier():
            raise ExpressionError(f"{text} is not of the form name=number")
        if name in assignments:
            raise ExpressionError(f"{name} is given twice")
        try:
            with np.errstate(all="raise", under="ignore"):
                assignments[name] = np.float64(Expression(number)())
        except ExpressionError:
            raise ExpressionError(f"{text}: {number or 'nothing'} is not a number") from None
    return assignments


def _print_derivatives(expression: Expression, point: Point, options: argparse.Namespace) -> None:
    from . import gradient, hessian

    names, x = list(point), np.array(list(point.values()), dtype=float)

    def f(x: Any) -> Any:
        return expression(**{name: x[i] for i, name in enumerate(names)})

    # plain numbers first: where the formula has no value there is no derivative to speak of
    with np.errstate(all="raise", under="ignore"):
        value = f(x)
    if np.isnan(value):
        raise ExpressionError(f"{expression.text} is not a number here")

    exact = {1: gradient(f)(x)}
    if options.order == 2:
        exact[2] = hessian(f)(x)
    wanted = [which for order in exact for which in itertools.combinations_with_replacement(range(x.size), order)]
    columns = [("dualdiff", [float(exact[len(which)][which]) for which in wanted])]
    remark = ""
    if options.compare:
        with np.errstate(all="ignore"):
            columns += _against("differences", [difference_quotient(f, x, which) for which in wanted], columns[0])
        try:
            columns += _against("symbolic", symbolic_derivatives(expression, point, wanted), columns[0])
        except ImportError:
            remark = '\n\nfor the symbolic derivative: pip install "numba-dualdiff[symbolic]"'
        except (TypeError, RecursionError):
            remark = "\n\nSymPy has no derivative of this expression that is a number"

    rows = [["value", f"{value:.{options.digits}g}"]]
    if options.compare:
        rows += [[], ["", *(heading for heading, _ in columns)]]
    for k, which in enumerate(wanted):
        label = f"d{len(which) if len(which) > 1 else ''}/" + " ".join(f"d{names[i]}" for i in which)
        rows.append([label, *(f"{c[k]:.{2 if h == OFF_BY else options.digits}g}" for h, c in columns)])
    print(_aligned(rows) + remark)


OFF_BY = "off by"


def _against(heading: str, others: Sequence[Any], exact: Column) -> list[Column]:
    """Two columns: the results of another method, and how far they are from the exact derivatives."""
    distances = [float(abs(other - number)) for other, number in zip(others, exact[1], strict=True)]
    return [(heading, [float(other) for other in others]), (OFF_BY, distances)]


def difference_quotient(f: Callable[[Any], Any], x: Any, which: Indices) -> Any:
    """The central difference quotient of f at x, once for each index in ``which``.

    The step balances truncation, about h^2, against rounding, about eps/h^order.
    """
    step = np.finfo(float).eps ** (1 / (len(which) + 2))

    def quotient(x: Any, which: Indices) -> Any:
        if not which:
            return f(x)
        i, rest = which[0], which[1:]
        right, left = x.copy(), x.copy()
        right[i] += step * max(1.0, abs(x[i]))
        left[i] -= step * max(1.0, abs(x[i]))
        return (quotient(right, rest) - quotient(left, rest)) / (right[i] - left[i])

    return quotient(x, which)


def symbolic_derivatives(expression: Expression, point: Point, wanted: Sequence[Indices]) -> list[Any]:
    """SymPy's derivatives at ``point``, to 40 digits.

    The formula's numbers are SymPy floats, for SymPy would work out 9**9**9 as an integer.
    """
    import sympy

    def number(x: float) -> Any:
        return sympy.Float(float(x), 40)

    symbols = {name: sympy.Symbol(name, real=True) for name in point}
    values = {symbols[name]: number(value) for name, value in point.items()}
    formula = sympy.sympify(expression(number, **symbols))
    variables = list(symbols.values())
    return [sympy.Float(formula.diff(*(variables[i] for i in which)).subs(values).evalf(40), 40) for which in wanted]


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """The rows as lines of a table: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in itertools.zip_longest(*rows, fillvalue="")]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths)]  # noqa: B905  rows may be short
        lines.append("  ".join([row[0].ljust(widths[0]), *cells[1:]]) if row else "")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
