"""Expressions of NumPy on arrays, differentiated in compiled code and in Python, a group compiled at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from dualdiff import derivative, value_and_derivative

START = np.array([1.3, 0.4, -2.2, 0.9, 3.1, -0.7])
STEP = np.array([0.7, -1.1, 0.4, 2.0, 0.6, -0.9])


STRIDED = """
    A = np.zeros((6, 4))[::-2, ::2].T
    B = np.zeros((4, 6))[::-2, ::2].T
    A[:], B[:] = x.reshape(2, 3), x.reshape(3, 2)
    x = np.zeros((12, 2))[::-2, 1]
    x[:] = A.copy().ravel()
"""
"""The same vector and matrices, with other numbers between theirs and in another order."""


def function_of(expressions: tuple[str, ...], strided: bool = False) -> Any:
    """The function of a number t that tells all expressions of a vector x(t), of matrices A(t), B(t) of it,
    and of y(t), which has a NaN."""
    cells = "".join(f"    y{i} = {text}\n" for i, text in enumerate(expressions))
    results = "".join(f"y{i}, " for i in range(len(expressions)))
    scope: dict[str, Any] = {"np": np, "START": START, "STEP": STEP}
    body = "    x = START + t * STEP\n    A = x.reshape(2, 3)\n    B = x.reshape(3, 2)\n" + STRIDED * strided
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


def assert_both_orders_are_quotients_of_differences(expressions: tuple[str, ...]) -> None:
    """The first and second derivatives, compiled for strided arrays, beside values of the plain function."""
    slopes, curvatures = value_and_derivative(derivative(njit(function_of(expressions, strided=True))))(0.0)
    h, plain = 1e-2, function_of(expressions)
    around = zip(*(plain(k * h) for k in range(-3, 4)), strict=True)
    for text, slope, curvature, seven in zip(expressions, slopes, curvatures, around, strict=True):
        values = np.array(seven)
        first = np.tensordot([-1.0, 9.0, -45.0, 0.0, 45.0, -9.0, 1.0], values, 1) / (60 * h)
        second = np.tensordot([2.0, -27.0, 270.0, -490.0, 270.0, -27.0, 2.0], values, 1) / (180 * h**2)
        np.testing.assert_allclose(slope, first, rtol=1e-7, atol=1e-8, err_msg=text)
        np.testing.assert_allclose(curvature, second, rtol=1e-6, atol=1e-7, err_msg=text)
