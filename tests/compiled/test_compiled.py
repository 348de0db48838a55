"""Duals in compiled code: what Numba makes of a function is what Python makes of it."""

from __future__ import annotations

import math
import operator
import sys
from typing import Any

import numpy as np
import pytest
from numba import float64, njit
from numba.core.errors import TypingError

import dualdiff
from dualdiff import Dual, derivative, gradient, jacobian
from dualdiff.compiled.pipeline.cost import is_costly
from dualdiff.rules.table import FLAT, RULES, SPELLINGS, VALUE_ONLY

from ..helpers.elementary import INTEGER_ARGUMENT, PATTERNS, arguments, arity, name_of


def flattened(x: Any) -> list[float]:
    """All numbers in a dual, nested or not."""
    if isinstance(x, Dual):
        return [number for part in (x.value, *x.tangents) for number in flattened(part)]
    return [float(x)]


def caller(function: Any, n: int) -> Any:
    """An ``@njit`` function that only calls another."""
    return njit((lambda x: function(x)) if n == 1 else (lambda a, b: function(a, b)))


def seeded(numbers: list[float], pattern: str, nested: bool) -> list[Any]:
    active = [i for i, kind in enumerate(pattern) if kind == "d"]
    duals: list[Any] = list(numbers)
    for k, i in enumerate(active):
        unit = tuple(float(j == k) for j in range(len(active)))
        duals[i] = (
            Dual(Dual(numbers[i], unit), tuple(Dual(u, (0.0,) * len(unit)) for u in unit))
            if nested
            else Dual(numbers[i], unit)
        )
    return duals


ONCE_AND_TWICE = [
    pytest.param(function, pattern, nested, id=f"{name_of(function)}-{pattern}-{'twice' if nested else 'once'}")
    for function in RULES
    if name_of(function) not in INTEGER_ARGUMENT
    for pattern in PATTERNS[arity(function)]
    for nested in (False, True)
    if not nested or pattern in ("d", "dd")
]


@pytest.mark.parametrize(("function", "pattern", "nested"), ONCE_AND_TWICE)
def test_a_rule_compiled_is_the_rule_interpreted(function: Any, pattern: str, nested: bool) -> None:
    numbers = [float(a[0]) for a in arguments(function)]
    duals = seeded(numbers, pattern, nested)
    compiled = caller(function, arity(function))(*duals)
    assert isinstance(compiled, Dual)
    np.testing.assert_allclose(flattened(compiled), flattened(function(*duals)), rtol=2e-14, atol=1e-300)


def numba_knows(function: Any, n: int) -> bool:
    """Whether plain ``@njit`` code may call the function."""
    try:
        caller(function, n).compile((float64,) * n)
    except TypingError:
        return False
    return True


@pytest.mark.parametrize("function", [f for f in FLAT if numba_knows(f, f.nin)], ids=name_of)
def test_a_flat_function_compiled_has_derivative_zero(function: Any) -> None:
    numbers = [float(a[0]) for a in arguments(function)]
    result = caller(function, arity(function))(*seeded(numbers, "d" * len(numbers), False))
    assert result.value == function(*numbers)
    assert set(result.tangents) == {0.0}


@pytest.mark.parametrize("function", VALUE_ONLY, ids=name_of)
def test_a_predicate_compiled_looks_at_the_value(function: Any) -> None:
    numbers = [0.5, 2.0][: function.nin]
    duals = [Dual(x, 1.0) for x in numbers]
    assert caller(function, len(numbers))(*duals) == function(*numbers)


SPELLED = [
    s for s, f in SPELLINGS.items() if f in RULES and name_of(f) not in INTEGER_ARGUMENT and numba_knows(s, arity(f))
]


@pytest.mark.parametrize("spelling", SPELLED, ids=lambda s: f"{getattr(s, '__module__', '')}.{s.__name__}")
def test_every_spelling_is_the_same_function(spelling: Any) -> None:
    function = SPELLINGS[spelling]
    numbers = [float(a[0]) for a in arguments(function)]
    duals = seeded(numbers, "d" * len(numbers), False)
    compiled = caller(spelling, len(numbers))(*duals)
    np.testing.assert_allclose(flattened(compiled), flattened(function(*duals)), rtol=2e-14)


def test_the_value_is_the_plain_functions_to_the_bit() -> None:
    @njit
    def f(x: Any, y: Any) -> Any:
        s = 0
        for k in range(5):
            s += math.sin(x * k) ** 3 / (1 + y * y) + x**2.5 - 3 * y**4 + 2**x
        return s + np.tanh(y) + math.atan2(x, y) % 0.7

    rng = np.random.default_rng(1)
    for x, y in rng.uniform(0.1, 2.0, (50, 2)):
        assert f(Dual(x, (1.0, 0.0)), Dual(y, (0.0, 1.0))).value == f(x, y)


@pytest.mark.parametrize("op", ["+=", "-=", "*=", "/=", "//=", "%=", "**="])
def test_in_place_operators(op: str) -> None:
    scope: dict[str, Any] = {}
    exec(f"def f(x, y):\n    s = 2.5\n    s {op} x\n    s {op} y\n    x {op} 2\n    return s + x", scope)
    duals = [Dual(1.3, (1.0, 0.0)), Dual(0.7, (0.0, 1.0))]
    np.testing.assert_allclose(flattened(njit(scope["f"])(*duals)), flattened(scope["f"](*duals)), rtol=1e-14)


def test_accumulators_branches_tuples_and_lists() -> None:
    @njit
    def f(x: Any) -> Any:
        total = 0
        best = 0.0
        for term in (x, x * x, x + 1):
            total += term
        for term in [x, 2 * x]:
            best = best + term if term > 0.5 else 0.0
        while total < 10:
            total *= x
        if best:
            return total, best
        return total, 1.0

    x = Dual(1.5, 1.0)
    total, best = f(x)
    expected = f.py_func(x)
    assert flattened(total) == pytest.approx(flattened(expected[0]), rel=1e-14)
    assert flattened(best) == pytest.approx(flattened(expected[1]), rel=1e-14)


def test_conversions_and_rounding_look_at_the_value() -> None:
    @njit
    def f(x: Any) -> Any:
        return int(x), math.floor(x), math.ceil(x), math.trunc(x), round(x), bool(x), not x, hash(x), x == 2.5

    assert f(Dual(2.5, 1.0)) == (2, 2, 3, 2, 2, True, False, hash(2.5), True)


def test_divmod_and_round_to_digits() -> None:
    @njit
    def f(x: Any) -> Any:
        q, r = divmod(x, 0.7)
        return q, r, round(x, 1)

    q, r, rounded = f(Dual(2.53, 1.0))
    assert (q.value, q.tangents, r.tangents) == (3.0, (0.0,), (1.0,))
    assert (rounded.value, rounded.tangents) == (2.5, (0.0,))


@pytest.mark.parametrize("builtin", [max, min], ids=["max", "min"])
def test_builtin_extrema_average_at_a_tie(builtin: Any) -> None:
    two = njit(lambda a, b: builtin(a, b))
    three = njit(lambda a, b, c: builtin(a, b, c))
    a, b = Dual(1.0, (1.0, 0.0)), Dual(1.0, (0.0, 1.0))
    assert two(a, b).tangents == (0.5, 0.5)
    assert two(a, 1.0).tangents == (0.5, 0.0)
    assert two(2.0, Dual(3.0, 1.0)).value == builtin(2.0, 3.0)
    assert two(2.0, Dual(3.0, 1.0)).tangents == (float(builtin(2.0, 3.0) == 3.0),)
    assert three(a, 5.0, -5.0).value == builtin(1.0, 5.0, -5.0)
    for u, v in ((math.nan, 1.0), (1.0, math.nan)):
        np.testing.assert_equal(two(Dual(u, 1.0), v).value, two(u, v))


def test_division_by_zero_and_domain_errors_give_infinities_and_nan() -> None:
    f = njit(lambda x: 1 / x)
    assert f(Dual(0.0, 1.0)).tangents == (-math.inf,)
    assert njit(lambda x: math.log(x))(Dual(0.0, 1.0)).tangents == (math.inf,)
    assert math.isnan(njit(lambda x: math.log(x))(Dual(-1.0, 1.0)).tangents[0])
    assert derivative(njit(error_model="numpy")(lambda x: 1 / x))(0.0) == -math.inf


def test_nan_goes_through() -> None:
    f = njit(lambda x: math.sin(x) * x + x**2)
    result = f(Dual(math.nan, 1.0))
    assert math.isnan(result.value)
    assert math.isnan(result.tangents[0])


# --- strong zeros ---------------------------------------------------------------------------


def test_a_zero_tangent_stays_zero_where_a_partial_is_infinite() -> None:
    f = njit(lambda x, y: math.sqrt(x) + y)
    assert f(Dual(0.0, (0.0, 0.0)), Dual(1.0, (0.0, 1.0))).tangents == (0.0, 1.0)


@pytest.mark.parametrize("chunk", [None, 1, 2, 3, 8])
def test_a_driver_that_made_nan_of_zero_times_infinity_mends_it(chunk: int | None) -> None:
    @njit
    def f(x: Any) -> Any:
        return math.sqrt(x[0]) + x[1] ** 2 + x[2] * 3.0

    np.testing.assert_array_equal(gradient(f, chunk=chunk)(np.array([0.0, 2.0, 1.0])), [math.inf, 4.0, 3.0])


def test_a_true_nan_stays() -> None:
    f = njit(lambda x: math.sqrt(x[0]) * x[1] + x[2])
    np.testing.assert_array_equal(gradient(f)(np.array([0.0, 0.0, 1.0])), [math.nan, 0.0, 1.0])


PAIR = (1.0, np.ones(2))


@njit
def mixed(x: Any, k: Any = 2.0, pair: Any = PAIR) -> Any:
    return math.sqrt(x[0]) + x[1] * k * pair[0] + pair[1][0]


@pytest.mark.parametrize(
    ("args", "slope"),
    [
        ((), 2.0),
        ((3,), 3.0),
        ((np.float32(0.1),), float(np.float32(0.1))),
        ((True, (4.0, np.zeros(1))), 4.0),
        ((1.5, (np.float32(2.0), np.zeros(3)[::2])), 3.0),
    ],
    ids=["defaults", "int", "float32", "tuple", "strided"],
)
def test_arguments_are_the_same_when_a_driver_runs_again(args: tuple[Any, ...], slope: float) -> None:
    np.testing.assert_allclose(gradient(mixed)(np.array([0.0, 1.0]), *args), [math.inf, slope], rtol=1e-15)


def test_a_function_among_the_arguments_is_the_same_when_a_driver_runs_again() -> None:
    f = njit(lambda x, helper: math.sqrt(x[0]) + helper(x[1]))
    helper = njit(lambda y: y * y)
    np.testing.assert_array_equal(gradient(f)(np.array([0.0, 3.0]), helper), [math.inf, 6.0])


def test_an_exception_when_a_driver_runs_again_comes_through() -> None:
    @njit
    def f(x: Any) -> Any:
        if np.random.random() > 0.5:  # with this seed from the second call on
            raise ValueError("called again")
        return math.sqrt(x[0]) + x[1]

    @njit
    def seed() -> Any:
        np.random.seed(5)

    seed()
    with pytest.raises(ValueError, match="called again"):
        gradient(f)(np.array([0.0, 1.0]))
    seed()
    np.testing.assert_array_equal(gradient(f)(np.array([1.0, 1.0])), [0.5, 1.0])


@pytest.mark.parametrize("lengths", [(3, 1000, 40, 3), (1000, 3, 1000), (32, 33, 64, 65)])
@pytest.mark.parametrize("transform", [gradient, jacobian])
def test_one_derivative_serves_short_and_long_arrays(lengths: tuple[int, ...], transform: Any) -> None:
    f = njit((lambda x: np.sum(np.sin(x))) if transform is gradient else (lambda x: x[:2] * x[-1]))
    g = transform(f)
    for n in lengths:
        x = np.linspace(0.5, 2.0, n)
        np.testing.assert_array_equal(g(x), transform(f, chunk=7)(x))
    x = np.linspace(0.0, 2.0, lengths[-1])
    root = njit(lambda x: np.sqrt(x[0]) + x[-1]) if transform is gradient else njit(lambda x: np.sqrt(x[:2]))
    first = transform(root)(x)
    assert np.isinf(first.flat[0])
    assert not np.isnan(first).any()


def test_costly_functions_are_told_by_their_names() -> None:
    helper = njit(lambda x: math.exp(x))
    assert is_costly(lambda x: np.log(x))
    assert is_costly(lambda x: [math.atan2(y, 1.0) for y in x])
    assert is_costly(lambda x: helper(x) + 1.0)
    assert not is_costly(lambda x: math.sqrt(x * x) + np.maximum(x, 0.0))


# --- arrays of duals ------------------------------------------------------------------------


def test_array_operations_equal_those_of_python() -> None:
    @njit
    def f(x: Any) -> Any:
        z = np.sin(x) * x + np.exp(-x) / 2.0
        z += np.array([1.0, 2.0, 3.0])
        y = np.zeros_like(x)
        y[1:] = z[:-1] * 2.0
        return y + np.sum(z) * x - np.prod(x) / np.mean(z) + np.max(x) * np.min(x)

    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(jacobian(f)(x), jacobian(f.py_func)(x), rtol=1e-13, atol=1e-13)


def test_broadcasting_of_arrays_of_duals() -> None:
    f = njit(lambda x: x.reshape(3, 1) * x + 1.0 - x)
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(jacobian(f)(x), jacobian(f.py_func)(x), rtol=1e-14)


# --- the border to Python -------------------------------------------------------------------


def test_a_dual_crosses_and_comes_back_unchanged() -> None:
    identity = njit(lambda x: x)
    for x in (Dual(2.0, (1.0, 0.5)), Dual(Dual(1.0, 2.0), (Dual(3.0, 4.0),))):
        assert repr(identity(x)) == repr(x)


def test_a_dual_that_crosses_keeps_its_reference_counts() -> None:
    identity = njit(lambda x: x)
    x = Dual(2.5, (1.25, 0.75))
    identity(x)
    before = sys.getrefcount(x), sys.getrefcount(x.tangents), sys.getrefcount(x.value)
    for _ in range(100):
        identity(x)
    assert (sys.getrefcount(x), sys.getrefcount(x.tangents), sys.getrefcount(x.value)) == before


def test_duals_without_a_numba_form_say_so() -> None:
    from fractions import Fraction

    with pytest.raises(TypeError, match="Fraction"):
        njit(lambda x: x)(Dual(Fraction(1, 2), 1))


def test_functions_of_dualdiff_inside_njit() -> None:
    f = njit(lambda x: dualdiff.erf(x) + dualdiff.logistic(x) * dualdiff.softplus(x) + dualdiff.xlogy(x, x))
    assert f(0.7) == pytest.approx(f.py_func(0.7), rel=1e-14)
    assert flattened(f(Dual(0.7, 1.0))) == pytest.approx(flattened(f.py_func(Dual(0.7, 1.0))), rel=1e-14)


@pytest.mark.parametrize("op", [operator.add, operator.mul, operator.pow], ids=lambda op: op.__name__)
def test_duals_of_different_levels_are_constants_to_each_other(op: Any) -> None:
    low, high = Dual(1.5, 1.0), Dual(Dual(0.7, 0.0), (Dual(1.0, 0.0),))
    f = njit(lambda a, b: op(a, b))
    for a, b in ((low, high), (high, low)):
        np.testing.assert_allclose(flattened(f(a, b)), flattened(op(a, b)), rtol=1e-14)
