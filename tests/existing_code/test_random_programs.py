"""The derivative of a program is the same however it is computed: random programs, in Python and compiled."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from numba import njit

from dualdiff import gradient, value_and_jacobian

from ..helpers.programs import SIZE, compiled, interpreted, program

PROGRAMS = int(os.environ.get("DUALDIFF_PROGRAMS", "40"))
"""How many there are; the checks that run before a change is taken ask for 200."""

BATCH = 10  # programs that are compiled into one function: a driver for each would take twice as long


def together(programs: list[Any]) -> Any:
    """One ``@njit`` function that returns the results of all programs."""
    scope: dict[str, Any] = {f"program{k}": f for k, f in enumerate(programs)}
    calls = "".join(f"program{k}(x), " for k in range(len(programs)))
    exec(f"def batch(x):\n    return ({calls})\n", scope)
    return njit(scope["batch"])


def derivatives(functions: list[Any], texts: list[str], x: np.ndarray, chunk: int | None) -> tuple[Any, Any]:
    """The values and the gradients of functions, compiled together; if that fails, the program that is to blame."""
    try:
        return value_and_jacobian(together(functions), chunk=chunk)(x)
    except Exception:
        for f, text in zip(functions, texts, strict=True):
            try:
                value_and_jacobian(f, chunk=chunk)(x)
            except Exception as error:
                pytest.fail(f"with chunk={chunk}, {error!r} is raised by\n{text}")
        raise


@pytest.mark.parametrize("batch", range(-(-PROGRAMS // BATCH)))
def test_compiled_programs_have_the_derivatives_of_interpreted_ones(batch: int) -> None:
    seeds = range(batch * BATCH, (batch + 1) * BATCH)
    x = np.random.default_rng(batch).uniform(0.2, 1.5, SIZE)
    texts = [program(seed) for seed in seeds]
    functions = [compiled(text) for text in texts]
    plain = [f(x) for f in functions]
    expected = [gradient(interpreted(text))(x) for text in texts]
    for chunk in (1, SIZE):  # one tangent is held as a number, several as a vector
        values, slopes = derivatives(functions, texts, x, chunk)
        for seed, text, *results in zip(seeds, texts, values, plain, slopes, expected, strict=True):
            value, plain_value, slope, expected_slope = results
            place = f"seed {seed}, chunk={chunk}, x = {x!r}, in\n{text}"
            assert value == plain_value, f"the value is not the plain function's: {place}"
            tolerance = 1e-12 * max(1.0, np.max(np.abs(expected_slope)))
            np.testing.assert_allclose(slope, expected_slope, rtol=1e-12, atol=tolerance, err_msg=place)
