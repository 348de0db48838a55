"""Derivatives that the author of a function has written: of numbers, of arrays, of C functions, of other packages."""

from __future__ import annotations

import ctypes
import math
import sys
from typing import Any

import numpy as np
import pytest
from mpmath import mp
from numba import njit

from dualdiff import (
    CompilationError,
    check_derivative,
    custom_derivative,
    derivative,
    gradient,
    hessian,
    jacobian,
    jvp,
    register_rule,
    sparse_jacobian,
    special,
    vmap,
)


@custom_derivative(partials=(lambda x, n, y: n * x ** (n - 1), None))
def power(x, n):
    """x**n, n being an integer."""
    return x**n


compiled_power = njit(lambda x: power(x[0], 3) * x[1])
X = np.array([2.0, 3.0])


def test_partials_in_python() -> None:
    assert power(3.0, 2) == 9.0
    np.testing.assert_array_equal(power(np.arange(3.0), 2), [0, 1, 4])
    assert derivative(power)(3.0, 2) == 6.0
    np.testing.assert_array_equal(jacobian(lambda x: power(x, 3))(np.arange(3.0)), np.diag([0, 3, 12]))
    np.testing.assert_array_equal(hessian(lambda x: np.sum(power(x, 3) * x))(X), np.diag([48, 108]))
    assert power.__doc__ == "x**n, n being an integer."


def test_partials_in_compiled_code() -> None:
    assert compiled_power(X) == 24.0
    np.testing.assert_array_equal(gradient(compiled_power)(X), [36, 8])
    np.testing.assert_array_equal(hessian(compiled_power)(X), [[36, 12], [12, 0]])
    np.testing.assert_array_equal(vmap(gradient(compiled_power))(np.stack([X, X])), [[36, 8], [36, 8]])
    of_arrays = njit(lambda x: power(x, 2))
    np.testing.assert_array_equal(of_arrays(X), [4, 9])
    np.testing.assert_array_equal(jacobian(of_arrays)(X), np.diag([4, 6]))
    np.testing.assert_array_equal(vmap(derivative(njit(lambda x: power(x, 3))))(X), [12, 27])


@pytest.mark.parametrize("call", [derivative(power, 1), jacobian(power, (1,))], ids=["derivative", "jacobian"])
def test_a_missing_partial_is_an_error_and_never_zero(call: Any) -> None:
    with pytest.raises(TypeError, match="power is not to be differentiated by its argument number 1"):
        call(3.0, 2.0)


def test_a_missing_partial_in_compiled_code() -> None:
    with pytest.raises(
        CompilationError,
        match=r"by its argument number 1.*\n.*give it one in custom_derivative",
    ):
        derivative(njit(lambda x: power(2.0, x)))(3.0)


@custom_derivative(
    partials=(lambda a, b, c, y: b * c, lambda a, b, c, y: a * c, lambda a, b, c, y: a * b),
)
def product(a, b, c):
    return a * b * c


def test_three_arguments() -> None:
    x = np.array([2.0, 3.0, 5.0])
    for f in (lambda x: product(x[0], x[1], x[2]), njit(lambda x: product(x[0], x[1], x[2]))):
        np.testing.assert_array_equal(gradient(f)(x), [15, 10, 6])
        np.testing.assert_array_equal(hessian(f)(x), [[0, 5, 3], [5, 0, 2], [3, 2, 0]])
    np.testing.assert_array_equal(gradient(njit(lambda x: product(x[0], 7.0, x[0])))(x), [28, 0, 0])


# --- C functions ----------------------------------------------------------------------------


def _c_function(name: str) -> Any:
    library = ctypes.CDLL("libm.so.6" if sys.platform == "linux" else None)
    function = getattr(library, name)
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double]
    return function


if sys.platform != "win32":
    c_j0, c_j1 = _c_function("j0"), _c_function("j1")
    j1 = custom_derivative(c_j1, partials=[lambda x, y: j0(x) - y / x])
    j0 = custom_derivative(c_j0, partials=[lambda x, y: -j1(x)])


@pytest.mark.skipif(sys.platform == "win32", reason="Microsoft's C library calls its Bessel functions otherwise")
@pytest.mark.parametrize("compile", [njit, lambda f: f], ids=["@njit", "Python"])
def test_c_functions_of_any_order(compile: Any) -> None:
    f = compile(lambda x: j0(x))
    for order in range(4):
        expected = float(mp.besselj(0, mp.mpf(1.3), derivative=order))
        assert f(1.3) == pytest.approx(expected, rel=1e-14)
        f = derivative(f)
    slopes = [float(mp.besselj(0, mp.mpf(x), derivative=1)) for x in X]
    np.testing.assert_allclose(vmap(derivative(compile(lambda x: j0(x))))(X), slopes, rtol=1e-14)


# --- functions of arrays --------------------------------------------------------------------


@custom_derivative
@njit
def solution(a, b):
    return np.linalg.solve(a, b)


@solution.jvp
@njit
def _(primals, tangents):
    a, b = primals
    da, db = tangents
    y = solution(a, b)
    return y, np.linalg.solve(a, db - da @ y)


A = np.array([[2.0, 1.0], [0.5, 3.0]])
B = np.array([1.0, 2.0])


@pytest.mark.parametrize("compile", [njit, lambda f: f], ids=["@njit", "Python"])
def test_a_jvp_of_ones_own(compile: Any) -> None:
    ours, theirs = compile(lambda a, b: solution(a, b)), compile(lambda a, b: np.linalg.solve(a, b))
    np.testing.assert_array_equal(ours(A, B), theirs(A, B))
    for found, expected in zip(jacobian(ours, (0, 1))(A, B), jacobian(theirs, (0, 1))(A, B), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13)
    of_a, exact = compile(lambda a: np.sum(solution(a, B) ** 2)), compile(lambda a: np.sum(np.linalg.solve(a, B) ** 2))
    np.testing.assert_allclose(gradient(of_a)(A), gradient(exact)(A), rtol=1e-13)
    np.testing.assert_allclose(hessian(of_a)(A), hessian(exact)(A), rtol=1e-12)
    np.testing.assert_allclose(vmap(gradient(of_a))(np.stack([A, A.T]))[1], gradient(exact)(A.T), rtol=1e-13)
    assert jvp(of_a, (A,), (A,))[1] == pytest.approx(np.sum(gradient(exact)(A) * A))


@custom_derivative
@njit
def length(x):
    return math.sqrt((x * x).sum())


@length.jvp
@njit
def _(primals, tangents):
    y = length(primals[0])
    return y, (primals[0] * tangents[0]).sum() / y


@pytest.mark.parametrize("compile", [njit, lambda f: f], ids=["@njit", "Python"])
def test_a_jvp_of_a_number(compile: Any) -> None:
    f = compile(lambda x: length(x) * x[0])
    exact = compile(lambda x: np.sqrt(np.sum(x * x)) * x[0])
    for chunk in (1, 2, None):
        np.testing.assert_allclose(gradient(f, chunk=chunk)(X), gradient(exact)(X), rtol=1e-14)
    np.testing.assert_allclose(hessian(f)(X), hessian(exact)(X), rtol=1e-13)
    g = compile(lambda x: length(x) * x)
    np.testing.assert_allclose(sparse_jacobian(g, np.ones((2, 2)))(X).toarray(), jacobian(g)(X), rtol=1e-14)


def test_a_tangent_that_is_zero_stays_zero() -> None:
    f = lambda x: length(x[:2]) + x[2]  # noqa: E731
    for g in (f, njit(f)):
        np.testing.assert_array_equal(gradient(g, chunk=1)(np.array([0.0, 0.0, 1.0]))[2], 1.0)


@custom_derivative
def black_box(x, scale=1.0):
    return float(np.sum(np.asarray(x) ** 2)) * scale


def test_without_a_derivative_it_says_what_to_write() -> None:
    assert black_box(X) == 13.0
    with pytest.raises(TypeError, match=r"black_box has no derivative yet: enter it by @black_box.jvp"):
        gradient(black_box)(X)


@custom_derivative
def black_box_with_jvp(x, scale=1.0):
    return float(np.sum(np.asarray(x) ** 2)) * scale


@black_box_with_jvp.jvp
def _(primals, tangents, scale=1.0):
    return black_box_with_jvp(primals[0], scale=scale), np.sum(2 * primals[0] * tangents[0]) * scale


def test_a_black_box_in_python() -> None:
    np.testing.assert_array_equal(gradient(black_box_with_jvp)(X), [4, 6])
    np.testing.assert_array_equal(gradient(lambda x: black_box_with_jvp(x, scale=3.0))(X), [12, 18])
    np.testing.assert_array_equal(hessian(lambda x: black_box_with_jvp(x) * x[0])(X), [[12, 6], [6, 4]])
    with pytest.raises(TypeError, match="duals are passed to black_box_with_jvp by position"):
        gradient(lambda x: black_box_with_jvp(X, scale=x[0]))(X)


# --- ufuncs of other packages ---------------------------------------------------------------


def test_a_rule_for_a_ufunc_of_another_package() -> None:
    sp = pytest.importorskip("scipy.special", reason="SciPy is not there: pip install scipy")
    with pytest.raises(TypeError, match=r"bei has no derivative rule: .* dualdiff.register_rule"):
        derivative(lambda x: sp.bei(x))(1.0)
    register_rule(sp.bei, lambda x, y: sp.beip(x))
    expected = float(mp.diff(lambda x: mp.bei(0, x), mp.mpf(1.3)))
    assert derivative(lambda x: sp.bei(x))(1.3) == pytest.approx(expected, rel=1e-14)
    check_derivative(lambda x: sp.bei(x), X)
    with pytest.raises(ValueError, match="bei has a rule already"):
        register_rule(sp.bei, lambda x, y: x)


def test_what_cannot_be_entered() -> None:
    with pytest.raises(ValueError, match="sin has a rule already"):
        register_rule(np.sin, lambda x, y: np.cos(x))
    with pytest.raises(TypeError, match=r"register_rule expects a ufunc, not function: write f = custom_derivative\("):
        register_rule(lambda x: x, lambda x, y: 1)
    with pytest.raises(ValueError, match="takes 2 arguments, 1 partial derivatives were given"):
        custom_derivative(lambda x, y: x, partials=(lambda x, y, z: 1,))
    with pytest.raises(TypeError, match="custom_derivative expects a function, not int"):
        custom_derivative(3)
    with pytest.raises(TypeError, match="power takes 2 arguments, 1 were given"):
        power(3.0)
    total = custom_derivative(lambda x: np.sum(x), partials=(lambda x, y: 1.0,))
    with pytest.raises(ValueError, match="has partial derivatives, so it is elementwise"):
        jacobian(lambda x: total(x))(X)


# --- the check ------------------------------------------------------------------------------


def test_the_check_passes_what_is_right() -> None:
    check_derivative(power, 2.0, 3)
    check_derivative(solution, A, B)
    check_derivative(black_box_with_jvp, X)
    check_derivative(lambda x: np.exp(x) * x, np.linspace(-1, 2, 5))


def test_the_check_tells_what_is_wrong() -> None:
    wrong = custom_derivative(lambda x, a: np.sin(x) * a, partials=(lambda x, a, y: np.cos(x) * a * 1.001, None))
    with pytest.raises(AssertionError, match=r"of element 1 of the result by argument 0, element \(1,\)"):
        check_derivative(wrong, np.array([math.pi / 2, 0.7]), 2)
    with pytest.raises(TypeError, match="check_derivative expects a float"):
        check_derivative(power, 2, 3)


def by_bell(x: Any, y: Any) -> Any:
    return 2 / np.sqrt(np.pi) * np.exp(-x * x)


def test_a_function_of_cffi() -> None:
    cffi = pytest.importorskip("cffi", reason="cffi is not there: pip install cffi")
    ffi = cffi.FFI()
    ffi.cdef("double erf(double); double pow(double, double);")
    library = ffi.dlopen(None)
    f = custom_derivative(library.erf, partials=[by_bell])
    g = njit(lambda x: x * f(x))
    first, second = (float(mp.diff(lambda x: x * mp.erf(x), 0.5, n)) for n in (1, 2))
    for h in (lambda x: x * f(x), g):
        assert derivative(h)(0.5) == pytest.approx(first, rel=1e-15)
        assert derivative(derivative(h))(0.5) == pytest.approx(second, rel=1e-14)
    np.testing.assert_array_equal(f(np.array([0.1, 0.5])), [math.erf(0.1), math.erf(0.5)])
    with pytest.raises(ValueError, match="takes 2 arguments, 1 partial derivatives were given"):
        custom_derivative(library.pow, partials=[by_bell])


def test_low_level_callables_of_scipys() -> None:
    scipy = pytest.importorskip("scipy", reason="SciPy is not there: pip install scipy")
    import scipy.special.cython_special as offered

    erf = ctypes.CDLL(None).erf
    erf.restype, erf.argtypes = ctypes.c_double, [ctypes.c_double]
    f = custom_derivative(scipy.LowLevelCallable(erf), partials=[by_bell])
    assert derivative(njit(lambda x: f(x)))(0.5) == pytest.approx(by_bell(0.5, None), rel=1e-15)
    j0 = custom_derivative(scipy.LowLevelCallable.from_cython(offered, "j0"), partials=[lambda x, y: -special.j1(x)])
    for h in (lambda x: j0(x), njit(lambda x: j0(x))):
        assert derivative(h)(0.5) == pytest.approx(float(-mp.besselj(1, 0.5)), rel=1e-15)
    airy = next(name for name in offered.__pyx_capi__ if name.endswith("1airy"))
    of_pointers = scipy.LowLevelCallable.from_cython(offered, airy)
    with pytest.raises(TypeError, match="a C function of real numbers is wanted, not void"):
        custom_derivative(of_pointers, partials=[by_bell])
