"""Jacobians of functions that return several things of different shapes have the structure of the result."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit

from dualdiff import gradient, jacobian, sparse_jacobian, value_and_jacobian, vmap

State = namedtuple("State", ["energy", "force"])

X = np.array([1.0, 2.0, 3.0])
Y = np.array([0.5, -2.0])


def tuple_of_all_kinds(x: Any) -> Any:
    return np.sum(x * x), np.outer(x, x)[:2], x[0], 5, True, x[1:] * x[0]


def named(x: Any) -> Any:
    return State(np.sum(x * x), x * x * x)


def of_two(x: Any, y: Any) -> Any:
    return x * y[0], np.sum(y) * x[0]


def _matrix(x: np.ndarray) -> np.ndarray:
    outer = np.zeros((2, 3, 3))
    for i in range(2):
        outer[i] += x[i] * np.eye(3)
        outer[i, :, i] += x
    return outer


EXACT = (
    2 * X,
    _matrix(X),
    np.eye(3)[0],
    np.zeros(3),
    np.zeros(3),
    X[0] * np.eye(3)[1:] + np.outer(X[1:], np.eye(3)[0]),
)

ways = pytest.mark.parametrize("way", [lambda f: f, njit], ids=["Python", "njit"])


def leaves(tree: Any) -> list[np.ndarray]:
    if isinstance(tree, (tuple, list)):
        return [leaf for part in tree for leaf in leaves(part)]
    return [np.asarray(tree)]


def assert_same(found: Any, expected: Any) -> None:
    for a, b in zip(leaves(found), leaves(expected), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-15)


@ways
@pytest.mark.parametrize("chunk", [None, 1, 2])
def test_each_part_has_its_own(way: Callable[..., Any], chunk: int | None) -> None:
    if chunk is None:
        found = jacobian(way(tuple_of_all_kinds), chunk=chunk)(X)
        assert isinstance(found, tuple)
        assert_same(found, EXACT)
    value, again = value_and_jacobian(way(tuple_of_all_kinds), chunk=chunk)(X)
    assert_same(value, tuple_of_all_kinds(X))
    assert_same(again, EXACT)


@ways
def test_named_tuples_stay_what_they_are(way: Callable[..., Any]) -> None:
    value, found = value_and_jacobian(way(named))(X)
    assert isinstance(found, State)
    assert isinstance(value, State)
    assert_same(found, (2 * X, np.diag(3 * X * X)))


@ways
def test_by_several_arguments(way: Callable[..., Any]) -> None:
    found = jacobian(way(of_two), argnums=(0, 1))(X, Y)
    by_x, by_y = (Y[0] * np.eye(3), np.outer(X, [1.0, 0.0])), (np.array([np.sum(Y), 0.0, 0.0]), np.full(2, X[0]))
    assert_same(found, (by_x, by_y))


@ways
def test_of_derivatives_and_inside_of_functions(way: Callable[..., Any]) -> None:
    second = jacobian(jacobian(way(named)))(X)
    assert_same(second, (2 * np.eye(3), np.einsum("ij,jk->ijk", np.eye(3), np.diag(6 * X))))
    inner = jacobian(way(named))
    total = way(lambda x: np.sum(inner(x)[0]) + np.sum(inner(x)[1]))
    np.testing.assert_allclose(gradient(total)(X), 2 + 6 * X, rtol=1e-15)


@ways
@pytest.mark.parametrize("f", [tuple_of_all_kinds, named])
def test_in_batches(way: Callable[..., Any], f: Any) -> None:
    rows = np.stack([X, 2 * X, X + 1])
    for transform in (jacobian, value_and_jacobian):
        found = vmap(transform(way(f)))(rows)
        of_each = [leaves(transform(f)(row)) for row in rows]
        assert_same(found, [np.stack(cells) for cells in zip(*of_each, strict=True)])


def test_dicts_and_nested_structure_of_python_functions() -> None:
    found = jacobian(lambda x: {"a": x[0] * x, "rest": (x[1], [2 * x, x[:2]])})(X)
    assert list(found) == ["a", "rest"]
    assert_same(found["a"], X[0] * np.eye(3) + np.outer(X, np.eye(3)[0]))
    assert isinstance(found["rest"][1], list)
    assert_same(found["rest"], (np.eye(3)[1], (2 * np.eye(3), np.eye(3)[:2])))


@ways
def test_parts_of_one_shape_make_an_array(way: Callable[..., Any]) -> None:
    found = jacobian(way(lambda x: (x[0], x[1] * x[2])))(X)
    np.testing.assert_array_equal(found, [[1.0, 0.0, 0.0], [0.0, 3.0, 2.0]])


@ways
def test_a_sparse_jacobian_is_of_one_array(way: Callable[..., Any]) -> None:
    pytest.importorskip("scipy", reason="SciPy is not there: pip install scipy")
    with pytest.raises(
        (TypeError, ValueError),
        match=r"expects that named returns one array, not a (State|tuple) of 2 of different shapes",
    ):
        sparse_jacobian(way(named), np.ones((4, 3), dtype=bool))(X)
