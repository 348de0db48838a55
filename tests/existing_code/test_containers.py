"""Existing ``@njit`` code runs on duals as it stands: views, tuples, lists and iterators."""

# ruff: noqa: B905 (code as users write it, and as Numba takes it)

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from dualdiff import gradient, jacobian

from ..helpers.squares import (
    ORDER,
    WEIGHTS,
    assert_squares,
    ways,
)

SQUARES, squares = ways()


# --- how duals get there --------------------------------------------------------------------


@squares
def stored_through_an_alias(x):
    out = np.zeros(4)
    alias = out
    for i in range(4):
        alias[i] = x[i] * x[i]
    return out


@squares
def stored_through_a_slice(x):
    out = np.zeros(6)
    inner = out[1:5]
    for i in range(4):
        inner[i] = x[i] * x[i]
    return out[1:5]


@squares
def stored_as_a_slice(x):
    out = np.zeros(6)
    out[1:5] = x * x
    return out[1:-1]


@squares
def stored_with_a_step(x):
    out = np.zeros(8)
    out[::2] = x * x
    return out[::2]


@squares
def stored_through_a_transpose(x):
    out = np.zeros((2, 2))
    turned = out.T
    for i in range(2):
        for j in range(2):
            turned[j, i] = x[2 * i + j] ** 2
    return out.reshape(4)


@squares
def stored_through_reshape(x):
    out = np.zeros(4)
    square = out.reshape(2, 2)
    for i in range(2):
        for j in range(2):
            square[i, j] = x[2 * i + j] ** 2
    return out


@squares
def stored_through_np_reshape(x):
    out = np.zeros(4)
    square = np.reshape(out, (2, 2))
    for i in range(2):
        for j in range(2):
            square[i, j] = x[2 * i + j] ** 2
    return out


@squares
def stored_through_rows(x):
    out = np.zeros((2, 2))
    for i in range(2):
        row = out[i]
        for j in range(2):
            row[j] = x[2 * i + j] ** 2
    return out.reshape(4)


@squares
def stored_through_iterated_rows(x):
    out = np.zeros((2, 2))
    i = 0
    for row in out:
        row[0] = x[i] ** 2
        row[1] = x[i + 1] ** 2
        i += 2
    return out.reshape(4)


@squares
def stored_as_rows(x):
    out = np.zeros((2, 4))
    out[1] = x
    out[0, :] = out[1] * x
    return out[0]


@squares
def stored_through_zipped_rows(x):
    out = np.zeros((4, 1))
    for row, u in zip(out, x):
        row[0] = u * u
    return out[:, 0]


@squares
def stored_through_enumerated_rows(x):
    out = np.zeros((4, 1))
    for i, row in enumerate(out):
        row[0] = x[i] * x[i]
    return out[:, 0]


@squares
def stored_through_flat(x):
    out = np.zeros((2, 2))
    for i in range(4):
        out.flat[i] = x[i] * x[i]
    return out.reshape(4)


@squares
def stored_through_a_flipped_view(x):
    out = np.zeros(4)
    backwards = np.flip(out)
    for i in range(4):
        backwards[3 - i] = x[i] * x[i]
    return out


@squares
def stored_through_parts(x):
    out = np.zeros(4)
    low, high = np.split(out, 2)
    low[:] = x[:2] * x[:2]
    high[:] = x[2:] * x[2:]
    return out


@squares
def stored_at_ndindex(x):
    out = np.zeros((2, 2))
    for i, j in np.ndindex(2, 2):
        out[i, j] = x[2 * i + j] ** 2
    return out.reshape(4)


@squares
def stored_by_fill(x):
    out = np.zeros((4, 2))
    for i in range(4):
        out[i].fill(x[i] * x[i])
    return out[:, 1]


@squares
def stored_by_a_broadcast_number(x):
    out = np.zeros((4, 2))
    for i in range(4):
        out[i, :] = x[i] * x[i]
    return out[:, 1]


@squares
def stored_by_ellipsis(x):
    out = np.zeros(4)
    out[...] = x * x
    return out


@squares
def stored_by_an_index_array(x):
    out = np.zeros(4)
    out[ORDER] = x[ORDER] ** 2
    return out


@squares
def stored_by_a_ufunc(x):
    out = np.empty(4)
    np.multiply(x, x, out)
    return out


@squares
def stored_by_a_ufunc_in_a_view(x):
    out = np.zeros((2, 4))
    np.add(WEIGHTS, 1.0, out[0])
    np.power(x, 2, out[1])
    np.negative(out[1], out[1])
    return np.negative(out[1], out[1])


@squares
def stored_by_a_ufunc_of_an_alias(x):
    out = np.empty_like(WEIGHTS)
    multiply = np.multiply
    multiply(x, 1.0, out)
    multiply(out, x, out)
    return out


@squares
def stored_in_what_a_function_returns_of_its_argument(x):
    checked, cleaned, added, clipped = np.zeros(1), np.zeros(1), np.zeros(1), np.zeros(1)
    np.asarray_chkfinite(checked)[0] = x[0] * x[0]
    np.nan_to_num(cleaned, copy=False)[0] = x[1] * x[1]
    np.add(WEIGHTS[:1], 1.0, added)[0] = x[2] * x[2]
    np.clip(WEIGHTS[:1], 0.0, 1.0, clipped)[0] = x[3] * x[3]
    return np.concatenate((checked, cleaned, added, clipped))


@squares
def stored_by_functions_with_an_array_for_the_result(x):
    out, whole = np.empty(4), np.empty(4)
    np.clip(x * x, -1.0, 100.0, out)
    np.round(x, 0, whole)
    return out + 0.0 * whole


@squares
def stored_by_a_comparison(x):
    positive = np.empty(4, np.bool_)
    np.greater(x, 0.0, positive)
    return np.where(positive, x * x, -x * -x)


@squares
def stored_by_dot(x):
    out = np.zeros(4)
    np.dot(np.diag(x), x, out)
    return out


@squares
def stored_by_a_mask(x):
    out = np.zeros(4)
    out[x > 0] = x[x > 0] ** 2
    out[x <= 0] = x[x <= 0] ** 2
    return out


@squares
def stored_by_in_place_operators(x):
    out = np.ones(4)
    out += x
    out -= 1.0
    out *= 2.0 * x
    out /= np.full(4, 2.0)
    return out


@squares
def stored_by_in_place_operators_on_a_view(x):
    out = np.zeros(6)
    out[1:5] += x
    out[1:5] *= x
    return out[1:5]


# --- arrays of lists ------------------------------------------------------------------------


@njit
def array_of_a_comprehension(x):
    squares_of_x = np.array([v * v for v in x])
    return squares_of_x.sum() + squares_of_x.mean()


@njit
def array_of_an_appended_list(x):
    cells = []
    for v in x:
        cells.append(v * v)
    return np.array(cells).cumsum()[-1]


def test_methods_of_arrays_made_of_lists() -> None:
    x = np.array([1.0, 2.0, 4.0, 5.0])
    np.testing.assert_allclose(gradient(array_of_a_comprehension)(x), 2 * x * 1.25, rtol=1e-15)
    np.testing.assert_allclose(gradient(array_of_an_appended_list)(x), 2 * x, rtol=1e-15)


def test_both_results_of_a_division() -> None:
    f = njit(lambda x: np.divmod(x, 0.3)[1] * np.divmod(x[0], 0.3)[1])
    plain = lambda x: np.divmod(x, 0.3)[1] * np.divmod(x[0], 0.3)[1]  # noqa: E731
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(jacobian(f)(x), jacobian(plain)(x))


@pytest.mark.parametrize("name", SQUARES)
def test_existing_code_is_differentiated_as_it_stands(name: str) -> None:
    assert_squares(SQUARES[name])
