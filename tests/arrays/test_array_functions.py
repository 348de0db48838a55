"""NumPy's array functions on batches: values, tangents, second tangents, lanes, memory order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dualdiff.arrays.dual_array import DualArray
from dualdiff.arrays.reductions import logsumexp
from dualdiff.dual.levels import as_dual_array
from dualdiff.dual.number import Dual

from ..helpers.dual_arrays import (
    assert_lanes_are_independent,
    assert_memory_order_is_irrelevant,
    assert_second_tangents_are_differences,
    assert_tangents_are_differences,
    assert_values_are_numpys,
    rng_of,
)

trapezoid = getattr(np, "trapezoid", None) or np.trapz
mask = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, True]])
weights = np.array([1.0, 2.0, 0.5, 3.0])
matrix = np.arange(12.0).reshape(4, 3) / 7 - 0.5
places = np.array([2, 0, 1, 1])
knots = np.array([-2.0, -0.7, 0.1, 0.8, 2.5])

# functions of a matrix of shape (3, 4), by name
MATRIX: dict[str, Callable[[Any], Any]] = {
    "sum": np.sum,
    "sum 0": lambda x: np.sum(x, axis=0),
    "sum -1 keepdims": lambda x: x.sum(-1, keepdims=True),
    "sum both": lambda x: np.sum(x, axis=(0, 1)),
    "sum where": lambda x: np.sum(x, axis=0, where=mask),
    "add.reduce": np.add.reduce,
    "mean": np.mean,
    "mean 1": lambda x: x.mean(axis=1),
    "prod": np.prod,
    "prod 0": lambda x: np.prod(x, axis=0),
    "prod keepdims": lambda x: x.prod(axis=(1, 0), keepdims=True),
    "prod where": lambda x: np.prod(x, axis=1, where=mask),
    "var": np.var,
    "var 0 ddof": lambda x: np.var(x, axis=0, ddof=1),
    "var where": lambda x: np.var(x, where=mask),
    "std where": lambda x: np.std(x, axis=0, ddof=1, where=mask),
    "std": lambda x: x.std(),
    "sum dtype": lambda x: np.sum(x, axis=1, dtype=float),
    "diff prepend": lambda x: np.diff(x, prepend=0.5),
    "diff both ends": lambda x: np.diff(x, 2, axis=0, prepend=x[:1] * 2, append=np.ones((1, 4))),
    "diff of a constant": lambda x: np.diff(matrix.T, append=x[:, :1]),
    "std 1 keepdims": lambda x: np.std(x, axis=1, keepdims=True),
    "average": lambda x: np.average(x, axis=1, weights=weights),
    "average by weights": lambda x: np.average(matrix.T, weights=x * x),
    "median": np.median,
    "median 1": lambda x: np.median(x, axis=1, keepdims=True),
    "max": np.max,
    "max 1": lambda x: x.max(axis=1),
    "max keepdims": lambda x: np.amax(x, axis=(0, 1), keepdims=True),
    "max initial": lambda x: np.max(x, axis=0, initial=0.3),
    "max where": lambda x: np.max(x, axis=0, initial=-0.5, where=mask),
    "min 0": lambda x: np.min(x, 0),
    "maximum.reduce": np.maximum.reduce,
    "maximum.accumulate": lambda x: np.maximum.accumulate(x, axis=1),
    "ptp": lambda x: np.ptp(x, axis=1),
    "cumsum": np.cumsum,
    "cumsum 1": lambda x: x.cumsum(axis=1),
    "cumprod": np.cumprod,
    "cumprod 0": lambda x: np.cumprod(x, axis=0),
    "multiply.accumulate": np.multiply.accumulate,
    "diff": np.diff,
    "diff 2 0": lambda x: np.diff(x, 2, axis=0),
    "trace": np.trace,
    "trace offset": lambda x: np.trace(x, 1),
    "diagonal": lambda x: np.diagonal(x, 1),
    "diag of matrix": np.diag,
    "diag of vector": lambda x: np.diag(x[0], 1),
    "transpose": np.transpose,
    "T": lambda x: x.T,
    "swapaxes": lambda x: np.swapaxes(x, 0, -1),
    "moveaxis": lambda x: np.moveaxis(x[None], (0, 1), (-1, 0)),
    "squeeze": lambda x: np.squeeze(x[None, :, None]),
    "squeeze 0": lambda x: np.squeeze(x[None, :, None], axis=0),
    "expand_dims": lambda x: np.expand_dims(x, (0, -1)),
    "reshape": lambda x: np.reshape(x, (2, -1)),
    "reshape F": lambda x: x.reshape((2, 6), order="F"),
    "ravel": np.ravel,
    "ravel F": lambda x: x.ravel("F"),
    "flatten": lambda x: x.flatten(),
    "atleast_3d": np.atleast_3d,
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3, 4)),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, x[:, :1], 1.0),
    "take": lambda x: np.take(x, [5, 0, 5]),
    "take 0": lambda x: x.take(places, axis=0),
    "take_along_axis": lambda x: np.take_along_axis(x, np.array([[2, 0, 1, 1]]), axis=0),
    "repeat": lambda x: np.repeat(x, 2),
    "repeat 1": lambda x: x.repeat([1, 0, 2, 1], axis=1),
    "delete": lambda x: np.delete(x, 1, axis=1),
    "roll": lambda x: np.roll(x, 5),
    "roll 1": lambda x: np.roll(x, -1, axis=1),
    "flip": np.flip,
    "flip 1": lambda x: np.flip(x, 1),
    "fliplr": np.fliplr,
    "flipud": np.flipud,
    "rot90": np.rot90,
    "tile": lambda x: np.tile(x, (2, 1, 3)),
    "tril": lambda x: np.tril(x, 1),
    "triu": np.triu,
    "pad": lambda x: np.pad(x, ((1, 0), (2, 1)), constant_values=3.0),
    "pad edge": lambda x: np.pad(x, 2, mode="edge"),
    "split": lambda x: np.split(x, 2, axis=1),
    "array_split": lambda x: np.array_split(x, 3, axis=1),
    "hsplit": lambda x: np.hsplit(x, [1, 3]),
    "vsplit": lambda x: np.vsplit(x, 3),
    "concatenate": lambda x: np.concatenate([x, matrix.T, 2 * x], axis=0),
    "concatenate None": lambda x: np.concatenate([x, x[0]], axis=None),
    "append": lambda x: np.append(x, 1.0),
    "append 1": lambda x: np.append(x, x[:, :1], axis=1),
    "stack": lambda x: np.stack([x, x * x], axis=-1),
    "vstack": lambda x: np.vstack([x, x[0], weights]),
    "hstack": lambda x: np.hstack([x, x[:, :2]]),
    "dstack": lambda x: np.dstack([x, x]),
    "column_stack": lambda x: np.column_stack([x[:, 0], x]),
    "where": lambda x: np.where(mask, x, 0.0),
    "where both": lambda x: np.where(x > 0.2, x * x, x[0]),
    "select": lambda x: np.select([x > 1.0, x > 0.2], [x, x * x], -1.0),
    "clip": lambda x: np.clip(x, -0.3, 0.4),
    "clip by duals": lambda x: x.clip(x[0], None),
    "sort": np.sort,
    "sort 0": lambda x: np.sort(x, axis=0),
    "sort None": lambda x: np.sort(x, axis=None),
    "nansum": lambda x: np.nansum(np.where(mask, x, np.nan), axis=0),
    "nanmean": lambda x: np.nanmean(np.where(mask, x, np.nan)),
    "nan_to_num": lambda x: np.nan_to_num(np.where(mask, x, np.nan), nan=2.0),
    "nanprod": lambda x: np.nanprod(np.where(mask, x, np.nan), axis=1),
    "nanvar": lambda x: np.nanvar(np.where(mask, x, np.nan), axis=0, ddof=1),
    "nanstd": lambda x: np.nanstd(np.where(mask, x, np.nan)),
    "nanmax": lambda x: np.nanmax(np.where(mask, x, np.nan), axis=1, keepdims=True),
    "nanmin": lambda x: np.nanmin(np.where(mask, x, np.nan)),
    "nanmedian": lambda x: np.nanmedian(np.where(mask, x, np.nan), axis=1),
    "nancumsum": lambda x: np.nancumsum(np.where(mask, x, np.nan)),
    "nancumprod": lambda x: np.nancumprod(np.where(mask, x, np.nan)),
    "percentile": lambda x: np.percentile(x, 30),
    "percentile 0": lambda x: np.percentile(x, [0, 25, 60, 100], axis=0),
    "percentile keepdims": lambda x: np.percentile(x, 41.5, axis=1, keepdims=True),
    "quantile": lambda x: np.quantile(x, np.array([[0.1, 0.5], [0.3, 0.9]]), axis=(0, 1)),
    "nanpercentile": lambda x: np.nanpercentile(np.where(mask, x, np.nan), 70, axis=1),
    "nanquantile": lambda x: np.nanquantile(np.where(mask, x, np.nan), [0.2, 0.8]),
    "cov": np.cov,
    "cov of columns": lambda x: np.cov(x, rowvar=False, ddof=0),
    "cov of one": lambda x: np.cov(x[0]),
    "cov of two": lambda x: np.cov(x[0], matrix[:, 1], bias=True),
    "corrcoef": np.corrcoef,
    "ediff1d": lambda x: np.ediff1d(x, to_end=x[0], to_begin=1.0),
    "unwrap": lambda x: np.unwrap(4 * x, axis=0),
    "unique": lambda x: np.unique(np.concatenate([x, x[:1]])),
    "partition": lambda x: np.partition(x, 2, axis=0),
    "extract": lambda x: np.extract(x > 0, x * x),
    "vander": lambda x: np.vander(x[0], 4),
    "vander increasing": lambda x: np.vander(x[0], increasing=True),
    "logspace": lambda x: np.logspace(x[0, 0], 2 * x[1, 1], 5),
    "geomspace": lambda x: np.geomspace(x[0, 0] ** 2 + 1, 20.0, 5),
    "trapezoid": trapezoid,
    "trapezoid x": lambda x: trapezoid(x, weights.cumsum(), axis=1),
    "trapezoid by x": lambda x: trapezoid(matrix.T, x),
    "trapezoid dx": lambda x: trapezoid(x, dx=x[0, 0], axis=0),
    "interp": lambda x: np.interp(x, knots, np.cos(knots)),
    "interp values": lambda x: np.interp(weights - 1, knots[:4], x[0]),
    "interp knots": lambda x: np.interp(weights - 1, knots[:4] + 0.01 * x[0], x[1]),
    "interp left right": lambda x: np.interp(x, [0.0, 0.3], [1.0, 2.0], left=5.0, right=6.0),
    "polyval": lambda x: np.polyval([2.0, -1.0, 3.0], x),
    "polyval coefficients": lambda x: np.polyval(x[0], x),
    "linspace": lambda x: np.linspace(x[0, 0], x[1, 1], 5),
    "linspace arrays": lambda x: np.linspace(x[0], 2.0, 3, endpoint=False, axis=1),
    "dot": lambda x: np.dot(x, matrix),
    "dot vectors": lambda x: x[0].dot(x[1]),
    "dot number": lambda x: np.dot(x, x[0, 0]),
    "dot 3d": lambda x: np.dot(np.stack([x, x]), np.stack([matrix, matrix])),
    "matmul": lambda x: x @ matrix,
    "matmul left": lambda x: matrix @ x,
    "matmul both": lambda x: x @ x.T,
    "matmul vector": lambda x: x @ x[0],
    "vector matmul": lambda x: weights[:3] @ x,
    "vector matmul both": lambda x: x[:, 0] @ x,
    "matmul stacks": lambda x: np.stack([x, 2 * x]) @ matrix,
    "matmul vector stacks": lambda x: x[:, 0] @ np.stack([x, 2 * x]),
    "vdot": lambda x: np.vdot(x, matrix.T),
    "inner": lambda x: np.inner(x, x[:2]),
    "outer": lambda x: np.outer(x[0], x),
    "multiply.outer": lambda x: np.multiply.outer(x[0], x),
    "tensordot": lambda x: np.tensordot(x, matrix, axes=([1, 0], [0, 1])),
    "tensordot both": lambda x: np.tensordot(x, x, axes=(0, 0)),
    "einsum": lambda x: np.einsum("ij,jk->ki", x, matrix),
    "einsum three": lambda x: np.einsum("ij,ik,il->jkl", x, x, x),
    "einsum trace": lambda x: np.einsum("ii", x[:, :3]),
    "kron": lambda x: np.kron(x[:2, :2], matrix),
    "cross": lambda x: np.cross(x[:, :3], matrix[0]),
    "cross axis": lambda x: np.cross(x, x[:, ::-1], axis=0),
    "convolve": lambda x: np.convolve(x[0], x[1], mode="same"),
    "correlate": lambda x: np.correlate(x[0], weights[:2], "full"),
    "logsumexp": logsumexp,
    "logsumexp 0": lambda x: logsumexp(x, axis=0, keepdims=True),
    "round": lambda x: np.round(x, 1),
    "real": np.real,
    "zeros_like": np.zeros_like,
    "ones_like": lambda x: np.ones_like(x) * x,
    "full_like": lambda x: np.full_like(x, 3.0),
    "copy": np.copy,
    "argsort": lambda x: np.argsort(x, axis=0),
    "argmax": lambda x: np.argmax(x, axis=1),
    "argmin": lambda x: x.argmin(),
    "searchsorted": lambda x: np.searchsorted(knots, x),
    "nonzero": lambda x: np.nonzero(x > 0),
    "count_nonzero": np.count_nonzero,
    "any": lambda x: np.any(x > 1, axis=0),
    "all": np.all,
    "shape": lambda x: np.array(np.shape(x)),
    "isclose": lambda x: np.isclose(x, 0.3),
    "allclose": lambda x: np.allclose(x, x + 1e-12),
    "array_equal": lambda x: np.array_equal(x, x.copy()),
    "array_equiv": lambda x: np.array_equiv(x, x[:1]),
    "isneginf, isposinf": lambda x: np.isneginf(x) | np.isposinf(x),
    "iscomplexobj, isrealobj": lambda x: np.array([np.iscomplexobj(x), np.isrealobj(x), np.shares_memory(x, x)]),
    "imag": np.imag,
    "result_type": lambda x: np.array(np.result_type(x, np.float32) == np.result_type(x, x)),
    "nanargmax, nanargmin": lambda x: np.nanargmax(x, axis=0) + np.nanargmin(x, axis=0),
    "argpartition": lambda x: np.sort(np.argpartition(x, 2, axis=0)[:2], axis=0),
    "argwhere": lambda x: np.argwhere(x > 0),
    "flatnonzero": lambda x: np.flatnonzero(np.maximum(x, 0.0)),
    "lexsort": lambda x: np.lexsort((x[0], x[1])),
    "digitize": lambda x: np.digitize(x, knots),
    "histogram": lambda x: np.histogram(x, knots)[0],
    "matrix_rank": lambda x: np.array(np.linalg.matrix_rank(x)),
    "amin": np.amin,
    "around": lambda x: np.around(x, 2),
    "atleast": lambda x: np.atleast_1d(x[0, 0]) * np.atleast_2d(x[0]),
    "bincount": lambda x: np.bincount([1, 0, 3, 1], x[0]),
    "conjugate": np.conjugate,
    "divmod": lambda x: np.divmod(x, 0.7)[1],
    "ldexp": lambda x: np.ldexp(x, 3),
    "modf": lambda x: np.modf(x)[0],
    "fix": lambda x: np.fix(x) * x,
    "matmul by name": lambda x: np.matmul(x, matrix),
    "fill_diagonal": lambda x: [y := x.copy(), np.fill_diagonal(y, x[0, 1])][0],
    "dsplit": lambda x: np.dsplit(x[..., None] * weights[:2], 2),
}


def changed(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What an array has become after a function that changes it."""
    return lambda x: [y := x.copy(), function(y)][0]


DISTINCT = np.array([[4.0, 1.0, 0.5], [0.3, 2.0, 0.2], [0.1, 0.7, -1.0]])

MATRIX |= {
    "gradient": lambda x: np.gradient(x, axis=0),
    "gradient, both": lambda x: np.stack(np.gradient(x, 0.5, 2.0)),
    "gradient, uneven": lambda x: np.gradient(x, np.array([0.0, 1.0, 3.0]), axis=0),
    "polyfit": lambda x: np.polyfit(np.arange(4.0), x[0], 2),
    "polyfit, weighted": lambda x: np.polyfit(np.arange(4.0), x.T, 1, w=np.array([1.0, 2.0, 1.0, 0.5])),
    "poly": lambda x: np.poly(x[0]),
    "polyadd": lambda x: np.polyadd(x[0], x[1, :2]),
    "polysub": lambda x: np.polysub(x[0, :2], x[1]),
    "polymul": lambda x: np.polymul(x[0], x[1]),
    "polyder": lambda x: np.polyder(x[0], 2),
    "polyint": lambda x: np.polyint(x[0], 2, k=x[1, :2]),
    "piecewise": lambda x: np.piecewise(x, [x < -0.3, x > 0.5], [lambda t: t * t, 2.0, lambda t: -t]),
    "apply_along_axis": lambda x: np.apply_along_axis(lambda row: np.outer(row, row), 0, x),
    "apply_along_axis, numbers": lambda x: np.apply_along_axis(lambda row: np.sum(row * row), 1, x),
    "block": lambda x: np.block([[x, 2 * x], [x[:1], x[1:2]]]),
    "meshgrid": lambda x: np.stack(np.meshgrid(x[0], x[1, :2])),
    "meshgrid, ij": lambda x: np.stack(np.meshgrid(x[0], x[1, :2], indexing="ij")),
    "insert": lambda x: np.insert(x, 1, x[0, 0] * x[1], axis=0),
    "insert a number": lambda x: np.insert(x[0], -1, x[1, 1]),
    "resize": lambda x: np.resize(x, (2, 9)),
    "diagflat": lambda x: np.diagflat(x[:2, :2], 1),
    "choose": lambda x: np.choose([0, 2, 1, 1], [x[0], x[1], x[2]]),
    "compress": lambda x: np.compress([True, False, True], x, axis=0),
    "put": changed(lambda y: np.put(y, [0, -1, 5], y[0, :2] * 2)),
    "place": changed(lambda y: np.place(y, y > 0, y[1] * y[0])),
    "putmask": changed(lambda y: np.putmask(y, y > 0, y[1] * y[0])),
    "put_along_axis": changed(lambda y: np.put_along_axis(y, np.array([[0], [1], [3]]), y[0, 0] * y[1, 1], axis=1)),
    "trim_zeros": lambda x: np.trim_zeros(np.concatenate([np.zeros(2), x[0], np.zeros(1)])),
    "isin": lambda x: np.isin(np.round(x), [0.0, 1.0]),
    "eig": lambda x: np.linalg.eig(DISTINCT + 0.1 * x[:, :3])[0],
    "eig, vectors": lambda x: np.linalg.eig(DISTINCT + 0.1 * x[:, :3])[1],
    "eigvals": lambda x: np.linalg.eigvals(DISTINCT + 0.1 * x[:, :3]),
    "pinv, rcond": lambda x: np.linalg.pinv(x, rcond=1e-8),
    "roots": lambda x: np.roots(np.stack([1.0 + 0.1 * x[0, 0], x[0, 1] - 3.0, 1.0 + x[0, 2] ** 2])),
    "i0": lambda x: np.i0(3 * x),
    "frompyfunc": lambda x: np.frompyfunc(lambda a: a * a if a > 0 else -a, 1, 1)(x).astype(float),
    "frompyfunc, two": lambda x: np.frompyfunc(lambda a, b: (a * b, a), 2, 2)(x[0], x[1])[0].astype(float),
    "interp, period": lambda x: np.interp(5 * x, [0.0, 1.5, 1.0], x[0, :3], period=2.0),
    "sum, initial": lambda x: np.sum(x, axis=0, initial=x[0, 0] * x[1, 1]),
    "cond": lambda x: np.array([np.linalg.cond(x[:, :3] + 3 * np.eye(3)), np.linalg.cond(x[:, :3], "fro") * 0]),
    "tensorsolve": lambda x: np.linalg.tensorsolve(x[:, :3] + 3 * np.eye(3), x[:, 3]),
    "tensorinv": lambda x: np.linalg.tensorinv(x[:, :3] + 3 * np.eye(3), 1),
    "at": changed(lambda y: np.add.at(y, [0, 2, 0], y[1] * y[1])),
    "at, places": changed(lambda y: np.multiply.at(y, ([0, 0], [1, 1]), y[2, :2])),
    "reduceat": lambda x: np.add.reduceat(x, [0, 2], axis=1),
    "reduce of any": lambda x: np.hypot.reduce(x, axis=1) + np.subtract.reduce(x, axis=1, initial=2.0),
    "accumulate of any": lambda x: np.subtract.accumulate(x, axis=1),
}

if hasattr(np, "cumulative_sum"):  # NumPy 2.1
    MATRIX["cumulative_sum, cumulative_prod"] = lambda x: np.cumulative_sum(x, axis=0) * np.cumulative_prod(x, axis=1)
    MATRIX["unstack"] = lambda x: np.unstack(x)[1]
    MATRIX["astype"] = lambda x: np.astype(x, np.float64) * x
if hasattr(np.linalg, "svdvals"):
    MATRIX["svdvals"] = lambda x: np.linalg.svdvals(x)
if hasattr(np, "matrix_transpose"):  # NumPy 2
    MATRIX["matrix_transpose"] = lambda x: np.matrix_transpose(x)
if hasattr(np, "vecdot"):
    MATRIX["vecdot"] = lambda x: np.vecdot(x, x[0])
if hasattr(np, "matvec"):
    MATRIX["matvec"] = lambda x: np.matvec(x, weights)
    MATRIX["vecmat"] = lambda x: np.vecmat(x[:, 0], x)

by_name = pytest.mark.parametrize("name", MATRIX)


def point(name: str) -> np.ndarray:
    return rng_of(name).standard_normal((3, 4))


@by_name
def test_values(name: str) -> None:
    assert_values_are_numpys(MATRIX[name], point(name), rng_of(name))


@by_name
def test_tangents(name: str) -> None:
    assert_tangents_are_differences(MATRIX[name], point(name), rng_of(name), 1e-7)


@by_name
def test_second_tangents(name: str) -> None:
    assert_second_tangents_are_differences(MATRIX[name], point(name), rng_of(name), 1e-7)


@by_name
def test_lanes(name: str) -> None:
    assert_lanes_are_independent(MATRIX[name], point(name), rng_of(name))


@by_name
def test_memory_order(name: str) -> None:
    assert_memory_order_is_irrelevant(MATRIX[name], point(name), rng_of(name))


def gradient(f: Callable[[Any], Any], x: Any) -> np.ndarray:
    x = np.array(x, float)
    y = f(DualArray(x, np.eye(x.size).reshape(x.size, *x.shape)))
    return np.array(y.tangents).reshape(x.shape)


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        pytest.param(np.prod, [1.0, 0.0, 3.0], [0.0, 3.0, 0.0], id="prod with one zero"),
        pytest.param(np.prod, [0.0, 0.0, 3.0], [0.0, 0.0, 0.0], id="prod with two zeros"),
        pytest.param(np.prod, [2.0], [1.0], id="prod of one"),
        pytest.param(np.max, [1.0, 2.0, 2.0], [0.0, 0.5, 0.5], id="max at a tie of two"),
        pytest.param(np.max, [2.0, 1.0, 2.0, 2.0], [0.25, 0.0, 0.25, 0.5], id="max at a tie of three"),
        pytest.param(np.min, [1.0, 2.0, 1.0], [0.5, 0.0, 0.5], id="min at a tie"),
        pytest.param(np.max, [1.0, np.nan], [np.nan, np.nan], id="max with NaN"),
        pytest.param(lambda x: np.clip(x, 0.0, 1.0).sum(), [0.0, 0.5, 1.0, 2.0], [0.5, 1, 0.5, 0], id="clip"),
        pytest.param(np.std, [2.0, 2.0], [0.0, 0.0], id="std of equal numbers"),
        pytest.param(lambda x: np.where(x > 0, np.log(x), 0.0).sum(), [0.0, 2.0], [0.0, 0.5], id="where selects"),
        pytest.param(lambda x: np.interp(x, [0, 1, 2], [0, 1, 5]).sum(), [0.0, 1.0, 2.0], [1, 4, 0], id="knots"),
        pytest.param(logsumexp, [-np.inf, 0.0], [0.0, 1.0], id="logsumexp with -inf"),
        pytest.param(logsumexp, [-np.inf, -np.inf], [0.0, 0.0], id="logsumexp of nothing"),
        pytest.param(logsumexp, [1e4, 1e4], [0.5, 0.5], id="logsumexp without overflow"),
        pytest.param(lambda x: np.cumprod(x)[-1], [1.0, 0.0, 3.0], [0.0, 3.0, 0.0], id="cumprod with a zero"),
        pytest.param(lambda x: np.nansum(x * x), [np.nan, 3.0], [0.0, 6.0], id="nansum"),
    ],
)
def test_kinks_and_edges(f: Callable[[Any], Any], x: list[float], expected: list[float]) -> None:
    np.testing.assert_array_equal(gradient(f, x), expected)


@pytest.mark.parametrize("maximum", [np.max, np.maximum.reduce], ids=["max", "maximum.reduce"])
def test_max_is_the_reduce_of_maximum(maximum: Callable[[Any], Any]) -> None:
    x = [1.0, 3.0, 3.0, 2.0, 3.0, 3.0]

    def step_by_step(x: Any) -> Any:
        total = x[0]
        for item in x[1:]:
            total = np.maximum(total, item)
        return total

    np.testing.assert_array_equal(gradient(maximum, x), gradient(step_by_step, x))


def test_logsumexp_is_accurate() -> None:
    x = np.array([0.1, -0.2, 0.7])
    assert abs(logsumexp(x) - np.log(np.exp(x).sum())) < 1e-15
    assert logsumexp([Dual(1000.0, 1.0), 1000.0]).tangents == (0.5,)
    assert logsumexp(np.float32([1, 2])).dtype == np.float32


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
@pytest.mark.parametrize("f", [np.sum, np.prod, np.transpose, np.sort, np.cumsum, np.cumprod, np.abs, np.sqrt, np.copy])
def test_empty(f: Callable[[Any], Any], shape: tuple[int, ...]) -> None:
    x = np.zeros(shape)
    result = as_dual_array(f(DualArray(x, np.zeros((2, *shape)))))
    np.testing.assert_array_equal(result.values, f(x))
    np.testing.assert_array_equal(result.tangents, np.zeros((2, *result.shape)))


@pytest.mark.parametrize("name", MATRIX)
def test_without_tangents(name: str) -> None:
    x = point(name)
    expected = as_dual_array(MATRIX[name](x)) if name not in LISTS else None
    if expected is not None:
        result = as_dual_array(MATRIX[name](DualArray(x, np.zeros((0, *x.shape)))))
        assert result.shape == expected.shape


LISTS = ("broadcast_arrays", "split", "array_split", "hsplit", "vsplit", "nonzero")


@pytest.mark.filterwarnings("ignore:.*row_stack.*:DeprecationWarning")
def test_row_stack_is_vstack() -> None:
    x = DualArray([1.0, 2.0], [[1.0, 0.0]])
    stack = getattr(np, "row_stack", np.vstack)
    np.testing.assert_array_equal(stack([x, x]).tangents, np.vstack([x, x]).tangents)


def test_unsupported_function_is_named() -> None:
    x = DualArray([1.0, 2.0], [[1.0, 0.0]])
    with pytest.raises(TypeError, match="packbits is not supported"):
        np.packbits(x)
    with pytest.raises(TypeError, match="does not become int64"):
        np.sum(x, dtype=int)


@pytest.mark.parametrize("function", [np.sum, np.prod, np.max, np.mean], ids=lambda f: f.__name__)
def test_arguments_that_are_not_supported_by_position_are_not_mistaken(function: Any) -> None:
    # in NumPy's own order dtype and out come before keepdims and initial
    with pytest.raises(TypeError, match="positional"):
        function(DualArray([1.0, 2.0], [[1.0, 0.0]]), 0, None, None, True)


@pytest.mark.parametrize("function", [np.sum, np.clip, np.cumsum, np.dot, np.max, np.round], ids=lambda f: f.__name__)
def test_out_is_written_and_returned(function: Any) -> None:
    x = DualArray([[3.0, 2.0], [1.5, 4.0]], [[[1.0, 0.0], [0.0, 2.0]]])
    rest = {np.clip: (2.0, 3.0), np.dot: (np.ones((2, 2)),), np.round: ()}.get(function, (0,))
    expected = function(x, *rest)
    out = np.ones_like(expected)
    assert function(x, *rest, out=out) is out
    np.testing.assert_array_equal(out.values, expected.values)
    np.testing.assert_array_equal(out.tangents, expected.tangents)
    with pytest.raises(TypeError, match="zeros_like"):
        function(x, *rest, out=np.ones(expected.shape))


def test_dtype_of_new_batches() -> None:
    x = DualArray([1.0, 2.0], [[1.0, 0.0]])
    for function in (np.zeros_like, np.ones_like, np.empty_like):
        assert isinstance(function(x, dtype=float), DualArray)
        assert function(x, dtype=np.float32).dtype == np.float32
        assert type(function(x, dtype=int)) is np.ndarray
        assert function(x, bool).dtype == bool
    assert np.full_like(x, 2, dtype=float).values.tolist() == [2.0, 2.0]
    assert np.sum(x.astype(np.float32), dtype=float).value.dtype == np.float64


@pytest.mark.parametrize("function", [np.max, np.min])
def test_extremes_of_nothing_are_their_initial_value(function: Any) -> None:
    x = DualArray(np.zeros((0, 3)), np.zeros((2, 0, 3)))
    np.testing.assert_array_equal(function(x, axis=0, initial=2.0).values, [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(function(x, axis=0, initial=2.0).tangents, np.zeros((2, 3)))
    assert function(x, initial=1.0).tangents == (0.0, 0.0)
    assert function(x, axis=1, initial=1.0, keepdims=True).shape == (0, 1)
    with pytest.raises(ValueError, match="no identity"):
        function(x)


def test_plain_target_of_copyto() -> None:
    with pytest.raises(TypeError, match="zeros_like"):
        np.copyto(np.zeros(2), DualArray([1.0, 2.0], [[1.0, 0.0]]))


def test_scalar_duals_reach_array_functions() -> None:
    x, y = Dual(2.0, (1.0, 0.0)), Dual(3.0, (0.0, 1.0))
    assert np.sum(x).tangents == (1.0, 0.0)
    assert np.stack([x, y]).tangents.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert np.where(True, x, y).tangents == (1.0, 0.0)
    assert np.clip(x, 0.0, 1.0).tangents == (0.0, 0.0)
    assert np.zeros_like(x).values == 0.0
    assert np.ndim(x) == 0
    assert np.shape(x) == ()


A = np.array([[np.inf, 1.0, 2.0], [1.0, np.nan, 3.0], [0.0, 1.0, -np.inf]])


@pytest.mark.parametrize(
    "f",
    [
        pytest.param(lambda x: A @ x, id="matmul"),
        pytest.param(lambda x: x @ A.T, id="matmul from the left"),
        pytest.param(lambda x: (np.stack([A, A]) @ x)[1], id="matmul of stacks"),
        pytest.param(lambda x: np.dot(A, x), id="dot"),
        pytest.param(lambda x: np.inner(A, x), id="inner"),
        pytest.param(lambda x: np.tensordot(x, A, (0, 1)), id="tensordot"),
        pytest.param(lambda x: np.einsum("ij,j->i", A, x), id="einsum"),
        pytest.param(lambda x: np.stack([np.vdot(row, x) for row in A]), id="vdot"),
        pytest.param(lambda x: np.stack([np.convolve(row, x[::-1], "valid")[0] for row in A]), id="convolve"),
    ],
)
def test_products_with_infinities_have_their_jacobian(f: Callable[[Any], Any]) -> None:
    # a tangent that is 0 makes no NaN with them: A is the Jacobian, entry by entry
    x = DualArray([1.0, 2.0, 3.0], np.eye(3))
    np.testing.assert_array_equal(f(x).tangents.T, A)
    linear_in_both = DualArray(DualArray([1.0, 2.0, 3.0], np.eye(3)), np.zeros((1, 3)))
    np.testing.assert_array_equal(f(linear_in_both).values.tangents.T, A)
