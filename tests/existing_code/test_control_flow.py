"""Existing ``@njit`` code runs on duals as it stands: numbers, branches and loops."""

# ruff: noqa: B905, SIM108, SIM113 (code as users write it, and as Numba takes it)

from __future__ import annotations

import math

import numba
import numpy as np
import pytest
from numba import njit, prange

from ..helpers.squares import (
    WEIGHTS,
    Pair,
    assert_squares,
    checked,
    floats,
    square,
    store_at,
    ways,
)

SQUARES, squares = ways()


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


@squares
def assertions(x):
    return checked(x)


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
    assert_squares(SQUARES[name])
