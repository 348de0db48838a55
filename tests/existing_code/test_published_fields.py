"""More code that nobody here wrote: econometrics (arch), oceanography (seawater), spectroscopy (lmfit), photovoltaics
(pvlib). Every function is called as its authors wrote it, and differentiated by each of its real arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dualdiff import derivative, jacobian

from .test_published_njit import differences

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")


def assert_derivatives(f: Callable[..., Any], args: tuple[Any, ...], places: tuple[int, ...] = ()) -> None:
    for k in places or range(len(args)):
        if not isinstance(args[k], (float, np.ndarray)):
            continue
        whole = isinstance(args[k], np.ndarray)
        found = (jacobian if whole else derivative)(f, k)(*args)
        expected = differences(f, args, k)
        shape = (-1, np.size(args[k]))
        np.testing.assert_allclose(
            np.reshape(found, shape), np.reshape(expected, shape), rtol=1e-6, atol=1e-8 * np.max(np.abs(expected))
        )


# --- arch: recursions that write to arrays among their arguments -------------------------------

N = 12
RESIDUALS = np.random.default_rng(0).standard_normal(N)
BOUNDS = np.stack([np.full(N, 1e-6), np.full(N, 1e6)], axis=1)
LAGS = np.array([1, 3], dtype=np.int32)


def _recursions() -> dict[str, tuple[tuple[Any, ...], tuple[int, ...]]]:
    def new() -> np.ndarray:
        return np.ones(N)

    r, signs, size = RESIDUALS, np.sign(RESIDUALS), np.abs(RESIDUALS)
    garch = np.array([0.1, 0.1, 0.05, 0.8])
    return {
        "arch_recursion": ((np.array([0.1, 0.2, 0.1]), r, new(), 2, N, 1.1, BOUNDS), (0,)),
        "garch_recursion": ((garch, r * r, signs, new(), 1, 1, 1, N, 1.1, BOUNDS), (0, 1, 8)),
        "egarch_recursion": ((garch, r, new(), 1, 1, 1, N, 0.1, BOUNDS, new(), new(), new()), (0,)),
        "aparch_recursion": ((np.append(garch, 1.5), r, size, new(), new(), 1, 1, 1, N, 1.1, BOUNDS), (0,)),
        "figarch_recursion": ((np.array([0.1, 0.2, 0.4, 0.3]), r * r, new(), 1, 1, N, 9, 1.1, BOUNDS), (0,)),
        "figarch_weights": ((np.array([0.2, 0.4, 0.3]), 1, 1, 9), (0,)),
        "harch_recursion": ((np.array([0.1, 0.2, 0.3]), r, new(), LAGS, N, 1.1, BOUNDS), (0,)),
        "midas_recursion": ((np.array([0.1, 0.5, 0.1]), np.array([0.5, 0.3]), r, new(), N, 1.1, BOUNDS), (0,)),
        "garch_core": ((5, garch, r, new(), 1.1, BOUNDS, 1, 1, 1, 2.0), (1,)),
    }


@pytest.mark.parametrize("name", _recursions())
def test_arch(name: str) -> None:
    recursions = pytest.importorskip("arch.univariate.recursions_python", reason="arch is not installed")
    args, places = _recursions()[name]
    assert_derivatives(getattr(recursions, name), args, places)


# --- seawater: the equation of state, in NumPy ------------------------------------------------

SALT, TEMPERATURE, PRESSURE = 35.2, 12.3, 1500.0
WATER = (SALT, TEMPERATURE, PRESSURE)
SEAWATER: dict[str, tuple[float, ...]] = {
    **dict.fromkeys(("adtg", "beta", "cp", "dens", "seck", "svel", "cndr"), WATER),
    **dict.fromkeys(("dens0", "satAr", "satN2", "satO2"), (SALT, TEMPERATURE)),
    **dict.fromkeys(("ptmp", "pden", "temp"), (*WATER, 10.0)),
    **{"dpth": (PRESSURE, 45.0), "pres": (1000.0, 45.0), "g": (45.0, 10.0), "f": (45.0,), "smow": (TEMPERATURE,)},
    **{"fp": (SALT, PRESSURE), "salt": (1.1, 12.0, 1000.0), "salds": (1.1, 3.0), "sals": (1.1, 12.0)},
    **{"salrp": (1.1, 12.0, 1000.0), "salrt": (12.0,), "swvel": (100.0, 15.0)},
}


@pytest.mark.parametrize("name", SEAWATER)
def test_seawater(name: str) -> None:
    seawater = pytest.importorskip("seawater", reason="seawater is not installed")
    places = [module for module in (seawater, seawater.extras, seawater.library) if hasattr(module, name)]
    f = getattr(places[0], name)
    assert_derivatives(f, SEAWATER[name])
    assert_derivatives(f, tuple(np.array([x, 1.01 * x]) for x in SEAWATER[name]), (0,))


# --- lmfit: line shapes, with SciPy's special functions ----------------------------------------

X = np.linspace(0.1, 3.0, 7)
LINESHAPES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(
        ("gaussian", "lorentzian", "logistic", "lognormal", "students_t", "damped_oscillator"), (X, 1.3, 0.4, 0.8)
    ),
    **dict.fromkeys(("pvoigt", "moffat", "pearson7", "expgaussian", "skewed_gaussian"), (X, 1.3, 0.4, 0.8, 0.6)),
    **dict.fromkeys(("breit_wigner", "doniach", "split_lorentzian"), (X, 1.3, 0.4, 0.8, 0.6)),
    **{"dho": (X, 1.3, 0.4, 0.8, 0.9), "powerlaw": (X, 1.3, 0.4), "parabolic": (X, 1.3, 0.4, 0.8)},
    **{"sine": (X, 1.3, 0.4, 0.8), "expsine": (X, 1.3, 0.4, 0.8, 0.6), "gaussian2d": (X, X + 0.3, 1.3, 0.4, 0.8, 0.6)},
    **{f"step, {form}": (X, 1.3, 0.4, 0.8, form) for form in ("linear", "atan", "erf", "logistic")},
    **{f"rectangle, {form}": (X, 1.3, 0.4, 0.8, 1.7, 0.6, form) for form in ("linear", "atan", "erf", "logistic")},
}


@pytest.mark.parametrize("name", LINESHAPES)
def test_lmfit(name: str) -> None:
    lineshapes = pytest.importorskip("lmfit.lineshapes", reason="lmfit is not installed")
    assert_derivatives(getattr(lineshapes, name.partition(",")[0]), LINESHAPES[name])


# --- pvlib: sunlight and what it does to a panel -----------------------------------------------

PVLIB: dict[str, tuple[float, ...]] = {
    "atmosphere.pres2alt": (9e4,),
    "atmosphere.alt2pres": (500.0,),
    "atmosphere.get_absolute_airmass": (1.5, 9e4),
    "atmosphere.get_relative_airmass": (45.0,),
    "atmosphere.gueymard94_pw": (20.0, 60.0),
    "atmosphere.kasten96_lt": (1.5, 1.0, 0.2),
    "irradiance.aoi": (30.0, 180.0, 40.0, 170.0),
    "irradiance.klucher": (30.0, 180.0, 200.0, 500.0, 40.0, 170.0),
    "irradiance.haydavies": (30.0, 180.0, 200.0, 600.0, 1360.0, 40.0, 170.0),
    "irradiance.reindl": (30.0, 180.0, 200.0, 600.0, 700.0, 1360.0, 40.0, 170.0),
    "irradiance.get_extra_radiation": (100.0,),
    "temperature.sapm_cell": (800.0, 20.0, 2.0, -3.5, -0.06, 3.0),
    "temperature.noct_sam": (800.0, 20.0, 2.0, 45.0, 0.2),
    "temperature.faiman": (800.0, 20.0, 2.0),
    "iam.physical": (40.0,),
    "iam.martin_ruiz": (40.0,),
}


@pytest.mark.parametrize("name", PVLIB)
def test_pvlib(name: str) -> None:
    module, function = name.split(".")
    pvlib = pytest.importorskip("pvlib", reason="pvlib is not installed")
    assert_derivatives(getattr(getattr(pvlib, module), function), PVLIB[name])
