"""What published code does that is not plain arithmetic on arrays: each kind with its derivative by differences."""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import float64, njit, vectorize

from dualdiff import derivative, gradient, hessian, jacobian, vmap

Result = namedtuple("Result", "x fun status")


@njit
def by_newton(a):
    x = 1.0
    for _ in range(50):
        fx = x * x - a
        if abs(fx) < 1e-12:
            return Result(x, fx, 0)
        x = x - fx / (2 * x)
    return Result(x, x * x - a, 1)


@njit
def record_of_a_branch(x):
    if x[0] > 10:  # noqa: SIM108 (two statements that Numba has to unify)
        r = Result(0.0, 0.0, 1)
    else:
        r = Result(x=x[0], fun=x[0] * x[1], status=0)
    return r.fun + r.status


@vectorize
def bent(a, b):
    if a > b:
        return a * b
    return a * b + math.sin(a)


@vectorize([float64(float64)])
def square(a):
    return a * a


@njit
def vectorized_in_place(x):
    out = np.zeros(3)
    for i in range(3):
        out[i] = bent(x[i], 2.5)
    return out.sum() + bent(x, x[::-1]).sum() + square(x[0])


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "cross of a list": lambda x: np.cross([0.0, 1.0, 2.0], x)[0],
    "cross of a tuple": lambda x: np.cross(x, (3, 1, 2))[1],
    "outer of a tuple": lambda x: np.outer((1.0, 2.0), x).sum() * x[0],
    "kron of a list": lambda x: np.kron(np.array([[1.0, 2.0]]), x.reshape((1, 3)))[0, 4] * x[0],
    "interp in tuples": lambda x: np.interp(x[0], (1.0, 2.5, 3.0), (0.0, 1.0, 4.0)),
    "append to a number": lambda x: np.append(x[0], x)[0] * np.append(x, x[1])[3],
    "asarray of a number": lambda x: np.asarray(x[0]).item() * x[1],
    "array of a number": lambda x: np.array(x[0], dtype=np.float64).item() * x[1],
    "dtype in words": lambda x: np.array([x[0], x[1], 1.0], dtype="float64").sum() * x[2],
    "zeros, dtype in words": lambda x: (np.zeros(3, dtype="f8") + x).sum() * x[2],
    "a record of a solver": lambda x: by_newton(x[0]).x * x[1],
    "a record of a branch": record_of_a_branch.py_func,
    "a vectorized function": vectorized_in_place.py_func,
}

X = np.array([2.0, 5.0, 3.0])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_its_gradient(name: str) -> None:
    f = njit(FUNCTIONS[name])
    h = 1e-6
    expected = [(f(X + h * e) - f(X - h * e)) / (2 * h) for e in np.eye(3)]
    for chunk in (1, None):
        np.testing.assert_allclose(gradient(f, chunk=chunk)(X), expected, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(vmap(gradient(f))(np.stack([X, X]))[1], expected, rtol=1e-8, atol=1e-9)


def test_conversion_to_single_precision_rounds_value_and_slope() -> None:
    f = njit(lambda x: np.float32(x[0]) * x[1])
    x = np.array([0.1, 3.0])
    assert f(x) == float(np.float32(0.1)) * 3.0
    np.testing.assert_array_equal(gradient(f)(x), [3.0, float(np.float32(0.1))])


def test_a_vectorized_function_itself() -> None:
    assert derivative(bent)(1.0, 2.0) == 2.0 + math.cos(1.0)
    np.testing.assert_array_equal(jacobian(square)(np.array([2.0, 3.0])), np.diag([4, 6]))
    np.testing.assert_array_equal(hessian(njit(lambda x: square(x).sum()))(np.array([2.0, 3.0])), 2 * np.eye(2))
    np.testing.assert_array_equal(vmap(derivative(square))(np.array([2.0, 3.0])), [4, 6])
    assert bent(1.0, 2.0) == 2.0 + math.sin(1.0)  # it stays what it is


def test_a_vectorized_function_divides_by_zero_as_ufuncs_do() -> None:
    reciprocal = vectorize(lambda a: 1.0 / a)
    f = njit(lambda x: reciprocal(x))
    assert f(0.0) == np.inf
    assert derivative(f)(0.0) == -np.inf


ATOMS = np.array([(1.0, 4.0), (2.0, 5.0), (3.0, 6.0)], dtype=[("mass", np.float64), ("charge", np.float64)])


@njit
def of_records(x, atoms):
    total = 0.0
    for i in range(len(atoms)):
        total += x[0] * atoms[i].mass + x[1] * atoms[i].charge ** 2
    return total + np.sum(x[0] * atoms["mass"])


def test_structured_arrays_as_arguments() -> None:
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(gradient(of_records)(x, ATOMS), [12.0, 77.0])
    found = vmap(gradient(of_records), in_axes=(0, None))(np.stack([x, x]), ATOMS)
    np.testing.assert_array_equal(found, [[12.0, 77.0]] * 2)
    one = njit(lambda x, atoms: x * x * atoms[1].charge)
    np.testing.assert_array_equal(vmap(derivative(one), in_axes=(0, None))(x, ATOMS), [10.0, 20.0])
