"""Sparse Jacobians: their entries, the colouring of columns, patterns found and patterns that are wrong."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from numba import njit
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares
from scipy.sparse.linalg import spsolve

import dualdiff
from bench.functions import brusselator, brusselator_jacobian
from bench.solvers import broyden, broyden_jacobian
from dualdiff import jacobian, sparse_jacobian, sparsity
from dualdiff.transforms.colouring import Pattern, as_pattern, coloured


def band(n: int, *diagonals: int) -> np.ndarray:
    """A pattern with these diagonals."""
    return sum(np.eye(n, k=k) for k in diagonals) > 0


def arrow(n: int) -> np.ndarray:
    """A pattern with a diagonal and a first column."""
    pattern = np.eye(n, dtype=bool)
    pattern[:, 0] = True
    return pattern


def arrowhead(x: Any) -> Any:
    return x[0] * x * np.exp(x)


def arrowhead_jacobian(x: Any) -> np.ndarray:
    out = np.diag(x[0] * (1 + x) * np.exp(x))
    out[:, 0] += x * np.exp(x)
    return out


def pentadiagonal(x: Any) -> Any:
    out = x * x
    out[2:] += np.sin(x[:-2])
    out[:-1] -= 3 * x[1:]
    return out


def pentadiagonal_jacobian(x: Any) -> np.ndarray:
    return np.diag(2 * x) + np.diag(np.cos(x[:-2]), -2) - 3 * np.eye(x.size, k=1)


def differences(x: Any) -> Any:
    return x[1:] ** 3 - x[:-1]


def differences_jacobian(x: Any) -> np.ndarray:
    n = x.size
    return np.eye(n - 1, n, 1) * (3 * x**2) - np.eye(n - 1, n)


def tall(x: Any) -> Any:
    return np.concatenate((x, x**2, np.ones(3)))


def tall_jacobian(x: Any) -> np.ndarray:
    return np.concatenate((np.eye(x.size), np.diag(2 * x), np.zeros((3, x.size))))


BY_HAND = {
    "brusselator": (brusselator.py_func, brusselator_jacobian.py_func),
    "broyden": (broyden.py_func, broyden_jacobian.py_func),
    "arrowhead": (arrowhead, arrowhead_jacobian),
    "pentadiagonal": (pentadiagonal, pentadiagonal_jacobian),
    "differences": (differences, differences_jacobian),
    "tall": (tall, tall_jacobian),
}

WAYS = pytest.mark.parametrize("way", [njit, lambda f: f], ids=["compiled", "interpreted"])


@WAYS
@pytest.mark.parametrize("name", BY_HAND)
def test_entries_are_those_by_hand(name, way, rng):
    f, by_hand = BY_HAND[name]
    x = rng.uniform(0.5, 1.5, 12)
    expected = by_hand(x)
    jac = sparse_jacobian(way(f), expected != 0)
    found = jac(x)
    assert isinstance(found, scipy.sparse.csr_array)
    assert found.has_canonical_format
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-14)
    np.testing.assert_array_equal(found.toarray(), jacobian(way(f))(x))
    assert found.nnz == np.count_nonzero(expected) == jac.indices.size


@WAYS
@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_the_result_does_not_depend_on_the_chunk(way, chunk, rng):
    x = rng.uniform(size=12)
    f, pattern = way(broyden.py_func), band(12, -1, 0, 1)
    expected = sparse_jacobian(f, pattern)
    assert expected.colours.max() == 2
    np.testing.assert_array_equal(sparse_jacobian(f, pattern, chunk=chunk).data(x), expected.data(x))


@WAYS
def test_more_entries_than_needed_are_zero(way, rng):
    x = rng.uniform(0.5, 1.5, 40)
    pattern = rng.random((40, 40)) < 0.5  # more colours than tangents in a pass
    pattern |= band(40, -1, 0, 1)
    jac = sparse_jacobian(way(broyden.py_func), pattern)
    assert jac.colours.max() >= 16
    np.testing.assert_array_equal(jac(x).toarray(), broyden_jacobian(x))


@WAYS
def test_float32_and_integers(way):
    f = way(differences)
    jac = sparse_jacobian(f, np.eye(2, 3) + np.eye(2, 3, 1))
    assert jac(np.ones(3, np.float32)).dtype == np.float32
    np.testing.assert_array_equal(jac.data([1, 2, 3]), [-1, 12, -1, 27])
    np.testing.assert_array_equal(jac.data(np.array([1, 2, 3])[::-1]), [-1, 12, -1, 3])


@WAYS
def test_arrays_of_two_dimensions_count_in_c_order(way, rng):
    x = rng.uniform(size=(3, 4))

    def f(x):
        return x.T * x.T

    order = np.arange(12).reshape(3, 4).T.ravel()
    expected = np.zeros((12, 12))
    expected[np.arange(12), order] = 2 * x.ravel()[order]
    np.testing.assert_array_equal(sparse_jacobian(way(f), expected)(x).toarray(), expected)


@WAYS
def test_a_function_that_writes_its_result_and_has_more_arguments(way):
    @way
    def rhs(dy, t, y, rate=2.0):
        for i in range(y.size):
            dy[i] = -rate * y[i] + (y[i - 1] ** 2 if i > 0 else t)

    y, dy = np.arange(1.0, 5.0), np.empty(4)
    jac = sparse_jacobian(rhs, band(4, -1, 0), argnum=2, out_argnum=0)
    np.testing.assert_array_equal(jac(dy, 0.0, y).toarray(), np.diag([-2.0] * 4) + np.diag(2 * y[:3], -1))
    np.testing.assert_array_equal(jac(dy, 0.0, y, 3.0).toarray(), np.diag([-3.0] * 4) + np.diag(2 * y[:3], -1))
    last = sparse_jacobian(rhs, band(4, -1, 0), argnum=-2, out_argnum=-4)
    np.testing.assert_array_equal(last.data(dy, 0.0, y, 3.0), jac.data(dy, 0.0, y, 3.0))
    np.testing.assert_array_equal(jac(dy, 0.0, y, rate=3.0).toarray()[0], [-3, 0, 0, 0])
    found = sparsity(rhs, 2, out_argnum=0)(dy, 0.0, y)
    np.testing.assert_array_equal(found[:2], np.nonzero(band(4, -1, 0)))


@WAYS
def test_a_function_that_writes_to_its_argument(way):
    @way
    def f(x):
        x[1:] *= 2.0
        return x * x

    x = np.array([1.0, 2.0, 3.0])
    pattern = np.ones((3, 3))
    expected = np.diag([2.0, 16.0, 24.0])
    np.testing.assert_array_equal(sparse_jacobian(f, pattern, chunk=2)(x).toarray(), expected)
    np.testing.assert_array_equal(sparsity(f)(x)[:2], [[0, 1, 2]] * 2)
    np.testing.assert_array_equal(x, [1, 2, 3])


@WAYS
def test_out_and_repeated_calls(way):
    jac = sparse_jacobian(way(differences), np.eye(2, 3) + np.eye(2, 3, 1))
    out = np.empty(4)
    first = jac.data(np.ones(3))
    assert jac.data(np.zeros(3), out=out) is out
    np.testing.assert_array_equal(out, [-1, 0, -1, 0])
    np.testing.assert_array_equal(first, [-1, 3, -1, 3])
    a, b = jac(np.ones(3)), jac(np.zeros(3))
    b.eliminate_zeros()
    np.testing.assert_array_equal(a.toarray(), [[-1, 3, 0], [0, -1, 3]])
    np.testing.assert_array_equal(jac(np.ones(3)).toarray(), a.toarray())


@WAYS
@pytest.mark.parametrize("out", [np.empty(3), np.empty(4, np.float32), np.empty((2, 2)), np.empty(8)[::2]])
def test_an_out_that_does_not_fit_is_refused(way, out):
    jac = sparse_jacobian(way(differences), np.eye(2, 3) + np.eye(2, 3, 1))
    if out.shape == (4,) and out.dtype == np.float64 and way is not njit:
        jac.data(np.ones(3), out=out)  # strides are no matter to NumPy
        return
    with pytest.raises((TypeError, ValueError), match="out"):
        jac.data(np.ones(3), out=out)


@WAYS
def test_zero_tangents_stay_zero(way):
    @way
    def f(x):
        return np.sqrt(x) * np.array([1.0, 0.0])

    found = sparse_jacobian(f, np.eye(2))(np.array([0.0, 4.0]))
    np.testing.assert_array_equal(found.toarray(), jacobian(f)(np.array([0.0, 4.0])))
    assert found.toarray()[0, 1] == 0
    assert np.isinf(found.data[0])


# --- empty ones -----------------------------------------------------------------------------


@WAYS
def test_empty_rows_columns_and_patterns(way, rng):
    @way
    def f(x):
        out = np.zeros_like(x)
        out[1] = x[0] * x[2]
        return np.concatenate((out, np.ones(1)))

    x = np.array([2.0, 3.0, 4.0])
    expected = [[0, 0, 0], [4, 0, 2], [0, 0, 0], [0, 0, 0]]
    jac = sparse_jacobian(f, ([1, 1], [0, 2], (4, 3)))
    np.testing.assert_array_equal(jac(x).toarray(), expected)
    np.testing.assert_array_equal(jac.colours, [0, -1, 1])
    np.testing.assert_array_equal(sparsity(f)(x)[:2], [[1, 1], [0, 2]])

    @way
    def constant(x):
        return np.ones(2)

    jac = sparse_jacobian(constant, ([], [], (2, 3)))
    assert jac(x).shape == (2, 3)
    assert jac.data(x).shape == (0,)
    assert sparsity(constant)(x)[2] == (2, 3)
    np.testing.assert_array_equal(sparse_jacobian(constant, np.ones((2, 3))).data(x), np.zeros(6))
    with pytest.raises(ValueError, match="rows"):
        sparse_jacobian(constant, ([], [], (4, 3)))(x)


@WAYS
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_no_rows_or_no_columns(way, shape):
    m, n = shape

    def f(x, m):
        return np.zeros(m) + x.sum()

    x = np.ones(n)
    assert sparse_jacobian(way(f), np.zeros(shape))(x, m).shape == shape
    assert sparsity(way(f))(x, m).shape == shape


# --- colouring ------------------------------------------------------------------------------


def assert_valid(pattern: Pattern, colours: np.ndarray) -> None:
    """No two columns of a colour share a row; every column with entries has a colour, from 0 on."""
    pairs = set(zip(pattern.rows.tolist(), colours[pattern.columns].tolist(), strict=True))
    assert len(pairs) == pattern.rows.size
    assert set(colours[pattern.columns]) == set(range(colours.max(initial=-1) + 1))
    assert (colours[np.setdiff1d(np.arange(pattern.shape[1]), pattern.columns)] == -1).all()


@pytest.mark.parametrize("seed", range(20))
def test_colours_are_valid_and_not_too_many(seed):
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 60, 2)
    dense = rng.random(shape) < rng.choice([0.02, 0.1, 0.3])
    pattern = as_pattern(dense)
    colours = coloured(pattern)
    assert_valid(pattern, colours)
    neighbours = (dense.T.astype(int) @ dense > 0).sum(0)
    assert dense.sum(1).max() <= colours.max() + 1 <= max(neighbours.max(), 0)


@pytest.mark.parametrize(
    ("pattern", "number"),
    [
        (band(50, 0), 1),
        (band(50, -1, 0, 1), 3),
        (band(50, -2, -1, 0, 1, 2), 5),
        (band(50, 0, 10), 2),
        (arrow(50), 2),
        (arrow(50).T, 50),
        (np.ones((7, 20)), 20),
        (np.zeros((7, 20)), 0),
        (brusselator_jacobian(np.ones(40)) != 0, 4),
        (band(50, -1, 0, 1)[:, np.random.default_rng(0).permutation(50)], 3),  # incidence degree finds the band
    ],
)
def test_number_of_colours(pattern, number):
    found = as_pattern(pattern)
    colours = coloured(found)
    assert_valid(found, colours)
    assert colours.max() + 1 == number


@pytest.mark.parametrize("form", ["coo_array", "csr_matrix", "csc_array", "lil_matrix", "dia_array"])
def test_patterns_of_scipy(form):
    dense = band(5, -1, 0, 3)
    pattern = as_pattern(getattr(scipy.sparse, form)(dense))
    np.testing.assert_array_equal(pattern[:2], np.nonzero(dense))
    assert pattern.shape == (5, 5)


def test_stored_zeros_count_and_doubles_count_once():
    stored = scipy.sparse.coo_array(([0.0, 1.0, 2.0], ([1, 0, 0], [1, 0, 0])), shape=(2, 3))
    pattern = as_pattern(stored)
    np.testing.assert_array_equal(pattern[:2], [[0, 1], [0, 1]])
    np.testing.assert_array_equal(as_pattern(([1, 0, 0], [1, 0, 0], (2, 3)))[:2], pattern[:2])


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        (np.ones(3), TypeError),
        (np.array([["a"]]), TypeError),
        (([0], [0]), TypeError),
        (([0], [0], 3), TypeError),
        (([0.0], [0], (1, 1)), TypeError),
        (([0, 1], [0], (2, 2)), ValueError),
        (([0], [2], (2, 2)), ValueError),
        (([-1], [0], (2, 2)), ValueError),
        ("dense", TypeError),
    ],
)
def test_what_is_no_pattern_is_refused(pattern, error):
    with pytest.raises(error, match=r"pattern|numbers of rows"):
        sparse_jacobian(differences, pattern)


# --- what is wrong is told ------------------------------------------------------------------


@WAYS
@pytest.mark.parametrize("missing", [(0, 1), (3, 2), (3, 3), (9, 9)])
def test_a_pattern_that_misses_an_entry_is_found(way, missing):
    f = way(broyden.py_func)
    pattern = band(10, -1, 0, 1)
    pattern[missing] = False
    x = np.linspace(0.1, 1, 10)
    jac = sparse_jacobian(f, pattern)
    for _ in range(2):  # not only the first time
        with pytest.raises(ValueError, match=rf"misses entries.* row {missing[0]} first.*sparsity"):
            jac(x)
    assert not np.array_equal(sparse_jacobian(f, pattern, check=False)(x).toarray(), jacobian(f)(x))


def test_the_check_is_made_once():
    calls = []

    def f(x):
        calls.append(1)
        return x**2

    jac = sparse_jacobian(f, np.eye(3))
    jac(np.ones(3))
    assert len(calls) == 3
    jac(np.ones(3))
    assert len(calls) == 4


def test_infinities_and_nan_are_no_missing_entries():
    jac = sparse_jacobian(njit(arrowhead), arrow(3))
    assert np.isnan(jac(np.array([1.0, np.nan, np.inf])).toarray()).any()


@WAYS
def test_shapes_that_do_not_fit(way):
    f = way(differences)
    for shape in ((2, 4), (3, 3)):
        with pytest.raises(ValueError, match="does not fit"):
            sparse_jacobian(f, np.ones(shape), check=False)(np.ones(3))
    with pytest.raises(ValueError, match="not a number"):
        sparse_jacobian(way(lambda x: x.sum()), np.ones((1, 3)))(np.ones(3))
    with pytest.raises(ValueError, match="number"):
        sparse_jacobian(way(lambda x: x * np.ones(1)), np.ones((1, 1)))(2.0)
    with pytest.raises(TypeError, match="complex"):
        sparse_jacobian(f, np.ones((2, 3)))(np.ones(3) * 1j)


def test_arguments_that_are_refused():
    with pytest.raises(TypeError, match="expects a function"):
        sparse_jacobian(3, np.eye(3))
    with pytest.raises(TypeError, match="one argument"):
        sparse_jacobian(differences, np.eye(3), argnum=(0, 1))
    with pytest.raises(ValueError, match="chunk"):
        sparse_jacobian(differences, np.eye(3), chunk=0)
    with pytest.raises(ValueError, match="1 arguments, so there is no argument number 1"):
        sparse_jacobian(njit(differences), np.eye(3), argnum=1)
    with pytest.raises(ValueError, match="by position"):
        sparsity(differences)(x=np.ones(3))


def test_without_scipy_there_are_the_entries(monkeypatch):
    jac = sparse_jacobian(differences, np.eye(2, 3) + np.eye(2, 3, 1))
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(ImportError, match="extra `scipy`"):
        jac(np.ones(3))
    np.testing.assert_array_equal(jac.data(np.ones(3)), [-1, 3, -1, 3])
    np.testing.assert_array_equal(jac.indptr, [0, 2, 4])
    np.testing.assert_array_equal(jac.indices, [0, 1, 1, 2])


# --- patterns that are found ----------------------------------------------------------------


@WAYS
@pytest.mark.parametrize("name", BY_HAND)
def test_sparsity_by_hand(name, way, rng):
    f, by_hand = BY_HAND[name]
    x = rng.uniform(0.5, 1.5, 20)
    found = sparsity(way(f))(x)
    np.testing.assert_array_equal(found[:2], np.nonzero(by_hand(x)))
    assert found.shape == by_hand(x).shape


@WAYS
def test_sparsity_sees_what_is_zero_here_but_not_elsewhere(way):
    @way
    def f(x):
        out = np.zeros_like(x)
        out[0] = x[0] * x[1] + x[2] ** 2
        out[1] = np.maximum(x[1], 7.0)
        out[2] = np.cos(x[0]) * 0.5
        return out

    x = np.zeros(3)
    assert not jacobian(f)(x).any()
    np.testing.assert_array_equal(sparsity(f)(x)[:2], [[0, 0, 0, 1, 2], [0, 1, 2, 1, 0]])


# --- in use ---------------------------------------------------------------------------------

chain = sparse_jacobian(njit(differences), sparsity(differences)(np.ones(5)))


@njit
def twice(x):
    return 2.0 * chain(x)


@njit
def weighted(s):
    x = s * np.arange(1.0, 6.0)
    return np.sum(chain(x) * np.arange(8.0))


def test_called_from_njit_code_it_gives_the_entries(rng):
    x = rng.uniform(size=5)
    np.testing.assert_array_equal(twice(x), 2 * chain.data(x))


def test_nested_derivatives():
    assert dualdiff.derivative(weighted)(1.0) == sum(
        6 * x**2 * k for x, k in zip(range(2, 6), (1, 3, 5, 7), strict=True)
    )

    interpreted = sparse_jacobian(pentadiagonal, band(5, -2, 0, 1))
    x = np.arange(5.0)
    dense = jacobian(jacobian(pentadiagonal))(x)
    np.testing.assert_array_equal(jacobian(interpreted.data)(x), dense[np.nonzero(band(5, -2, 0, 1))])


def test_a_jacobian_can_be_pickled():
    jac = pickle.loads(pickle.dumps(sparse_jacobian(differences, np.eye(2, 3) + np.eye(2, 3, 1))))
    np.testing.assert_array_equal(jac.data(np.ones(3)), [-1, 3, -1, 3])
    assert repr(jac) == "<sparse jacobian of differences, 2 x 3, 4 entries>"


@pytest.mark.parametrize("method", ["Radau", "BDF"])
def test_stiff_equations_of_scipy(method):
    @njit
    def rhs(t, y):
        return brusselator(y)

    y = np.tile([1.0, 3.0], 20) + 0.1 * np.sin(np.arange(40.0))
    jac = sparse_jacobian(rhs, sparsity(rhs, 1)(0.0, y), argnum=1)
    found = solve_ivp(rhs, (0, 1), y, method=method, jac=jac, rtol=1e-8, atol=1e-8)
    expected = solve_ivp(rhs, (0, 1), y, method=method, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(found.y[:, -1], expected.y[:, -1], rtol=1e-5)


def test_least_squares_of_scipy():
    jac = sparse_jacobian(broyden, band(50, -1, 0, 1))
    found = least_squares(broyden, np.full(50, -1.0), jac=jac, tr_solver="lsmr")
    assert np.abs(broyden(found.x)).max() < 1e-6


def test_newton_with_a_sparse_solver():
    jac = sparse_jacobian(broyden, band(2000, -1, 0, 1))
    x = np.full(2000, -1.0)
    for _ in range(8):
        x -= spsolve(jac(x), broyden(x))
    assert np.abs(broyden(x)).max() < 1e-12
