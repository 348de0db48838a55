"""Linear algebra on batches of duals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dualdiff.arrays.dual_array import DualArray

from ..helpers.dual_arrays import (
    assert_lanes_are_independent,
    assert_memory_order_is_irrelevant,
    assert_second_tangents_are_differences,
    assert_tangents_are_differences,
    assert_values_are_numpys,
    rng_of,
)

n = np.linalg
right = np.array([[1.0, -2.0], [0.5, 3.0], [2.0, 0.1]])


def symmetric(x: Any) -> Any:
    return x @ np.swapaxes(x, -1, -2) + 2 * np.eye(3)


# functions of a square matrix, by name
SQUARE: dict[str, Callable[[Any], Any]] = {
    "inv": n.inv,
    "inv stack": lambda x: n.inv(np.stack([x, x @ x])),
    "solve vector": lambda x: n.solve(x, right[:, 0]),
    "solve matrix": lambda x: n.solve(x, right),
    "solve by right": lambda x: n.solve(right[:, :1] + 4 * np.eye(3), x),
    "solve both": lambda x: n.solve(x, x[0]),
    "det": n.det,
    "det stack": lambda x: n.det(np.stack([x, 2 * x])),
    "det large": lambda x: n.det(np.kron(np.eye(3), x) + np.eye(9)),
    "slogdet": n.slogdet,
    "matrix_power": lambda x: n.matrix_power(x, 5),
    "matrix_power -2": lambda x: n.matrix_power(x, -2),
    "matrix_power 0": lambda x: n.matrix_power(x, 0),
    "multi_dot": lambda x: n.multi_dot([x, right, right.T, x]),
    "norm": n.norm,
    "norm axis": lambda x: n.norm(x, axis=0),
    "norm keepdims": lambda x: n.norm(x, axis=-1, keepdims=True),
    "norm 1": lambda x: n.norm(x[0], 1),
    "norm 3": lambda x: n.norm(x, 3, axis=1),
    "norm inf": lambda x: n.norm(x[0], np.inf),
    "norm -inf": lambda x: n.norm(x[0], -np.inf),
    "norm 0": lambda x: n.norm(x[0], 0),
    "matrix norm 1": lambda x: n.norm(x, 1),
    "matrix norm inf": lambda x: n.norm(x, np.inf),
    "matrix norm 2": lambda x: n.norm(x, 2),
    "matrix norm -2": lambda x: n.norm(x, -2),
    "matrix norm nuc": lambda x: n.norm(x, "nuc"),
    "norm fro": lambda x: n.norm(np.stack([x, x]), "fro", axis=(1, 2), keepdims=True),
    "cholesky": lambda x: n.cholesky(symmetric(x)),
    "cholesky lower": lambda x: n.cholesky(symmetric(x) + np.triu(x, 1)),
    "qr": n.qr,
    "qr tall": lambda x: n.qr(np.vstack([x, right.T])),
    "qr wide": lambda x: n.qr(np.hstack([x, right])),
    "qr r": lambda x: n.qr(x, mode="r"),
    "eigh": lambda x: n.eigh(symmetric(x)),
    "eigh lower": lambda x: n.eigh(symmetric(x) + np.triu(x, 1)),
    "eigh upper": lambda x: n.eigh(symmetric(x) + np.tril(x, -1), UPLO="U"),
    "eigvalsh stack": lambda x: n.eigvalsh(symmetric(np.stack([x, 3 * x]))),
    "svd": lambda x: n.svd(x),
    "svd tall": lambda x: n.svd(np.vstack([x, right.T]), full_matrices=False),
    "svd wide": lambda x: n.svd(np.hstack([x, right]), full_matrices=False),
    "svd values": lambda x: n.svd(x, compute_uv=False),
    "pinv": lambda x: n.pinv(x[:, :2]),
    "pinv wide": lambda x: n.pinv(x[:2]),
    "lstsq": lambda x: n.lstsq(np.vstack([x, right.T]), np.arange(5.0), rcond=None)[::3],
    "lstsq residuals": lambda x: n.lstsq(np.vstack([x, right.T]), np.arange(5.0), rcond=None)[1],
    "lstsq by right": lambda x: n.lstsq(right, x[0], rcond=None)[0],
}

by_name = pytest.mark.parametrize("name", SQUARE)


def point(name: str) -> np.ndarray:
    return rng_of(name).standard_normal((3, 3)) + np.diag([2.0, 3.0, -2.5])


@by_name
def test_values(name: str) -> None:
    assert_values_are_numpys(SQUARE[name], point(name), rng_of(name))


@by_name
def test_tangents(name: str) -> None:
    assert_tangents_are_differences(SQUARE[name], point(name), rng_of(name), 1e-6)


@by_name
def test_second_tangents(name: str) -> None:
    assert_second_tangents_are_differences(SQUARE[name], point(name), rng_of(name), 1e-6)


@by_name
def test_lanes(name: str) -> None:
    assert_lanes_are_independent(SQUARE[name], point(name), rng_of(name))


@by_name
def test_memory_order(name: str) -> None:
    assert_memory_order_is_irrelevant(SQUARE[name], point(name), rng_of(name))


def gradient(f: Callable[[Any], Any], x: Any) -> np.ndarray:
    x = np.array(x, float)
    y = f(DualArray(x, np.eye(x.size).reshape(x.size, *x.shape)))
    return np.array(y.tangents).reshape(x.shape)


def test_det_of_singular_matrices() -> None:
    np.testing.assert_array_equal(gradient(n.det, [[1, 2], [2, 4]]), [[4, -2], [-2, 1]])
    np.testing.assert_array_equal(gradient(n.det, np.zeros((2, 2))), np.zeros((2, 2)))
    np.testing.assert_array_equal(gradient(n.det, [[0.0]]), [[1.0]])


@pytest.mark.parametrize("size", [5, 6, 8])
def test_det_of_large_singular_matrices(size: int) -> None:
    rng = np.random.default_rng(size)
    x = rng.standard_normal((size, size))
    x[0] = x[1] - 2 * x[2]
    minors = [[n.det(np.delete(np.delete(x, i, 0), j, 1)) * (-1) ** (i + j) for j in range(size)] for i in range(size)]
    np.testing.assert_allclose(gradient(n.det, x), minors, atol=1e-12)


def test_second_derivative_of_the_det_of_a_singular_matrix() -> None:
    x = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 3.0]])
    v = np.arange(9.0).reshape(3, 3)
    constant = np.zeros((1, 1, 3, 3))
    nested = DualArray(DualArray(x, v[None]), DualArray(v[None], constant))
    # det(x + t v) is a cubic, whose second derivative three values and a leading coefficient give
    cubic = np.polyfit([-1, 0, 1, 2], [n.det(x + t * v) for t in (-1, 0, 1, 2)], 3)
    np.testing.assert_allclose(n.det(nested).tangents[0].tangents[0], 2 * cubic[1], rtol=1e-10)


def test_norm_at_zero() -> None:
    np.testing.assert_array_equal(gradient(n.norm, [0.0, 0.0]), [0.0, 0.0])
    np.testing.assert_array_equal(gradient(n.norm, [[0.0, 0.0]]), [[0.0, 0.0]])


def test_repeated_eigenvalues_have_those_of_the_projected_tangent() -> None:
    rng = np.random.default_rng(1)
    q, _ = n.qr(rng.standard_normal((4, 4)))
    direction = rng.standard_normal((2, 4, 4))
    direction = direction + direction.transpose(0, 2, 1)
    w, v = n.eigh(DualArray(q @ np.diag([1.0, 2.0, 2.0, 2.0]) @ q.T, direction))
    for k in range(2):
        expected = n.eigvalsh(q[:, 1:].T @ direction[k] @ q[:, 1:])
        np.testing.assert_allclose(w.tangents[k, 1:], expected, atol=1e-13)
        np.testing.assert_allclose(w.tangents[k, 0], q[:, 0] @ direction[k] @ q[:, 0], atol=1e-13)
        assert np.isnan(v.tangents[k, :, 1:]).all()


def test_repeated_singular_values() -> None:
    x = DualArray(np.diag([2.0, 2.0, 1.0]), [np.diag([1.0, 3.0, 5.0])])
    np.testing.assert_allclose(n.svd(x, compute_uv=False).tangents[0], [3.0, 1.0, 5.0], atol=1e-13)


def test_slogdet_of_a_singular_matrix() -> None:
    sign, logarithm = n.slogdet(DualArray([[1.0, 2.0], [2.0, 4.0]], [np.eye(2)]))
    assert sign.value == 0.0
    assert logarithm.value == -np.inf
    assert logarithm.tangents == (np.inf,)


def test_singular_solve_raises_as_numpy() -> None:
    with pytest.raises(n.LinAlgError):
        n.solve(DualArray(np.zeros((2, 2)), np.ones((1, 2, 2))), np.ones(2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: n.qr(x, mode="complete"), "complete"),
        (lambda x: n.svd(x[:1]), "full_matrices"),
        (lambda x: n.eig(x + np.array([[0.0, -1.0], [1.0, 0.0]])), "eig of duals: the result is complex"),
    ],
)
def test_unsupported(call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call(DualArray(np.eye(2), np.ones((1, 2, 2))))
