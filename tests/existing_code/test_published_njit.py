"""Compiled code that nobody here wrote, differentiated as it stands.

Each row is an ``@njit`` function of a published package: astrodynamics (hapsira), gravity and magnetics
(choclo), seismology (disba), statistics (numba-stats), economics (quantecon). The dispatcher itself is
handed over, unchanged, and its derivative compared with the one that its authors published, with an
identity of the field, or with extrapolated differences.

hapsira pins old companions, of which these functions need none: ``pip install --no-deps hapsira``.
"""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from dualdiff import derivative, gradient, jacobian


def published(module, name):
    package = module.partition(".")[0]
    pytest.importorskip(package, reason=f"{package} is not installed")
    return getattr(import_module(module), name)


def differences(f, args, argnum):
    """Derivatives of f by its argument, by central differences extrapolated to step 0 (Ridders, 1982)."""
    x = np.array(args[argnum], dtype=float)

    def shifted(unit, h):
        changed = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
        changed[argnum] = x + h * unit if x.ndim else float(x + h)
        return numbers(f(*changed))

    def slope(unit, size):
        best, smallest, before = None, np.inf, []
        for i in range(8):
            h = 0.02 * max(size, 0.05) / 2**i
            row = [(shifted(unit, h) - shifted(unit, -h)) / (2 * h)]
            for j, earlier in enumerate(before):
                row.append(row[j] + (row[j] - earlier) / (4 ** (j + 1) - 1))
            if before and (change := np.max(np.abs(row[-1] - before[-1]))) < smallest:
                best, smallest = row[-1], change
            before = row
        return best

    units = np.eye(x.size).reshape((x.size, *x.shape))
    return np.stack([slope(unit, abs(size)) for unit, size in zip(units, x.ravel(), strict=True)], axis=-1)


def numbers(result):
    """A number, an array or a tuple of them, as one array."""
    parts = result if isinstance(result, tuple) else (result,)
    return np.concatenate([np.ravel(part) for part in parts])


PRISM = (-60.0, 55.0, -45.0, 70.0, -100.0, -10.0)
STATION = (12.0, -7.0, 40.0)
LAYERS = tuple(np.array([[10.0, 20.0, 15.0, 0.0], [5.8, 6.8, 7.4, 8.1], [3.4, 3.9, 4.2, 4.6], [2.6, 2.8, 3.0, 3.3]]))
OMEGA = 2 * np.pi / 20
X = np.array([0.1, 0.35, 0.8])

# module, function, arguments, which of them to differentiate by, relative tolerance
ROWS = [
    ("hapsira._math.special", "stumpff_c2", (-0.4,), 0, 1e-9),
    ("hapsira._math.special", "stumpff_c3", (2.5,), 0, 1e-9),
    ("hapsira._math.special", "hyp2f1b", (0.4,), 0, 1e-9),
    ("hapsira.core.angles", "nu_to_E", (1.0, 0.3), 1, 1e-9),
    ("hapsira.core.elements", "coe2mee", (7000.0, 0.2, 1.0, 0.3, 0.4, 0.5), 1, 1e-9),
    ("choclo.prism", "gravity_u", (*STATION, *PRISM, 2670.0), 8, 1e-9),
    ("choclo.point", "gravity_eu", (12.0, 3.0, 4.0, -5.0, 6.0, -7.0, 1e6), 2, 1e-9),
    ("choclo.dipole", "magnetic_field", (12.0, 3.0, 4.0, -5.0, 6.0, -7.0, 1.0, 2.0, 3.0), 1, 1e-9),
    ("choclo.utils", "distance_spherical", (0.3, 0.2, 6400.0, 0.5, 0.1, 6300.0), 0, 1e-9),
    ("disba._cps._surf96", "gtsolh", (5.8, 3.4), 0, 1e-9),
    ("disba._cps._surf96", "dltar1", (OMEGA / 3.6, OMEGA, *LAYERS, -1), 0, 1e-9),
    ("numba_stats.cruijff", "_density", (X, 0.1, 0.2, 0.3, 1.0, 1.5), 0, 1e-9),
    ("numba_stats.t", "_logpdf", (X, 3.0, 0.2, 1.3), 2, 1e-9),
    ("quantecon.quad", "_qnwtrap1", (7, 0.3, 2.0), 1, 1e-9),
]


@pytest.mark.parametrize(("module", "name", "args", "argnum", "tolerance"), ROWS, ids=[row[1] for row in ROWS])
def test_published_functions(module, name, args, argnum, tolerance):
    f = published(module, name)
    expected = differences(f, args, argnum)
    if np.ndim(args[argnum]) == 0:
        passes = [derivative(f, argnum)(*args)]
    elif np.ndim(f(*args)) == 0:
        passes = [gradient(f, argnum)(*args), gradient(f, argnum, chunk=1)(*args)]
    else:
        passes = [jacobian(f, argnum)(*args), jacobian(f, argnum, chunk=1)(*args)]
    ours = numbers(passes[0]).reshape(expected.shape)
    np.testing.assert_allclose(ours, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())
    np.testing.assert_array_equal(passes[0], passes[-1])  # whatever the chunk


# a field of a prism, its published derivative, and the coordinate of the station that it is taken by
FIELDS_OF_A_PRISM = [("pot", "e", 0), ("u", "uu", 2)]


@pytest.mark.parametrize(("of", "by", "argnum"), FIELDS_OF_A_PRISM)
def test_gravity_is_the_slope_of_the_potential(of, by, argnum):
    f, slope = published("choclo.prism", f"gravity_{of}"), published("choclo.prism", f"gravity_{by}")
    args = (*STATION, *PRISM, 2670.0)
    assert derivative(f, argnum)(*args) == pytest.approx(slope(*args), rel=1e-11)


def test_keplers_equation_is_solved_together_with_its_derivatives():
    """E - e sin E = M, so dE/dM = 1 / (1 - e cos E) and dE/de = sin E / (1 - e cos E)."""
    solve, mean, e = published("hapsira.core.angles", "M_to_E"), 1.0, 0.3
    anomaly = solve(mean, e)
    slope = 1 - e * np.cos(anomaly)
    assert derivative(solve)(mean, e) == pytest.approx(1 / slope, rel=1e-12)
    assert derivative(solve, 1)(mean, e) == pytest.approx(np.sin(anomaly) / slope, rel=1e-12)
    back = published("hapsira.core.angles", "E_to_M")
    assert derivative(back)(anomaly, e) == pytest.approx(slope, rel=1e-14)
