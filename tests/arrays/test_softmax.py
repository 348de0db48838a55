"""softmax and log_softmax, in Python and compiled, beside mpmath."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf
from numba import njit

from dualdiff import gradient, hessian, jacobian, log_softmax, softmax, vmap

ways = pytest.mark.parametrize("way", [lambda f: f, functools.cache(njit)], ids=["Python", "njit"])


def probabilities(x: Any) -> Any:
    return softmax(x)


def logarithms(x: Any) -> Any:
    return log_softmax(x)


def first(x: Any) -> Any:
    return log_softmax(x)[0]


def along(x: Any, axis: Any) -> Any:
    return softmax(x, axis)


def squares_along(x: Any, axis: Any) -> Any:
    return np.sum(softmax(x, axis) ** 2)


ROWS = [[0.3, -1.0, 2.0], [1000.0, 1001.0, 990.0], [-800.0, 0.0, 5.0], [7.0, 7.0, 7.0]]


def exact(row: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """softmax, and its logarithm."""
    with mp.workdps(40):
        e = [mp.exp(mpf(x)) for x in row]
        y = [x / sum(e) for x in e]
        return np.array([float(x) for x in y]), np.array([float(mp.log(x)) for x in y])


@ways
@pytest.mark.parametrize("row", ROWS)
def test_values_and_derivatives(way: Callable[..., Any], row: list[float]) -> None:
    x = np.array(row)
    y, logarithm = exact(row)
    np.testing.assert_allclose(way(probabilities)(x), y, rtol=4e-15)
    np.testing.assert_allclose(way(logarithms)(x), logarithm, rtol=1e-15, atol=1e-16)
    np.testing.assert_allclose(jacobian(way(probabilities))(x), np.diag(y) - np.outer(y, y), rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(jacobian(way(logarithms))(x), np.eye(3) - y, rtol=1e-13, atol=1e-16)
    second = hessian(way(first))(x)
    np.testing.assert_allclose(second, np.outer(y, y) - np.diag(y), rtol=1e-12, atol=1e-16)


@ways
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_along_an_axis(way: Callable[..., Any], axis: int) -> None:
    x = np.array(ROWS)
    lines = x.T if axis == 0 else x
    expected = np.stack([exact(list(line))[0] for line in lines])
    found = way(along)(x, axis)
    np.testing.assert_allclose(found.T if axis == 0 else found, expected, rtol=1e-14)
    y = expected.T if axis == 0 else expected
    slope = 2 * y * (y - np.sum(y * y, axis=axis, keepdims=True))
    np.testing.assert_allclose(gradient(way(squares_along))(x, axis), slope, rtol=1e-12, atol=1e-15)


@ways
def test_cross_entropy_of_samples(way: Callable[..., Any]) -> None:
    loss = way(lambda x, k: -log_softmax(x)[k])
    x, k = np.array(ROWS), np.array([0, 2, 1, 1])
    expected = [exact(list(row))[0] - np.eye(3)[i] for row, i in zip(x, k, strict=True)]
    np.testing.assert_allclose(vmap(gradient(loss))(x, k), expected, rtol=1e-13, atol=1e-16)


def test_an_element_that_is_impossible() -> None:
    x = np.array([0.0, -np.inf, 1.0])
    np.testing.assert_allclose(softmax(x), [1 / (1 + np.e), 0.0, 1 / (1 + 1 / np.e)], rtol=1e-15)
    assert np.all(np.isfinite(jacobian(softmax)(x)))
