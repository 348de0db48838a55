"""Existing ``@njit`` code runs on duals as it stands: arrays that duals are stored into, or are not."""

# ruff: noqa: SIM108 (code as users write it, and as Numba takes it)

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import float64, int64, literal_unroll, njit
from numba.experimental import jitclass
from numba.typed import Dict, List

from dualdiff import derivative, gradient, hessian, jacobian, jvp, sparse_jacobian, vmap

from ..helpers.squares import (
    ORDER,
    WEIGHTS,
    Pair,
    assert_squares,
    called,
    floats,
    store_squares,
    ways,
)

SQUARES, squares = ways()


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


@pytest.mark.parametrize("name", SQUARES)
def test_existing_code_is_differentiated_as_it_stands(name: str) -> None:
    assert_squares(SQUARES[name])


# --- arrays that f works in, given as arguments ------------------------------------------------


@njit
def recursion(p, x, s, start):
    """As packages write it: the result is an array of the caller's."""
    s[0] = start
    for t in range(1, len(x)):
        s[t] = p[0] + p[1] * x[t - 1] ** 2 + p[2] * s[t - 1]
    return s


@njit
def through_a_helper(p, work):
    fill(work, p)
    return np.sum(work * work)


@njit
def fill(work, p):
    for i in range(len(work)):
        work[i] += p[i % 2] ** (i + 1)


RECURSION = (np.array([0.1, 0.2, 0.7]), np.array([1.0, -2.0, 0.5, 3.0]))


def in_new_memory(p: Any, x: Any, s: Any, start: Any) -> Any:
    rows = [start + 0 * p[0]]
    for t in range(1, len(x)):
        rows.append(p[0] + p[1] * x[t - 1] ** 2 + p[2] * rows[-1])
    return np.stack(rows)


@pytest.mark.parametrize("argnum", [0, 1, 3])
def test_duals_written_to_an_argument_that_is_returned(argnum: int) -> None:
    s = np.full(4, 9.0)
    args = (*RECURSION, s, 0.4)
    transform = derivative if argnum == 3 else jacobian
    expected = transform(in_new_memory, argnum)(*args)
    np.testing.assert_allclose(transform(recursion, argnum)(*args), expected, rtol=1e-15)
    np.testing.assert_array_equal(s, 9.0)  # the caller's array is left alone


def test_every_pass_sees_what_the_caller_has_left_in_it() -> None:
    p, work = np.array([0.5, 2.0]), np.array([1.0, 2.0, 3.0])
    plain = lambda p: np.sum((work + np.stack([p[0], p[1] ** 2, p[0] ** 3])) ** 2)  # noqa: E731
    for chunk in (1, 2, 16, None):
        np.testing.assert_allclose(gradient(through_a_helper, chunk=chunk)(p, work), gradient(plain)(p), rtol=1e-15)
    np.testing.assert_allclose(hessian(through_a_helper)(p, work), hessian(plain)(p), rtol=1e-14)
    rows = np.stack([p, 2 * p, 3 * p])
    batch = vmap(gradient(through_a_helper), in_axes=(0, None))(rows, work)
    np.testing.assert_allclose(batch, [gradient(plain)(row) for row in rows], rtol=1e-15)
    value, slope = jvp(through_a_helper, (p, work), (np.ones(2), np.zeros(3)))
    assert value == through_a_helper(p, work.copy())
    assert slope == pytest.approx(gradient(plain)(p).sum(), rel=1e-15)
    np.testing.assert_array_equal(work, [1.0, 2.0, 3.0])


@njit
def writes_floats(x, a, b):
    a[0] = 5.0
    return np.sum(x) * b[0]


@njit
def writes_duals(x, a, b):
    a[0] = 5.0 * x[0]
    return np.sum(x) * b[0]


@njit
def only_reads(x, a, b):
    return np.sum(x * a * b)


@pytest.mark.parametrize("f", [writes_floats, writes_duals])
def test_arguments_that_share_memory_are_refused_where_one_is_written_to(f: Any) -> None:
    x, a = np.array([1.0, 2.0]), np.ones(3)
    expected = [1.0, 1.0]
    np.testing.assert_array_equal(gradient(f)(x, a[:1], a[1:]), expected)  # neighbours do not
    rows = np.ones((4, 2))
    calls = [
        lambda: gradient(f)(x, a, a),
        lambda: gradient(f)(x, x, np.ones(2)),
        lambda: gradient(f)(x, a[:2], a[1:]),
        lambda: jvp(f, (x, a, a), (x, a, a)),
        lambda: vmap(f, in_axes=(0, None, None))(rows, a, a),
        lambda: vmap(gradient(f), in_axes=(0, None, None))(rows, a, a),
        lambda: vmap(gradient(f))(rows, rows, rows),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="two of the arguments share memory, and the function writes"):
            call()


@njit
def writes_beside_a_tuple(x, a, p):
    a[0] = 5.0
    return np.sum(x) * p[0][0]


@njit
def writes_into_a_tuple(x, p):
    p[0][0] = 5.0
    return np.sum(x) * p[1][0]


@jitclass([("a", float64[::1])])
class Holder:
    """An object that holds an array of its caller's."""

    def __init__(self, a):
        self.a = a


@njit
def writes_beside_an_object(x, a, h):
    a[0] = 5.0
    return np.sum(x) * h.a[0]


def test_what_arguments_hold_may_not_share_memory_either() -> None:
    x, a = np.array([1.0, 2.0]), np.ones(3)
    pair = Pair(a, np.ones(2))
    calls = [
        lambda: gradient(writes_beside_a_tuple)(x, a, (a, np.ones(2))),
        lambda: gradient(writes_beside_a_tuple)(x, a, pair),
        lambda: gradient(writes_beside_a_tuple)(x, a, List([a])),
        lambda: gradient(writes_into_a_tuple)(x, (a, a)),
        lambda: gradient(writes_into_a_tuple)(x, List([a, a[1:]])),
        lambda: gradient(writes_beside_an_object)(x, a, Holder(a)),
        lambda: vmap(writes_beside_a_tuple, in_axes=(0, None, None))(np.ones((2, 2)), a, (a, a)),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="two of the arguments share memory, and the function writes"):
            call()
    np.testing.assert_array_equal(gradient(writes_beside_a_tuple)(x, a.copy(), (a, np.ones(2))), [1.0, 1.0])
    np.testing.assert_array_equal(gradient(writes_into_a_tuple)(x, (a, a.copy())), [1.0, 1.0])
    np.testing.assert_array_equal(gradient(writes_beside_an_object)(x, a.copy(), Holder(a)), [1.0, 1.0])
    np.testing.assert_array_equal(a, np.ones(3))


@njit
def counts_in_a_container(x, c):
    c[0][0] += 1.0
    return np.sum(x) * c[0][0]


@pytest.mark.parametrize("chunk", [1, 2, None])
@pytest.mark.filterwarnings("ignore::numba.core.errors.NumbaPendingDeprecationWarning")  # of the list
def test_arrays_in_lists_and_dicts_of_the_callers_stay(chunk: int | None) -> None:
    a = np.ones(1)
    by_number = Dict.empty(int64, float64[::1])
    by_number[0] = a
    for container in (List([a]), by_number, (a, np.ones(2)), [a]):
        found = gradient(counts_in_a_container, chunk=chunk)(np.ones(3), container)
        np.testing.assert_array_equal(found, [2.0, 2.0, 2.0])
        np.testing.assert_array_equal(a, [1.0])
    nested = List([List([a])])
    deep = njit(lambda x, c: counts_in_a_container(x, c[0]))
    np.testing.assert_array_equal(gradient(deep, chunk=chunk)(np.ones(3), nested), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(a, [1.0])


def test_arguments_that_are_only_read_may_share_memory() -> None:
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(gradient(only_reads)(x, x, x), x * x)
    assert jvp(only_reads, (x, x, x), (x, x, x))[1] == pytest.approx(3 * np.sum(x**3))


@njit
def cube(t, s):
    s[0] = t * t
    return s[0] * t


@njit
def counts_up(t, s):
    s[0] += 5.0
    return t * s[0]


@njit
def squares_in(x, s):
    s[:] = x * x
    s *= x[0]
    return s


def test_number_by_number_and_sparse() -> None:
    s = np.ones(1)
    for n in (3, 20_000):  # the last in a loop of its own
        t = np.arange(1.0, n + 1)
        np.testing.assert_allclose(derivative(cube)(t, s), 3 * t * t, rtol=1e-15)
        np.testing.assert_array_equal(derivative(counts_up)(t, s), np.full(n, 6.0))
    np.testing.assert_allclose(derivative(derivative(cube))(2.0, s), 12.0)
    np.testing.assert_array_equal(s, [1.0])
    sparse = pytest.importorskip("scipy.sparse", reason="SciPy is not there: pip install scipy")
    pattern = sparse.csr_array(np.array([[1, 0], [1, 1]]))
    found = sparse_jacobian(squares_in, pattern)(np.array([1.0, 2.0]), np.zeros(2))
    np.testing.assert_array_equal(found.toarray(), [[3.0, 0.0], [4.0, 4.0]])


@pytest.mark.parametrize("order", ["C", "F", "strided", "reversed"])
def test_a_workspace_of_any_layout(order: str) -> None:
    base = np.arange(12.0).reshape(3, 4)
    work = {
        "C": base.copy(),
        "F": np.asfortranarray(base),
        "strided": np.arange(48.0).reshape(6, 8)[::2, ::2],
        "reversed": base[::-1],
    }[order]
    before = work.copy()
    p = np.array([1.0, 2.0])
    i, j = np.indices(work.shape)
    whole = before + p[0] * i + p[1] ** 2 * j
    expected = [np.sum(2 * whole * i), np.sum(4 * whole * p[1] * j)]
    np.testing.assert_allclose(gradient(adds_planes)(p, work), expected, rtol=1e-14)
    np.testing.assert_array_equal(work, before)


@njit
def adds_planes(p, work):
    for i in range(work.shape[0]):
        for j in range(work.shape[1]):
            work[i, j] += p[0] * i + p[1] * p[1] * j
    return np.sum(work * work)


@njit
def of_anything(p, work, q):
    work[0] = p[0] * p[1]
    return work[0] * np.sum(np.asarray(q))


@pytest.mark.parametrize("order", [1, -1])
def test_an_argument_that_is_an_array_at_one_time_and_a_number_at_another(order: int) -> None:
    f = njit(of_anything.py_func)  # of its own, which nobody has called
    p, work = np.array([2.0, 3.0]), np.zeros(1)
    for q in (np.ones(2), 2.0, np.full((2, 2), 0.5))[::order]:
        np.testing.assert_array_equal(gradient(f)(p, work, q), [6.0, 4.0])
        np.testing.assert_array_equal(vmap(gradient(f), in_axes=(0, None, None))(np.stack([p, p]), work, q)[1], [6, 4])
