"""Compiled drivers and batches on disk, for the next process. Off unless ``DUALDIFF_CACHE_DIR`` names a directory.

An entry is found by a digest of all that its machine code depends on: f, with all that it refers to (``content``), the
argument types, the source of dualdiff, the versions of Python, NumPy, Numba and llvmlite, the processor, and Numba's
settings. What cannot be digested is not cached. Since an entry is code that will be run, the directory must belong to
the user and be writable by nobody else.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import platform
import stat
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba
import numpy as np

from ..numba_internals import CompileResult, config, cpu_target, serialize
from .content import UndigestibleError, digest_of
from .linking import calls_by_name
from .vector_libraries import found_library, is_on

VARIABLE = "DUALDIFF_CACHE_DIR"


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


def _load(path: Path) -> Any:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    digest, payload = content[:32], content[32:]
    if hashlib.sha256(payload).digest() != digest:
        return None  # cut short or damaged: it will be written again
    cpu_target.target_context.refresh()  # starts Numba's run time, if nothing was compiled before
    reduced, about = pickle.loads(payload)
    return CompileResult._rebuild(cpu_target.target_context, *reduced), about


def _save(path: Path, payload: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(hashlib.sha256(payload).digest() + payload)
    os.replace(name, path)


class Entry:
    """The place on disk of the code for what is asked; there is none if caching is off, or if no digest stands for it.

    ``name`` is the name of the code: no other may have it, in any process that loads it.
    """

    def __init__(self, *request: Any) -> None:
        place = directory()
        self._path: Path | None = None
        self.name = uuid.uuid4().hex
        if place is not None:
            with contextlib.suppress(UndigestibleError):
                self.name = digest_of(_surroundings(), *request).hex()
                self._path = place / self.name

    def load(self) -> Any:
        """The compiled function, and what was kept with it; or None."""
        return None if self._path is None else _load(self._path)

    def save(self, result: Any, about: Any = None) -> None:
        """Keep compiled code and what is to be known about it, unless it holds addresses of this process."""
        if self._path is not None and not (result.library.has_dynamic_globals or calls_by_name(result.library)):
            _save(self._path, serialize.dumps((result._reduce(), about)))


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
