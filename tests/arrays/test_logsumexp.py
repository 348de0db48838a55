"""logsumexp, which is no elementary function: plain, on duals, and inside compiled code."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit

from dualdiff import Dual, gradient, hessian, jacobian, logsumexp

X = np.array([[0.3, -1.2, 2.0, 0.7], [1.5, 0.1, -0.4, 0.0], [-3.0, 2.2, 0.9, 1.1]])

FORMS: dict[str, Callable[[Any], Any]] = {
    "all": lambda x: logsumexp(x),
    "along rows": lambda x: logsumexp(x, axis=1),
    "along columns": lambda x: logsumexp(x, -2, keepdims=True),
    "of a transposed matrix": lambda x: logsumexp(x.T, 0),
}
COMPILED = {name: njit(f) for name, f in FORMS.items()}

by_name = pytest.mark.parametrize("name", FORMS)


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.sum(np.exp(x))


@by_name
def test_compiled_and_interpreted_values_agree(name: str) -> None:
    np.testing.assert_allclose(COMPILED[name](X), FORMS[name](X), rtol=1e-15)


@by_name
def test_compiled_and_interpreted_derivatives_agree(name: str) -> None:
    np.testing.assert_allclose(jacobian(COMPILED[name])(X), jacobian(FORMS[name])(X), rtol=1e-14)


@pytest.mark.parametrize("f", [FORMS["all"], COMPILED["all"]], ids=["interpreted", "compiled"])
def test_its_gradient_is_softmax(f: Any) -> None:
    p = softmax(X)
    np.testing.assert_allclose(gradient(f)(X), p, rtol=1e-14)
    second = np.diag(p[0] / p[0].sum()) - np.outer(p[0], p[0]) / p[0].sum() ** 2
    np.testing.assert_allclose(hessian(f)(X[0]), second, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("f", [FORMS["all"], COMPILED["all"]], ids=["interpreted", "compiled"])
@pytest.mark.parametrize(
    ("x", "value", "slope"),
    [
        ([-np.inf, 0.0], 0.0, [0.0, 1.0]),
        ([-np.inf, -np.inf], -np.inf, [0.0, 0.0]),
        ([1e4, 1e4], 1e4 + np.log(2.0), [0.5, 0.5]),
        ([np.nan, 1.0], np.nan, [np.nan, np.nan]),
        ([], -np.inf, []),
    ],
)
def test_edges(f: Any, x: list[float], value: float, slope: list[float]) -> None:
    np.testing.assert_array_equal(f(np.array(x)), value)
    np.testing.assert_array_equal(gradient(f)(np.array(x)), slope)


def test_numbers_count_as_arrays_of_one() -> None:
    for f in (logsumexp, COMPILED["all"]):
        assert f(3.0) == 3.0
        assert f(Dual(3.0, 2.0)).tangents == (2.0,)


def test_axis_out_of_bounds_in_compiled_code() -> None:
    @njit
    def along(x: Any, axis: Any) -> Any:
        return logsumexp(x, axis)

    np.testing.assert_allclose(along(X, 0), logsumexp(X, 0), rtol=1e-15)
    with pytest.raises(ValueError, match="axis"):
        along(X, 2)


def test_it_is_pickled_by_name() -> None:
    assert pickle.loads(pickle.dumps(logsumexp)) is logsumexp


def test_compiled_code_may_be_the_first_to_need_it() -> None:
    program = (
        "import numpy as np, dualdiff\n"
        "from numba import njit\n"
        "assert njit(lambda x: dualdiff.logsumexp(x))(np.zeros(2)) == np.log(2.0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
