#!/usr/bin/env bash
# Numba 0.68.1 (NumPy 2.4.6, CPython 3.10 to 3.14, any platform).
#
# An array that is typed read-only refuses a[0] = v and a += v when it is compiled. But np.ascontiguousarray and
# np.asfortranarray of it, where it already has that order, are the same memory typed as writable, and stores through
# a.flat, np.fill_diagonal and np.nan_to_num(a, copy=False) are not checked at all. So a function that compiles for
# read-only arguments may still write to them: the type proves nothing.
#
# Seen: "direct store: refused", and "written" for the five others.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check numba==0.68.1 numpy==2.4.6
"$work/venv/bin/python" - <<'PY' | tee "$work/seen"
import numpy as np
from numba import njit, types
from numba.core.errors import TypingError

ROW = types.Array(types.float64, 1, "C", readonly=True)
SQUARE = types.Array(types.float64, 2, "C", readonly=True)


def direct(a):
    a[0] = 7.0


def contiguous(a):
    np.ascontiguousarray(a)[0] = 7.0


def fortran(a):
    np.asfortranarray(a)[0] = 7.0


def flat(a):
    a.flat[0] = 7.0


def diagonal(a):
    np.fill_diagonal(a, 7.0)


def finite(a):
    np.nan_to_num(a, False)


for name, function, kind, array in (
    ("direct store", direct, ROW, np.zeros(2)),
    ("np.ascontiguousarray", contiguous, ROW, np.zeros(2)),
    ("np.asfortranarray", fortran, ROW, np.zeros(2)),
    ("a.flat", flat, ROW, np.zeros(2)),
    ("np.fill_diagonal", diagonal, SQUARE, np.zeros((2, 2))),
    ("np.nan_to_num(a, False)", finite, ROW, np.array([np.nan, 1.0])),
):
    before = array.copy()
    array.flags.writeable = False
    try:
        njit(types.void(kind))(function)(array)
    except TypingError:
        print(f"{name}: refused")
        continue
    print(f"{name}: {'unchanged' if np.array_equal(array, before, equal_nan=True) else 'written'}")
PY
grep -qx "direct store: refused" "$work/seen"
test "$(grep -c ': written$' "$work/seen")" = 5
