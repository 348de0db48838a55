"""Expressions of NumPy on arrays, differentiated in compiled code and in Python, a group compiled at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from dualdiff import derivative, value_and_derivative

START = np.array([1.3, 0.4, -2.2, 0.9, 3.1, -0.7])
STEP = np.array([0.7, -1.1, 0.4, 2.0, 0.6, -0.9])


def function_of(expressions: tuple[str, ...]) -> Any:
    """The function of a number t that tells all expressions of a vector x(t), of matrices A(t), B(t) of it,
    and of y(t), which has a NaN."""
    cells = "".join(f"    y{i} = {text}\n" for i, text in enumerate(expressions))
    results = "".join(f"y{i}, " for i in range(len(expressions)))
    scope: dict[str, Any] = {"np": np, "START": START, "STEP": STEP}
    body = "    x = START + t * STEP\n    A = x.reshape(2, 3)\n    B = x.reshape(3, 2)\n"
    if any("(y" in text for text in expressions):
        body += "    y = x.copy()\n    y[2] = np.nan\n"
    exec(f"def f(t):\n{body}{cells}    return ({results})", scope)
    return scope["f"]


def first_outcomes(expressions: tuple[str, ...]) -> tuple[Any, Any, Any, Any]:
    """All expressions at 0: values and derivatives compiled, values of the plain function, derivatives interpreted."""
    f = function_of(expressions)
    compiled = njit(f)
    values, derivatives = value_and_derivative(compiled)(0.0)
    return values, derivatives, compiled(0.0), derivative(f)(0.0)


def second_outcomes(expressions: tuple[str, ...]) -> tuple[Any, Any]:
    """The second derivatives of all expressions at 0: compiled, and interpreted."""
    f = function_of(expressions)
    return derivative(derivative(njit(f)))(0.0), derivative(derivative(f))(0.0)
