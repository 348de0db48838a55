"""What cannot be differentiated is refused in terms of the user's own code."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from numba import float64, guvectorize, int64, njit, types, vectorize
from numba.experimental import jitclass
from numba.typed import Dict, List

import dualdiff
from dualdiff import gradient, jacobian

X = np.array([1.0, 2.0])


@vectorize
def square(a: Any) -> Any:
    return a * a


@guvectorize([(float64[:], float64[:])], "(n)->()")
def total(a: Any, out: Any) -> None:
    out[0] = a.sum()


@jitclass([("a", float64)])
class Box:
    """A number in a jitclass."""

    def __init__(self, a: float) -> None:
        self.a = a


# In each function the line that fails is marked.


def typed_list(x: Any) -> Any:
    cells = List.empty_list(types.float64)
    cells.append(x[0])  # fails
    return cells[0]


def typed_dict(x: Any) -> Any:
    cells = Dict.empty(int64, float64)
    cells[0] = x[0]  # fails
    return cells[0]


def jitclass_attribute(x: Any) -> Any:
    box = Box(1.0)
    box.a = x[0]  # fails
    return box.a


def vectorized(x: Any) -> Any:
    return square(x[0])  # fails


def guvectorized(x: Any) -> Any:
    out = np.zeros(1)
    total(x, out)  # fails
    return out[0]


def eigenvalues(x: Any) -> Any:
    return np.linalg.eig(np.outer(x, x))[0][0]  # fails


def complex_number(x: Any) -> Any:
    return (x[0] * 1j).imag  # fails


def string(x: Any) -> Any:
    return x[0] + "1"  # fails


def fourier(x: Any) -> Any:
    return np.fft.fft(x)[0]  # fails


CASES = {
    typed_list: "array, a tuple or a list literal",
    typed_dict: "array, a tuple or a list literal",
    jitclass_attribute: "",
    vectorized: "@njit function of one element",
    guvectorized: "@njit function of one element",
    eigenvalues: "loops",
    complex_number: "real and imaginary parts",
    string: "strings",
    fourier: "arithmetic",
}


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_the_line_is_named_and_what_to_write_instead(function: Any) -> None:
    with pytest.raises(dualdiff.CompilationError) as caught:
        gradient(njit(function))(X)
    where, instead = str(caught.value).splitlines()
    lines, first = inspect.getsourcelines(function)
    failing = first + next(i for i, line in enumerate(lines) if "# fails" in line)
    if function is not jitclass_attribute:  # Numba does not tell the line of a failing cast
        assert where.startswith(f"{__file__}:{failing}: ")
    assert function.__name__ in where
    assert CASES[function] in instead
    assert caught.value.__cause__ is not None


def test_writing_a_dual_into_an_array_that_came_in() -> None:
    @njit
    def f(x: Any, out: Any) -> Any:
        out[0] = x[0] * 2.0
        return out[0]

    with pytest.raises(dualdiff.CompilationError, match=r"written into the argument out.*\n.*out_argnum"):
        gradient(f)(X, np.zeros(2))


def test_a_failure_leaves_no_trace() -> None:
    f = njit(lambda x: x[0] * x[1])
    for function in (typed_list, complex_number):
        with pytest.raises(dualdiff.CompilationError):
            gradient(njit(function))(X)
    np.testing.assert_array_equal(gradient(f)(X), [2.0, 1.0])


# --- functions that write into an argument --------------------------------------------------


def lotka_volterra(dy: Any, t: float, y: Any, a: Any) -> None:
    dy[0] = a * y[0] - y[0] * y[1]
    dy[1] = y[0] * y[1] - y[1]


@pytest.mark.parametrize("compiled", [False, True], ids=["interpreted", "compiled"])
def test_a_function_that_writes_its_result_into_an_argument(compiled: bool) -> None:
    f = njit(lotka_volterra) if compiled else lotka_volterra
    dy, y = np.full(2, 7.0), np.array([2.0, 3.0])
    by_state = jacobian(f, argnums=2, out_argnum=0)(dy, 0.0, y, 0.5)
    np.testing.assert_array_equal(by_state, [[0.5 - 3.0, -2.0], [3.0, 2.0 - 1.0]])
    value, by_parameter = dualdiff.value_and_derivative(f, argnum=3, out_argnum=0)(dy, 0.0, y, 0.5)
    np.testing.assert_array_equal(value, [-5.0, 3.0])
    np.testing.assert_array_equal(by_parameter, [2.0, 0.0])
    np.testing.assert_array_equal(dy, 7.0)
    second = jacobian(lambda y: jacobian(f, argnums=2, out_argnum=0)(dy, 0.0, y, 0.5))(y)
    np.testing.assert_array_equal(second[0], [[0.0, -1.0], [-1.0, 0.0]])


def test_a_bad_out_argnum() -> None:
    with pytest.raises(ValueError, match="out_argnum"):
        jacobian(njit(lotka_volterra), argnums=2, out_argnum=9)
    with pytest.raises(TypeError, match="out_argnum"):
        jacobian(lotka_volterra, argnums=2, out_argnum="dy")
