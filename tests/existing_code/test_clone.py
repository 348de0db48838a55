"""Existing ``@njit`` code runs on duals as it stands.

Every function of the first part is one way to write x * x for an array x of four numbers, with the
construct under test on the way; so its Jacobian is known.
"""

# ruff: noqa: B905, SIM108, SIM113 (code as users write it, and as Numba takes it)

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from numba import float64, literal_unroll, njit, prange
from numba.core import types
from numba.extending import overload

from dualdiff import CompilationError, derivative, gradient, jacobian, value_and_jacobian

X = np.array([0.5, -1.25, 2.0, 3.5])
WEIGHTS = np.array([4.0, 3.0, 2.0, 1.0])
ORDER = np.array([2, 0, 3, 1])

SQUARES: dict[str, Any] = {}


def squares(function: Callable[..., Any]) -> Any:
    """Register a way to write x * x."""
    SQUARES[function.__name__] = dispatcher = njit(function)
    return dispatcher


def floats(x: Any) -> Any:
    """Returns a number or an array; in compiled code it takes floats only."""
    return x


@overload(floats)
def _floats(x):
    element = x.dtype if isinstance(x, types.Array) else x
    return (lambda x: x) if isinstance(element, types.Float) else None


# --- helpers, however they are reached ------------------------------------------------------


@njit
def square(u):
    return u * u


@njit
def squared(x):
    out = np.zeros(x.size)
    for i in range(x.size):
        out[i] = square(x[i])
    return out


@njit
def store_squares(x, out):
    for i in range(x.size):
        out[i] = x[i] * x[i]


@njit
def store_at(out, i, u):
    out[i] = u


@njit(float64(float64))
def square_of_a_float(u):
    return u * u


@njit
def same(x):
    return x


@njit
def blank(n):
    return np.zeros(n)


@njit
def halves(x):
    return x[:2], x[2:]


@njit
def mapped(function, x):
    out = np.empty(x.size)
    for i in range(x.size):
        out[i] = function(x[i])
    return out


@njit
def called(function, x, out):
    function(x, out)


@njit
def power(u, n):
    return 1.0 if n == 0 else u * power(u, n - 1)


@squares
def helper_of_the_module(x):
    return squared(x)


@squares
def helper_with_an_explicit_signature(x):
    out = np.empty(4)
    for i in range(4):
        out[i] = square_of_a_float(x[i])
    return out


@squares
def helper_as_an_argument_of_another(x):
    return mapped(square, x)


@squares
def helper_as_a_local_name(x):
    function = squared
    return function(x)


@squares
def helper_that_fills_an_argument(x):
    out = np.empty(4)
    store_squares(x, out)
    return out


@squares
def helper_that_fills_a_view(x):
    out = np.empty((2, 4))
    store_squares(x, out[1])
    return out[1]


@squares
def helper_called_by_keyword(x):
    out = np.empty(4)
    store_squares(out=out, x=x)
    return out


@squares
def helper_that_stores_one_element(x):
    out = np.zeros(4)
    for i in range(4):
        store_at(out, i, x[i] * x[i])
    return out


@squares
def helper_that_returns_its_argument(x):
    out = np.zeros(4)
    alias = same(out)
    for i in range(4):
        alias[i] = x[i] * x[i]
    return out


@squares
def helper_that_makes_the_buffer(x):
    out = blank(4)
    for i in range(4):
        out[i] = x[i] * x[i]
    return out


@squares
def helper_that_returns_views(x):
    out = np.zeros(4)
    low, high = halves(out)
    for i in range(2):
        low[i] = x[i] * x[i]
        high[i] = x[i + 2] * x[i + 2]
    return out


@squares
def helper_that_is_recursive(x):
    out = np.zeros(4)
    for i in range(4):
        out[i] = power(x[i], 2)
    return out


@squares
def helper_written_inside(x):
    def inner(u):
        return u * u

    out = np.zeros(4)
    for i in range(4):
        out[i] = inner(x[i])
    return out


@squares
def helper_with_starred_arguments(x):
    pair = (x, x)
    return product(*pair)


@njit
def product(a, b):
    out = np.zeros(a.size)
    for i in range(a.size):
        out[i] = a[i] * b[i]
    return out


def closure(function, weights):
    @squares
    def helper_and_array_of_a_closure(x):
        out = np.zeros(4)
        for i in range(4):
            out[i] = function(x[i]) * weights[i] / weights[i]
        return out


closure(square, WEIGHTS)


@squares
def helper_as_a_default_argument(x, function=square):
    out = np.zeros(4)
    for i in range(4):
        out[i] = function(x[i])
    return out


# --- arrays that duals are stored into ------------------------------------------------------


@squares
def array_zeros(x):
    out = np.zeros(x.shape)
    for i in range(4):
        out[i] = x[i] * x[i]
    return out


@squares
def array_zeros_with_dtype(x):
    out = np.zeros(4, dtype=np.float64)
    for i in range(4):
        out[i] = x[i] * x[i]
    return out


@squares
def array_zeros_with_dtype_of_x(x):
    out = np.zeros(4, dtype=x.dtype)
    for i in range(4):
        out[i] = x[i] * x[i]
    return out


@squares
def array_empty(x):
    out = np.empty(4)
    for i in range(4):
        out[i] = x[i] * x[i]
    return out


@squares
def array_ones(x):
    out = np.ones(4)
    for i in range(4):
        out[i] *= x[i] * x[i]
    return out


@squares
def array_full(x):
    out = np.full(4, 2.0)
    for i in range(4):
        out[i] = out[i] * x[i] * x[i] / 2.0
    return out


@squares
def array_full_of_a_dual(x):
    out = np.full(4, x[0])
    for i in range(4):
        out[i] += x[i] * x[i] - x[0]
    return out


@squares
def array_of_constants(x):
    out = np.array([1.0, 2.0, 4.0, 8.0])
    for i in range(4):
        out[i] *= x[i] * x[i]
        out[i] /= 2.0**i
    return out


@squares
def array_of_duals(x):
    return np.array([x[0] * x[0], x[1] * x[1], x[2] * x[2], x[3] * x[3]])


@squares
def array_of_duals_and_numbers(x):
    out = np.array([x[0] * x[0], x[1] * x[1], 0.0, 0])
    out[2:] = x[2:] * x[2:]
    return out


@squares
def array_of_single_precision(x):
    out = np.zeros(4, np.float32)
    for i in range(4):
        out[i] = x[i] * x[i]
    return out


@squares
def array_arange(x):
    out = np.arange(4.0)
    for i in range(4):
        out[i] += x[i] * x[i] - i
    return out


@squares
def array_linspace(x):
    out = np.linspace(0.0, 3.0, 4)
    for i in range(4):
        out[i] += x[i] * x[i] - i
    return out


@squares
def array_eye(x):
    out = np.eye(4)
    for i in range(4):
        out[i, i] = x[i] * x[i]
    return np.diag(out)


@squares
def array_zeros_like(x):
    out = np.zeros_like(x)
    for i in range(4):
        out[i] = x[i] * x[i]
    return out


@squares
def array_empty_like(x):
    out = np.empty_like(x)
    for i in range(4):
        out[i] = x[i] * x[i]
    return out


@squares
def array_zeros_like_a_constant(x):
    out = np.zeros_like(WEIGHTS)
    for i in range(4):
        out[i] = x[i] * x[i]
    return out


@squares
def array_copy_of_a_constant(x):
    out = WEIGHTS.copy()
    for i in range(4):
        out[i] = x[i] * x[i]
    return out


@squares
def array_by_arithmetic(x):
    out = 2.0 * WEIGHTS
    for i in range(4):
        out[i] = x[i] * x[i]
    return out


@squares
def array_by_ufunc(x):
    out = np.sin(WEIGHTS)
    for i in range(4):
        out[i] = x[i] * x[i]
    return out


@squares
def array_of_two_dimensions(x):
    out = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            out[i, j] = x[2 * i + j] ** 2
    return out.ravel()


@squares
def array_chosen_by_a_branch(x):
    out = np.zeros(4) if x[0] > 0 else np.ones(4)
    for i in range(4):
        out[i] = x[i] * x[i]
    return out


@squares
def array_made_anew_in_a_loop(x):
    out = np.zeros(4)
    for i in range(4):
        row = np.zeros(2)
        row[i % 2] = x[i]
        out[i] = row[0] ** 2 + row[1] ** 2
    return out


@squares
def array_swapped_with_another(x):
    old, new = np.zeros(4), np.ones(4)
    for _ in range(3):
        for i in range(4):
            new[i] = x[i] * x[i]
        old, new = new, old
    return old


@squares
def array_chained_to_another(x):
    first, second = np.zeros(4), np.zeros(4)
    for i in range(4):
        second[i] = first[i]
        first[i] = x[i] * x[i]
        second[i] += first[i]
    return second


@squares
def array_by_comprehension(x):
    return np.array([u * u for u in x])


@squares
def array_made_on_one_branch_only(x):
    if x[3] > 1e9:
        out = np.ones(4)
    else:
        out = x * x
    return out


@squares
def array_that_is_replaced_in_a_loop(x):
    out = np.zeros(4)
    for _ in range(2):
        out = out + x * x / 2.0
    return out


@squares
def array_returned_beside_one_of_duals(x):
    if x[3] > 1e9:
        return np.ones(4)
    return x * x


@squares
def array_from_outside_returned_beside_one_of_duals(x):
    if x[3] > 1e9:
        return WEIGHTS
    return x * x


@squares
def array_from_outside_that_is_replaced_in_a_loop(x):
    y = WEIGHTS
    for _ in range(2):
        y = y / 2.0 + x
    return y * x - (WEIGHTS / 4.0 + x / 2.0) * x


@squares
def array_from_outside_in_a_conditional_expression(x):
    y = WEIGHTS[:2] if x[3] > 1e9 else x[2:]
    return np.concatenate((x[:2], y)) * x


@squares
def array_from_outside_as_an_argument_of_a_helper(x):
    return chosen(x, WEIGHTS, x[3] > 1e9) * chosen(x, np.ones(4), False)


@njit
def chosen(x, weights, weighted):
    return weights if weighted else x


@squares
def array_filled_by_a_function_that_is_passed_on(x):
    out = np.zeros(4)
    called(store_squares, x, out)
    return out


@squares
def array_in_a_tuple(x):
    both = (np.zeros(4), np.ones(4))
    for i in range(4):
        both[0][i] = x[i] * x[i]
    return both[0]


@squares
def array_in_a_list(x):
    rows = [np.zeros(4), np.zeros(4)]
    for i in range(4):
        rows[1][i] = x[i] * x[i]
    return rows[1]


@squares
def arrays_in_copies_and_sums(x):
    rows, first, second = [np.zeros(1), np.zeros(1)], (np.zeros(1),), (np.zeros(1),)
    joined = first + second
    rows.copy()[0][0] = x[0] * x[0]
    (list(rows) + 2 * [np.zeros(1)])[1][0] = x[1] * x[1]
    joined[0][0] = x[2] * x[2]
    joined[1][0] = x[3] * x[3]
    return np.concatenate((rows[0], rows[1], first[0], second[0]))


@squares
def numbers_in_a_copied_list(x):
    ones = [1.0, 1.0, 1.0]
    out = list(ones)
    out.append(1.0)
    for i in range(4):
        out[i] = x[i] * x[i] * ones[0]
    return np.array(out)


@squares
def arrays_in_an_unrolled_loop(x):
    row, column = np.zeros(2), np.zeros((2, 1))
    for cells in literal_unroll((row, column)):
        cells[0] = x[0] * x[0]
        cells[1] = x[1] * x[1]
    return np.concatenate((row[:1], column[1], x[2:] * x[2:]))


@squares
def array_in_each_item_of_a_comprehension(x):
    rows = [np.zeros(2) for _ in range(2)]
    for i in range(4):
        rows[i // 2][i % 2] = x[i] * x[i]
    return np.concatenate((rows[0], rows[1]))


@squares
def array_appended_before_one_of_duals(x):
    rows = []
    rows.append(np.ones(4))
    alias = rows
    alias.append(x * x)
    return rows[1] * rows[0]


@squares
def array_by_arithmetic_in_a_list_with_one_of_duals(x):
    out = np.ones(4)
    for row in [2.0 * WEIGHTS, x * x, 0.5 / WEIGHTS]:
        out *= row
    return out


@squares
def array_of_lists_of_which_one_is_without_duals(x):
    return np.array([[x[0], x[1], x[2], x[3]], [1.0, 1.0, 1.0, 1.0]])[0] * x


@squares
def array_in_a_named_tuple(x):
    state = Pair(np.zeros(2), second=np.zeros(2))
    for i in range(2):
        state.first[i] = x[i] * x[i]
        state.second[i] = x[i + 2] * x[i + 2]
    return np.concatenate((state.first, state.second))


@squares
def array_arange_of_duals(x):
    steps = np.arange(x[0], 4 * x[0], x[0])
    return steps[0] * x * x / x[0]


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


# --- arrays that stay as they are -----------------------------------------------------------


@squares
def floats_stay_floats(x):
    out = np.zeros(4)
    constants = np.zeros(4)
    for i in range(4):
        constants[i] = 2.0 * WEIGHTS[i]
        out[i] = x[i] * x[i] * constants[i]
    return out / floats(constants)


@squares
def numbers_read_off_a_dual_array_of_floats_stay_floats(x):
    weights = floats(np.ones(4))
    out = np.zeros(4)
    for i in range(4):
        out[i] = x[i] * x[i] * floats(weights[i])
    return out


@squares
def counters_stay_integers(x):
    out = np.zeros(4)
    seen = np.zeros(4, np.int64)
    for i in ORDER:
        seen[i] += 1
        out[i] = x[i] * x[i]
    return out[np.nonzero(seen)[0]]


@squares
def indices_stay_integers(x):
    place = np.arange(4)
    for i in range(4):
        place[i] = 3 - i
    out = np.empty(4)
    for i in range(4):
        out[place[i]] = x[place[i]] ** 2
    return out


@squares
def masks_stay_masks(x):
    positive = np.zeros(4, np.bool_)
    for i in range(4):
        positive[i] = x[i] > 0
    return np.where(positive, x * x, -x * -x)


@squares
def order_stays_integers(x):
    place = np.argsort(x)
    out = np.empty(4)
    for k in place:
        out[k] = x[k] ** 2
    return out


# --- numbers, branches and loops ------------------------------------------------------------


@squares
def accumulator_that_starts_as_an_integer(x):
    out = np.zeros(4)
    for i in range(4):
        s = 0
        for _ in range(3):
            s += x[i]
        out[i] = s * s / 9
    return out


@squares
def accumulator_that_starts_as_a_float(x):
    out = np.zeros(4)
    for i in range(4):
        s = 0.0
        for _ in range(3):
            s += x[i]
        out[i] = s * s / 9
    return out


@squares
def accumulator_that_starts_with_an_element(x):
    out = np.zeros(4)
    for i in range(4):
        s = WEIGHTS[i]
        s += x[i] * x[i]
        out[i] = s - WEIGHTS[i]
    return out


@squares
def list_that_begins_empty_with_a_float(x):
    numbers = []
    numbers.append(0.0)
    for u in x:
        numbers.append(u * u)
    out = np.zeros(4)
    for i in range(4):
        out[i] = numbers[i + 1]
    return out


@squares
def float_of_a_number(x):
    out = np.zeros(4)
    for i in range(4):
        out[i] = float(x[i]) * float(x[i])
    return out


@squares
def float64_of_a_number(x):
    out = np.zeros(4, np.float64)
    for i in range(4):
        out[i] = np.float64(x[i]) * np.float64(1) * x[i]
    return out


@squares
def tuple_of_numbers(x):
    a, b, c, d = x[0], x[1], x[2], x[3]
    numbers = (a, b, c, d)
    out = np.zeros(4)
    for i in range(4):
        out[i] = numbers[i] ** 2
    return out


@squares
def tuple_of_duals_and_floats(x):
    pair = (x[0], 1.0)
    out = x * x
    out[0] = pair[0] * pair[0] * pair[1]
    return out


@squares
def tuple_of_duals_and_floats_that_is_iterated(x):
    out = np.zeros(4)
    for u in (1.0, x[0], 2.0, x[1]):
        out += (u - u) * x
    for (u, v), k in (((1.0, x[0]), 0), ((x[1], 2.0), 1)):
        out[k] += u * v * x[k] / (1 + k)
    for i, u in enumerate((0.0, 1.0, x[2])):
        out[i] += u * x[i] if i == 2 else 0.0
    for u, v in zip((x[3], 1.0), x[3:]):
        out[3] += u * v
    return out


@squares
def tuple_of_duals_and_floats_that_is_indexed(x):
    rows = ((x[0], 1.0), (x[1], 1.0), (x[2], 1.0), (2.0, x[3]))
    out = np.ones(4)
    for i in range(4):
        for j in range(2):
            out[i] *= rows[i][j]
        out[i] *= x[i]
    out[3] /= 2.0
    return out


@njit
def total(numbers):
    s = 0.0
    for u in numbers:
        s += u
    return s


@squares
def tuple_of_duals_and_floats_that_is_summed(x):
    out = np.empty(4)
    out[0] = total((1.0, x[0], total((x[0], 2.0)))) - 3.0 - x[0]
    out[1] = min((x[1], 1.0))
    out[2] = max((1.0, x[2], 1.5))
    out[3] = sum((x[3], 1.0)) - 1.0
    return out * x


@squares
def tuple_that_changes_in_a_loop(x):
    out = np.zeros(4)
    state = (0.0, 0.0)
    for i in range(4):
        state = (x[i], 1.0)
        out[i] = state[0] * state[1] * x[i]
    return out


@squares
def floats_in_a_tuple_with_a_dual_stay_floats(x):
    weight, u = (WEIGHTS[0], x[0])
    out = x * x * floats(weight) / weight
    out[0] = u * u
    return out


Pair = namedtuple("Pair", ["first", "second"])


@squares
def named_tuple(x):
    out = np.zeros(4)
    for i in range(4):
        pair = Pair(x[i], second=x[i])
        out[i] = pair.first * pair.second
    return out


@squares
def list_of_numbers(x):
    numbers = [0.0, 0.0, 0.0, 0.0]
    for i in range(4):
        numbers[i] = x[i] * x[i]
    return np.array([numbers[0], numbers[1], numbers[2], numbers[3]])


@squares
def list_that_grows(x):
    numbers = []
    for u in x:
        numbers.append(u * u)
    return np.array(numbers)


@squares
def list_that_begins_with_a_float(x):
    numbers = [1.0]
    for u in x:
        numbers.append(u * u)
    return np.array(numbers[1:])


@squares
def list_comprehension(x):
    numbers = [u * u for u in x]
    out = np.zeros(len(numbers))
    for i, u in enumerate(numbers):
        out[i] = u
    return out


@squares
def typed_list(x):
    numbers = numba.typed.List()
    for u in x:
        numbers.append(u * u)
    out = np.zeros(4)
    for i in range(4):
        out[i] = numbers[i]
    return out


@squares
def dictionary_of_numbers(x):
    numbers = {}
    for i in range(4):
        numbers[i] = x[i] * x[i]
    out = np.zeros(4)
    for i in range(4):
        out[i] = numbers[i]
    return out


@squares
def zip_and_enumerate(x):
    out = np.zeros(4)
    for i, (u, v) in enumerate(zip(x, x)):
        out[i] = u * v
    return out


@squares
def slice_object(x):
    inner = slice(1, 3)
    out = np.zeros(4)
    out[inner] = x[inner] ** 2
    out[0], out[3] = x[0] ** 2, x[3] ** 2
    return out


@squares
def iterators_of_numpy_after_other_loops(x):
    out = x.copy()
    for i, v in np.ndenumerate(x):
        out[i] *= v
    total = 0.0
    for v in x[::-1]:
        total += v
    for v in np.nditer(x):
        total -= v.item()
    return out + total


@squares
def lists_of_lists(x):
    rows = [[0.0 for _ in range(2)] for _ in range(2)]
    for i in range(4):
        rows[i // 2][i % 2] = x[i] * x[i]
    return np.array([rows[0][0], rows[0][1], rows[1][0], rows[1][1]])


@squares
def texts_of_numbers(x):
    return x * x * len(str(x[0])) / len(str(0.5))


@squares
def while_with_a_tolerance(x):
    out = np.zeros(4)
    for i in range(4):
        root = x[i] * x[i] + 1.0  # Newton's method for the square root of x**4
        while abs(root * root - x[i] ** 4) > 1e-13 * x[i] ** 4:
            root = 0.5 * (root + x[i] ** 4 / root)
        out[i] = 0.5 * (root + x[i] ** 4 / root)
    return out


@squares
def numbers_that_are_swapped_and_passed_on(x):
    out = np.zeros(4)
    for i in range(4):
        for _ in range(2):
            a = x[i]
            b = 1.0
            for _ in range(3):
                store_at(out, i, square(a) * square(b))
                before = a
                a = b
                b = before
    return out


@squares
def breaks_and_continues(x):
    out = np.zeros(4)
    for i in range(10):
        if i % 2:
            continue
        if i >= 8:
            break
        out[i // 2] = x[i // 2] ** 2
    else:
        out[0] = math.nan
    return out


@squares
def early_return(x):
    out = np.zeros(4)
    for i in range(10):
        if i == 4:
            return out
        out[i] = x[i] ** 2
    return np.ones(4)


def from_text(text: str) -> Any:
    """A function whose assertions pytest does not rewrite into what Numba does not know."""
    scope: dict[str, Any] = {}
    exec(text, scope)
    return scope["f"]


@squares
def assertions(x):
    return checked(x)


checked = njit(from_text("def f(x):\n    assert x.size == 4 and x[3] > 0, 'four numbers'\n    return x * x\n"))


@squares
def exceptions_that_are_not_raised(x):
    if x[3] < 0:
        raise ValueError("x[3] must be positive")
    return x * x


@squares
def exceptions_that_are_caught(x):
    out = np.zeros(4)
    try:
        if x[0] > 0:
            raise ValueError("positive")
        out[0] = math.nan
    except Exception:
        out[:] = x * x
    return out


@squares
def conditional_expression(x):
    out = np.zeros(4)
    for i in range(4):
        out[i] = x[i] ** 2 if x[i] > 0 else (-x[i]) ** 2
    return out


@squares
def numbers_returned_early(x):
    return np.array([guarded(u) for u in x])


@njit
def guarded(u):
    if u > 1e9:
        return math.inf
    if u < -1e9:
        return 0
    return u * u


@squares
def branches_of_different_types(x):
    out = np.zeros(4)
    for i in range(4):
        if i >= 0:
            u = x[i]
        else:
            u = 1
        out[i] = u * u
    return out


@squares
def prange_is_serial(x):
    out = np.zeros(4)
    for i in prange(4):
        out[i] = x[i] ** 2
    return out


@squares
def printing_is_not_in_the_way(x):
    if x[0] > 1e9:
        print("large", x.size)
    return x * x


@njit
def squares_one_by_one(x):
    for u in x:
        yield u * u


@squares
def generator_function(x):
    out = np.zeros(4)
    i = 0
    for u in squares_one_by_one(x):
        out[i] = u
        i += 1
    return out


@squares
def scalar_as_array_of_no_dimensions(x):
    out = np.zeros(4)
    for i in range(4):
        cell = np.zeros(())
        cell[()] = x[i] ** 2
        out[i] = cell[()]
    return out


@pytest.mark.parametrize("name", SQUARES)
def test_existing_code_is_differentiated_as_it_stands(name: str) -> None:
    f = SQUARES[name]
    values, slopes = value_and_jacobian(f)(X)
    np.testing.assert_array_equal(values, f(X))
    np.testing.assert_allclose(slopes, np.diag(2 * X), rtol=1e-14, atol=1e-14)


# --- further arguments ----------------------------------------------------------------------


def test_a_number_taken_from_an_argument_of_floats_may_become_a_dual() -> None:
    @njit
    def f(x, weights):
        s = weights[0]
        for i in range(x.size):
            s += x[i] * weights[i]
        return s

    np.testing.assert_array_equal(gradient(f)(X, WEIGHTS), WEIGHTS)
    np.testing.assert_array_equal(gradient(njit(lambda x: f(x, WEIGHTS)))(X), WEIGHTS)


def test_a_loop_that_starts_from_an_argument_of_floats() -> None:
    @njit
    def euler(rate, y0, steps):
        y = y0
        for _ in range(steps):
            y = y + 0.1 * rate * y
        return y

    slopes = derivative(euler)(2.0, WEIGHTS, 3)
    np.testing.assert_allclose(slopes, 3 * 0.1 * 1.2**2 * WEIGHTS, rtol=1e-14)

    @njit
    def guarded_step(rate, y0):
        if rate > 100.0:
            return y0
        return y0 * rate

    weights = WEIGHTS.copy()
    np.testing.assert_array_equal(derivative(guarded_step)(2.0, weights), WEIGHTS)
    np.testing.assert_array_equal(derivative(guarded_step)(200.0, weights), np.zeros(4))
    np.testing.assert_array_equal(weights, WEIGHTS)


def test_an_argument_that_is_written_to_is_not_replaced() -> None:
    @njit
    def fill(out, u):
        out[0] = u

    @njit
    def f(x, weights):
        y = weights
        fill(y, 7.0)
        if x[0] > 100.0:
            y = x * x
        return weights[0] * x[0] + y.size

    with pytest.raises(CompilationError, match=r"Cannot unify.*\n.*copy"):
        gradient(f)(X, WEIGHTS.copy())


def test_a_function_may_be_an_argument() -> None:
    np.testing.assert_allclose(jacobian(mapped, argnums=1)(square, X), np.diag(2 * X))


def test_an_omitted_buffer_is_made_for_duals() -> None:
    @njit
    def f(x, out=None):
        if out is None:
            out = np.zeros(x.size)
        for i in range(x.size):
            out[i] = x[i] * x[i]
        return out.sum()

    np.testing.assert_array_equal(gradient(f)(X), 2 * X)


# --- what is raised -------------------------------------------------------------------------


PICKY = """
def f(x):
    assert x[1] < 100, "x[1] is too large"
    if x[0] > 100:
        raise ValueError("x[0] is too large")
    return x[0] * x[1]
"""


def test_exceptions_come_through_and_the_next_call_is_right() -> None:
    slope = gradient(njit(from_text(PICKY)))
    for bad, error in ((np.array([200.0, 1.0]), ValueError), (np.array([1.0, 200.0]), AssertionError)):
        with pytest.raises(error, match="is too large"):
            slope(bad)
        np.testing.assert_array_equal(slope(np.array([2.0, 3.0])), [3.0, 2.0])


# --- the user's own functions ---------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::numba.core.errors.NumbaPerformanceWarning")
@pytest.mark.parametrize("option", ["fastmath", "parallel", "boundscheck", "nogil", "forceinline"])
def test_options_of_the_function_are_not_in_the_way(option: str) -> None:
    @njit(**{option: True})
    def f(x):
        out = np.zeros(x.size)
        for i in prange(x.size):
            out[i] = x[i] * x[i]
        return out.sum()

    np.testing.assert_array_equal(gradient(f)(X), 2 * X)


def test_a_function_with_an_explicit_signature() -> None:
    assert derivative(square_of_a_float)(3.0) == 6.0


def test_the_users_dispatchers_are_not_touched() -> None:
    @njit
    def helper(u):
        return u * u

    @njit
    def f(x):
        s = 0
        for u in x:
            s += helper(u)
        return s

    f(X)
    before = [(list(d.overloads), d.targetoptions.copy(), d.py_func) for d in (f, helper)]
    gradient(f)(X)
    assert [(list(d.overloads), d.targetoptions, d.py_func) for d in (f, helper)] == before
    assert f(X) == np.sum(X * X)


def test_a_function_that_was_never_called_stays_uncompiled() -> None:
    f = njit(lambda x: x[0] * x[1])
    gradient(f)(X)
    assert not f.overloads


CACHED = """
from numba import njit

@njit(cache=True)
def helper(u):
    return u * u

@njit(cache=True)
def f(x):
    s = 0.0
    for u in x:
        s += helper(u)
    return s
"""


def test_cached_functions_are_differentiated_and_their_cache_is_not_touched(tmp_path: Any, monkeypatch: Any) -> None:
    (tmp_path / "cached_functions_of_a_user.py").write_text(CACHED)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    import cached_functions_of_a_user as module

    module.f(X)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.nb*")}
    assert before
    np.testing.assert_array_equal(gradient(module.f)(X), 2 * X)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.nb*")} == before


# --- recursive functions --------------------------------------------------------------------


@njit("float64(float64, int64)")
def annotated_power(x, n):
    if n == 0:
        return 1.0
    return x * annotated_power(x, n - 1)


@njit
def inferred_power(x, n):
    if n == 1:
        return x
    return x * inferred_power(x, n - 1)


@pytest.mark.parametrize("f", [annotated_power, inferred_power])
def test_a_recursive_function_itself(f: Any) -> None:
    x = np.array([1.0, 1.3, 2.0])
    assert derivative(f)(1.3, 5) == pytest.approx(5 * 1.3**4, rel=1e-15)
    np.testing.assert_allclose(derivative(f)(x, 5), 5 * x**4, rtol=1e-15)
    assert derivative(derivative(f))(1.3, 5) == pytest.approx(20 * 1.3**3, rel=1e-15)


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
