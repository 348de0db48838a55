#!/usr/bin/env bash
# Numba 0.68.1 (NumPy 2.4.6, CPython 3.10 to 3.14, any platform).
#
# A dispatcher is freed like any object, and its code forgotten, unless the function can reach its own dispatcher, as a
# recursive function that is defined within another does, through its closure. The finalizer that is to forget the code
# holds the results of the compilation, and those hold the function (in their type annotation): so it is never run.
# Every such function that was called once, and all that its closure refers to, stays for the life of the process.
#
# Seen: "called, not recursive: 0 of 5 alive", "recursive, not called: 0 of 5 alive", "called, recursive: 5 of 5 alive".
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check numba==0.68.1 numpy==2.4.6
"$work/venv/bin/python" - <<'PY' | tee "$work/seen"
import gc
import weakref

from numba import njit


def plain(k):
    @njit
    def product(n):
        result = k
        for i in range(2, n + 1):
            result *= i
        return result

    return product


def recursive(k):
    @njit
    def product(n):
        if n < 2:
            return k
        return n * product(n - 1)

    return product


def alive(make, called):
    references = []
    for k in range(1, 6):
        f = make(k)
        if called:
            assert f(4) == 24 * k
        references.append(weakref.ref(f.py_func))
        del f
    for _ in range(5):
        gc.collect()
    return f"{sum(r() is not None for r in references)} of 5 alive"


print("called, not recursive:", alive(plain, True))
print("recursive, not called:", alive(recursive, False))
print("called, recursive:", alive(recursive, True))
PY
grep -qx "called, not recursive: 0 of 5 alive" "$work/seen"
grep -qx "recursive, not called: 0 of 5 alive" "$work/seen"
grep -qx "called, recursive: 5 of 5 alive" "$work/seen"
