"""NumPy on arrays of duals in compiled code: what Numba makes of a function is what Python makes of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numba import njit

from dualdiff import CompilationError, gradient, jacobian, value_and_derivative

from ..helpers.compiled_cases import (
    assert_both_orders_are_quotients_of_differences,
    first_outcomes,
    function_of,
    second_outcomes,
)

GROUPS = {
    "elementwise": (
        "np.sin(x) * x + np.exp(-x) / 2.0",
        "x**2 - 3 * x**3 + 2.0 ** x",
        "x // 2 + x % 2",
        "np.fmax(x, 0.0) + np.sign(x) + np.floor(x) + np.round(x)",
        "A.T * B + A.T",
        "A * x[:3] + A[:, :1]",
        "x[::2] * np.arange(3) - x[3:]",
        "(x > 1) * x",
    ),
    "reductions": (
        "np.sum(x)",
        "A.T.sum()",
        "np.sum(A, axis=0)",
        "A.sum(-1)",
        "x.prod()",
        "np.mean(A)",
        "A[:, 1:].var()",
        "np.std(x)",
        "np.max(x)",
        "A.T.min()",
        "np.ptp(x)",
        "np.median(x)",
        "np.trace(A[:, :2])",
        "np.nansum(x)",
    ),
    "running": ("np.cumsum(A)", "x.cumprod()", "np.diff(A)", "np.diff(x, 2)"),
    "ordering": (
        "np.sort(x)",
        "x[np.argsort(x)]",
        "x * x[x.argmax()] + np.argmin(x)",
        "A.argmax(axis=1) * A[:, 0]",
        "x * np.searchsorted(np.sort(x), x)",
        "np.interp(x, np.array([-1.0, 0.5, 2.0]), x[:3])",
    ),
    "selection": (
        "np.where(x > 0, x * x, 1.0)",
        "np.where(A > 0, A, np.ones((2, 3)))",
        "np.clip(x, -1.0, 1.0)",
        "x[x > 0]",
        "A[np.array([1, 0])]",
        "np.nan_to_num(x)",
        "np.take(x, np.array([1, 2]))",
    ),
    "joining": (
        "np.concatenate((x, np.ones(2), x * 2))",
        "np.concatenate((A, A * 2), axis=1)",
        "np.stack((x, np.ones(6)), axis=-1)",
        "np.vstack((x, np.ones(6)))",
        "np.trim_zeros(np.append(np.zeros(2), x))",
        "np.full_like(x, x[0])",
        "np.zeros(3, x.dtype) + x[:3]",
        "np.hstack((A, A))",
        "np.column_stack((x, np.ones(6)))",
        "np.append(x, np.ones(3))",
        "np.array((x[0], x[1] * x[2]))",
    ),
    "shapes": (
        "A.T",
        "A.transpose((1, 0)) * B",
        "A.ravel() * A.flatten() + A.copy().reshape(6)",
        "A.T.ravel()",
        "np.expand_dims(x, 0)",
        "np.diag(x)",
        "np.diag(x) @ x",
        "np.diag(A)",
        "np.roll(x, 2)",
        "np.flip(x)",
        "np.repeat(x, 2)",
        "np.tril(A)",
    ),
    "values alone": (
        "x[np.nonzero(x > 0)[0]] * np.count_nonzero(x > 0)",
        "x[np.flatnonzero(x < 0)] * np.all(x < 9)",
        "x * (2.0 if np.allclose(A, A) and np.array_equal(A, A) and np.isrealobj(x) else 1.0)",
        "x * np.linalg.matrix_rank(A) * np.shape(A)[0] * np.size(A)",
    ),
    "views": (
        "np.swapaxes(A, 0, 1) * np.moveaxis(A, 0, 1)",
        "np.transpose(A) * np.reshape(x, (3, 2)) * np.ravel(x)[0]",
        "np.atleast_1d(x) * np.atleast_2d(x) * np.atleast_3d(x)",
        "np.broadcast_to(x, (2, 6)) * np.broadcast_arrays(x, x)[0]",
        "np.split(x, 2)[1] * np.array_split(x, 2)[0]",
        "np.hsplit(x, 2)[0] * np.vsplit(B, 3)[1][0, 0] * np.dsplit(x.reshape(1, 3, 2), 2)[1][0, 0, 0]",
        "np.flipud(A) * np.fliplr(A) * np.real(A)",
    ),
    "elements elsewhere": (
        "np.rot90(A)",
        "np.take_along_axis(A, np.array([[1, 0, 1]]), 0)",
        "np.delete(x, 2)",
        "np.triu(A)",
        "np.dstack((A, A * A))",
        "np.select([x > 1, x > 0], [x, x * x], 0.5)",
        "np.partition(x, 2)[:2].sum()",
        "np.copy(x)",
    ),
    "made of others": (
        "np.kron(A, B)",
        *(() if hasattr(np, "matrix_transpose") else ("np.row_stack((x, x))",)),  # NumPy 2 warns of it
        "np.amax(x) * np.amin(x)",
        "np.around(x, 1) * x",
        "np.divmod(x, 0.7)[1]",
        "np.conjugate(x) + np.ldexp(x, 3)",
        "np.average(x)",
        "np.trapezoid(x)" if hasattr(np, "trapezoid") else "np.trapz(x)",
    ),
    "allocation": (
        "np.zeros_like(x) + np.ones_like(x) * np.full_like(x, 2.0)",
        "np.empty_like(A).shape[0] * x",
        "np.linspace(x[0], x[1], 5)",
    ),
}


@pytest.mark.parametrize("group", GROUPS)
def test_derivatives_are_those_interpreted_and_values_the_plain_functions_to_the_bit(group: str) -> None:
    texts = GROUPS[group]
    for text, value, compiled, plain, interpreted in zip(texts, *first_outcomes(texts), strict=True):
        np.testing.assert_allclose(compiled, interpreted, rtol=1e-12, atol=1e-13, err_msg=text)
        np.testing.assert_array_equal(value, plain, err_msg=text)


TWICE = {
    "elementwise": ("np.sin(x) * x**2 / (2.0 + A.ravel())", "np.where(x > 0, x * x, 1.0)"),
    "reductions": ("np.sum(A * A, axis=0)", "x.prod()", "np.std(x)", "np.max(x * x)"),
    "the others": ("np.cumprod(x)", "np.sort(x * x)", "np.concatenate((x * x, np.ones(2)))"),
}


@pytest.mark.parametrize("group", TWICE)
def test_second_derivatives_compiled_are_those_interpreted(group: str) -> None:
    texts = TWICE[group]
    for text, compiled, interpreted in zip(texts, *second_outcomes(texts), strict=True):
        np.testing.assert_allclose(compiled, interpreted, rtol=1e-11, atol=1e-12, err_msg=text)


def test_both_orders_of_strided_arrays() -> None:
    assert_both_orders_are_quotients_of_differences(
        (
            "A * x[:3] + np.maximum(A, x[1]) / B.T",
            "np.sum(A * A, axis=0) + np.max(A, axis=0)",
            "np.cumprod(A)",
            "np.sort(A * A)",
            "np.where(A > 0, A, x[0]) * np.clip(A, x[1], B.T)",
            "A[np.array([1, 0])] * A",
            "np.concatenate((A, A * A), axis=1)",
            "A.copy().view(np.float64).reshape(3, 2) * B",
        )
    )


# --- assignments ----------------------------------------------------------------------------


def test_assignments_to_parts_of_arrays() -> None:
    @njit
    def f(x: Any) -> Any:
        a = np.zeros_like(x).reshape(2, 3)
        a[0] = x[:3]
        a[:, 1] = 2.0
        a[1, ::2] = x[4:] * x[:2]
        a[..., 2] *= x[0]
        y = a.ravel()
        y[1:] = y[:-1]  # as if the right side were a copy
        y[x > 3.0] = 0.0
        y **= 2
        return y

    x = np.arange(1.0, 7.0)
    np.testing.assert_array_equal(jacobian(f)(x), jacobian(f.py_func)(x))


def test_shapes_that_do_not_fit_are_errors() -> None:
    added = njit(lambda x: x[:2] + x[:3])

    @njit
    def assigned(x: Any) -> Any:
        x[:2] = x[:3]
        return x

    for f in (added, assigned):
        with pytest.raises(ValueError, match="broadcast"):
            jacobian(f)(np.ones(4))


def test_plain_code_compiles_as_before() -> None:
    @njit
    def f(x: Any) -> Any:
        out = np.empty_like(x)
        np.sin(x, out)
        np.add(x, out, out)
        y = np.clip(np.where(x > 1, x, 0.0), 0.0, 2.0) + np.concatenate((x[:1], x[1:]))
        y[1:] += np.dot(x, x)
        y += np.cov(np.stack((x, y)))[0, 1] + np.percentile(x, 30.0)
        return out + y + np.array([1.0, 2.0, 3.0]) + np.where(x > 1)[0].size + np.sum(x)

    gradient(njit(lambda x: np.sum(x / x.size)))(np.ones(2))  # whatever has been compiled for duals before
    x = np.array([0.5, 1.5, 2.5])
    np.testing.assert_allclose(f(x), f.py_func(x), rtol=1e-15)


# --- kinks, zeros and empty arrays ----------------------------------------------------------


def test_prod_does_not_divide() -> None:
    np.testing.assert_array_equal(gradient(njit(lambda x: np.prod(x)))(np.array([1.0, 0.0, 3.0])), [0.0, 3.0, 0.0])


def test_extremes_average_at_ties() -> None:
    f = njit(lambda x: np.max(x) + 2.0 * np.min(x[1:]))
    np.testing.assert_array_equal(gradient(f)(np.array([2.0, 1.0, 1.0])), [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(gradient(njit(lambda x: np.max(x)))(np.array([1.0, 1.0])), [0.5, 0.5])


def test_where_selects() -> None:
    f = njit(lambda x: np.sum(np.where(x > 0.0, np.log(x), 0.0)))
    np.testing.assert_array_equal(gradient(f)(np.array([0.0, 2.0])), [0.0, 0.5])


def test_reductions_of_nothing() -> None:
    f = njit(lambda x: np.sum(x[:0]) + np.prod(x[:0]) + x[0])
    assert gradient(f)(np.array([2.0])) == 1.0
    with pytest.raises(ValueError, match="zero-size"):
        gradient(njit(lambda x: np.max(x[:0])))(np.array([2.0]))
    with pytest.raises(ValueError, match="out of bounds"):
        jacobian(njit(lambda x: np.sum(x.reshape(1, 2), axis=2)))(np.ones(2))


@pytest.mark.parametrize("chunk", [1, 3, 8])
def test_no_bit_depends_on_the_chunk(chunk: int) -> None:
    @njit
    def f(x: Any) -> Any:
        return np.cumsum(np.sin(x) * x) / np.std(x) + np.max(x)

    x = np.linspace(0.1, 2.0, 7)
    np.testing.assert_array_equal(jacobian(f, chunk=chunk)(x), jacobian(f)(x))


def test_a_nan_goes_through() -> None:
    f = njit(lambda x: np.array((np.max(x), np.sum(x), np.sort(x)[0])))
    result = jacobian(f)(np.array([1.0, math.nan]))
    assert np.isnan(result[0]).any()
    np.testing.assert_array_equal(result[1:], [[1.0, 1.0], [1.0, 0.0]])  # the slope of a sum does not depend on x


def test_what_has_no_rule_does_not_compile() -> None:
    f = njit(lambda x: np.sum(np.kaiser(3, x[0])))
    with pytest.raises(CompilationError):
        gradient(f)(np.ones(3))


def test_a_new_array_like_one_of_numbers_holds_what_fills_it() -> None:
    f = njit(lambda x: np.full_like(np.ones(3), x[0] ** 2))
    np.testing.assert_array_equal(jacobian(f)(np.array([3.0])), [[6.0]] * 3)
    g = njit(lambda x: np.full_like(np.ones(3, np.int64), x[0] ** 2) * x[0])
    with pytest.raises(CompilationError):  # integers, which plain g cuts off
        jacobian(g)(np.array([3.0]))


@pytest.mark.filterwarnings("ignore:.*row_stack:DeprecationWarning")
@pytest.mark.skipif(not hasattr(np, "row_stack"), reason="NumPy has no row_stack any more")
def test_an_old_name_of_vstack() -> None:
    f = njit(lambda x: np.row_stack((x, x * x)))
    np.testing.assert_array_equal(jacobian(f)(np.array([3.0]))[:, 0, 0], [1.0, 6.0])


# --- functions that are taught to compiled code alone: against differences ------------------

UNKNOWN_TO_PYTHON = {
    "without NaN": (
        *("np.nanmax(y)", "np.nanmin(y)", "np.nanprod(y)", "np.nancumsum(y)", "np.nancumprod(y)", "np.nanvar(y)"),
        *("np.nanstd(y)", "np.nanmean(y)", "np.nansum(y)", "np.nanmedian(y)", "np.nanargmax(y) * x + np.nanargmin(y)"),
    ),
    "quantiles": (
        *(
            "np.percentile(x, 30.0)",
            "np.percentile(x, np.array([0.0, 40.0, 60.0, 100.0]))",
            "np.quantile(A, (0.1, 0.7))",
        ),
        *("np.nanquantile(y, 0.3)", "np.nanpercentile(y, [20.0, 90.0])", "np.percentile(y, 40.0)"),
    ),
    "covariances": ("np.cov(x)", "np.cov(B, rowvar=False, ddof=0)", "np.corrcoef(A, x[:3])"),
    "vectors": (
        *("np.vander(x, 3)", "np.vander(x, increasing=True)", "np.ediff1d(A)", "np.trace(A, 1)", "np.trace(B, -1)"),
        *("np.ediff1d(x, to_end=x[:2] * x[0], to_begin=np.ones(1))", "np.cross(A, A * A)", "np.cross(A, x[:3])"),
    ),
    "selection": (
        *("np.unique(x)", "np.extract(x > 0, x)", "np.unwrap(4 * x)", "np.argpartition(x, 2)[2] * x"),
        "np.partition(A, 1)",
    ),
    "ranges": ("np.logspace(x[0], x[1], 3)", "np.geomspace(x[0], x[4], 3)", "np.geomspace(x[2], -1.0, 3)"),
    "real numbers": (
        *("np.real(x) * x.real", "np.imag(x)", "x[0].real * np.conj(x) * x.conj()", "np.iscomplexobj(x) * x"),
        *("x.astype(np.int64) * x.astype(np.float64)", "np.asarray_chkfinite(x)"),
    ),
    "the others": (
        *("np.asarray([x[0], x[1] * x[2]])", "np.polynomial.polynomial.polyval(x, x[:3])"),
        *("np.convolve(x, x[:3], 'same')", "np.correlate(x, x[1:4], 'full')"),
    ),
}


@pytest.mark.parametrize("group", UNKNOWN_TO_PYTHON)
def test_derivatives_are_quotients_of_differences_and_values_the_plain_functions_to_the_bit(group: str) -> None:
    texts, h = UNKNOWN_TO_PYTHON[group], 1e-3
    f = njit(function_of(texts))
    values, slopes = value_and_derivative(f)(0.0)
    around = zip(*(f(k * h) for k in (-2, -1, 1, 2)), strict=True)
    for text, value, slope, plain, four in zip(texts, values, slopes, f(0.0), around, strict=True):
        a, b, c, d = map(np.asarray, four)
        np.testing.assert_allclose(slope, (a - 8.0 * b + 8.0 * c - d) / (12 * h), rtol=1e-7, atol=1e-8, err_msg=text)
        np.testing.assert_array_equal(value, plain, err_msg=text)


def test_diagonals_are_filled() -> None:
    @njit
    def f(x: Any) -> Any:
        a = np.zeros((3, 3))
        np.fill_diagonal(a, x[0] * x[0])
        b = np.ones((3, 2))
        np.fill_diagonal(b, x[1:])
        return a @ b

    def written_out(x: Any) -> Any:
        return x[0] * x[0] * np.array([[x[1], 1.0], [1.0, x[2]], [1.0, 1.0]])

    x = np.array([2.0, 3.0, 5.0])
    np.testing.assert_array_equal(jacobian(f)(x), jacobian(written_out)(x))


def test_weights_are_counted() -> None:
    f = njit(lambda x: np.bincount(np.array([0, 2, 0, 2]), x, 4))
    weights = [[1.0, 0.0, 1.0, 0.0], [0.0] * 4, [0.0, 1.0, 0.0, 1.0], [0.0] * 4]
    for way in (f, f.py_func):
        np.testing.assert_array_equal(jacobian(way)(np.arange(4.0)), weights)


def test_the_memory_of_duals_is_not_seen() -> None:
    with pytest.raises(CompilationError, match="in memory"):
        gradient(njit(lambda x: x[0] * x.view(np.int64)[0]))(np.ones(2))
