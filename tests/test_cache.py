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

# In the second process nothing may be compiled: there check() fails.
PROGRAM = """
import sys
import numpy as np
sys.path.insert(0, {folder!r})
from user import f
from dualdiff import gradient
from dualdiff.compiled.transforms import CompiledTransform
if {forbid}:
    def check(self, argtypes, wide):
        raise AssertionError("compiled again")
    CompiledTransform.check = check
print(gradient(f)(np.array([2.0, 5.0])).tolist())
"""


def run(folder: Path, *, scale: float = 1.0, forbid: bool = False) -> str:
    (folder / "user.py").write_text(MODULE.format(scale=scale))
    environment = {**os.environ, "DUALDIFF_CACHE_DIR": str(folder / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    program = PROGRAM.format(folder=str(folder), forbid=forbid)
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
    from dualdiff.compiled import cache

    monkeypatch.delenv("DUALDIFF_CACHE_DIR", raising=False)
    assert cache.directory() is None


RECURSIVE = """
from numba import njit

@njit
def power(x, n):
    if n == 0:
        return 1.0
    return x * power(x, n - 1)

@njit
def f(x):
    return power(x[0], 3) + x[1]
"""


def test_a_recursive_function_is_not_kept(tmp_path: Path) -> None:
    program = PROGRAM.format(folder=str(tmp_path), forbid=False)
    (tmp_path / "user.py").write_text(RECURSIVE)
    environment = {**os.environ, "DUALDIFF_CACHE_DIR": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert done.stdout.strip() == "[12.0, 1.0]", done.stderr
