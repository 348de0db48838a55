"""Compiled drivers and batches on disk, for the next process. Off unless ``DUALDIFF_CACHE_DIR`` names a directory.

An entry is found by a digest of all that its machine code depends on: the code of f and of every
function that it calls, the constants and globals that these refer to, the argument types, the
source of dualdiff, the versions of Python, NumPy, Numba and llvmlite, the processor, and Numba's
settings. What cannot be digested is not cached. Since an entry is code that will be run, the
directory must belong to the user and be writable by nobody else.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import platform
import stat
import sys
import tempfile
import types as python_types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba
import numpy as np

from ..numba_internals import CompileResult, Dispatcher, config, cpu_target, serialize
from .linking import calls_by_name
from .vector_libraries import found_library, is_on

VARIABLE = "DUALDIFF_CACHE_DIR"


class UndigestibleError(Exception):
    """A function refers to an object whose content no digest can stand for."""


def directory() -> Path | None:
    """Where entries are kept; None if caching is off.

    Raises
    ------
    PermissionError : the directory is not the user's own, or others may write to it.
    """
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    path = Path(name).expanduser()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid"):
        status = path.stat()
        if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(
                f"{path} holds code to be run: it must belong to you and be writable by you alone (chmod 700)"
            )
    return path


def load(place: Path, key: str) -> Any:
    """The compiled function with this key, and what was kept with it; or None."""
    try:
        content = (place / key).read_bytes()
    except FileNotFoundError:
        return None
    digest, payload = content[:32], content[32:]
    if hashlib.sha256(payload).digest() != digest:
        return None  # cut short or damaged: it will be written again
    cpu_target.target_context.refresh()  # starts Numba's run time, if nothing was compiled before
    reduced, about = pickle.loads(payload)
    return CompileResult._rebuild(cpu_target.target_context, *reduced), about


def save(place: Path, key: str, result: Any, about: Any = None) -> None:
    """Keep a compiled function and what is to be known about it, unless its code holds addresses of this process."""
    if result.library.has_dynamic_globals or calls_by_name(result.library):
        return
    payload = serialize.dumps((result._reduce(), about))
    handle, name = tempfile.mkstemp(dir=place)
    with os.fdopen(handle, "wb") as file:
        file.write(hashlib.sha256(payload).digest() + payload)
    os.replace(name, place / key)


def key_of(function: Any, *request: Any) -> str | None:
    """The name of the entry for a function and what is asked of it; None if it cannot be cached."""
    digest = hashlib.sha256(_surroundings())
    try:
        _digest(digest, function, set())
    except UndigestibleError:
        return None
    digest.update(repr(request).encode())
    return digest.hexdigest()


@functools.cache
def _surroundings() -> bytes:
    digest = hashlib.sha256()
    versions = (sys.version, np.__version__, numba.__version__, llvmlite.__version__, platform.machine())
    settings = sorted((name, repr(value)) for name, value in vars(config).items() if name.isupper())
    processor = (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    digest.update(repr((versions, settings, processor, is_on(), found_library())).encode())
    for source in sorted(Path(__file__).parents[2].rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.digest()


def _digest(digest: Any, value: Any, seen: set[int]) -> None:
    """Feed a digest with the content of a function, a constant, or what a function refers to."""
    if isinstance(value, Dispatcher):
        options = sorted((name, repr(option)) for name, option in value.targetoptions.items())
        digest.update(repr(options).encode())
        value = value.py_func
    if isinstance(value, python_types.FunctionType):
        if id(value) in seen:
            return
        seen.add(id(value))
        _digest_code(digest, value.__code__)
        _digest_all(digest, value.__defaults__ or (), seen)
        _digest_all(digest, (cell.cell_contents for cell in value.__closure__ or ()), seen)
        for name in sorted(_names(value.__code__)):
            if name in value.__globals__:
                digest.update(name.encode())
                _digest(digest, value.__globals__[name], seen)
    elif isinstance(value, np.ndarray) and value.dtype != object:
        digest.update(repr((value.dtype, value.shape)).encode() + value.tobytes())
    elif isinstance(value, (tuple, list)):
        digest.update(type(value).__name__.encode())
        _digest_all(digest, value, seen)
    elif isinstance(value, (bool, int, float, complex, str, bytes, type(None), np.generic)):
        digest.update(repr((type(value).__name__, value)).encode())
    elif isinstance(value, (python_types.ModuleType, python_types.BuiltinFunctionType, type, np.ufunc)):
        digest.update(repr((getattr(value, "__module__", ""), value.__name__)).encode())
    elif getattr(value, "__module__", None) == "dualdiff":
        digest.update(repr(value).encode())
    else:
        raise UndigestibleError


def _digest_all(digest: Any, values: Iterable[Any], seen: set[int]) -> None:
    for value in values:
        _digest(digest, value, seen)


def _digest_code(digest: Any, code: python_types.CodeType) -> None:
    digest.update(repr((code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_flags)).encode())
    for constant in code.co_consts:
        if isinstance(constant, python_types.CodeType):
            _digest_code(digest, constant)
        else:
            digest.update(repr((type(constant).__name__, constant)).encode())


def _names(code: python_types.CodeType) -> set[str]:
    inner = [_names(constant) for constant in code.co_consts if isinstance(constant, python_types.CodeType)]
    return set(code.co_names).union(*inner)
