"""ceres::Jet, the dual numbers of the Ceres solver, compiled here from its header by every compiler found.

From Python it is called through an ``@njit`` function that allocates the result, as the others do; in
the compiled loop C++ calls C++. Of its chunks and compilers the best counts.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numba import njit

from ..measure import COMPILED, PYTHON, Contestant, Key, from_python
from ..sgd import BATCH, RATE
from ..sparse import entries
from ..workloads import Workload

NAME = "ceres::Jet"
SOURCE = Path(__file__).with_name("jets.cpp")
COMPILERS = ("g++", "clang++")
FLAGS = ("-O3", "-march=native", "-std=c++17", "-shared", "-fPIC", "-I/usr/include/eigen3")
CHUNKS = (4, 8, 16, 32, 100)
HESSIAN_CHUNKS = (5, 10, 25)
HEADER = "#include <ceres/version.h>\nCERES_VERSION_MAJOR.CERES_VERSION_MINOR.CERES_VERSION_REVISION\n"


def missing() -> str:
    return _libraries()[1]


@functools.cache
def _libraries() -> tuple[dict[str, ctypes.CDLL], str]:
    """A shared library by each compiler, and why there is none."""
    compilers = [name for name in COMPILERS if shutil.which(name)]
    if not compilers:
        return {}, f"no C++ compiler ({' or '.join(COMPILERS)}) is installed"
    libraries, reason = {}, ""
    for compiler in compilers:
        try:
            libraries[compiler] = ctypes.CDLL(str(_library(compiler)))
        except subprocess.CalledProcessError as error:
            first = next((line for line in error.stderr.splitlines() if "error" in line), error.stderr)
            reason = f"{compiler} does not compile against ceres/jet.h (Debian: libceres-dev): {first}"
    return libraries, "" if libraries else reason


def _library(compiler: str) -> Path:
    """The shared library, from the build directory if this source was compiled here before."""
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
    features = llvm.get_host_cpu_features().flatten()
    key = hashlib.sha256("\n".join([SOURCE.read_text(), version, features, *FLAGS]).encode()).hexdigest()[:16]
    built = Path(__file__).parent / "__pycache__" / f"jets-{compiler}-{key}.so"
    if not built.exists():
        built.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=built.parent) as directory:
            fresh = Path(directory) / built.name
            command = [compiler, *FLAGS, str(SOURCE), "-o", str(fresh)]
            subprocess.run(command, capture_output=True, text=True, check=True)
            fresh.rename(built)
    return built


def versions() -> dict[str, str]:
    """The versions of the compilers that are installed, and of ceres as the last of them sees it."""
    found = {}
    for name in filter(shutil.which, COMPILERS):
        told = subprocess.run([name, "--version"], capture_output=True, text=True, check=True).stdout
        found[name] = next(iter(re.findall(r"\d+\.\d+[.\d]*", told)), "unknown")
        seen = subprocess.run([name, "-E", "-P", "-x", "c++", "-"], input=HEADER, capture_output=True, text=True)
        if seen.returncode == 0:
            found["ceres"] = seen.stdout.splitlines()[-1].replace(" ", "")
    return found


def enter(workload: Workload) -> dict[Key, Contestant]:
    if workload.sweep or workload.kind in ("solve", "start"):
        return {}
    args = workload.point()
    if workload.kind in ("batch", "sparse", "epoch"):
        return {
            Key(NAME, PYTHON, compiler): from_python(_of_arrays(library, workload.kind, workload.function), args)
            for compiler, library in _libraries()[0].items()
        }
    x = np.array(args).reshape(-1)
    name = "example" if workload.function == "example_of_two" else workload.function
    contestants = {}
    for compiler, library in _libraries()[0].items():
        for chunk in _chunks(workload.kind, name, x.size):
            entry = f"{'hessian_' * (workload.kind == 'hessian')}{name}_{chunk}"
            variant = f"{compiler}, chunk {chunk}"
            wrapped = _wrapped(library, entry, workload.kind, len(args))
            contestants[Key(NAME, PYTHON, variant)] = from_python(wrapped, args)
            if workload.kind != "hessian":
                contestants[Key(NAME, COMPILED, variant)] = _timed(library, entry, workload.kind, x)
    return contestants


def _chunks(kind: str, name: str, n: int) -> tuple[int, ...]:
    if kind == "hessian":
        return tuple(chunk for chunk in HESSIAN_CHUNKS if chunk <= n)
    return (2,) if name == "example" else CHUNKS


def _of_arrays(library: ctypes.CDLL, kind: str, name: str) -> Callable[..., Any]:
    """A call from Python of what takes and fills whole arrays."""

    def call(entry: str, *arguments: Any) -> None:
        function = library[entry]
        function.restype = None
        pass_on = {np.ndarray: lambda a: ctypes.c_void_p(a.ctypes.data), int: ctypes.c_long, float: ctypes.c_double}
        function(*(pass_on[type(a)](a) for a in arguments))

    def sparse(x: np.ndarray) -> np.ndarray:
        out = np.empty(rows.size)
        call("sparse_brusselator", x, x.size, rows, colours, rows.size, out)
        return out

    def epoch(features: np.ndarray, labels: np.ndarray, order: np.ndarray) -> np.ndarray:
        w = np.zeros(features.shape[1])
        call("epoch", features, labels, order, order.size, BATCH, RATE, w)
        return w

    def batch(*args: np.ndarray) -> tuple[np.ndarray, ...]:
        call(name, *args, len(args[0]), *outputs)
        return outputs

    rows, colours = entries(500)
    n = 31843 if name == "residuals" else 1_000_000
    shapes = {"residuals": ((n, 2, 11), (n, 2, 3), (n, 2)), "call_price": (n, (5, n))}
    outputs = tuple(map(np.empty, shapes.get(name, (n, n)))) if kind == "batch" else ()
    return {"sparse": sparse, "epoch": epoch, "batch": batch}[kind]


def _timed(library: ctypes.CDLL, entry: str, kind: str, x: np.ndarray) -> Contestant:
    """A contestant whose loop is in C++."""
    pointer, double, integer = ctypes.c_void_p, ctypes.c_double, ctypes.c_int
    function, seconds = library[entry], library[entry + "_seconds"]
    function.argtypes, function.restype = (pointer, integer, pointer), None
    seconds.argtypes, seconds.restype = (pointer, integer, pointer, integer), double
    shape = x.shape if kind == "gradient" else x.shape * 2

    def result() -> np.ndarray:
        out = np.empty(shape)
        function(x.ctypes.data, x.size, out.ctypes.data)
        return out

    def timed(n: int) -> float:
        out = np.empty(shape)
        return float(seconds(x.ctypes.data, x.size, out.ctypes.data, n))

    return Contestant(result, timed)


@functools.cache
def _wrapped(library: ctypes.CDLL, entry: str, kind: str, arguments: int) -> Any:
    """The C function as an ``@njit`` function with the parameters of f."""
    function = library[entry]
    function.argtypes, function.restype = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p), None
    if arguments == 2:

        @njit
        def of_two(x1, x2):
            x, out = np.empty(2), np.empty(2)
            x[0], x[1] = x1, x2
            function(x.ctypes, 2, out.ctypes)
            return out[0], out[1]

        return of_two
    if kind == "gradient":

        @njit
        def gradient(x):
            out = np.empty_like(x)
            function(x.ctypes, x.size, out.ctypes)
            return out

        return gradient

    @njit
    def jacobian(x):
        out = np.empty((x.size, x.size))
        function(x.ctypes, x.size, out.ctypes)
        return out

    return jacobian
