"""Expressions of NumPy on arrays, differentiated in compiled code and in Python, a group compiled at a time."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
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


@functools.cache
def outcomes(expressions: tuple[str, ...], order: int) -> tuple[Any, Any]:
    """The derivatives of some order of all expressions at 0: compiled, and interpreted."""
    f = function_of(expressions)
    compiled = njit(f)
    for _ in range(order):
        f, compiled = derivative(f), derivative(compiled)
    return on_duals(expressions)[1] if order == 1 else compiled(0.0), f(0.0)


@functools.cache
def on_duals(expressions: tuple[str, ...]) -> tuple[Any, Any]:
    """The values and derivatives of all expressions at 0, compiled."""
    values, slopes = value_and_derivative(njit(function_of(expressions)))(0.0)
    return values, slopes


@functools.cache
def plain(expressions: tuple[str, ...]) -> Any:
    """The plain ``@njit`` function."""
    return njit(function_of(expressions))


def cases(groups: dict[str, tuple[str, ...]]) -> list[Any]:
    """One case for each expression: (group, number)."""
    return [
        pytest.param(group, i, id=f"{name}: {text}") for name, group in groups.items() for i, text in enumerate(group)
    ]
