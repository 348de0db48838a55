"""What the tests of array functions share: how a function of an array is checked on batches."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from dualdiff.arrays.dual_array import DualArray
from dualdiff.dual.levels import as_dual_array

LANES = 3


def rng_of(name: str) -> np.random.Generator:
    """A random generator for the test of that name."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def parts(result: Any) -> list[Any]:
    """The arrays in a result: those of a tuple or list, or the one."""
    return [as_dual_array(r) for r in result] if isinstance(result, (tuple, list)) else [as_dual_array(result)]


def assert_values_are_numpys(f: Callable[[Any], Any], x: np.ndarray, rng: np.random.Generator) -> None:
    """The values, types and shapes are those of the plain call, to the bit."""
    for dtype in (np.float64, np.float32):
        plain = x.astype(dtype)
        expected = parts(f(plain))
        results = parts(f(DualArray(plain, rng.standard_normal((LANES, *x.shape)).astype(dtype))))
        assert len(results) == len(expected)
        for result, y in zip(results, expected, strict=True):
            assert result.shape == y.shape
            if isinstance(result, DualArray):
                assert result.tangents.shape == (LANES, *y.shape)
                assert result.dtype == y.dtype
                assert result.tangents.dtype == y.dtype
                result = result.values
            np.testing.assert_array_equal(result, y)


def assert_tangents_are_differences(
    f: Callable[[Any], Any], x: np.ndarray, rng: np.random.Generator, tolerance: float
) -> None:
    """The tangents are those of central differences along random directions."""
    directions = rng.standard_normal((LANES, *x.shape))
    h = 2.0**-17
    results = parts(f(DualArray(x, directions)))
    for k, v in enumerate(directions):
        ups, downs = parts(f(x + h * v)), parts(f(x - h * v))
        for result, up, down in zip(results, ups, downs, strict=True):
            if not isinstance(result, DualArray):
                np.testing.assert_array_equal(up, down)
                continue
            tangent = result.tangents[k]
            scale = max(1.0, np.abs(tangent).max(initial=0.0))
            np.testing.assert_allclose(tangent, (up - down) / (2 * h), rtol=tolerance, atol=tolerance * scale)


def assert_second_tangents_are_differences(
    f: Callable[[Any], Any], x: np.ndarray, rng: np.random.Generator, tolerance: float
) -> None:
    """The tangents of tangents are differences of first ones."""
    inner, outer = rng.standard_normal((2, 2, *x.shape))
    h = 2.0**-17
    constant = np.zeros((2, 2, *x.shape))
    nested = DualArray(DualArray(x, inner), DualArray(outer, constant))
    results = parts(f(nested))
    for k, v in enumerate(outer):
        ups, downs = parts(f(DualArray(x + h * v, inner))), parts(f(DualArray(x - h * v, inner)))
        for result, up, down in zip(results, ups, downs, strict=True):
            if not isinstance(result, DualArray):
                continue
            second = result.tangents[k].tangents
            expected = (up.tangents - down.tangents) / (2 * h)
            scale = max(1.0, np.abs(second).max(initial=0.0))
            np.testing.assert_allclose(second, expected, rtol=tolerance, atol=tolerance * scale)


def assert_lanes_are_independent(f: Callable[[Any], Any], x: np.ndarray, rng: np.random.Generator) -> None:
    """A tangent has the same bits alone and among others."""
    directions = rng.standard_normal((LANES, *x.shape))
    together = parts(f(DualArray(x, directions)))
    for k in range(LANES):
        alone = parts(f(DualArray(x, directions[k : k + 1])))
        for one, all_ in zip(alone, together, strict=True):
            if isinstance(one, DualArray):
                np.testing.assert_array_equal(one.tangents[0], all_.tangents[k])


def assert_memory_order_is_irrelevant(f: Callable[[Any], Any], x: np.ndarray, rng: np.random.Generator) -> None:
    """A batch that is stored transposed and backwards gives the same."""
    directions = rng.standard_normal((LANES, *x.shape))
    straight = DualArray(x, directions)
    reverse = (slice(None, None, -1),) * x.ndim
    odd = DualArray(x[reverse].T, directions[(slice(None), *reverse)].transpose(0, *range(1, x.ndim + 1)[::-1]))
    for a, b in zip(parts(f(straight)), parts(f(odd.T[reverse])), strict=True):
        if isinstance(a, DualArray):
            np.testing.assert_allclose(b.values, a.values, rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(b.tangents, a.tangents, rtol=1e-9, atol=1e-9)
        else:
            np.testing.assert_array_equal(b, a)
