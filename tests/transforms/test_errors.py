"""What cannot be differentiated is refused in terms of the user's own code."""

from __future__ import annotations

import ctypes
import inspect
from typing import Any

import numpy as np
import pytest
from numba import cfunc, float64, guvectorize, int64, njit, objmode, types, vectorize
from numba.core.errors import TypingError
from numba.experimental import jitclass
from numba.typed import Dict, List

import dualdiff
from dualdiff import gradient, jacobian

X = np.array([1.0, 2.0])
WEIGHTS = np.ones(2)

absolute = ctypes.PYFUNCTYPE(ctypes.c_double, ctypes.c_double)(abs)


@cfunc("float64(float64)")
def cube(a: Any) -> Any:
    return a * a * a


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


square_of_all = njit(lambda x: np.sum(x * x))


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


def window(x: Any) -> Any:
    return np.sum(np.kaiser(5, x[0]))  # fails


def complex_number(x: Any) -> Any:
    return (x[0] * 1j).imag  # fails


def string(x: Any) -> Any:
    return x[0] + "1"  # fails


def fourier(x: Any) -> Any:
    return np.fft.fft(x)[0]  # fails


def complex_in_place(x: Any) -> Any:
    z = 1j
    z *= x[0]  # fails
    return z.imag


def complex_from_parts(x: Any) -> Any:
    return complex(x[0], 1.0).real  # fails


def complex_cells(x: Any) -> Any:
    cells = np.zeros(2, np.complex128)
    cells[0] = x[0]  # fails
    return cells[0].real


def complex_array_in_place(x: Any) -> Any:
    cells = np.zeros(2, np.complex128)
    cells += x[0]  # fails
    return cells[0].real


def object_mode(x: Any) -> Any:
    y = x[0]
    with objmode(z="float64"):  # fails
        z = float(y)
    return z


def c_pointer(x: Any) -> Any:
    return absolute(x[0])  # fails


def c_callback(x: Any) -> Any:
    return cube(x[0])  # fails


def set_of_numbers(x: Any) -> Any:
    numbers = set()
    numbers.add(x[0])  # fails
    return len(numbers) * x[0]


def jitclass_constructor(x: Any) -> Any:
    return Box(x[0]).a


def global_array(x: Any) -> Any:
    WEIGHTS[0] = x[0]  # fails
    return WEIGHTS[0]


def integers(x: Any) -> Any:
    cells = np.zeros(2, np.int64)
    cells[0] = x[0]  # fails
    return cells[0] * x[0]


def bin_edges(x: Any) -> Any:
    return np.histogram(x, 3)[1].sum()  # fails


def derivative_made_inside(x: Any) -> Any:
    return np.sum(gradient(square_of_all)(x))  # fails


def counts(x: Any) -> Any:
    return x[0] * np.histogram(x, 3)[0][0]  # fails


CASES = {
    typed_list: "array, a tuple or a list literal",
    typed_dict: "array, a tuple or a list literal",
    jitclass_attribute: "jitclass",
    guvectorized: "call an @njit function in a loop",
    window: "loops",
    complex_number: "real and imaginary parts",
    string: "strings",
    fourier: "arithmetic",
    complex_in_place: "real and imaginary parts",
    complex_from_parts: "real and imaginary parts",
    complex_cells: "real and imaginary parts",
    complex_array_in_place: "one of floats",
    object_mode: "objmode",
    c_pointer: "as an @njit function",
    c_callback: "as an @njit function",
    set_of_numbers: "array, a tuple or a list literal",
    global_array: "arrays made in the function",
    integers: "one of floats",
    bin_edges: "loops",
    derivative_made_inside: "made outside of it",
    counts: "no derivative here",
}


@pytest.mark.filterwarnings("ignore::numba.core.errors.NumbaPendingDeprecationWarning")  # older ones announce
@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_the_line_is_named_and_what_to_write_instead(function: Any) -> None:
    with pytest.raises(dualdiff.CompilationError) as caught:
        gradient(njit(function))(X)
    where, instead = str(caught.value).splitlines()
    lines, first = inspect.getsourcelines(function)
    failing = first + next(i for i, line in enumerate(lines) if "# fails" in line)
    assert where.startswith(f"{__file__}:{failing}: ")
    assert function.__name__ in where
    assert CASES[function] in instead
    assert caught.value.__cause__ is not None


def test_the_line_is_the_one_in_the_function_that_is_called() -> None:
    append = njit(typed_list)
    lines, first = inspect.getsourcelines(typed_list)
    failing = first + next(i for i, line in enumerate(lines) if "# fails" in line)
    with pytest.raises(dualdiff.CompilationError, match=rf":{failing}: .*\n.*typed lists"):
        gradient(njit(lambda x: append(x) * 2.0))(X)
    with pytest.raises(dualdiff.CompilationError, match=r"self.a = a.*\n.*jitclass"):
        gradient(njit(jitclass_constructor))(X)
    with pytest.raises(dualdiff.CompilationError, match=r"np.histogram.*\n.*loops"):
        jacobian(gradient(njit(bin_edges)))(X)


def test_writing_a_dual_into_a_list_that_came_in() -> None:
    @njit
    def f(x: Any, out: Any) -> Any:
        out[0] = x[0] * 2.0
        return out[0]

    with pytest.raises(dualdiff.CompilationError, match=r"out\[0\] = x\[0\]"):
        gradient(f)(X, List([0.0, 0.0]))


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
    primals, along = (dy, 0.0, y, 0.5), (np.ones(2), 0.0, np.array([1.0, -1.0]), 2.0)
    value, tangent = dualdiff.jvp(f, primals, along, out_argnum=0)
    np.testing.assert_array_equal(value, [-5.0, 3.0])
    np.testing.assert_array_equal(tangent, by_state @ along[2] + 2.0 * by_parameter)
    second = jacobian(lambda y: jacobian(f, argnums=2, out_argnum=0)(dy, 0.0, y, 0.5))(y)
    np.testing.assert_array_equal(second[0], [[0.0, -1.0], [-1.0, 0.0]])


def test_a_bad_out_argnum() -> None:
    with pytest.raises(ValueError, match="out_argnum"):
        jacobian(njit(lotka_volterra), argnums=2, out_argnum=9)
    with pytest.raises(TypeError, match="out_argnum"):
        jacobian(lotka_volterra, argnums=2, out_argnum="dy")


# --- derivatives in compiled code -----------------------------------------------------------

THREE = np.array([1.0, 2.0, 3.0])
squares = njit(lambda x: x**2)
slope_of_squares = gradient(squares)
slope_of_sum = gradient(njit(lambda x: x.sum()))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dualdiff.hessian(squares)(THREE), ValueError, "not an array with 1 axis: perhaps you want jacobian"),
        (lambda: dualdiff.hvp(squares, (THREE,), (THREE,)), ValueError, "perhaps you want jacobian"),
        (lambda: jacobian(slope_of_squares)(THREE), ValueError, "perhaps you want jacobian"),
        (
            lambda: dualdiff.hessian(njit(lambda x: (x[0], x[1])))(THREE),
            ValueError,
            "returns a number, not a tuple of 2",
        ),
        (lambda: dualdiff.hessian(njit(lambda x: None))(THREE), TypeError, "returned None"),
        (lambda: njit(lambda x: slope_of_squares(x))(THREE), TypingError, "perhaps you want jacobian"),
        (
            lambda: njit(lambda x: slope_of_sum(x))(THREE + 1j),
            TypingError,
            "x must be a real number or an array of them",
        ),
        (lambda: njit(lambda x: slope_of_sum(x))((1.0, 2.0)), TypingError, "x must be a real number or an array"),
        (lambda: njit(lambda x: slope_of_sum(x))(2.0), TypingError, "perhaps you want derivative"),
    ],
)
def test_a_derivative_in_compiled_code_is_refused_as_from_python(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("compiled", [False, True])
def test_a_point_in_the_place_of_argnums(compiled: bool) -> None:
    f = njit(lambda x: x.sum()) if compiled else lambda x: x.sum()
    for transform in (gradient, jacobian, dualdiff.derivative, dualdiff.hessian):
        for x in (THREE, [2.0, 5.0]):
            with pytest.raises(TypeError, match=r"as in gradient\(f\)\(x\)|is by one arg"):
                transform(f, x)


def test_dense_results_beyond_memory() -> None:
    x = np.zeros(2_000_000)
    with pytest.raises(MemoryError, match=r"dense Hessian by 2000000 parameters takes \d+"):
        dualdiff.hessian(lambda x: np.sum(x**2))(x)
    with pytest.raises(MemoryError, match=r"does not fit into memory.*2000000"):
        jacobian(squares)(x)
