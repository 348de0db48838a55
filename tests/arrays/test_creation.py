"""Arrays that NumPy creates like an array of duals: buffers and small matrices in plain Python functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dualdiff import gradient, hessian, jacobian

X = np.array([2.0, 5.0, 3.0])


def filled(x: Any) -> Any:
    w = np.zeros((2, 2), like=x)
    w[0, 0] = x[0] * x[1]
    w[1] = x[2]
    return w


def scaled(x: Any) -> Any:
    w = np.ones(3, like=x)
    w[1:] *= x[1:]
    return w


def empty(x: Any) -> Any:
    w = np.empty(3, like=x)
    w[:] = x**2
    return w


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "zeros": filled,
    "ones": scaled,
    "empty": empty,
    "full": lambda x: np.full(3, x[0] * x[1], like=x),
    "full of an array": lambda x: np.full((2, 3), x, like=x),
    "full of a constant": lambda x: np.full(3, 2.0, like=x) * x,
    "eye": lambda x: np.eye(2, like=x) * x[0],
    "identity": lambda x: np.identity(3, like=x) @ x,
    "tri": lambda x: np.tri(3, like=x) @ x,
    "array": lambda x: np.array([[x[0], 1.0], [0.0, x[1] * x[2]]], like=x),
    "array of rows": lambda x: np.array([x, 2 * x, [1.0, 2.0, 3.0]], like=x),
    "array, ndmin": lambda x: np.array([x[0], x[1]], ndmin=2, like=x),
    "array, dtype": lambda x: np.array([x[0], 1], dtype=float, like=x),
    "asarray": lambda x: np.asarray(x * x, like=x),
    "arange": lambda x: np.arange(0, 4.5 * x[0], x[0], like=x),
    "fromfunction": lambda x: np.fromfunction(lambda i, j: x[0] * i + j * x[1], (2, 2), like=x),
    "det": lambda x: np.linalg.det(np.array([[x[0], 1.0], [0.0, x[1]]], like=x)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_its_derivative(name: str) -> None:
    f, h = FUNCTIONS[name], 1e-6
    expected = np.stack([(np.asarray(f(X + h * e)) - np.asarray(f(X - h * e))) / (2 * h) for e in np.eye(3)], -1)
    np.testing.assert_allclose(jacobian(f)(X), expected, atol=1e-8)


def test_second_derivatives_and_nested_ones() -> None:
    determinant = lambda x: np.linalg.det(np.array([[x[0], 1.0], [x[2], x[1]]], like=x))  # noqa: E731
    np.testing.assert_allclose(hessian(determinant)(X), [[0, 1, 0], [1, 0, 0], [0, 0, 0]], atol=1e-14)

    def outer(x: Any) -> Any:
        def inner(y: Any) -> Any:
            w = np.zeros(2, like=y)
            w[1] = y[0] ** 2 * x[1]
            return w.sum()

        w = np.zeros(2, like=x)
        w[0] = x[0] * gradient(inner)(x)[0]
        return w.sum()

    np.testing.assert_array_equal(gradient(outer)(X), [40, 8, 0])  # of 2 x0^2 x1


def test_integers_stay_integers() -> None:
    np.testing.assert_array_equal(jacobian(lambda x: x[np.array([2, 0], like=x)])(X), [[0, 0, 1], [1, 0, 0]])
    assert jacobian(lambda x: np.zeros(3, dtype=int, like=x) + x)(X).shape == (3, 3)
    with pytest.raises(TypeError, match="duals hold float64 or float32 and do not become int64: drop the dtype"):
        jacobian(lambda x: np.array([x[0], 1], dtype=np.int64, like=x))(X)


def test_in_single_precision() -> None:
    slopes = jacobian(lambda x: np.array([x[0], 1.0], dtype=np.float32, like=x))(X.astype(np.float32))
    assert slopes.dtype == np.float32
