"""Batches as the units of work of a cluster: two processes of Dask's, each of which compiles once."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
from numba import njit

from dualdiff import value_and_gradient, vmap

pytest.importorskip("distributed", reason="Dask is not installed")
# Dask and what it needs warn of each other
pytestmark = pytest.mark.filterwarnings("default")

ROWS = 10_000_000
BLOCK = 1_000_000


@njit
def loss(bias, slope, curve, x, label):
    """The negative log-likelihood of a label, 0 or 1."""
    score = bias + slope * x + curve * x * x
    return np.log1p(np.exp(-abs(score))) + max(score, 0.0) - label * score


PARAMETERS = (0.1, -0.5, 0.25)
losses = vmap(value_and_gradient(loss, argnums=(0, 1, 2)), in_axes=(None, None, None, 0, 0), threads=1)


def sums(x: Any, label: Any) -> Any:
    """The loss of a block of rows and its gradient, shape (1, 4)."""
    values, gradients = losses(*PARAMETERS, x, label)
    return np.array([[values.sum(), *(g.sum() for g in gradients)]])


def compiled_loops() -> int:
    """How many loops the process has that calls this."""
    from dualdiff.compiled.batches.batch import CompiledLoop

    return sum(type(thing) is CompiledLoop for thing in gc.get_objects())


def rows(numbers: Any) -> tuple[Any, Any]:
    x = np.sin(numbers * 0.7) * 3
    return x, (np.cos(numbers) > x / 4).astype(np.float64)


def test_the_gradient_of_a_loss_over_ten_million_rows() -> None:
    import dask.array as da
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        assert len({worker["name"] for worker in client.scheduler_info()["workers"].values()}) == 2
        numbers = da.arange(ROWS, chunks=BLOCK)
        blocks = da.map_blocks(
            lambda block: sums(*rows(block)), numbers, dtype=float, new_axis=1, chunks=((1,) * (ROWS // BLOCK), (4,))
        )
        by_block = blocks.compute()
        assert list(client.run(compiled_loops).values()) == [1, 1]
    expected = np.concatenate([sums(*rows(np.arange(start, start + BLOCK))) for start in range(0, ROWS, BLOCK)])
    np.testing.assert_array_equal(by_block, expected)
    # one block of rows by formulas
    x, label = rows(np.arange(BLOCK))
    score = np.polynomial.polynomial.polyval(x, PARAMETERS)
    residual = 1 / (1 + np.exp(-score)) - label
    np.testing.assert_allclose(by_block[0, 1:], [(residual * x**k).sum() for k in range(3)], rtol=1e-9)
