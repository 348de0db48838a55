"""DualArray: the number in a batch is the number alone, and the batch behaves as a NumPy array."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dualdiff.arrays import kernels
from dualdiff.arrays.dual_array import DualArray
from dualdiff.dual.levels import as_dual_array, lift
from dualdiff.dual.nesting import level_of
from dualdiff.dual.number import Dual
from dualdiff.rules.table import FLAT, RULES, VALUE_ONLY, erf, logistic, xlogy

from ..helpers.dual_arrays import rng_of
from ..helpers.elementary import INTEGER_ARGUMENT, PATTERNS, arguments, arity, name_of

# --- elementary functions -------------------------------------------------------------------


rules = [(f, pattern) for f in RULES if name_of(f) not in INTEGER_ARGUMENT for pattern in PATTERNS[arity(f)]]
by_rule = pytest.mark.parametrize(("function", "pattern"), rules, ids=[f"{name_of(f)}-{p}" for f, p in rules])


@by_rule
def test_batch_agrees_with_numbers(function: Any, pattern: str) -> None:
    points = arguments(function)
    directions = [rng_of(pattern).standard_normal((3, len(x))) for x in points]
    batch = [DualArray(x, t) if p == "d" else x for x, t, p in zip(points, directions, pattern, strict=True)]
    result = function(*batch)
    for j in range(len(points[0])):
        numbers = [
            Dual(x[j], t[:, j]) if p == "d" else x[j] for x, t, p in zip(points, directions, pattern, strict=True)
        ]
        expected = function(*numbers)
        np.testing.assert_allclose(result.values[j], expected.value, rtol=1e-14, atol=1e-300)
        np.testing.assert_allclose(result.tangents[:, j], expected.tangents, rtol=1e-13, atol=1e-14)


@by_rule
def test_nested_batch_agrees_with_numbers(function: Any, pattern: str) -> None:
    points = arguments(function, 4)
    rng = rng_of(pattern)
    inner, outer = ([rng.standard_normal((2, len(x))) for x in points] for _ in range(2))
    batch = [
        DualArray(DualArray(x, t), DualArray(u, np.zeros((2, *u.shape)))) if p == "d" else x
        for x, t, u, p in zip(points, inner, outer, pattern, strict=True)
    ]
    result = function(*batch)
    for j in range(len(points[0])):
        numbers = [
            Dual(Dual(x[j], t[:, j]), [Dual(v, (0.0, 0.0)) for v in u[:, j]]) if p == "d" else x[j]
            for x, t, u, p in zip(points, inner, outer, pattern, strict=True)
        ]
        expected = function(*numbers)
        np.testing.assert_allclose(result.values.values[j], expected.value.value, rtol=1e-14, atol=1e-300)
        np.testing.assert_allclose(result.values.tangents[:, j], expected.value.tangents, rtol=1e-13, atol=1e-14)
        for k in range(2):
            tangent = expected.tangents[k]
            np.testing.assert_allclose(result.tangents[k].values[j], tangent.value, rtol=1e-13, atol=1e-14)
            np.testing.assert_allclose(result.tangents[k].tangents[:, j], tangent.tangents, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("function", [f for f in FLAT if isinstance(f, np.ufunc)], ids=name_of)
def test_flat_functions_have_zero_tangents(function: Any) -> None:
    x = np.array([-1.5, 0.0, 2.0])
    rest = [np.array([1.0, 2.0, 3.0])] * (function.nin - 1)
    result = function(DualArray(x, np.ones((2, 3))), *rest)
    np.testing.assert_array_equal(result.values, function(x, *rest))
    np.testing.assert_array_equal(result.tangents, np.zeros((2, 3)))


@pytest.mark.parametrize("function", [f for f in VALUE_ONLY if isinstance(f, np.ufunc)], ids=name_of)
def test_value_only_functions_give_plain_arrays(function: Any) -> None:
    x = np.array([-1.5, 0.0, 2.0])
    rest = [2.0] * (function.nin - 1)
    result = function(DualArray(x, np.ones((2, 3))), *rest)
    assert isinstance(result, np.ndarray)
    np.testing.assert_array_equal(result, function(x, *rest))


@pytest.mark.parametrize(
    ("f", "x", "tangents", "expected"),
    [
        (np.sqrt, [0.0, 0.0], [[0.0, 1.0]], [[0.0, np.inf]]),
        (np.log, [-1.0, -1.0], [[0.0, 1.0]], [[0.0, np.nan]]),
        (lambda x: x**0.0, [0.0, 2.0], [[1.0, 1.0]], [[0.0, 0.0]]),
        (lambda x: x**2, [0.0, -3.0], [[1.0, 1.0]], [[0.0, -6.0]]),
        (lambda x: 0.0**x, [1.0, 0.0], [[1.0, 0.0]], [[0.0, 0.0]]),
        (lambda x: (-2.0) ** x, [2.0, 2.0], [[0.0, 1.0]], [[0.0, np.nan]]),
        (np.abs, [0.0, -0.0], [[1.0, 1.0]], [[1.0, -1.0]]),
        (lambda x: np.maximum(x, 1.0), [1.0, 2.0], [[1.0, 1.0]], [[0.5, 1.0]]),
        (lambda x: np.arctan2(x, 0.0 * x), [0.0, 0.0], [[0.0, 1.0]], [[0.0, np.nan]]),
        (lambda x: np.ldexp(x, 3), [1.0, 2.0], [[1.0, 2.0]], [[8.0, 16.0]]),
        (lambda x: np.modf(x)[0], [1.5, -2.5], [[1.0, 2.0]], [[1.0, 2.0]]),
        (lambda x: divmod(x, 2.0)[1], [1.5, -2.5], [[1.0, 2.0]], [[1.0, 2.0]]),
        (np.conjugate, [1.5, -2.5], [[1.0, 2.0]], [[1.0, 2.0]]),
    ],
)
def test_kinks_and_edges(f: Callable[[Any], Any], x: Any, tangents: Any, expected: Any) -> None:
    np.testing.assert_array_equal(f(DualArray(x, tangents)).tangents, expected)


def test_strong_zero_on_tangents_of_tangents() -> None:
    # d2/dx2 of sqrt(x) x-independent: a zero part of a tangent stays zero beside infinite partials
    nested = DualArray(DualArray([0.0], [[0.0]]), DualArray([[0.0]], [[[0.0]]]))
    y = np.sqrt(nested)
    assert y.tangents.values == 0.0
    assert y.tangents.tangents == 0.0


# --- broadcasting and memory ----------------------------------------------------------------

SHAPES = [
    ((), (3,)),
    ((3,), ()),
    ((4, 1), (3,)),
    ((4, 3), (3,)),
    ((4, 3), (4, 1)),
    ((1, 3), (4, 1)),
    ((2, 1, 3), (5, 1)),
    ((2, 4, 3), (4, 3)),
    ((2, 1, 3, 1), (4, 1, 5)),
    ((0, 3), (3,)),
    ((1, 1), (1,)),
    ((700,), (2, 700)),
    ((3, 1), (600,)),
]


@pytest.mark.parametrize(("a", "b"), SHAPES, ids=map(str, SHAPES))
@pytest.mark.parametrize("pattern", ["dd", "dn", "nd"])
def test_broadcasting(a: tuple[int, ...], b: tuple[int, ...], pattern: str) -> None:
    rng = rng_of(f"{a}{b}")
    x, y = rng.standard_normal(a), rng.standard_normal(b)
    dx, dy = rng.standard_normal((2, *a)), rng.standard_normal((2, *b))
    a, b = DualArray(x, dx) if pattern[0] == "d" else x, DualArray(y, dy) if pattern[1] == "d" else y
    result = as_dual_array(a * b)
    np.testing.assert_array_equal(result.values, x * y)
    for k in range(2):
        expected = (dx[k] * y if pattern[0] == "d" else 0.0) + (x * dy[k] if pattern[1] == "d" else 0.0)
        np.testing.assert_allclose(result.tangents[k], np.broadcast_to(expected, result.shape), rtol=1e-15)


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda x: np.repeat(np.repeat(x, 2, -1), 3, 0)[::3, ::2],
    "backwards": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "swapped": lambda x: x.astype(">f8"),
    "unaligned": lambda x: np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float64).reshape(x.shape),
    "zero stride": lambda x: np.broadcast_to(x[:1], x.shape),
}


@pytest.mark.parametrize("a", LAYOUTS)
@pytest.mark.parametrize("b", LAYOUTS)
def test_layouts(a: str, b: str) -> None:
    rng = rng_of("layouts")
    x, y = LAYOUTS[a](rng.standard_normal((5, 4))), LAYOUTS[b](rng.standard_normal((5, 4)))
    dx = rng.standard_normal((2, 5, 4))
    before = x.copy(), y.copy()
    result = DualArray(x, dx) * y
    np.testing.assert_array_equal(result.values, x * y)
    np.testing.assert_array_equal(result.tangents, dx * y)
    np.testing.assert_array_equal((x, y), before)


def test_results_have_the_memory_order_of_the_operands() -> None:
    x = DualArray(np.ones((3, 4)), np.ones((2, 3, 4)))
    assert (x * 2.0).values.flags.c_contiguous
    assert (x.T * 2.0).values.flags.f_contiguous
    assert (x.T * 2.0).tangents[0].flags.f_contiguous


@pytest.mark.parametrize("size", [1, 3, 512, 513, 2000])
@pytest.mark.parametrize("function", [np.exp, erf, np.multiply, np.power], ids=name_of)
def test_bits_do_not_depend_on_the_number_of_tangents(function: Any, size: int) -> None:
    rng = rng_of(f"{size}")
    points = [rng.uniform(0.5, 2, size) for _ in range(arity(function))]
    directions = [rng.standard_normal((5, size)) for _ in points]
    together = function(*map(DualArray, points, directions))
    plain_values = kernels.elementwise(function, (), points, [None] * len(points))[0]
    np.testing.assert_array_equal(together.values, plain_values)
    for k in range(5):
        alone = function(*(DualArray(x, t[k : k + 1]) for x, t in zip(points, directions, strict=True)))
        np.testing.assert_array_equal(alone.values, together.values)
        np.testing.assert_array_equal(alone.tangents[0], together.tangents[k])


def test_many_threads() -> None:
    x = np.linspace(0.1, 1.0, 5000)
    batch = DualArray(x, np.ones((4, x.size)))
    expected = np.sinh(batch * np.cosh(batch))
    results = []
    threads = [threading.Thread(target=lambda: results.append(np.sinh(batch * np.cosh(batch)))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    for result in results:
        np.testing.assert_array_equal(result.tangents, expected.tangents)


# --- types of numbers -----------------------------------------------------------------------


def test_float32_stays_float32() -> None:
    x = DualArray(np.float32([1, 2]), np.float32([[1, 0]]))
    for y in (x * 2.0, x + 1, np.sin(x), x / x, x.sum(), np.stack([x, x]), -x, x**2, erf(x), x * Dual(2.0, 1.0)):
        result = as_dual_array(y)
        assert result.dtype == np.float32
        assert result.tangents.dtype == np.float32
    assert (x * np.array([1.0, 2.0])).dtype == np.float64


def test_integers_become_float64() -> None:
    x = DualArray([3, 4], [[1, 0]])
    assert x.dtype == np.float64
    assert (x**-1).values[0] == 1 / 3
    assert (np.array([2, 3]) ** x).values.tolist() == [8.0, 81.0]


@pytest.mark.parametrize(
    "values",
    [
        np.array([1j]),
        np.array(["a"]),
        np.array([True]),
        np.array([None]),
        np.array(["2020-01-01"], "datetime64[D]"),
        np.ma.array([1.0], mask=[False]),
        np.array([1.0], np.longdouble),
        np.array([1.0], np.float16),
    ],
    ids=["complex", "string", "bool", "object", "datetime", "masked", "longdouble", "float16"],
)
def test_bad_types(values: np.ndarray) -> None:
    with pytest.raises(TypeError):
        DualArray(values, np.ones((1, 1)))
    with pytest.raises(TypeError):
        DualArray(np.ones(1), values[None])
    if values.dtype.kind not in "bf" or values.dtype == np.longdouble or isinstance(values, np.ma.MaskedArray):
        with pytest.raises(TypeError):
            DualArray([1.0], [[1.0]]) * values


def test_bad_type_is_named() -> None:
    with pytest.raises(TypeError, match="complex128"):
        DualArray([1j], [[1.0]])


@pytest.mark.parametrize("tangents", [1.0, [1.0, 2.0], [[1.0]], [[1.0, 2.0, 3.0]]])
def test_tangents_of_another_shape(tangents: Any) -> None:
    with pytest.raises(ValueError, match="shape"):
        DualArray([1.0, 2.0], tangents)


def test_functions_of_the_table_on_plain_arrays() -> None:
    x = np.array([[0.5, -1.0]])
    assert type(erf(x)) is np.ndarray
    assert erf(np.float32(x)).dtype == np.float32
    assert logistic(np.array([0, 1])).dtype == np.float64
    assert type(logistic(np.array(0.5))) is np.float64
    assert xlogy(np.ones((3, 1)), [1.0, 2.0]).shape == (3, 2)
    assert erf(np.zeros((0, 2))).shape == (0, 2)
    with pytest.raises(TypeError, match="complex"):
        erf(np.array([1j]))
    with pytest.raises(TypeError, match="masked"):
        erf(np.ma.masked_array([1.0, 2.0], [True, False]))


# --- mixing ---------------------------------------------------------------------------------


def vector() -> DualArray:
    return DualArray([2.0, 3.0, 5.0], np.eye(3))


def test_mixing_with_numbers_lists_and_duals() -> None:
    x, d = vector(), Dual(2.0, (1.0, 0.0, 0.0))
    for product in (x * d, d * x, x * [d, 2.0, d.value], [2, d, 2.0] * x, np.array([d, d, d]) * x):
        assert isinstance(product, DualArray)
        assert product.values.tolist() == [4.0, 6.0, 10.0]
    assert (x * d).tangents[:, 0].tolist() == [4.0, 0.0, 0.0]
    assert (np.float64(2) * x).values.tolist() == [4.0, 6.0, 10.0]
    assert (x > 2.5).tolist() == [False, True, True]
    assert (x == [2.0, 0.0, 5.0]).tolist() == [True, False, True]


def test_duals_of_other_levels_are_constants() -> None:
    low = DualArray([2.0, 3.0], [[1.0, 0.0]])
    high = DualArray(DualArray([5.0, 7.0], [[0.0, 0.0]]), np.ones((2, 2)))
    product = low * high
    assert level_of(product) == level_of(high) == 2
    assert product.values.tangents.tolist() == [[5.0, 0.0]]
    assert product.tangents.values.tolist() == [[2.0, 3.0]] * 2
    assert product.tangents.tangents.tolist() == [[[1.0, 0.0], [1.0, 0.0]]]


def test_different_numbers_of_tangents() -> None:
    x = DualArray([1.0], [[1.0]])
    y = DualArray([1.0], [[1.0], [0.0]])
    for f in (np.add, np.arctan2, np.floor_divide, lambda a, b: np.stack([a, b]), lambda a, b: a * Dual(1.0, (1, 0))):
        with pytest.raises(ValueError, match="numbers of tangents"):
            f(x, y)


def test_in_place_and_out() -> None:
    x = vector()
    y = x
    y *= x
    assert y is x
    assert x.values.tolist() == [4.0, 9.0, 25.0]
    assert x.tangents.tolist() == np.diag([4.0, 6.0, 10.0]).tolist()
    assert np.add(x, 1.0, out=y) is x
    np.sqrt(x, out=x, where=[True, False, False])
    assert x.values.tolist() == [np.sqrt(5.0), 10.0, 26.0]
    assert x.tangents[1].tolist() == [0.0, 6.0, 0.0]
    flags = np.zeros(3, bool)
    assert np.greater(x, 9.0, out=flags) is flags
    assert flags.tolist() == [False, True, True]
    plain = np.ones(3)
    with pytest.raises(TypeError, match="zeros_like"):
        plain += x
    with pytest.raises(ValueError, match="broadcast"):
        x += np.ones((2, 3))


def test_where_selects_and_does_not_multiply() -> None:
    y = np.log(DualArray([0.0, 1.0], [[1.0, 1.0]]), where=[False, True])
    assert y.tangents[0, 1] == 1.0


def test_operations_are_as_silent_as_numpys() -> None:
    x = DualArray([0.0, -1.0, 1e300], np.ones((1, 3)))
    with np.errstate(all="raise"):
        for f in (np.sqrt, np.cbrt, np.square, lambda x: 1e300 * x):
            f(x)


# --- indexing -------------------------------------------------------------------------------

INDICES = {
    "slice": slice(1, None),
    "row": 1,
    "negative": -1,
    "reversed": slice(None, None, -1),
    "column": (slice(None), 2),
    "ellipsis": (..., 0),
    "newaxis": (None, 1, slice(None), None),
    "element": (1, 2),
    "empty": slice(0, 0),
    "list": [2, 0, 0],
    "pairs": ([0, 2], [1, 3]),
    "separated": ([0, 2], None, [1, 3]),
    "array and slice": (slice(None), np.array([[3, 1], [0, 0]])),
    "slice and array": (np.array([1, 1]), slice(1, 3)),
    "mask": np.arange(12).reshape(3, 4) % 3 == 0,
    "mask of rows": np.array([True, False, True]),
    "ellipsis and list": (..., [1, 1]),
    "number and list": (1, [0, 3]),
    "everything": ...,
}


@pytest.mark.parametrize("name", INDICES)
def test_indexing_acts_on_each_tangent(name: str) -> None:
    values, tangents = np.arange(12.0).reshape(3, 4), np.arange(24.0).reshape(2, 3, 4)
    result = as_dual_array(DualArray(values, tangents)[INDICES[name]])
    np.testing.assert_array_equal(result.values, values[INDICES[name]])
    for k in range(2):
        np.testing.assert_array_equal(result.tangents[k], tangents[k][INDICES[name]])


@pytest.mark.parametrize("name", INDICES)
def test_assignment_acts_on_each_tangent(name: str) -> None:
    values, tangents = np.arange(12.0).reshape(3, 4), np.arange(24.0).reshape(2, 3, 4)
    x = DualArray(values, tangents)
    selected = x[INDICES[name]]
    x[INDICES[name]] = 2.0 * selected
    expected, lanes = values.copy(), tangents.copy()
    expected[INDICES[name]] *= 2
    for lane in lanes:
        lane[INDICES[name]] *= 2
    np.testing.assert_array_equal(x.values, expected)
    np.testing.assert_array_equal(x.tangents, lanes)
    x[INDICES[name]] = 7.0
    for lane in (expected, *lanes):
        lane[INDICES[name]] = 0.0 if lane is not expected else 7.0
    np.testing.assert_array_equal(x.values, expected)
    np.testing.assert_array_equal(x.tangents, lanes)


def test_assignment_broadcasts_duals_and_lists() -> None:
    x = np.zeros_like(DualArray(np.zeros((2, 2)), np.zeros((1, 2, 2))))
    x[...] = Dual(1.0, 5.0)
    assert x.tangents.tolist() == [[[5.0, 5.0], [5.0, 5.0]]]
    x[0] = [Dual(2.0, 3.0), 4.0]
    assert x.values.tolist() == [[2.0, 4.0], [1.0, 1.0]]
    assert x.tangents.tolist() == [[[3.0, 0.0], [5.0, 5.0]]]
    x[:, 1] = x[0]
    assert x.tangents.tolist() == [[[3.0, 3.0], [5.0, 0.0]]]
    x.fill(1.0)
    assert not x.tangents.any()
    with pytest.raises(ValueError, match="broadcast"):
        x[0] = [1.0, 2.0, 3.0]
    with pytest.raises(IndexError):
        x[5]


def test_assigning_a_dual_of_a_higher_level() -> None:
    x = DualArray([1.0, 2.0], [[1.0, 0.0]])
    higher = DualArray(x, np.ones((1, 2)))
    with pytest.raises(TypeError, match="zeros_like"):
        x[0] = higher[0]
    with pytest.raises(TypeError, match="zeros_like"):
        x += higher
    higher[0] = x[1]
    assert higher.values.tangents.tolist() == [[0.0, 0.0]]
    assert higher.tangents.values.tolist() == [[0.0, 1.0]]


def test_storing_a_dual_in_a_plain_array() -> None:
    with pytest.raises(TypeError, match="zeros_like"):
        np.zeros(2)[0] = vector()[0]
    with pytest.raises(TypeError, match="zeros_like"):
        np.zeros(3)[:] = vector()


VIEWS: dict[str, Callable[[DualArray], DualArray]] = {
    "slice": lambda x: x[1:, ::2],
    "row": lambda x: x[1],
    "reshape": lambda x: x.reshape(4, 3),
    "ravel": lambda x: x.ravel(),
    "transpose": lambda x: x.T,
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "diagonal slice": lambda x: x.reshape(-1)[::5],
    "flat": lambda x: x.flat,
    "squeeze": lambda x: x[None].squeeze(),
    "expand_dims": lambda x: np.expand_dims(x, 1),
    "split": lambda x: np.split(x, 3)[1],
    "newaxis": lambda x: x[:, None],
}


@pytest.mark.parametrize("name", VIEWS)
def test_writes_through_views(name: str) -> None:
    x = DualArray(np.ones((3, 4)), np.ones((2, 3, 4)))
    view = VIEWS[name](x)
    view[...] = Dual(7.0, (8.0, 9.0))
    assert (x.values == 7.0).sum() == view.size
    assert (x.tangents[0] == 8.0).sum() == view.size
    assert (x.tangents[1] == 9.0).sum() == view.size


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.copy(),
        lambda x: x.flatten(),
        lambda x: x[[0, 1]],
        lambda x: +x,
        lambda x: x.astype(float),
        copy.copy,
        copy.deepcopy,
        np.copy,
        lambda x: x.T.reshape(-1),
        lambda x: DualArray(x.values, x.tangents),
    ],
)
def test_copies(f: Callable[[DualArray], DualArray]) -> None:
    x = DualArray(np.ones((3, 4)), np.ones((2, 3, 4)))
    f(x)[...] = 0.0
    assert x.values.all()
    assert x.tangents.all()


def test_flat_of_what_has_no_flat_view_is_read_only() -> None:
    x = DualArray(np.ones((3, 4)), np.ones((2, 3, 4)))
    with pytest.raises(ValueError, match="read-only"):
        x.T.flat[0] = 2.0
    assert [d.value for d in x.T.flat] == [1.0] * 12


# --- behaving as an array -------------------------------------------------------------------


def test_elements_are_duals() -> None:
    x = vector()
    assert isinstance(x[0], Dual)
    assert x[1].tangents == (0.0, 1.0, 0.0)
    assert [d.value for d in x] == [2.0, 3.0, 5.0]
    assert all(isinstance(d, Dual) for d in x.tolist())
    assert isinstance(x.sum(), Dual)
    assert x.item(1).value == 3.0
    assert x[:1].item().value == 2.0
    assert 3.0 in x
    assert 4.0 not in x
    with pytest.raises(ValueError, match="size 1"):
        x.item()


def test_attributes() -> None:
    x = DualArray(np.ones((2, 3)), np.ones((4, 2, 3)))
    assert (x.shape, x.ndim, x.size, len(x), x.T.shape) == ((2, 3), 2, 6, 2, (3, 2))
    assert x.dtype == np.float64
    assert x.real is x
    assert x.astype(np.float32).dtype == np.float32
    with pytest.raises(TypeError, match="int64"):
        x.astype(int)


def test_zero_dimensional() -> None:
    x = DualArray(2.0, [1.0, 0.0])
    assert x.shape == ()
    assert isinstance(x[()], Dual)
    assert isinstance(x[...], DualArray)
    assert isinstance(x * x, Dual)
    x[...] = 5.0
    assert x.values == 5.0
    assert bool(x)
    with pytest.raises(TypeError):
        len(x)
    with pytest.raises(TypeError):
        iter(x)


def test_conversions_say_what_to_write() -> None:
    x = vector()
    with pytest.raises(TypeError, match=r"a DualArray does not become a float: .* x.value"):
        float(x[:1].reshape(1))
    with pytest.raises(TypeError, match=r"np.array\(..., like=x\)"):
        np.asarray(x, float)
    assert repr(as_dual_array(np.asarray(x))) == repr(x)
    assert repr(as_dual_array(np.array([x, x]))) == repr(np.stack([x, x]))
    with pytest.raises(TypeError):
        int(x)
    with pytest.raises(TypeError):
        hash(x)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x)
    assert bool(x[:1])


def test_repr_and_pickle() -> None:
    x = DualArray([1.0, 2.5], [[1.0, 0.0]])
    assert repr(x) == "DualArray([1. , 2.5], [[1., 0.]])"
    assert f"{x}" == str(x) == repr(x)
    y = pickle.loads(pickle.dumps(x))
    assert repr(y) == repr(x)
    assert level_of(y) == level_of(x)


def test_sort_in_place() -> None:
    x = DualArray([3.0, 1.0, 2.0], np.eye(3))
    x.sort()
    assert x.tangents.tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_unsupported_ufuncs_are_named() -> None:
    x = vector()
    with pytest.raises(TypeError, match=r"frexp.*dualdiff\.register_rule"):
        np.frexp(x)
    with pytest.raises(TypeError, match=r"hypot.reduce of duals takes one axis"):
        np.hypot.reduce(x, axis=(0,))
    with pytest.raises(TypeError, match="dtype"):
        np.add(x, x, dtype=np.float32)


# --- reading duals --------------------------------------------------------------------------


def test_as_batch() -> None:
    d = Dual(1.0, (2.0, 3.0))
    batch = as_dual_array([[d, 2.0], [3, d]])
    assert batch.values.tolist() == [[1.0, 2.0], [3.0, 1.0]]
    assert batch.tangents.tolist() == [[[2.0, 0.0], [0.0, 2.0]], [[3.0, 0.0], [0.0, 3.0]]]
    assert as_dual_array((d, d)).shape == (2,)
    assert as_dual_array(np.array([[d, 1.0]])).shape == (1, 2)
    assert as_dual_array(d).shape == ()
    assert as_dual_array([vector(), [1.0, 2.0, 3.0]]).shape == (2, 3)
    assert type(as_dual_array([1.0, 2.0])) is np.ndarray
    assert as_dual_array([]).shape == (0,)
    with pytest.raises(ValueError, match="shape"):
        as_dual_array([[d, d], [d]])
    with pytest.raises(TypeError, match="NoneType"):
        as_dual_array([None])
    with pytest.raises(ValueError, match="numbers of tangents"):
        as_dual_array([d, Dual(1.0, 1.0)])


def test_as_batch_of_levels() -> None:
    low = Dual(1.0, 2.0)
    high = Dual(low, (Dual(3.0, 4.0), 5.0))
    batch = as_dual_array([high, low, 6.0])
    assert level_of(batch) == 2
    assert batch.values.values.tolist() == [1.0, 1.0, 6.0]
    assert batch.values.tangents.tolist() == [[2.0, 2.0, 0.0]]
    assert batch.tangents.values.tolist() == [[3.0, 0.0, 0.0], [5.0, 0.0, 0.0]]
    assert batch.tangents.tangents.tolist() == [[[4.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]
    assert as_dual_array(high).tangents.tangents.tolist() == [[4.0, 0.0]]


def test_lift_gives_both_parts_the_levels_of_either() -> None:
    low = DualArray([1.0, 2.0], [[1.0, 0.0]])
    x = lift(low, np.eye(2), 5)
    x[0] = x[0] * x[1]
    assert level_of(x) == 5
    assert x.tangents.tangents.tolist() == [[[0.0, 0.0], [1.0, 0.0]]]


def test_nested_derivatives_do_not_confuse_their_tangents() -> None:
    inner = DualArray(DualArray([1.0], [[1.0]]), [[0.0]])
    y = lift(DualArray([2.0], [[0.0]]), np.ones((1, 1)), level_of(inner))
    assert (inner * y).tangents.values.tolist() == [[1.0]]
    assert (inner * y).tangents.tangents.tolist() == [[[1.0]]]


def test_importing_loads_no_numba() -> None:
    code = "import sys, dualdiff.arrays.linalg, dualdiff.arrays.reductions; print('numba' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "False\n"
