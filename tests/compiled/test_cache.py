"""Compiled derivatives on disk: found again, and only where nothing has changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
import math
from numba import njit

SCALE = {scale}

@njit
def helper(x):
    return math.log(x[0]) * SCALE

@njit
def f(x):
    return helper(x) + x[0] * x[1]
"""

# In the second process nothing may be compiled: there compiled_entry() fails.
PROGRAM = """
import sys
import numpy as np
sys.path.insert(0, {folder!r})
import user
from dualdiff import gradient, vmap
from dualdiff.compiled.batches import batch as batches
from dualdiff.compiled.transforms import driver as drivers
if {forbid}:
    def compiled_entry(function, argtypes, name, nogil):
        raise AssertionError("compiled again")
    batches.compiled_entry = drivers.compiled_entry = compiled_entry
print(({expression}).tolist())
if {then!r}:
    exec({then!r}, user.__dict__)
    print(({expression}).tolist())
"""

GRADIENT = "gradient(user.f)(np.array([2.0, 5.0]))"


def run(
    folder: Path,
    *,
    module: str = MODULE,
    scale: float = 1.0,
    forbid: bool = False,
    then: str = "",
    expression: str = GRADIENT,
) -> str:
    (folder / "user.py").write_text(module.format(scale=scale))
    environment = {**os.environ, "DUALDIFF_CACHE_DIR": str(folder / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    program = PROGRAM.format(folder=str(folder), forbid=forbid, then=then, expression=expression)
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr


def entries(folder: Path) -> list[Path]:
    return sorted((folder / "cache").iterdir())


def test_the_next_process_compiles_nothing(tmp_path: Path) -> None:
    assert run(tmp_path) == "[5.5, 2.0]"
    assert len(entries(tmp_path)) == 1
    assert run(tmp_path, forbid=True) == "[5.5, 2.0]"


def test_a_changed_global_and_a_damaged_entry_are_noticed(tmp_path: Path) -> None:
    assert run(tmp_path) == "[5.5, 2.0]"
    assert run(tmp_path, scale=3.0) == "[6.5, 2.0]"
    assert len(entries(tmp_path)) == 2
    for entry in entries(tmp_path):
        entry.write_bytes(entry.read_bytes()[:-7])
    assert "compiled again" in run(tmp_path, forbid=True)
    assert run(tmp_path) == "[5.5, 2.0]"
    assert run(tmp_path, forbid=True) == "[5.5, 2.0]"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="this platform has no such permissions")
def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    assert "PermissionError" in run(tmp_path)


def test_nothing_is_written_unless_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dualdiff.compiled.llvm import cache

    monkeypatch.delenv("DUALDIFF_CACHE_DIR", raising=False)
    assert cache.directory() is None


def test_code_with_vector_math_is_not_taken_for_code_without(monkeypatch: pytest.MonkeyPatch) -> None:
    from dualdiff.compiled.llvm import cache

    monkeypatch.setattr(cache, "found_library", lambda: None)  # where there is none, some functions are inlined
    digests = set()
    for value in "01":
        monkeypatch.setenv("DUALDIFF_VECTOR_MATH", value)
        digests.add(cache._surroundings.__wrapped__())
    assert len(digests) == 2


RECURSIVE = """
from numba import njit

START = {scale}

@njit
def even(x, n: int) -> float:
    if n == 0:
        return START
    return x * odd(x, n - 1)

@njit
def odd(x, n: int) -> float:
    if n == 0:
        return START
    return x * even(x, n - 1)

@njit
def power(x, n):
    if n == 0:
        return START
    return x * power(x, n - 1)

@njit
def f(x):
    return power(x[0], 2) * power(x[0], 1) + even(x[1], 2)
"""


def test_recursive_functions_are_kept_and_not_mistaken_for_others_of_their_name(tmp_path: Path) -> None:
    """In the last process the same name stands for a function compiled there, and for one loaded from disk."""
    once = run(tmp_path, module=RECURSIVE)
    assert once == "[12.0, 10.0]"
    assert run(tmp_path, module=RECURSIVE, forbid=True) == once
    twice = run(tmp_path, module=RECURSIVE, scale=2.0, then=RECURSIVE.format(scale=1.0))
    assert twice.splitlines() == ["[48.0, 20.0]", once]
    assert len(entries(tmp_path)) == 2


SAMPLES = "np.array([[2.0, 5.0], [4.0, 1.0]])"
BATCHES = f"np.stack([vmap(gradient(user.f))({SAMPLES}), vmap(user.same)({SAMPLES})])"


def test_batches_are_kept_too(tmp_path: Path) -> None:
    first = run(tmp_path, module=MODULE + SAME, expression=BATCHES)
    assert first == "[[[5.5, 2.0], [1.25, 4.0]], [[2.0, 5.0], [4.0, 1.0]]]"
    assert len(entries(tmp_path)) == 2
    assert run(tmp_path, module=MODULE + SAME, expression=BATCHES, forbid=True) == first


SAME = """
@njit
def same(x):
    return x * SCALE
"""
