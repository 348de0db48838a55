"""Ways to write x * x for an array x of four numbers: code of every construct, whose Jacobian is known."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import float64, njit
from numba.core import types
from numba.extending import overload

from dualdiff import value_and_jacobian

X = np.array([0.5, -1.25, 2.0, 3.5])
WEIGHTS = np.array([4.0, 3.0, 2.0, 1.0])
ORDER = np.array([2, 0, 3, 1])


def ways() -> tuple[dict[str, Any], Callable[[Callable[..., Any]], Any]]:
    """The ways that a file shows, by name, and what enters a function among them."""
    found: dict[str, Any] = {}

    def enter(function: Callable[..., Any]) -> Any:
        found[function.__name__] = dispatcher = njit(function)
        return dispatcher

    return found, enter


def assert_squares(f: Any) -> None:
    """The values are those of f itself to the bit, the Jacobian is that of x * x."""
    values, slopes = value_and_jacobian(f)(X)
    np.testing.assert_array_equal(values, f(X))
    np.testing.assert_allclose(slopes, np.diag(2 * X), rtol=1e-14, atol=1e-14)


def floats(x: Any) -> Any:
    """Returns a number or an array; in compiled code it takes floats only."""
    return x


@overload(floats)
def _floats(x):
    element = x.dtype if isinstance(x, types.Array) else x
    return (lambda x: x) if isinstance(element, types.Float) else None


@njit
def square(u):
    return u * u


@njit
def store_squares(x, out):
    for i in range(x.size):
        out[i] = x[i] * x[i]


@njit
def store_at(out, i, u):
    out[i] = u


@njit(float64(float64))
def square_of_a_float(u):
    return u * u


@njit
def mapped(function, x):
    out = np.empty(x.size)
    for i in range(x.size):
        out[i] = function(x[i])
    return out


@njit
def called(function, x, out):
    function(x, out)


Pair = namedtuple("Pair", ["first", "second"])


def from_text(text: str) -> Any:
    """A function whose assertions pytest does not rewrite into what Numba does not know."""
    scope: dict[str, Any] = {}
    exec(text, scope)
    return scope["f"]


checked = njit(from_text("def f(x):\n    assert x.size == 4 and x[3] > 0, 'four numbers'\n    return x * x\n"))
