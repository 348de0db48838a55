"""The libraries of vector functions that the machine has: found once, and loaded.

They are glibc's libmvec, on x86-64 with AVX2 or AVX-512 and on 64-bit ARM, and Intel's SVML, where its runtime package
is installed. They are correct to 4 ulp.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import llvmlite.binding as llvm

from ..numba_internals import config

VARIABLE = "DUALDIFF_VECTOR_MATH"
"""Set to 0 in the environment, it has batches call the scalar functions."""

PREFIX = "dualdiff_"
"""Each scalar function gets a name of its own, so that LLVM attaches to it nothing but what is said here."""

_UNARY = (
    *("acos", "acosh", "asin", "asinh", "atan", "atanh", "cbrt", "cos", "cosh", "erf", "erfc", "exp", "exp2", "expm1"),
    *("log", "log10", "log1p", "log2", "sin", "sinh", "tan", "tanh"),
)
_BINARY = ("atan2", "hypot", "pow")


class Variant(NamedTuple):
    """A vector function: that of a scalar one, on so many numbers of a type, by its symbol in the library."""

    function: str
    arity: int
    type: str
    width: int
    symbol: str

    @property
    def scalar(self) -> str:
        """The name of the scalar function in the C library."""
        return self.function + "f" * (self.type == "float")

    @property
    def vector(self) -> str:
        """LLVM's name of the type of its operands and its result."""
        return f"<{self.width} x {self.type}>"

    @property
    def convention(self) -> str:
        """LLVM's name of the calling convention, where it is not C's."""
        return "aarch64_vector_pcs" if self.symbol.startswith("_ZGVn") else ""


class Library(NamedTuple):
    """The vector functions of a library."""

    name: str
    variants: tuple[Variant, ...]


def is_on() -> bool:
    """Whether batches may call vector functions.

    Raises ValueError for what is neither 0 nor 1.
    """
    value = os.environ.get(VARIABLE, "1")
    if value not in ("0", "1"):
        raise ValueError(f"{VARIABLE} must be 0 or 1, not {value!r}")
    return value == "1"


def features() -> set[str]:
    """What the processor has that code is compiled for."""
    if config.CPU_NAME or config.CPU_FEATURES is not None:
        named = (config.CPU_FEATURES or "").split(",")
        return {feature[1:] for feature in named if feature.startswith("+")}
    return {feature for feature, there in llvm.get_host_cpu_features().items() if there}


@functools.cache
def found_library() -> Library | None:
    """The library that is there, loaded but not checked; None if there is none, or it is turned off.

    Its scalar functions are made known by their own names, for code from disk, too.
    """
    if not is_on():
        return None
    for find in (_libmvec, _svml):  # the first takes half as long for some, and nowhere longer
        library = find()
        if library is not None and library.variants:
            for v in library.variants:
                llvm.add_symbol(PREFIX + v.scalar, llvm.address_of_symbol(v.scalar))
            return library
    return None


def _libmvec() -> Library | None:
    """The vector functions of glibc."""
    if sys.platform != "linux":
        return None
    try:
        llvm.load_library_permanently("libmvec.so.1")
    except RuntimeError:  # another C library, or one for another processor
        return None
    widths = _widths().items()
    return Library("libmvec", tuple(_candidates((f"_ZGV{isa}N{{lanes}}{{v}}_{{name}}{{f}}", w) for isa, w in widths)))


def _svml() -> Library | None:
    """Intel's library, from the package ``intel-cmplr-lib-rt``: its functions of high accuracy, to 1 ulp."""
    path = Path(sys.prefix, "lib", "libsvml.so")
    if platform.machine() != "x86_64" or not path.exists():
        return None
    ctypes.CDLL(str(path.with_name("libintlc.so.5")), mode=ctypes.RTLD_GLOBAL)  # it would be sought elsewhere
    llvm.load_library_permanently(str(path))
    return Library("SVML", tuple(_candidates(("__svml_{name}{f}{lanes}_ha", width) for width in _widths().values())))


def _widths() -> dict[str, int]:
    """The widths of the processor's vectors in bytes, by the letters of their instruction sets in glibc's symbols."""
    if platform.machine() == "aarch64":
        return {"n": 16}
    known = features()
    sets = (("d", "avx2", 32), ("e", "avx512f", 64))
    return {letter: width for letter, feature, width in sets if feature in known}


def _candidates(symbols: Iterable[tuple[str, int]]) -> Iterator[Variant]:
    """The vector functions that there are, by formats for their symbols, with the widths of vectors in bytes."""
    for pattern, width in symbols:
        for names, arity in ((_UNARY, 1), (_BINARY, 2)):
            for name in names:
                for type_, suffix, size in (("double", "", 8), ("float", "f", 4)):
                    numbers = width // size
                    symbol = pattern.format(name=name, lanes=numbers, v="v" * arity, f=suffix)
                    if llvm.address_of_symbol(symbol) and llvm.address_of_symbol(name + suffix):
                        yield Variant(name, arity, type_, numbers, symbol)
