"""What newcomers write first, and what they are told: their line, what is wrong with it, what to write instead."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit

from dualdiff import custom_derivative, derivative, gradient, jacobian

X = np.array([1.0, 2.0])


def buffer(x: Any) -> Any:
    w = np.zeros(2)
    w[0] = x[0]
    return w.sum()


def of_math(x: Any) -> Any:
    return math.sin(x)


def converted(x: Any) -> Any:
    return float(x[0]) * 2


def nothing(x: Any) -> None:
    x * x


def helper(x: Any) -> Any:
    return x * x


def with_a_python_helper(x: Any) -> Any:
    return helper(x) + 1


def statistics_of(x: Any) -> Any:
    import statistics

    return statistics.mean([x[0], x[1]])


MISTAKES: dict[str, tuple[Callable[[], Any], str]] = {
    "a number for gradient": (
        lambda: gradient(lambda x: x * x)(3.0),
        "gradient expects an array, not a number: perhaps you want derivative(<lambda>)",
    ),
    "an array from f": (
        lambda: gradient(lambda x: x * x)(X),
        "returns a number, not an array of shape (2,): perhaps you want jacobian(<lambda>)",
    ),
    "an array of one element from f": (
        lambda: gradient(lambda x: (x - 1) ** 2)(np.array([0.0])),
        "not an array of shape (1,): perhaps you want x[0] in it",
    ),
    "several results": (
        lambda: gradient(lambda x: (np.sum(x), x))(X),
        "returns a number, not a tuple of 2: return the number alone, or take jacobian(<lambda>)",
    ),
    "a dict from f": (
        lambda: gradient(lambda x: {"loss": np.sum(x)})(X),
        "returns a number, not a dict of 1: return the number alone",
    ),
    "a buffer of floats": (
        lambda: gradient(buffer)(X),
        "w[0] = x[0]: a Dual does not become a float: that would lose its derivative. An array that duals are stored "
        "into is made by np.zeros(n, like=x)",
    ),
    "math": (lambda: derivative(of_math)(1.0), "return math.sin(x): a Dual does not become a float"),
    "math, advice": (lambda: derivative(of_math)(1.0), "Use np.sin, which takes duals"),
    "float()": (lambda: gradient(converted)(X), "Leave the conversion out, or use x.value for the number alone"),
    "statistics": (
        lambda: gradient(statistics_of)(X),
        "return statistics.mean([x[0], x[1]]): a Dual does not become a ratio of integers: that would lose its "
        "derivative. Use sum, np.sum, np.mean",
    ),
    "f(x) in the place of f": (lambda: derivative(helper(1.0)), "derivative expects a function, not float"),
    "a position that is not there": (
        lambda: derivative(helper, 3)(1.0),
        "helper was called with 1 arguments, so there is no argument number 3 to differentiate by",
    ),
    "no return": (lambda: derivative(nothing)(1.0), "nothing returned None: it must return the value"),
    "a Python function in @njit code": (
        lambda: derivative(njit(with_a_python_helper))(1.0),
        "return helper(x) + 1: with_a_python_helper cannot be compiled for duals: Untyped global name 'helper'",
    ),
    "a dict to differentiate by": (
        lambda: gradient(lambda p: p["a"] ** 2)({"a": 1.0}),
        "must be a real number or an array of them, not dict",
    ),
    "a partial derivative too few": (
        lambda: custom_derivative(lambda a, b: a, partials=(lambda a, b, y: 1.0,)),
        "takes 2 arguments, 1 partial derivatives were given: None stands for an argument that it is not to be",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_newcomers_are_told(mistake: str) -> None:
    call, message = MISTAKES[mistake]
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        call()


def test_a_solver_of_scipys_names_implicit() -> None:
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy is not there: pip install scipy")
    for name in ("brentq", "bisect", "ridder", "fsolve"):

        def root(a: Any, name: str = name) -> Any:
            where = (1.0,) if name == "fsolve" else (0.0, 5.0)
            return getattr(optimize, name)(lambda x: x * x - a, *where)

        with pytest.raises(TypeError, match=r"getattr\(optimize, name\).*make the solver f = dualdiff.implicit\("):
            derivative(root)(2.0)


def test_an_integrator_of_scipys_names_the_page() -> None:
    integrate = pytest.importorskip("scipy.integrate", reason="SciPy is not there: pip install scipy")
    with pytest.raises(TypeError, match=r"scipy.integrate computes with plain numbers: .*dualdiff.custom_derivative"):
        derivative(lambda a: integrate.quad(lambda x: a * x, 0.0, 1.0)[0])(2.0)
    with pytest.raises(TypeError, match=r"scipy.integrate computes with plain numbers: .*dualdiff.custom_derivative"):
        derivative(lambda a: integrate.solve_ivp(lambda t, y: -a * y, (0, 1), [1.0]).y[0, -1])(2.0)


def test_distributions_and_special_functions_of_scipys_name_what_to_call() -> None:
    stats = pytest.importorskip("scipy.stats", reason="SciPy is not there: pip install scipy")
    special = pytest.importorskip("scipy.special", reason="SciPy is not there: pip install scipy")
    with pytest.raises(TypeError, match=r"norm.cdf\(x\) = scipy.special.ndtr\(x\)"):
        derivative(lambda x: stats.norm.cdf(x))(0.3)
    for name, other in (("spherical_jn", "special.spherical_jn"), ("polygamma", "polygamma")):
        with pytest.raises(TypeError, match=rf"scipy.special.{name} computes with plain .* call dualdiff.{other}"):
            derivative(lambda x, name=name: getattr(special, name)(1, x))(0.3)
    with pytest.raises(TypeError, match=r"call dualdiff.special.lambertw"):
        derivative(lambda x: special.lambertw(x).real)(0.3)
    with pytest.raises(TypeError, match=r"call dualdiff.log_softmax"):
        jacobian(lambda x: special.log_softmax(x))(X)
