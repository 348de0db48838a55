"""Products and linear algebra of arrays of duals in compiled code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit

from dualdiff import gradient, hessian, jacobian

from ..helpers.compiled_cases import assert_both_orders_are_quotients_of_differences, first_outcomes, second_outcomes

GROUPS = {
    "products": (
        "np.dot(x, x)",
        "A @ B",
        "A.T @ A",
        "A @ x[:3]",
        "x[:2] @ A",
        "A @ np.ones((3, 2))",
        "np.ones(2) @ A",
        "np.vdot(x, x)",
        "np.outer(x, x)",
        "np.convolve(x, x[:3])",
    ),
    "equations": (
        "np.linalg.inv(A @ B)",
        "np.linalg.solve(A @ B, x[:2])",
        "np.linalg.solve(A @ B, A)",
        "np.linalg.solve(np.array([[1.0, 2.0], [3.0, 5.0]]), A)",
        "np.linalg.lstsq(B, x[:3])[0]",
        "np.linalg.pinv(B)",
        "np.linalg.pinv(B, 1e-8)",
        "np.linalg.matrix_power(A @ B, 3)",
    ),
    "numbers": (
        "np.linalg.det(A @ B)",
        "np.linalg.slogdet(A @ B)[1]",
        "np.linalg.norm(x)",
        "np.linalg.norm(A)",
        "np.linalg.norm(x, np.inf) + np.linalg.norm(x, 1) + np.linalg.norm(x, 3) + np.linalg.norm(x, 2)",
        "np.linalg.norm(A, 2)",
        "np.linalg.norm(A, 1)",
        "np.linalg.cond(np.eye(2) + A @ B)",
        "np.linalg.cond(np.eye(2) + A @ B, 1)",
    ),
    "factorisations": (
        "np.linalg.cholesky(A @ A.T)",
        "np.linalg.qr(B)[0]",
        "np.linalg.qr(B)[1]",
        "np.linalg.eigh(A @ A.T)[0]",
        "np.linalg.eigh(A @ A.T)[1]",
        "np.linalg.eigvalsh(A @ A.T)",
        "np.linalg.eig(np.array([[90.0, 1.0], [2.0, -90.0]]) + A @ B)[1]",
        "np.linalg.eigvals(np.array([[90.0, 1.0], [2.0, -90.0]]) + A @ B)",
        "np.roots(np.array([1.0, -90.0, 1.0]) + 0.1 * x[:3])",
        "np.linalg.svd(B, False)[0]",
        "np.linalg.svd(B, False)[1]",
        "np.linalg.svd(B, False)[2]",
        "np.linalg.lstsq(B, x[:3])[3]",
    ),
}


@pytest.mark.parametrize("group", GROUPS)
def test_derivatives_are_those_interpreted_and_values_the_plain_functions_to_the_bit(group: str) -> None:
    texts = GROUPS[group]
    for text, value, compiled, plain, interpreted in zip(texts, *first_outcomes(texts), strict=True):
        np.testing.assert_allclose(compiled, interpreted, rtol=1e-9, atol=1e-11, err_msg=text)
        np.testing.assert_array_equal(value, plain, err_msg=text)


TWICE = {
    "products": ("A @ B",),
    "equations": ("np.linalg.solve(A @ B, x[:2])", "np.linalg.det(A @ B)", "np.linalg.norm(x)"),
    "factorisations": (
        "np.linalg.cholesky(A @ A.T)",
        "np.linalg.eig(np.array([[90.0, 1.0], [2.0, -90.0]]) + A @ B)[1]",
        "np.roots(np.array([1.0, -90.0, 1.0]) + 0.1 * x[:3])",
    ),
}


@pytest.mark.parametrize("group", TWICE)
def test_second_derivatives_compiled_are_those_interpreted(group: str) -> None:
    texts = TWICE[group]
    for text, compiled, interpreted in zip(texts, *second_outcomes(texts), strict=True):
        np.testing.assert_allclose(compiled, interpreted, rtol=1e-8, atol=1e-9, err_msg=text)


def test_both_orders_of_strided_matrices() -> None:
    assert_both_orders_are_quotients_of_differences(
        ("A @ B", "np.linalg.solve(A[:, :2], B.T)", "np.linalg.qr(B)[1]", "np.linalg.eigh(A[:, :2])[1]")
    )


def test_the_hessian_of_a_quadratic_form_is_its_matrix() -> None:
    a = np.array([[2.0, 1.0], [1.0, 3.0]])
    f = njit(lambda y: 0.5 * np.dot(y, a @ y))
    np.testing.assert_allclose(hessian(f)(np.array([0.3, -1.2])), a, rtol=1e-14)


@pytest.mark.parametrize(
    ("matrix", "adjugate"),
    [([[1.0, 2.0], [2.0, 4.0]], [[4.0, -2.0], [-2.0, 1.0]]), ([[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]])],
    ids=["rank 1", "rank 0"],
)
def test_the_gradient_of_a_determinant_is_the_adjugate(matrix: Any, adjugate: Any) -> None:
    f = njit(lambda x: np.linalg.det(x))
    np.testing.assert_allclose(gradient(f)(np.array(matrix)), adjugate, atol=1e-15)


def test_the_determinant_of_a_large_singular_matrix(rng: np.random.Generator) -> None:
    a = rng.normal(size=(6, 5))
    a = a @ rng.normal(size=(5, 6))
    f = njit(lambda x: np.linalg.det(x))
    np.testing.assert_allclose(gradient(f)(a), gradient(f.py_func)(a), rtol=1e-8, atol=1e-8)


def test_the_norm_at_the_origin_has_derivative_zero() -> None:
    np.testing.assert_array_equal(gradient(njit(lambda x: np.linalg.norm(x)))(np.zeros(3)), np.zeros(3))


def test_a_zero_tangent_beside_an_infinity_stays_zero() -> None:
    f = njit(lambda x: x[:1] @ np.array([[np.inf, 1.0]]) + x[1])
    np.testing.assert_array_equal(jacobian(f)(np.ones(2)), [[np.inf, 1.0], [1.0, 1.0]])


def test_eigenvalues_that_repeat_are_those_of_the_projected_tangent() -> None:
    f = njit(lambda t: np.linalg.eigvalsh(np.eye(2) + t * np.array([[1.0, 2.0], [2.0, -1.0]])))
    from dualdiff import derivative

    np.testing.assert_allclose(derivative(f)(0.0), [-np.sqrt(5.0), np.sqrt(5.0)])


@pytest.mark.parametrize("chunk", [1, 2, 8])
def test_no_bit_depends_on_the_chunk(chunk: int, rng: np.random.Generator) -> None:
    a = rng.normal(size=(3, 3))
    f = njit(lambda x: np.linalg.solve(x, x[0]) @ x)
    np.testing.assert_array_equal(jacobian(f, chunk=chunk)(a), jacobian(f)(a))


def sum_of_logs_of_eigenvalues(x: Any) -> Any:
    return np.sum(np.log(np.linalg.eigvalsh(x.reshape(3, 3))))


def sum_of_singular_values(x: Any) -> Any:
    return np.sum(np.linalg.svd(x.reshape(3, 3))[1])


@pytest.mark.parametrize("f", [sum_of_logs_of_eigenvalues, sum_of_singular_values])
@pytest.mark.parametrize("decorated", [lambda f: f, njit], ids=["Python", "njit"])
def test_second_derivatives_at_equal_values_are_nan(f: Any, decorated: Any) -> None:
    g, x = decorated(f), 2.0 * np.eye(3).ravel()
    slope = 0.5 if f is sum_of_logs_of_eigenvalues else 1.0
    np.testing.assert_allclose(gradient(g)(x), slope * np.eye(3).ravel(), atol=1e-15)
    assert np.isnan(hessian(g)(x)).all()
