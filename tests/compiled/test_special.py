"""SciPy's special functions in compiled code: values are SciPy's, derivatives those of the ufuncs on duals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit

from dualdiff import CompilationError, derivative, gradient, hessian, special, value_and_derivative, vmap
from dualdiff.rules.custom import CUSTOM, Missing

sp = pytest.importorskip("scipy.special", reason="SciPy is not there: pip install scipy")

pytestmark = pytest.mark.filterwarnings("ignore:.* encountered in:RuntimeWarning")

POINTS: dict[int, tuple[Any, ...]] = {1: (0.62,), 2: (3.0, 0.7), 3: (2.0, 1.5, 0.3), 4: (1.5, 0.7, 2.2, 0.3)}
WHOLE = {name for name in dir(special) if name.startswith("eval_")} | {"expn", "kn", "yn", "jn"}
WHOLE |= {name for name in dir(special) if name.startswith("spherical_")}


SEVERAL = ["airy", "ellipj", "fresnel", "shichi", "sici"]


@pytest.mark.parametrize("name", SEVERAL)
def test_functions_with_several_results(name: str) -> None:
    rest = ", 0.4" if name == "ellipj" else ""
    for k in range(getattr(sp, name).nout):
        compiled = njit(eval(f"lambda x: f(x{rest})[{k}]", {"f": getattr(special, name)}))
        plain = eval(f"lambda x: f(x{rest})[{k}]", {"f": getattr(sp, name)})
        assert compiled(0.62) == plain(0.62)
        found = value_and_derivative(derivative(compiled))(0.62)
        expected = value_and_derivative(derivative(plain))(0.62)
        assert found == pytest.approx(tuple(map(float, expected)), rel=1e-13)


@pytest.mark.parametrize("name", sorted({*dir(special)} - {*SEVERAL}))
def test_value_and_derivatives(name: str) -> None:
    function = getattr(special, name)
    point = POINTS[function.nin]
    if name in WHOLE:
        point = (3, *point[1:])
    listed = ", ".join("abcd"[: function.nin])
    value = njit(eval(f"lambda {listed}: f({listed})", {"f": function}))
    in_python = getattr(sp, name) if isinstance(getattr(sp, name), np.ufunc) else function
    assert value(*point) == pytest.approx(in_python(*point), rel=1e-14)
    for i, partial in enumerate(CUSTOM[function].partials):
        if isinstance(partial, Missing):
            continue
        cells = ", ".join("x" if k == i else repr(p) for k, p in enumerate(point))
        compiled = njit(eval(f"lambda x: f({cells})", {"f": function}))
        plain = eval(f"lambda x: f({cells})", {"f": in_python})
        x = point[i]
        found = value_and_derivative(derivative(compiled))(x)
        expected = value_and_derivative(derivative(plain))(x)
        assert found[0] == pytest.approx(float(expected[0]), rel=1e-12)
        assert found[1] == pytest.approx(float(expected[1]), rel=1e-11)


def test_functions_that_scipy_has_not_for_compiled_code() -> None:
    zeta, lambertw = njit(lambda s, q: special.zeta(s, q)), njit(lambda x: special.lambertw(x))
    for s in (0.5, 1.0, 1.001, 2.0, 40.0):
        for q in (0.1, 1.0, 30.0):
            assert zeta(s, q) == pytest.approx(sp.zeta(s, q), rel=1e-14, nan_ok=True)
    for x in (-1.0, -0.367, -0.3, -1e-9, 0.0, 1e-9, 0.5, 1.0, 2.7, 1e9, np.inf):
        expected = sp.lambertw(x).real if x >= -1 / np.e else np.nan
        assert lambertw(x) == pytest.approx(expected, rel=1e-13, nan_ok=True)
        assert special.lambertw(x) == pytest.approx(expected, rel=1e-15, nan_ok=True)


def test_in_a_model_and_a_batch() -> None:
    @njit
    def loss(p):
        total = 0.0
        for t in range(1, 5):
            total += (special.erfcx(p[0] * t) * special.jv(p[2], p[1] + t)) ** 2
        return total

    def plain(p: Any) -> Any:
        return sum((sp.erfcx(p[0] * t) * sp.jv(1.5, p[1] + t)) ** 2 for t in range(1, 5))

    p = np.array([0.7, 0.4])
    by_two = njit(lambda p: loss(np.array([p[0], p[1], 1.5])))
    with pytest.raises(CompilationError, match="jv is not to be differentiated by its argument number 0"):
        gradient(loss)(np.array([0.7, 0.4, 1.5]))
    at_order = njit(lambda p: special.erfcx(p[0]) * special.jv(1.5, p[1]))
    exact = lambda p: sp.erfcx(p[0]) * sp.jv(1.5, p[1])  # noqa: E731
    np.testing.assert_allclose(gradient(at_order)(p), gradient(exact)(p), rtol=1e-13)
    np.testing.assert_allclose(hessian(at_order)(p), hessian(exact)(p), rtol=1e-12)
    np.testing.assert_allclose(vmap(gradient(at_order))(np.stack([p, 2 * p]))[1], gradient(exact)(2 * p), rtol=1e-13)
    assert by_two(p) == pytest.approx(plain(p))


def test_in_python_it_is_scipys() -> None:
    x = np.linspace(0.1, 2.0, 5)
    np.testing.assert_array_equal(special.k1(x), sp.k1(x))
    assert derivative(lambda x: special.k1(x))(0.5) == derivative(lambda x: sp.k1(x))(0.5)
    with pytest.raises(AttributeError, match=r"dualdiff.special has no nothing: airy, beta, "):
        _ = special.nothing
