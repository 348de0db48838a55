#!/usr/bin/env bash
# Numba 0.68.1 (CPython 3.10 to 3.14, any platform).
#
# In object mode Numba does not look up a global in the function's own __globals__, but in the module that the function's
# __module__ names. For a function made by exec, with "__name__" in its globals as a module that is really imported, these
# are two dictionaries: nopython mode finds the global, object mode raises a NameError. Without "__name__" both find it.
#
# Seen: "nopython, named: 5", "object mode, unnamed: 5", "object mode, named: NameError".
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check numba==0.68.1 numpy==2.4.6
"$work/venv/bin/python" - <<'PY' | tee "$work/seen"
import json  # a module that is imported, and has no global of that name

from numba import jit, njit


def made(**more):
    names = {"offset": 2, **more}
    exec("def shifted(n):\n    return n + offset\n", names)
    return names["shifted"]


def outcome(function):
    try:
        return function(3)
    except NameError:
        return "NameError"


print("nopython, named:", outcome(njit(made(__name__=json.__name__))))
print("object mode, unnamed:", outcome(jit(forceobj=True, looplift=False)(made())))
print("object mode, named:", outcome(jit(forceobj=True, looplift=False)(made(__name__=json.__name__))))
PY
grep -qx "nopython, named: 5" "$work/seen"
grep -qx "object mode, unnamed: 5" "$work/seen"
grep -qx "object mode, named: NameError" "$work/seen"
