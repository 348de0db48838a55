#!/usr/bin/env bash
# Numba 0.68.1 (NumPy 2.4.6, CPython 3.10 to 3.14, any platform).
#
# functools.wraps(f)(g), for an @njit function f, copies the attributes of the dispatcher f to the function g, and njit
# copies those of g to the new dispatcher: its py_func is then f's, and so is its table of compiled code. If f was called
# before with arguments of the same types, njit(g) runs f; if it was not, it runs g. Both without a word.
#
# Seen: "f not compiled before: 20.0, py_func is g: False", "f compiled before: 2.0, py_func is g: False".
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check numba==0.68.1 numpy==2.4.6
"$work/venv/bin/python" - <<'PY' | tee "$work/seen"
import functools

from numba import njit


def outcome(compiled_before):
    @njit
    def f(x):
        return x * 1.0

    if compiled_before:
        f(2.0)

    @functools.wraps(f)
    def g(x):
        return x * 10.0

    assert g(2.0) == 20.0  # in Python
    compiled = njit(g)
    return f"{compiled(2.0)}, py_func is g: {compiled.py_func is g}"


print("f not compiled before:", outcome(False))
print("f compiled before:", outcome(True))
PY
grep -qx "f not compiled before: 20.0, py_func is g: False" "$work/seen"
grep -qx "f compiled before: 2.0, py_func is g: False" "$work/seen"
