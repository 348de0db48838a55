"""The vector functions of the machine: found, checked, as accurate as promised, and used by nobody else."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import numpy as np
import pytest
from mpmath import mp
from numba import njit

import dualdiff.compiled.llvm.vectormath as vectormath
from dualdiff import derivative, gradient, show_config, vmap
from dualdiff.compiled.batches.batch import batch
from dualdiff.compiled.llvm.polynomials import INLINED
from dualdiff.compiled.llvm.vector_libraries import Library
from dualdiff.compiled.llvm.vectormath import LIBRARY, with_own_names
from tests.helpers.accuracy import exact, ulps
from tests.helpers.points import ROWS, Row
from tests.helpers.processes import run

needs_library = pytest.mark.skipif(LIBRARY is None, reason="no vector library on this machine")

MORE = 4
"""The ulp by which a derivative in a batch may be less accurate."""


@pytest.mark.parametrize("row", [row for row in ROWS if row.by is None], ids=lambda row: row.name)
def test_batches_are_as_accurate_as_promised(row: Row) -> None:
    function = row.function
    unary = row.arity == 1
    f = njit((lambda x: function(x)) if unary else (lambda a, b: function(a, b)))
    g = derivative(f) if unary else gradient(f, argnums=(0, 1))
    points = row.points()
    slopes = np.reshape(vmap(g)(*np.transpose(points)), (row.arity, -1))
    scalar = np.reshape([g(*point) for point in points], (-1, row.arity)).T
    with np.errstate(invalid="ignore"):
        close = np.abs(slopes - scalar) <= np.spacing(np.maximum(np.abs(scalar), np.finfo(float).tiny))
    # test_rules.py measures the scalar ones: what is equal to them, or next to that, is known
    known = close | (slopes == scalar) | (np.isnan(slopes) & np.isnan(scalar))
    for i, k in np.argwhere(~known)[:: max(1, np.sum(~known) // 200)]:
        with mp.workprec(200):
            reference = exact(row, (int(i),), points[k])
            if isinstance(reference, mp.mpf) and not mp.isnan(reference):
                magnitude = row.magnitudes.get((int(i),), lambda *_: 0)(*map(mp.mpf, points[k]))
                error = ulps(float(slopes[i, k]), reference, magnitude)
                assert error <= row.limits[0] + MORE, f"{points[k]}: {slopes[i, k]!r}, not {mp.nstr(reference, 20)}"


# --- the check ------------------------------------------------------------------------------


@needs_library
def test_functions_that_are_wrong_are_not_used() -> None:
    assert LIBRARY is not None
    right, other = (next(v for v in LIBRARY.variants if (v.function, v.type) == (f, "double")) for f in ("cos", "exp"))
    wrong = other._replace(function="sin")
    checked = vectormath._checked(Library("test", (right, wrong)))
    assert checked.variants == (right,)


@needs_library
def test_results_off_by_more_than_the_limit_are_seen() -> None:
    one = np.ones(3)
    assert vectormath._agree(one + 5 * np.spacing(1.0), one)
    assert not vectormath._agree(one + 6 * np.spacing(1.0), one)
    assert not vectormath._agree(np.array([1.0, np.nan, 1.0]), one)
    assert vectormath._agree(np.array([np.nan, np.inf, -np.inf]), np.array([np.nan, np.inf, -np.inf]))


@needs_library
def test_the_code_of_a_module_is_made_vectorisable() -> None:
    text = (
        "declare double @llvm.cos.f64(double)\ndeclare double @sin(double)\n"
        "define double @f(double %x, ptr %p) {\n"
        "  %y = call double @llvm.cos.f64(double %x)\n"
        "  %z = tail call double @sin(double %y)\n"
        "  %w = call fast double @llvm.pow.f64(double %z, double 0.5)\n"
        "  %v = call double @mine(double %z)\n"
        "  ret double %w\n}\n"
    )
    changed = with_own_names(text)
    assert "call double @dualdiff_cos(double %x)" in changed
    assert "tail call double @dualdiff_sin(double %y)" in changed
    assert "@llvm.pow.f64(double %z, double 0.5)" in changed
    assert "vector-function-abi-variant" in changed
    assert "@mine(double %z)" in changed
    assert with_own_names("ret double %w") == "ret double %w"


# --- functions that are inlined -----------------------------------------------------------------


@pytest.mark.skipif(not vectormath.ARE_INLINED, reason="this processor has no fused multiply-add")
@pytest.mark.parametrize("name", INLINED)
def test_inlined_functions_agree_with_the_scalar_ones(name: str) -> None:
    function = getattr(np, name, None) or getattr(math, name)
    f = njit(lambda x: function(x))
    (points,) = vectormath._points("double", 1)
    ends = np.array([709.782712893384, 709.7827128933841, -708.4, -745.13, -745.14, 709.0, -710.0, 2.3e-308, 0.5, 1, 6])
    branches = np.outer([0.5**0.5, 1, -1, 2**0.5, 2, 6], 1 + 2.0 ** -np.arange(53))
    points = np.concatenate([points, ends, branches.ravel(), np.nextafter(branches, 0).ravel()])
    got, expected = vmap(f)(points), np.array([f(x) for x in points])
    assert vectormath._agree(got, expected)
    np.testing.assert_array_equal(np.copysign(got == got, got), np.copysign(got == got, expected))


@pytest.mark.skipif(not vectormath.ARE_INLINED, reason="this processor has no fused multiply-add")
def test_inlined_functions_are_not_called() -> None:
    slope = derivative(njit(lambda x: np.tanh(x) + math.erf(x) * np.log(x)))
    vmap(slope)(np.ones(100))
    (plan,) = batch(slope)._plans.values()
    code = plan.compiled.assembly()
    assert not any(name in code for name in ("dualdiff_", "tanh", "erf", "N8v_", "N4v_"))


# --- who uses it ----------------------------------------------------------------------------

PROGRAM = """
import numpy as np, dualdiff
from numba import njit
f = njit(lambda x: np.sin(x) * np.exp(x))
print(dualdiff.vmap(dualdiff.derivative(f))(np.linspace(0, 1, 7)).tolist())
dualdiff.show_config()
"""


@needs_library
def test_it_can_be_turned_off() -> None:
    on, text_on = run(PROGRAM).split("\n", 1)
    off, text_off = run(PROGRAM, DUALDIFF_VECTOR_MATH="0").split("\n", 1)
    assert LIBRARY.name in text_on  # type: ignore[union-attr]
    assert "none (DUALDIFF_VECTOR_MATH=0)" in text_off
    np.testing.assert_allclose(eval(on), eval(off), rtol=1e-15)


def test_values_other_than_0_and_1_are_refused() -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(PROGRAM, DUALDIFF_VECTOR_MATH="off")
    assert "ValueError: DUALDIFF_VECTOR_MATH must be 0 or 1, not 'off'" in failed.value.stderr


LATE = """
import sys
import numpy as np
from numba import njit
from dualdiff import derivative, gradient, vmap
checked = lambda: "dualdiff.compiled.llvm.vectormath" in sys.modules
f, g = njit(lambda x: np.sin(x)), njit(lambda x: np.sin(x[0]))
derivative(f)(1.0), gradient(g)(np.ones(2))
assert not checked()
vmap(derivative(f))(np.ones(2))
print(checked())
"""


def test_the_library_is_checked_when_the_first_batch_is_compiled(tmp_path: Path) -> None:
    assert run(LATE, DUALDIFF_CACHE_DIR=str(tmp_path)) == "True\n"
    assert run(LATE, DUALDIFF_CACHE_DIR=str(tmp_path)) == "False\n"  # it is taken from the cache


@needs_library
def test_loops_call_vector_functions_and_other_code_does_not() -> None:
    f = njit(lambda x: np.cos(2 + np.sin(x)))
    slope = derivative(f)
    slope_of_batch = vmap(slope)
    slope_of_batch(np.ones(100))
    (plan,) = batch(slope)._plans.values()
    symbols = {v.symbol for v in LIBRARY.variants if v.function in ("cos", "sin")}  # type: ignore[union-attr]
    assert any(symbol in plan.compiled.assembly() for symbol in symbols)
    other = njit(lambda x: np.cos(2 + np.sin(x)).sum())
    other(np.ones(100))
    (code,) = other.inspect_asm().values()
    assert not any(symbol in code for symbol in symbols)
    assert "dualdiff" not in code


def test_the_configuration_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    show_config()
    rows = [line.split("  ", maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    found = {name: value.strip() for name, value in rows}
    versions = ["dualdiff", "Python", "NumPy", "Numba", "llvmlite"]
    assert list(found) == [*versions, "processor", "vector library", "threads", "cache"]
    assert found["NumPy"] == np.__version__
