"""Batches: the same results as sample by sample, whatever the size, the layout, the place and the threads."""

from __future__ import annotations

import math
import os
import pickle
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from numba import njit
from numba.core.runtime import _nrt_python, rtsys

from dualdiff import (
    CompilationError,
    derivative,
    gradient,
    hessian,
    jacobian,
    jvp,
    value_and_derivative,
    value_and_gradient,
    value_and_jacobian,
    vmap,
)

from ..helpers.processes import run

SIZES = [0, 1, 3, 63, 64, 65, 200]


@njit
def normal_cdf(x):
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


@njit
def call_price(s, k, t, r, sigma):
    """Black and Scholes 1973."""
    spread = sigma * np.sqrt(t)
    d = (np.log(s / k) + (r + 0.5 * sigma * sigma) * t) / spread
    return s * normal_cdf(d) - k * np.exp(-r * t) * normal_cdf(d - spread)


@njit
def rosenbrock(x):
    total = 0.0
    for i in range(len(x) - 1):
        total += (1 - x[i]) ** 2 + 100 * (x[i + 1] - x[i] ** 2) ** 2
    return total


@njit
def polar(p):
    return p[0] * np.cos(p[-1]), p[0] * np.sin(p[1])


@njit
def scaled(x, k):
    out = np.zeros(3)
    for i in range(len(x)):
        out[i] = k * x[i] ** 2
    return out


@njit
def bump(x):
    return np.exp(-x * x) * np.sin(x)


price_and_greeks = value_and_gradient(call_price, argnums=(0, 1, 2, 3, 4))


def options(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    ranges = [(80, 120), (80, 120), (0.1, 2), (0.01, 0.05), (0.1, 0.5)]
    return tuple(rng.uniform(low, high, n) for low, high in ranges)


def leaves(tree: Any) -> list[Any]:
    return [leaf for part in tree for leaf in leaves(part)] if isinstance(tree, tuple) else [tree]


def assert_like_single(g: Any, args: tuple[Any, ...], rtol: float = 4e-15) -> None:
    """Compare a batch with g called for each sample."""
    batch = leaves(vmap(g)(*args))
    for i in range(len(args[0])):
        for whole, part in zip(batch, leaves(g(*(x[i] for x in args))), strict=True):
            np.testing.assert_allclose(whole[i], part, rtol=rtol, atol=1e-300)
            assert whole[i].dtype == np.asarray(part).dtype


# --- against single samples -----------------------------------------------------------------


@pytest.mark.parametrize("n", SIZES)
def test_greeks(n: int, rng: np.random.Generator) -> None:
    args = options(n, rng)
    price, greeks = vmap(price_and_greeks)(*args)
    assert price.shape == (n,)
    assert [g.shape for g in greeks] == [(n,)] * 5
    s, k, t, r, sigma = args
    d = (np.log(s / k) + (r + 0.5 * sigma**2) * t) / (sigma * np.sqrt(t))
    vega = s * np.sqrt(t) * np.exp(-d * d / 2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(greeks[4], vega, rtol=1e-12)
    for i in range(0, n, 50):
        value, slopes = price_and_greeks(*(x[i] for x in args))
        np.testing.assert_allclose([price[i], *(g[i] for g in greeks)], [value, *slopes], rtol=1e-13)


@pytest.mark.parametrize("length", [2, 16, 17, 40])
@pytest.mark.parametrize("n", [0, 1, 5])
def test_gradients_of_rows(n: int, length: int, rng: np.random.Generator) -> None:
    x = rng.normal(size=(n, length))
    values, slopes = vmap(value_and_gradient(rosenbrock))(x)
    assert values.shape == (n,)
    assert slopes.shape == (n, length)
    for i in range(n):
        value, slope = value_and_gradient(rosenbrock)(x[i])
        assert value == values[i]
        np.testing.assert_array_equal(slope, slopes[i])


@pytest.mark.parametrize("n", SIZES)
def test_jacobians_of_rows_taken_element_by_element(n: int, rng: np.random.Generator) -> None:
    p = rng.uniform(0.5, 2, (n, 2))
    values, jacobians = vmap(value_and_jacobian(polar))(p)
    r, angle = p.T
    c, s = np.cos(angle), np.sin(angle)
    np.testing.assert_allclose(values, np.stack([r * c, r * s], 1), rtol=1e-14, atol=1e-15)
    expected = np.moveaxis(np.array([[c, -r * s], [s, r * c]]), -1, 0)
    np.testing.assert_allclose(jacobians, expected, rtol=1e-14, atol=1e-15)


def test_jacobians_of_arrays(rng: np.random.Generator) -> None:
    x, k = rng.normal(size=(7, 3)), rng.normal(size=7)
    assert_like_single(value_and_jacobian(scaled, argnums=(0, 1)), (x, k), rtol=0)


@pytest.mark.parametrize("argnums", [(2, 0), (1, 2, 0)])
def test_derivatives_come_in_the_order_of_argnums(argnums: tuple[int, ...], rng: np.random.Generator) -> None:
    by_elements = njit(lambda a, b, c: a[0] * b * np.sin(c[1]) + c[0] * b)
    by_arrays = njit(lambda a, b, c: a * b * c[0])
    args = rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=(3, 2))
    for g in (gradient(by_elements, argnums), jacobian(by_arrays, argnums)):
        assert_like_single(g, args, rtol=1e-13)


def test_plain_functions_and_derivatives_of_any_kind(rng: np.random.Generator) -> None:
    x = rng.normal(size=(5, 3))
    assert_like_single(rosenbrock, (x,))
    assert_like_single(polar, (x,))
    assert_like_single(scaled, (x, x[:, 0]))
    assert_like_single(hessian(rosenbrock), (x,))
    blocks = hessian(njit(lambda x, k: k * k * np.prod(x)), argnums=(0, 1))
    assert_like_single(blocks, (x, x[:, 0]))
    np.testing.assert_array_equal(njit(lambda x, k: blocks(x, k)[0][1])(x[0], 2.0), blocks(x[0], 2.0)[0][1])
    assert_like_single(hessian(njit(lambda a, b: a * a * np.sin(b)), argnums=(1, 0)), (x[:, 0], x[:, 1]), rtol=1e-13)
    assert_like_single(derivative(scaled, argnum=1), (x, x[:, 0]))
    assert_like_single(value_and_derivative(bump), (x[:, 0],))
    assert_like_single(derivative(derivative(bump)), (x[:, 0],), rtol=1e-13)
    directional = lambda x, v: jvp(rosenbrock, (x,), (v,))  # noqa: E731
    assert_like_single(directional, (x, x[::-1].copy()))


@pytest.mark.parametrize("way", [njit, lambda f: f])
def test_batches_without_samples(way: Any) -> None:
    rows = np.empty((0, 2))
    assert vmap(jacobian(way(lambda x: np.hstack((x, x[:1])))))(rows).shape == (0, 3, 2)
    values, slopes = vmap(value_and_gradient(way(lambda x: np.sum(x * x))))(rows.astype(np.float32))
    assert (values.shape, slopes.shape) == ((0,), (0, 2))
    assert slopes.dtype == np.float32
    # ones do not fall into the pole of the logarithm, nor zeros out of a table
    looked_up = way(lambda x, i: np.log(x).sum() * np.ones((1, 3))[i])
    assert vmap(looked_up)(rows, np.empty(0, int)).shape == (0, 3)


def test_python_functions(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(2, 6))
    calls = []

    def product(a: Any, b: Any) -> Any:
        calls.append(a)
        return np.where(b > 0, np.sin(a) * b, b * np.sin(a))

    by_a, by_b = vmap(gradient(product, argnums=(0, 1)))(x, y)
    np.testing.assert_allclose(by_a, np.cos(x) * y, rtol=1e-14)
    np.testing.assert_allclose(by_b, np.sin(x), rtol=1e-14)
    assert len(calls) == 4  # for all samples at once, and for three to compare
    value, slope = vmap(value_and_derivative(lambda a: (a * a, 1.0)))(x)
    np.testing.assert_allclose(value[0], x * x, rtol=1e-15)
    np.testing.assert_array_equal(slope[1], np.zeros(6))


b_of_one = 10.0


def sum_that_fails(a: Any, b: Any) -> Any:
    try:
        return a * np.sum(b)
    except TypeError:
        return a * b + 1


@pytest.mark.parametrize(
    "f",
    [
        sum_that_fails,
        lambda a, b: a * b if np.any(b > b_of_one) else -a * b,  # for one that is not compared
        lambda a, b: a * np.clip(b, -1, np.max(b)),
        lambda a, b: a * np.mean(b),
        lambda a, b: a * b if a > 0 else -a * b,
        lambda a, b: math.floor(b) * a,
        lambda a, b: a * np.atleast_1d(b)[0],
    ],
)
def test_python_functions_that_are_not_elementwise(f: Callable[..., Any], rng: np.random.Generator) -> None:
    a, b = rng.normal(size=(2, 9))
    b[2] = 2 * b_of_one
    by_a = vmap(gradient(f, argnums=(0, 1)))(a, b)[0]
    np.testing.assert_allclose(by_a, [derivative(f)(p, q) for p, q in zip(a, b, strict=True)], rtol=1e-15)


def test_python_functions_of_rows(rng: np.random.Generator) -> None:
    x = rng.normal(size=(4, 3))
    np.testing.assert_allclose(vmap(gradient(lambda x: np.sum(x**2)))(x), 2 * x)
    table = vmap(lambda row: {"sum": row.sum(), "parts": [row, row[0]]})(x)
    np.testing.assert_array_equal(table["sum"], x.sum(axis=1))
    np.testing.assert_array_equal(table["parts"][0], x)


def test_a_batch_in_a_derivative(rng: np.random.Generator) -> None:
    x = rng.normal(size=5)
    slopes = gradient(lambda k: np.sum(vmap(derivative(bump))(k * x)))(np.array([2.0, 1.0, 1.0, 1.0, 1.0]))
    k = np.array([2.0, 1.0, 1.0, 1.0, 1.0])
    np.testing.assert_allclose(slopes, derivative(derivative(bump))(k * x) * x, rtol=1e-12)


# --- layouts and types ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x[::-1],
        lambda x: x[::3],
        lambda x: np.broadcast_to(x[:1], x.shape),
        lambda x: x.astype(np.float64).astype(">f8"),
        lambda x: np.frombuffer(b"\0" + x.tobytes(), np.float64, offset=1),
        lambda x: list(x),
        lambda x: np.round(10 * x).astype(np.int32),
    ],
    ids=["reversed", "strided", "zero strides", "big endian", "unaligned", "list", "integers"],
)
def test_layouts(change: Callable[[np.ndarray], Any], rng: np.random.Generator) -> None:
    x = rng.normal(size=150)
    changed = change(x)
    plain = np.ascontiguousarray(changed, dtype=np.float64)
    np.testing.assert_array_equal(vmap(derivative(bump))(changed), vmap(derivative(bump))(plain))
    rows = np.stack([x, x + 1], axis=1)
    np.testing.assert_array_equal(
        vmap(jacobian(polar), in_axes=1)(rows.T[:, ::-1]), vmap(jacobian(polar))(rows[::-1].copy())
    )


def test_long_strided_batches_are_copied_piece_by_piece(rng: np.random.Generator) -> None:
    x = rng.normal(size=200_000)
    np.testing.assert_array_equal(vmap(derivative(bump))(x[::2]), vmap(derivative(bump))(x[::2].copy()))


def test_float32_stays_float32(rng: np.random.Generator) -> None:
    x = rng.normal(size=100).astype(np.float32)
    value, slope = vmap(value_and_derivative(bump))(x)
    assert (value.dtype, slope.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(slope, derivative(bump)(x.astype(np.float64)), rtol=2e-5, atol=1e-6)
    assert vmap(gradient(rosenbrock))(np.ones((2, 3), np.float32)).dtype == np.float32


def test_axes(rng: np.random.Generator) -> None:
    s, k, t, r, sigma = options(6, rng)
    price = vmap(call_price, in_axes=(0, None, 0, None, None))(s, 100.0, t, 0.02, 0.3)
    np.testing.assert_allclose(price, vmap(call_price)(s, 100 + 0 * k, t, 0.02 + 0 * r, 0.3 + 0 * sigma), rtol=1e-14)
    x = rng.normal(size=(3, 4, 5))
    np.testing.assert_array_equal(vmap(gradient(rosenbrock), in_axes=-1)(x[0]), vmap(gradient(rosenbrock))(x[0].T))
    table = np.array([1.0, 2.0, 4.0])
    looked_up = njit(lambda i, table: table[i] * 2.0)
    np.testing.assert_array_equal(vmap(looked_up, in_axes=(0, None))(np.array([2, 0]), table), [8.0, 2.0])
    of_pair = njit(lambda x, pair: x * x * pair[0][1] + pair[1])
    slopes = vmap(derivative(of_pair), in_axes=(0, None))(np.array([1.0, 2.0]), (table, 5.0))
    np.testing.assert_array_equal(slopes, [4.0, 8.0])


def test_defaults_and_further_arguments(rng: np.random.Generator) -> None:
    f = njit(lambda x, k=3.0, *more: x * x * k + len(more))
    x = rng.normal(size=4)
    np.testing.assert_allclose(vmap(derivative(f))(x), 6 * x)
    np.testing.assert_allclose(vmap(f)(x, x, x, x), x**3 + 2)


# --- zero times infinity, NaN, exceptions ---------------------------------------------------


def test_strong_zeros_and_nan() -> None:
    f = njit(lambda x, y: np.sqrt(x * y) + y)
    x = np.array([4.0, 0.0, np.nan] * 50)
    y = np.array([1.0, 0.0, 1.0] * 50)
    by_x, by_y = vmap(gradient(f, argnums=(0, 1)))(x, y)
    np.testing.assert_array_equal(by_x[:3], [0.25, 0.0, np.nan])
    np.testing.assert_array_equal(by_y[:3], [2.0, 1.0, np.nan])
    np.testing.assert_array_equal(by_x, np.tile(by_x[:3], 50))


def test_division_by_zero() -> None:
    x = np.array([0.0, 2.0])
    with pytest.raises(ZeroDivisionError):
        vmap(njit(lambda x: 1 / x))(x)
    np.testing.assert_array_equal(vmap(njit(error_model="numpy")(lambda x: 1 / x))(x), [np.inf, 0.5])


def test_an_exception_in_f() -> None:
    @njit
    def root(x):
        if x < 0:
            raise ValueError("negative")
        return math.sqrt(x)

    x = np.full(300_000, 4.0)
    np.testing.assert_array_equal(vmap(derivative(root))(x), np.full(x.size, 0.25))
    x[-2] = -1.0
    for threads in (1, 2):
        with pytest.raises(ValueError, match="negative"):
            vmap(derivative(root), threads=threads)(x)


def test_results_of_different_shapes() -> None:
    f = njit(lambda n: np.ones(n))
    with pytest.raises(ValueError, match=r"\(\(2,\),\) for the first sample, and \(\(3,\),\) for sample 4"):
        vmap(f)(np.array([2, 2, 2, 2, 3]))


# --- threads --------------------------------------------------------------------------------


def test_results_do_not_depend_on_threads_or_places(rng: np.random.Generator) -> None:
    args = options(70_001, rng)
    one = leaves(vmap(price_and_greeks, threads=1)(*args))
    for threads in (2, 3, 8):
        for a, b in zip(one, leaves(vmap(price_and_greeks, threads=threads)(*args)), strict=True):
            np.testing.assert_array_equal(a, b)
    for first, last in ((0, 1), (5, 70), (70_000, 70_001)):
        for a, b in zip(one, leaves(vmap(price_and_greeks)(*(x[first:last] for x in args))), strict=True):
            np.testing.assert_array_equal(a[first:last], b)
    x = np.concatenate([args[0]] * 3) / 50
    np.testing.assert_array_equal(derivative(bump)(x), vmap(derivative(bump), threads=1)(x))


PROGRAM = """
import os, threading
import numpy as np
from numba import njit
import dualdiff
f = njit(lambda x: np.sin(x) * x)
x = np.linspace(0, 1, 400_000)
g = dualdiff.vmap(dualdiff.derivative(f){more})
expected = g(x)
"""


@pytest.mark.parametrize(("more", "number"), [(", threads=1", "3"), ("", "1")])
def test_one_thread_starts_none(more: str, number: str) -> None:
    program = PROGRAM.format(more=more) + "assert threading.active_count() == 1\n"
    run(program, DUALDIFF_NUM_THREADS=number)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_batches_survive_a_fork() -> None:
    program = PROGRAM.format(more=", threads=2") + (
        "assert threading.active_count() > 1\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if np.array_equal(g(x), expected) and threading.active_count() > 1 else 1)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
    )
    run(program)


def test_batches_in_many_threads_and_within_batches(rng: np.random.Generator) -> None:
    x = rng.normal(size=50_000)
    g = vmap(derivative(bump), threads=3)
    expected = g(x)
    results: list[Any] = [None] * 6
    inner = lambda row: g(row)  # noqa: E731

    def work(i: int) -> None:
        results[i] = g(x) if i % 2 else vmap(inner)(x.reshape(2, -1)).reshape(-1)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for result in results:
        np.testing.assert_array_equal(result, expected)


# --- buffers --------------------------------------------------------------------------------


def test_results_go_into_given_arrays(rng: np.random.Generator) -> None:
    x = rng.normal(size=130)
    expected = vmap(value_and_derivative(bump))(x)
    out = (np.empty(130), np.empty(130))
    assert vmap(value_and_derivative(bump))(x, out=out) is out
    np.testing.assert_array_equal(out, expected)
    wide = np.zeros((130, 2))
    vmap(derivative(bump))(x, out=wide[:, 1])
    np.testing.assert_array_equal(wide, np.stack([np.zeros(130), expected[1]], 1))
    same = x.copy()
    vmap(derivative(bump))(same, out=same)
    np.testing.assert_array_equal(same, expected[1])
    out_of_python = np.empty(130)
    vmap(derivative(lambda x: x * x))(x, out=out_of_python)
    np.testing.assert_array_equal(out_of_python, 2 * x)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.empty(3), r"out has shape \(3,\) and dtype float64, the result \(2,\) and float64"),
        (np.empty(2, np.float32), "dtype float32"),
        ((np.empty(2), np.empty(2)), "out must be an array, as the result is, not a tuple of 2"),
        (np.broadcast_to(np.zeros(1), 2), "out is read-only"),
    ],
)
def test_given_arrays_that_do_not_fit(out: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        vmap(derivative(bump))(np.ones(2), out=out)


def test_given_lists() -> None:
    with pytest.raises(ValueError, match="out must be a tuple of 2, as the result is, not a list"):
        vmap(value_and_derivative(bump))(np.ones(2), out=[np.empty(2), np.empty(2)])


def test_given_arrays_that_overlap() -> None:
    room = np.empty(3)
    with pytest.raises(ValueError, match="two of the arrays in out share memory"):
        vmap(value_and_derivative(bump))(np.ones(2), out=(room[:2], room[1:]))


def test_given_results_that_are_no_arrays() -> None:
    with pytest.raises(TypeError, match="made of arrays, not of list"):
        vmap(derivative(bump))(np.ones(2), out=[0.0, 0.0])


@pytest.fixture
def counted() -> Iterator[None]:
    """Numba counts its allocations."""
    _nrt_python.memsys_enable_stats()
    yield
    _nrt_python.memsys_disable_stats()


def test_samples_cost_no_allocations(rng: np.random.Generator, counted: None) -> None:
    g = vmap(value_and_gradient(rosenbrock), threads=1)

    def allocations(n: int) -> int:
        x = rng.normal(size=(n, 20))
        before = rtsys.get_allocation_stats().alloc
        g(x)
        return int(rtsys.get_allocation_stats().alloc - before)

    allocations(2)
    assert allocations(1000) == allocations(10)


# --- errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: vmap(3), TypeError, "vmap expects a function, not int"),
        (lambda: vmap(bump, in_axes="0"), TypeError, "in_axes must be an int, None, or a tuple of them, not '0'"),
        (lambda: vmap(bump, threads=0), ValueError, "threads must be a positive integer or None, not 0"),
        (lambda: vmap(bump, threads="2"), ValueError, "threads must be a positive integer or None, not '2'"),
        (lambda: vmap(scaled)(np.ones((2, 3))), TypeError, "scaled is called with 1 arguments: missing .* 'k'"),
        (lambda: vmap(gradient(rosenbrock))(*np.ones((2, 2, 3))), TypeError, "rosenbrock is called with 2 arguments"),
        (lambda: vmap(bump, in_axes=None)(1.0), ValueError, "must have an axis of samples: in_axes has only"),
        (lambda: vmap(bump)(), ValueError, "must have an axis of samples: there are no arguments"),
        (lambda: vmap(bump, in_axes=(0, 0))(np.ones(3)), ValueError, "in_axes has 2 entries for 1 arguments"),
        (lambda: vmap(bump)(3.0), ValueError, r"argument 0 has shape \(\): it has no axis 0"),
        (lambda: vmap(bump, in_axes=1)(np.ones(3)), ValueError, r"shape \(3,\): it has no axis 1"),
        (
            lambda: vmap(scaled)(np.ones((3, 2)), np.ones(4)),
            ValueError,
            r"different numbers of samples: their shapes are \(3, 2\), \(4,\)",
        ),
        (
            lambda: vmap(bump)(np.array([1j])),
            TypeError,
            "argument 0 must be an array of real numbers, not of complex",
        ),
        (lambda: vmap(bump)(np.ma.masked_array([1.0])), TypeError, "argument 0 is a masked array"),
        (lambda: vmap(gradient(bump))(np.ones(3)), ValueError, "perhaps you want derivative"),
        (lambda: vmap(gradient(scaled))(np.ones((2, 3)), np.ones(2)), ValueError, "perhaps you want jacobian"),
        (lambda: vmap(gradient(polar, argnums=1))(np.ones((2, 3))), ValueError, "no argument number 1|has 1 arguments"),
        (lambda: vmap(derivative(lambda x: None))(np.ones(2)), TypeError, "returned None"),
        (lambda: vmap(derivative(njit(lambda x: x + 1j)))(np.ones(2)), CompilationError, "complex"),
        (lambda: vmap(njit(lambda x: x + 1j))(np.ones(2)), ValueError, "vmap expects that .* returns numbers"),
        (lambda: vmap(njit(lambda x: x * 1j))(np.ones((2, 3))), ValueError, "not an array of complex128"),
        (lambda: vmap(njit(lambda x: {"a": x.sum()}))(np.ones((2, 3))), ValueError, "vmap expects that"),
    ],
)
def test_errors(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_bad_number_of_threads_in_the_environment() -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run("import dualdiff; dualdiff.vmap(lambda x: x)", DUALDIFF_NUM_THREADS="many")
    assert "DUALDIFF_NUM_THREADS must be a positive integer, not 'many'" in failed.value.stderr


# --- as units of work -----------------------------------------------------------------------


def test_batches_can_be_pickled(rng: np.random.Generator) -> None:
    args = options(10, rng)
    g = vmap(price_and_greeks, in_axes=0, threads=2)
    copy = pickle.loads(pickle.dumps(g))
    for a, b in zip(leaves(g(*args)), leaves(copy(*args)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert repr(g) == "<batches of call_price>"
    assert g.__doc__ == call_price.__doc__


def test_batches_of_closures_travel_to_another_process(tmp_path: Path) -> None:
    scale = 3.0
    f = njit(lambda x: scale * np.sum(x**2))
    file = tmp_path / "batch"
    file.write_bytes(cloudpickle.dumps(vmap(gradient(f))))
    program = (
        "import pickle\nfrom pathlib import Path\nimport numpy as np\n"
        f"g = pickle.loads(Path({str(file)!r}).read_bytes())\nprint(g(np.ones((2, 3))).tolist())"
    )
    assert eval(run(program)) == [[6.0, 6.0, 6.0], [6.0, 6.0, 6.0]]


def test_results_of_every_kind() -> None:
    x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    np.testing.assert_array_equal(vmap(njit(lambda x: x > 2))(x[:, 0]), [False, True, True])
    np.testing.assert_array_equal(vmap(njit(lambda i: i * i))(np.arange(3)), [0, 1, 4])
    np.testing.assert_array_equal(vmap(gradient(njit(lambda x: 3.0)))(x), np.zeros((3, 2)))
    listed = vmap(jacobian(njit(lambda x: [x[0], 2 * x[1]])))(x)
    np.testing.assert_array_equal(listed, np.broadcast_to(np.diag([1.0, 2.0]), (3, 2, 2)))
    np.testing.assert_array_equal(vmap(njit(lambda x: x))(x), x)
    np.testing.assert_array_equal(vmap(njit(lambda x: [x, 2 * x]))(x)[:, 1], 2 * x)
    np.testing.assert_array_equal(vmap(jacobian(njit(lambda x: x)))(x), np.broadcast_to(np.eye(2), (3, 2, 2)))
    nested = vmap(jacobian(njit(lambda x: ((x[0], x[1]), (x[0] * x[1], 1.0)))))(x)
    np.testing.assert_array_equal(nested[:, 1, 0], x[:, ::-1])
    with pytest.raises(ValueError, match="must match"):
        vmap(jacobian(njit(lambda x: ((x[0], x[1]), (x[0],)))))(x)
