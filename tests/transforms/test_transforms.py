"""The transforms, for Python functions and ``@njit`` functions alike."""

from __future__ import annotations

import inspect
import math
import threading
from typing import Any

import numpy as np
import pytest
from numba import njit

import dualdiff
from dualdiff import (
    derivative,
    gradient,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_derivative,
    value_and_gradient,
    value_and_jacobian,
)

X = np.array([2.0, 5.0])
GRADIENT = np.array([5.5, 2 - math.cos(5)])  # of the example at X
HESSIAN = np.array([[-0.25, 1.0], [1.0, math.sin(5)]])


def example(x: Any) -> Any:
    """The running example of the README."""
    return np.log(x[0]) + x[0] * x[1] - np.sin(x[1])


def of_two(a: Any, b: Any = 5.0) -> Any:
    return np.log(a) + a * b - np.sin(b)


def wave(x: Any, k: Any) -> Any:
    return np.sin(k * x) * x


def spread(x: Any) -> Any:
    out = np.zeros_like(x)
    for i in range(x.size):
        out[i] = x[i] * x[x.size - 1 - i] ** 2
    return out


def constant(x: Any) -> Any:
    return 3


def pair(x: Any) -> Any:
    return x * x, np.exp(x)


def picky(x: Any) -> Any:
    if x[0] > 100:
        raise ValueError("x[0] is too large")
    return x[0] * x[1]


def squares(x: Any) -> Any:
    return x * x


def sum_of_squares(x: Any) -> Any:
    return np.sum(x * x)


def greedy(x: Any) -> Any:
    x[0] = x[0] * 3.0
    return x[0] * x[1]


def greedy_ufunc(x: Any) -> Any:
    np.multiply(x, 3.0, x)
    return x[0] * x[1]


def weighted(x: Any, k: Any, y: Any) -> Any:
    return np.sum(x * x) * y[0] * k + np.exp(y[1] * x[0]) * k**3


COMPILED = {
    f: njit(f)
    for f in (
        example, of_two, wave, spread, constant, pair, picky, greedy, greedy_ufunc, squares, sum_of_squares,
        weighted,
    )
}  # fmt: skip


@pytest.fixture(params=["interpreted", "compiled"])
def way(request: pytest.FixtureRequest) -> Any:
    """A function as it is, or its ``@njit`` form."""
    return COMPILED.__getitem__ if request.param == "compiled" else lambda f: f


# --- what they return -----------------------------------------------------------------------


def test_gradient_of_the_example(way: Any) -> None:
    np.testing.assert_allclose(gradient(way(example))(X), GRADIENT, rtol=1e-15)


def test_values_come_from_the_same_evaluation(way: Any) -> None:
    f = way(example)
    for transform in (value_and_gradient, value_and_jacobian):
        value, slope = transform(f)(X)
        assert value == f(X)
        np.testing.assert_allclose(slope, GRADIENT, rtol=1e-15)
    value, slope = value_and_derivative(way(of_two))(2.0, 5.0)
    assert (value, slope) == (way(of_two)(2.0, 5.0), 5.5)


def test_value_and_gradient_evaluates_once_per_pass() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return np.sum(x * x)

    value_and_gradient(f, chunk=2)(np.arange(5.0))
    assert len(calls) == 3


def test_derivative_by_a_number_and_by_an_array(way: Any) -> None:
    f = way(wave)
    x = np.linspace(-1.0, 2.0, 12).reshape(3, 4)
    expected = 1.5 * np.cos(1.5 * x) * x + np.sin(1.5 * x)
    np.testing.assert_allclose(derivative(f)(x, 1.5), expected, rtol=1e-13, atol=1e-14)
    assert derivative(f)(float(x[1, 1]), 1.5) == pytest.approx(expected[1, 1], rel=1e-13)
    value, slope = value_and_derivative(f)(x, 1.5)
    np.testing.assert_allclose(value, wave(x, 1.5), rtol=1e-13)
    np.testing.assert_allclose(slope, expected, rtol=1e-13, atol=1e-14)


def test_derivative_has_the_structure_of_the_result(way: Any) -> None:
    square, exponential = derivative(way(pair))(1.5)
    assert (square, exponential) == pytest.approx((3.0, math.exp(1.5)))
    assert derivative(lambda x: {"a": [x, np.array([x * x, 1.0])]})(3.0)["a"][1].tolist() == [6.0, 0.0]


def test_jacobian_of_an_array(way: Any) -> None:
    x = np.array([1.0, 2.0, 3.0])
    expected = np.diag(x[::-1] ** 2) + np.fliplr(np.diag(2 * x * x[::-1]))
    np.testing.assert_allclose(jacobian(way(spread))(x), expected, rtol=1e-15)


def test_jacobian_by_an_array_of_any_shape(way: Any) -> None:
    x = np.arange(1.0, 7.0).reshape(2, 3)
    np.testing.assert_array_equal(jacobian(way(squares))(x).reshape(6, 6), np.diag(2 * x.ravel()))
    np.testing.assert_array_equal(gradient(way(sum_of_squares))(x), 2 * x)


def test_several_arguments(way: Any) -> None:
    f = way(of_two)
    a, b = gradient(f, argnums=(0, 1))(2.0, 5.0)
    assert (a, b) == pytest.approx(tuple(GRADIENT))
    b, a = gradient(f, argnums=(-1, 0))(2.0, 5.0)
    assert (a, b) == pytest.approx(tuple(GRADIENT))


def test_defaults_keywords_and_constants(way: Any) -> None:
    f = derivative(way(of_two))
    assert f(2.0) == f(2.0, 5.0) == f(a=2.0, b=5.0) == f(2.0, b=5.0) == 5.5
    assert derivative(way(of_two), argnum=1)(2.0) == pytest.approx(GRADIENT[1])


def test_a_constant_result_has_derivative_zero(way: Any) -> None:
    f = way(constant)
    assert derivative(f)(2.0) == 0.0
    np.testing.assert_array_equal(gradient(f)(X), [0.0, 0.0])
    np.testing.assert_array_equal(jacobian(f)(X), [0.0, 0.0])


def test_numbers_are_returned_as_numbers() -> None:
    value, (by_x, by_b) = value_and_gradient(lambda x, b: b * np.sum(x), argnums=(0, 1))(X, 3.0)
    assert not isinstance(value, np.ndarray)
    assert not isinstance(by_b, np.ndarray)
    assert isinstance(by_x, np.ndarray)
    results = [*value_and_derivative(math.floor)(2.5), *jvp(np.sin, (2.0,), (1.0,)), *value_and_gradient(constant)(X)]
    assert [isinstance(r, np.ndarray) for r in results] == [False] * 5 + [True]
    assert value_and_derivative(pair)(1.5)[0] == pair(1.5)


def test_jvp(way: Any) -> None:
    value, slope = jvp(way(example), (X,), (np.array([1.0, -2.0]),))
    assert value == way(example)(X)
    assert slope == pytest.approx(GRADIENT @ [1.0, -2.0])
    value, slope = jvp(way(of_two), (2.0, 5.0), (0.5, 1.0))
    assert slope == pytest.approx(GRADIENT @ [0.5, 1.0])


def test_hessian_and_its_products(way: Any) -> None:
    f = way(example)
    np.testing.assert_allclose(hessian(f)(X), HESSIAN, rtol=1e-14)
    np.testing.assert_allclose(hvp(f, (X,), (np.array([3.0, 1.0]),)), HESSIAN @ [3.0, 1.0], rtol=1e-14)
    blocks = hessian(way(of_two), argnums=(0, 1))(2.0, 5.0)
    np.testing.assert_allclose(np.array(blocks), HESSIAN, rtol=1e-14)


def test_hessian_blocks_are_parts_of_the_whole(way: Any) -> None:
    point = (np.array([1.0, 2.0, 3.0]), 2.0, np.array([0.5, -1.0]))
    whole = hessian(lambda z: weighted(z[:3], z[3], z[4:]))(np.hstack(point))
    blocks = hessian(way(weighted), argnums=(2, 0, 1))(*point)
    places = (slice(4, 6), slice(0, 3), 3)
    for row, i in zip(blocks, places, strict=True):
        for block, j in zip(row, places, strict=True):
            np.testing.assert_allclose(block, whole[i, j], rtol=1e-14)
            assert np.shape(block) == whole[i, j].shape
    ((alone,),) = hessian(way(weighted), argnums=(2,))(*point)
    np.testing.assert_allclose(alone, whole[4:, 4:], rtol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 17])
def test_results_do_not_depend_on_the_chunk(way: Any, n: int) -> None:
    x = np.random.default_rng(n).uniform(0.5, 2.0, n)
    j = jacobian(way(spread))(x)
    for chunk in {1, 3, max(n - 1, 1), n, n + 1, 100}:
        np.testing.assert_array_equal(jacobian(way(spread), chunk=chunk)(x), j)


# --- what they accept -----------------------------------------------------------------------


def test_empty_arguments(way: Any) -> None:
    assert gradient(way(constant))(np.empty(0)).shape == (0,)
    assert jacobian(way(spread))(np.empty(0)).shape == (0, 0)
    assert hessian(way(constant))(np.empty(0)).shape == (0, 0)


def test_every_layout_is_accepted_and_none_is_written_to(way: Any) -> None:
    f = gradient(way(example))
    wide = np.array([2.0, -1.0, 5.0, -1.0])
    readonly = X.copy()
    readonly.flags.writeable = False
    unaligned = np.frombuffer(b"\0" + X.tobytes(), dtype=np.uint8)[1:].view(np.float64)
    for x in (wide[::2], X[::-1].copy()[::-1], readonly, X.astype(">f8"), unaligned, [2, 5], (2.0, 5), X.astype(int)):
        before = np.array(x)
        np.testing.assert_allclose(f(x), GRADIENT, rtol=1e-15)
        np.testing.assert_array_equal(np.array(x), before)
    fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(gradient(way(sum_of_squares))(fortran), 2 * fortran)


def test_one_specialisation_serves_all_layouts() -> None:
    f = njit(lambda x: x[0] * x[1])
    g = gradient(f)
    for x in (X, X[::-1], X.astype(">f8"), X.astype(np.int32), [2, 5]):
        g(x)
    assert len(g.entries) == 1


def test_float32_stays_float32(way: Any) -> None:
    x = X.astype(np.float32)
    for result in (gradient(way(example))(x), jacobian(way(spread))(x)):
        assert result.dtype == np.float32
    np.testing.assert_allclose(gradient(way(example))(x), GRADIENT, rtol=1e-6)


def test_f_that_writes_to_its_argument_sees_a_fresh_copy(way: Any) -> None:
    x = X.copy()
    np.testing.assert_array_equal(gradient(way(greedy), chunk=1)(x), [15.0, 6.0])
    np.testing.assert_array_equal(gradient(way(greedy_ufunc), chunk=1)(x), [45.0, 18.0])
    np.testing.assert_array_equal(x, X)


# --- what they refuse -----------------------------------------------------------------------

BAD_INPUT = {
    "complex": (X + 1j, "complex128"),
    "bool": (np.array([True, False]), "bool"),
    "string": ("2", "str"),
    "strings": (np.array(["2", "5"]), "<U1"),
    "object": (np.array([2.0, None]), "object"),
    "datetime": (np.array(["2020-01-01"], dtype="datetime64[D]"), "datetime64"),
    "longdouble": (X.astype(np.longdouble), str(np.dtype(np.longdouble))),
    "half": (X.astype(np.float16), "float16"),
    "none": (None, "NoneType"),
}


@pytest.mark.parametrize("kind", BAD_INPUT)
def test_other_types_are_refused_by_name(way: Any, kind: str) -> None:
    x, named = BAD_INPUT[kind]
    with pytest.raises(TypeError, match=named):
        gradient(way(example))(x)


def test_masked_arrays_are_refused_by_name() -> None:
    masked = np.ma.masked_array(X, [True, False])
    with pytest.raises(TypeError, match="masked"):
        gradient(example)(masked)
    for f in (example, COMPILED[example]):
        with pytest.raises(TypeError, match="masked"):
            jvp(f, (masked,), (X,))


def test_compiled_code_takes_a_masked_array_for_its_data() -> None:
    # as every @njit function does: Numba's dispatch looks at the array within before any Python code could look
    f = COMPILED[example]
    masked = np.ma.masked_array(X, [True, False])
    assert f(X) == f(masked)
    np.testing.assert_array_equal(gradient(f)(X), gradient(f)(masked))


TRANSFORMS = [derivative, gradient, jacobian, hessian, value_and_derivative, value_and_gradient, value_and_jacobian]


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda t: t.__name__)
def test_what_is_no_function_is_refused(transform: Any) -> None:
    with pytest.raises(TypeError, match="expects a function, not float"):
        transform(3.0)


def test_the_sibling_that_was_wanted_is_named(way: Any) -> None:
    with pytest.raises(ValueError, match="perhaps you want jacobian"):
        gradient(way(spread))(X)
    for transform in (gradient, jacobian):
        with pytest.raises(ValueError, match="perhaps you want derivative"):
            transform(way(example))(2.0)


@pytest.mark.parametrize("chunk", [0, -1, 2.0, "2", True])
def test_a_bad_chunk_is_refused(way: Any, chunk: Any) -> None:
    with pytest.raises(ValueError, match="chunk must be a positive integer"):
        gradient(way(example), chunk=chunk)


@pytest.mark.parametrize("argnums", [5, (0, 5), -3])
def test_a_missing_argument_is_refused(way: Any, argnums: Any) -> None:
    with pytest.raises(ValueError, match="argument"):
        gradient(way(of_two), argnums=argnums)(X, 5.0)


def test_argnums_that_are_no_numbers(way: Any) -> None:
    with pytest.raises(TypeError, match="argnums"):
        gradient(way(example), argnums="x")
    with pytest.raises(ValueError, match="each once"):
        gradient(way(of_two), argnums=(0, 0))


def test_f_that_returns_nothing() -> None:
    def nothing(x: Any) -> None:
        x[0] * x[1]

    for f in (nothing, njit(nothing)):
        for transform in (gradient, jacobian):
            with pytest.raises(TypeError, match="nothing returned None"):
                transform(f)(X)


@pytest.mark.parametrize("result", ["a", 1j, np.array(["a", "b"]), [1j, 2.0]])
def test_f_that_returns_no_real_numbers(result: Any) -> None:
    def odd(x: Any) -> Any:
        return result

    for transform in (jacobian, derivative, value_and_jacobian):
        with pytest.raises(TypeError, match="odd returned"):
            transform(odd)(X)
    with pytest.raises(TypeError, match="odd returned"):
        jvp(odd, (X,), (X,))


def test_an_argument_that_is_named_twice() -> None:
    with pytest.raises(ValueError, match=r"each argument of of_two once.*\(0, -2\)"):
        gradient(of_two, argnums=(0, -2))(X, 5.0)


def test_a_shape_that_changes_between_passes() -> None:
    shapes = iter([(2,), (3,)])
    with pytest.raises(ValueError, match="shape"):
        jacobian(lambda x: np.zeros(next(shapes)) * x[0], chunk=1)(X)


def test_jvp_broadcasts_nothing(way: Any) -> None:
    with pytest.raises(ValueError, match=r"\(2,\).*\(1,\)"):
        jvp(way(example), (X,), (np.ones(1),))
    with pytest.raises(ValueError, match="one tangent for each argument"):
        jvp(way(example), (X,), ())


def test_a_result_that_does_not_fit_into_memory() -> None:
    big = np.broadcast_to(np.float64(1.0), (10**7,))
    with pytest.raises(MemoryError, match=r"GiB.*jvp"):
        jacobian(lambda x: x.values * 1.0, chunk=1)(big)


def test_an_exception_in_f_comes_through_and_leaves_no_trace(way: Any) -> None:
    f = gradient(way(picky))
    with pytest.raises(ValueError, match="too large"):
        f(np.array([200.0, 1.0]))
    np.testing.assert_array_equal(f(X), [5.0, 2.0])
    np.testing.assert_allclose(hessian(way(example))(X), HESSIAN, rtol=1e-14)


def test_code_that_cannot_be_compiled_names_the_line() -> None:
    @njit
    def f(x: Any) -> Any:
        return np.fft.fft(x)[0]  # this line

    with pytest.raises(dualdiff.CompilationError) as caught:
        gradient(f)(X)
    first, second = str(caught.value).splitlines()[:2]
    line = inspect.getsourcelines(f.py_func)[1] + 2
    assert f"{__file__}:{line}" in first
    assert second
    assert caught.value.__cause__ is not None


# --- how they look --------------------------------------------------------------------------


def test_what_is_returned_looks_like_f(way: Any) -> None:
    f = gradient(way(example))
    assert f.__name__ == "example"
    assert f.__doc__ == example.__doc__
    assert list(inspect.signature(f).parameters) == ["x"]


def test_the_same_request_is_compiled_once() -> None:
    f = COMPILED[example]
    assert gradient(f) is gradient(f)
    assert gradient(f, chunk=3) is not gradient(f)


# --- with other libraries and threads -------------------------------------------------------


def test_scipy_optimises_with_them(way: Any) -> None:
    optimize = pytest.importorskip("scipy.optimize")

    def f(x: Any) -> Any:
        s = 0.0
        for i in range(x.size - 1):
            s += (1 - x[i]) ** 2 + 100.0 * (x[i + 1] - x[i] ** 2) ** 2
        return s

    def residuals(x: Any) -> Any:
        out = np.zeros_like(x)
        out[0] = 10.0 * (x[1] - x[0] ** 2)
        out[1] = 1 - x[0]
        return out

    compiled = way(example) is not example
    f, residuals = (njit(f), njit(residuals)) if compiled else (f, residuals)
    found = optimize.minimize(value_and_gradient(f), np.array([-1.2, 1.0, 0.5]), jac=True)
    np.testing.assert_allclose(found.x, 1.0, rtol=1e-5)
    found = optimize.least_squares(residuals, [-1.2, 1.0], jac=jacobian(residuals))
    np.testing.assert_allclose(found.x, 1.0, rtol=1e-8)


def test_threads_do_not_disturb_each_other(way: Any) -> None:
    f = way(example)
    failures = []

    def work(seed: int) -> None:
        for x in np.random.default_rng(seed).uniform(1.0, 3.0, (20, 2)):
            expected = [1 / x[0] + x[1], x[0] - math.cos(x[1])]
            if not np.allclose(gradient(f)(x), expected, rtol=1e-14) or not np.allclose(hessian(f)(x)[0, 1], 1.0):
                failures.append(x)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


# --- results in tuples and lists ------------------------------------------------------------


def two_rows(x: Any) -> Any:
    return x * x, np.sin(x)


def rows_of_a_list(x: Any) -> Any:
    return [x * x, x]


def rows_of_numbers(x: Any) -> Any:
    return (x[0], 1.0), (x[1] * x[0], x[1])


def uneven(x: Any) -> Any:
    return x, x[:1]


@pytest.mark.parametrize("f", [two_rows, rows_of_a_list, rows_of_numbers], ids=lambda f: f.__name__)
def test_arrays_in_a_tuple_or_list_are_rows_of_one(f: Any) -> None:
    values, slopes = value_and_jacobian(njit(f))(X)
    expected_values, expected = value_and_jacobian(f)(X)
    np.testing.assert_allclose(values, expected_values, rtol=1e-15)
    np.testing.assert_allclose(slopes, expected, rtol=1e-15)
    assert slopes.shape == np.shape(f(X)) + X.shape


def test_the_derivative_of_a_list_is_a_list() -> None:
    f = njit(lambda t: ([t * t, 3.0 * t], t))
    assert value_and_derivative(derivative(f))(2.0) == (([4.0, 3.0], 1.0), ([2.0, 0.0], 0.0))


def test_results_that_make_no_array_are_refused() -> None:
    with pytest.raises(ValueError, match="must"):
        jacobian(njit(uneven))(X)
    for f in (njit(lambda x: {0: x[0]}), njit(lambda x: "x"), njit(lambda x: (x, (x, x[0])))):
        with pytest.raises(ValueError, match="that make an array, not"):
            jacobian(f)(X)
    with pytest.raises(ValueError, match=r"derivative expects that .* returns numbers"):
        derivative(njit(lambda t: {0: t}))(1.0)
    with pytest.raises(TypeError, match="may return None"):
        jacobian(njit(sometimes))(X)


def sometimes(x: Any) -> Any:
    return x if x[0] > 0 else None


@pytest.mark.parametrize("f", [lambda x: np.sum(x**2), lambda x: x[0] * x[1]])
def test_derivative_by_an_array_of_a_function_that_is_not_elementwise(f: Any) -> None:
    with pytest.raises(ValueError, match="perhaps you want jacobian"):
        derivative(f)(np.ones(3))
    np.testing.assert_array_equal(derivative(lambda x: 3.0)(np.ones(3)), np.zeros(3))


def further(x: Any, *more: Any) -> Any:
    return x * x * (more[0] if len(more) else 3.0) + len(more)


def further_after_a_default(x: Any, k: float = 2.0, *more: Any) -> Any:
    return x * x * k + len(more)


@pytest.mark.parametrize("f", [further, further_after_a_default])
@pytest.mark.parametrize("more", [(), (5.0,), (5.0, 7.0, 9.0)])
def test_starred_arguments(f: Any, more: tuple[float, ...]) -> None:
    for x in (2.0, np.array([1.0, 2.0])):
        np.testing.assert_array_equal(derivative(njit(f))(x, *more), derivative(f)(x, *more))
