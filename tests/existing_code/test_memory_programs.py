"""No store is lost, whoever holds the memory: random programs about memory, against steps into the complex plane."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from numba import njit

from dualdiff import gradient, value_and_jacobian, vmap

from ..helpers.memory_programs import SIZE, compiled, program, slopes

PROGRAMS = int(os.environ.get("DUALDIFF_PROGRAMS", "40")) // 2
"""How many there are: half as many as those about numbers, for each takes longer to compile."""

TOGETHER = 10  # programs that are compiled into one function


def point(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.2, 1.2, SIZE)


@pytest.mark.parametrize("batch", range(-(-PROGRAMS // TOGETHER)))
def test_programs_with_buffers(batch: int) -> None:
    texts = [program(seed, writes=False) for seed in range(batch * TOGETHER, (batch + 1) * TOGETHER)]
    scope: dict[str, Any] = {f"program{k}": compiled(text) for k, text in enumerate(texts)}
    exec(f"def together(x):\n    return ({''.join(f'program{k}(x), ' for k in range(TOGETHER))})\n", scope)
    f, x = njit(scope["together"]), point(batch)
    plain, expected = f(x), [slopes(text, x) for text in texts]
    found = [value_and_jacobian(f, chunk=chunk)(x) for chunk in (1, 16)]
    for values, derivatives in found:
        for k, text in enumerate(texts):
            assert values[k] == plain[k], text
            np.testing.assert_allclose(derivatives[k], expected[k], rtol=1e-12, atol=1e-13, err_msg=text)
            np.testing.assert_array_equal(derivatives[k], found[0][1][k], err_msg=text)


@pytest.mark.parametrize("seed", range(10_000, 10_000 + PROGRAMS // 10))
def test_programs_that_may_write_to_their_argument(seed: int) -> None:
    text, x = program(seed, writes=True), point(seed)
    f, expected, samples = compiled(text), slopes(text, x), np.stack([x, x])
    for found in (gradient(f)(x), gradient(f, chunk=1)(x), vmap(gradient(f))(samples)[1]):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13, err_msg=text)
    np.testing.assert_array_equal(samples, [point(seed), point(seed)])
