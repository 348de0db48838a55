"""What plain f raises, its derivative raises: the options of a function and of its helpers mean the same in it."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from numba import njit

from dualdiff import derivative, gradient, hessian, jacobian, jvp, sparse_jacobian, vmap
from dualdiff.compiled.batches.batch import batch


@njit
def whole_quotient(x):
    s = 0.0
    for i in range(3):
        s += x * (6 // (i - 1))
    return s


@njit
def quotient(x):
    return 1.0 / (x - 2.0)


@njit
def quotient_in_place(x):
    y = 1.0 + x
    y /= x - 2.0
    return y


@njit
def whole_quotient_of_duals(x):
    return x // (x - 2.0)


@njit
def remainder(x):
    return x % (x - 2.0)


@njit
def in_an_expression(x):
    return np.sin(x) * (x + 1.0 / (x - 2.0)) - x


@njit
def by_a_helper(x):
    return quotient(x) + x


@njit
def of_the_argument_alone(x):
    return x / 0.0 if x == 2.0 else x


@njit(error_model="numpy")
def numpys(x):
    return 1.0 / (x - 2.0)


@njit(error_model="numpy")
def numpys_with_a_helper(x):
    return quotient(x) + 1.0 / (x - 2.0)


@njit
def with_a_helper_of_numpys(x):
    return numpys(x)


RAISING = [
    *(whole_quotient, quotient, quotient_in_place, whole_quotient_of_duals, remainder, in_an_expression, by_a_helper),
    *(of_the_argument_alone, numpys_with_a_helper),
]


@pytest.mark.parametrize("f", RAISING, ids=lambda f: f.__name__)
def test_a_division_by_zero_raises(f: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        f(2.0)
    slope = derivative(f)
    with pytest.raises(ZeroDivisionError):
        slope(2.0)
    with pytest.raises(ZeroDivisionError):
        derivative(slope)(2.0)
    if f is not whole_quotient:
        assert np.isfinite(slope(3.0))  # and the next call is right


@pytest.mark.parametrize("f", [numpys, with_a_helper_of_numpys], ids=lambda f: f.__name__)
def test_numpys_error_model_makes_infinity(f: Any) -> None:
    assert f(2.0) == np.inf
    assert derivative(f)(2.0) == -np.inf


@njit
def caught(x):
    s = 0.0
    for i in range(3):
        try:
            s += x * (6 // (i - 1))
        except Exception:
            s += 7 * x
    return s


@njit
def caught_quotient(x):
    try:
        return x / (x - 2.0)
    except Exception:
        return 5.0 * x


def test_try_goes_the_same_way() -> None:
    assert derivative(caught)(1.0) == caught(1.0) == 7.0
    assert caught_quotient(2.0) == 10.0
    assert derivative(caught_quotient)(2.0) == 5.0
    assert derivative(caught_quotient)(4.0) == -0.5  # -2 / (x - 2)^2


@njit
def sum_of_quotients(x, y):
    total = 0.0
    for i in range(x.size):
        total += y / (x[i] - 2.0)
    return total


@njit
def quotients(x):
    return np.array([1.0 / (x[0] - 2.0), x[0] * x[1]])


def test_every_transform_raises() -> None:
    x = np.array([1.0, 2.0])
    for transformed in (
        lambda: gradient(sum_of_quotients)(x, 3.0),
        lambda: derivative(sum_of_quotients, 1)(x, 3.0),
        lambda: jvp(sum_of_quotients, (x, 3.0), (x, 1.0)),
        lambda: hessian(sum_of_quotients)(x, 3.0),
        lambda: jacobian(quotients)(x[::-1].copy()),
        lambda: sparse_jacobian(quotients, np.array([[True, False], [True, True]]))(x[::-1].copy()),
        lambda: vmap(gradient(sum_of_quotients), in_axes=(0, None))(np.stack([x + 5, x, x]), 3.0),
    ):
        with pytest.raises(ZeroDivisionError):
            transformed()


slope_of_quotient = derivative(quotient)


@njit
def solved_or_not(x):
    try:
        return slope_of_quotient(x)
    except Exception:
        return 7.0


def test_compiled_code_catches_what_a_derivative_raises() -> None:
    assert solved_or_not(4.0) == -0.25
    assert solved_or_not(2.0) == 7.0


def test_slopes_of_rules_may_be_infinite() -> None:
    assert derivative(njit(lambda x: np.sqrt(x)))(0.0) == np.inf
    assert derivative(njit(lambda x: np.cbrt(x)))(0.0) == np.inf
    assert derivative(njit(lambda x: x**0.5))(0.0) == np.inf


# --- bounds ---------------------------------------------------------------------------------


@njit(boundscheck=True)
def beyond(x):
    w = np.ones(3)
    s = 0.0
    for i in range(x.size):
        s += x[i] * w[i]
    return s


@njit(boundscheck=True)
def beyond_the_argument(x):
    return x[0] * x[x.size]


@njit
def beyond_by_a_helper(x):
    return 2.0 * beyond(x)


@pytest.mark.parametrize("f", [beyond, beyond_the_argument, beyond_by_a_helper], ids=lambda f: f.__name__)
def test_bounds_are_checked_where_f_checks_them(f: Any) -> None:
    x = np.arange(1.0, 7.0)
    for call in (gradient(f), gradient(f, chunk=1), hessian(f), lambda x: vmap(gradient(f))(np.stack([x, x]))):
        with pytest.raises(IndexError):
            call(x)
    if f is not beyond_the_argument:
        np.testing.assert_array_equal(gradient(f)(np.ones(3)), np.full(3, f(np.ones(3)) / 3))


# --- loops over samples of numbers ----------------------------------------------------------


@njit
def reciprocal_beyond_one(x):
    return math.sin(x) / (x - 2.0) if x > 1 else x


@njit
def by_a_helper(x):
    return x * divided(3.0, x)


@njit
def divided(a, x):
    return a / (x - 2.0)


@njit
def in_a_loop(x):
    s = 0.0
    for i in range(4):
        s += x / (2.0 + i / 8.0 - x) if i == 0 else x
    return s


@njit
def in_an_expression(x):
    return 1.0 + math.exp(x * x / (x - 2.0)) * 3.0


@njit
def of_whole_numbers(x):
    return x * (6 // (int(x) - 2))


@njit
def remainder_of_numbers(x):
    return x % (x - 2.0)


@njit
def none(x):
    return 1.0 / (x * x + 1.0)


@njit(error_model="numpy")
def numpys(x):
    return 1.0 / (x - 2.0)


@njit
def caught_in_a_batch(x):
    try:
        return 1.0 / (x - 2.0)
    except Exception:
        return 7.0 * x


@njit(boundscheck=True)
def checked(x):
    return x * np.array((1.0, 2.0, 3.0))[int(x)]


BY_ZERO = [quotient, reciprocal_beyond_one, by_a_helper, in_a_loop, in_an_expression, of_whole_numbers]
BY_ZERO += [remainder_of_numbers, whole_quotient]


@pytest.mark.parametrize("f", BY_ZERO, ids=lambda f: f.__name__)
@pytest.mark.parametrize("place", [0, 63, 64, 200, 299])
def test_a_batch_tells_a_division_by_zero_wherever_it_is(f: Any, place: int) -> None:
    x = np.linspace(3.0, 4.0, 300)
    x[place] = 2.0
    for call in (vmap(f), vmap(derivative(f)), derivative(f)):
        with pytest.raises(ZeroDivisionError):
            call(x)
        if f is not whole_quotient:
            assert np.isfinite(call(np.delete(x, place))).all()


@pytest.mark.parametrize("f", [none, numpys], ids=lambda f: f.__name__)
def test_a_batch_raises_nothing_that_f_does_not_raise(f: Any) -> None:
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(vmap(f)(x), [f(xi) for xi in x])
    np.testing.assert_array_equal(vmap(derivative(f))(x), [derivative(f)(xi) for xi in x])
    np.testing.assert_array_equal(derivative(f)(x), [derivative(f)(xi) for xi in x])


def test_a_batch_goes_on_where_f_catches_what_it_raises() -> None:
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(vmap(caught_in_a_batch)(x), [-1, 14, 1])
    np.testing.assert_array_equal(vmap(derivative(caught_in_a_batch))(x), [-1, 7, -1])
    np.testing.assert_array_equal(derivative(caught_in_a_batch)(x), [-1, 7, -1])


def test_a_batch_checks_the_bounds_that_f_checks() -> None:
    x = np.array([0.5, 1.5, 2.5])
    for call in (vmap(checked), vmap(derivative(checked)), derivative(checked)):
        assert call(x).shape == (3,)
        with pytest.raises(IndexError):
            call(x + 1)


def test_the_vectors_of_a_batch_hold_as_many_numbers_whether_it_may_divide_by_zero() -> None:
    x = np.linspace(3.0, 4.0, 1024)
    for f in (reciprocal_beyond_one, in_an_expression):
        slope = derivative(f)
        vmap(slope)(x)
        (plan,) = batch(slope)._plans.values()
        assert re.search(r"\bv?divpd\b|fdiv\s+v\d+\.2d", plan.compiled.assembly())
