"""Functions that only read numbers of what is differentiated by are given a view, without buffers of duals."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from dualdiff import derivative, gradient, hessian, jacobian, value_and_gradient, vmap

RNG = np.random.default_rng(0)


@njit
def reading(x):
    total = x[-1] * x[0]
    for i in range(len(x)):
        total += np.sin(x[i]) * x[x.size - 1 - i] ** 2 - x[i] / (1 + x[i] * x[x.shape[0] // 2])
    return total


@njit
def copying(x):
    y = x.copy()
    total = y[-1] * y[0]
    for i in range(len(y)):
        total += np.sin(y[i]) * y[y.size - 1 - i] ** 2 - y[i] / (1 + y[i] * y[y.shape[0] // 2])
    return total


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 129])
def test_a_view_gives_what_a_buffer_of_duals_gives_to_the_bit(n: int) -> None:
    x = RNG.uniform(0.5, 1.5, n)
    value, slope = value_and_gradient(copying)(x)
    np.testing.assert_allclose(slope, gradient(reading.py_func)(x), rtol=1e-12, atol=1e-13)
    assert value == reading(x)
    for chunk in (None, 1, 3, 8, 16, 24, 64):
        np.testing.assert_array_equal(gradient(reading, chunk=chunk)(x), slope)


def test_arrays_in_any_layout_and_of_any_type() -> None:
    x = RNG.uniform(0.5, 1.5, 20)
    expected = gradient(reading)(x)
    spread = np.zeros(60)
    spread[::3] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    for same in (spread[::3], x[::-1].copy()[::-1], frozen):
        np.testing.assert_array_equal(gradient(reading)(same), expected)
    np.testing.assert_array_equal(gradient(reading)(np.arange(1, 6)), gradient(reading)(np.arange(1.0, 6.0)))
    single = gradient(reading)(x.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=1e-4)
    assert gradient(of_matrix)(np.empty((0, 3)), x).shape == (0, 3)


@njit
def of_matrix(a, x):
    total = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            total += a[i, j] * x[j] * a[i, -1] + a.ndim * a[0, j]
    return total


def test_matrices_and_several_arguments() -> None:
    a, x = RNG.normal(size=(5, 7)), RNG.normal(size=7)
    of_a = x * a[:, -1:]
    of_a[:, -1] += a @ x
    of_a[0] += 2 * len(a)
    by_both = (of_a, a[:, -1] @ a)
    for same in (a, np.asfortranarray(a), np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3]):
        for chunk in (None, 4, 16):
            for got, expected in zip(gradient(of_matrix, argnums=(0, 1), chunk=chunk)(same, x), by_both, strict=True):
                np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-13)


@njit
def helper(z, k):
    return z[k] * z[k + 1] if k < z.size - 1 else z[0] ** 3


@njit
def with_helper(x):
    same = x
    total = 0.0
    for k in range(x.size):
        total += helper(same, k)
    return total


@njit
def by_indices(x, picked):
    return x[picked].sum() * x[picked[0]] * x[0]


@njit
def by_row(x):
    return x[0].sum() * x[1, 1]


@njit
def renamed(x):
    if x[0] > 0:
        x = x * 2.0
    return x[0] * x[1]


@njit
def sliced(x):
    return x[1:][0] * x[0]


@njit
def iterated(x):
    total = 1.0
    for number in x:
        total *= number
    return total


@njit
def in_a_tuple(x):
    pair = (x, 2.0)
    return pair[0][1] * pair[1] * x[0]


@pytest.mark.parametrize("f", [with_helper, renamed, sliced, iterated, in_a_tuple])
def test_what_is_more_than_reading_and_what_helpers_read(f) -> None:
    x = np.array([1.5, -2.0, 0.75])
    np.testing.assert_allclose(gradient(f)(x), gradient(f.py_func)(x), rtol=1e-15)


def test_indices_that_turn_out_to_be_arrays_or_of_rows() -> None:
    x = np.array([1.5, -2.0, 0.75])
    np.testing.assert_array_equal(gradient(by_indices)(x, np.array([2, 1])), [-1.25 * 0.75, 0.75 * 1.5, -0.5 * 1.5])
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(gradient(by_row)(a), [[4, 4], [0, 3]])


def test_jacobians_hessians_batches_and_derivatives_in_compiled_code() -> None:
    @njit
    def right_hand_side(y, out):
        for i in range(y.size):
            out[i] = y[i] * y[i - 1] - np.exp(y[0])

    y = RNG.normal(size=20)
    n = np.arange(20)
    expected = np.zeros((20, 20))
    expected[n, n] += np.roll(y, 1)
    expected[n, n - 1] += y
    expected[:, 0] -= np.exp(y[0])
    got = jacobian(right_hand_side, argnums=0, out_argnum=1)(y, np.empty(20))
    np.testing.assert_allclose(got, expected, rtol=1e-14, atol=1e-14)

    x = RNG.uniform(0.5, 1.5, 5)
    np.testing.assert_allclose(hessian(reading)(x), hessian(reading.py_func)(x), rtol=1e-11, atol=1e-12)
    slopes = gradient(reading)

    @njit
    def steepness(x):
        total = 0.0
        for slope in slopes(x):
            total += slope * slope
        return total

    np.testing.assert_allclose(gradient(steepness)(x), 2 * hessian(reading.py_func)(x) @ slopes(x), rtol=1e-11)
    for size in (5, 40, 70):
        samples = RNG.uniform(0.5, 1.5, (6, size))
        np.testing.assert_array_equal(vmap(slopes)(samples), [slopes(sample) for sample in samples])
    assert derivative(lambda s: reading(np.full(3, 1.0)) * s)(2.0) == reading(np.full(3, 1.0))


def test_an_infinite_slope_leaves_what_has_no_influence_at_zero() -> None:
    @njit
    def f(x):
        return np.sqrt(x[1] * 0.0 + x[0]) + x[2]

    np.testing.assert_array_equal(gradient(f)(np.array([0.0, 2.0, 1.0, 5.0])), [np.inf, 0.0, 1.0, 0.0])
