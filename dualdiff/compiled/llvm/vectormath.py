"""Elementary functions of vectors, for loops over samples: those of the machine's own libraries, checked at import.

Numba calls the C library one number at a time. LLVM's loop vectoriser puts a vector function in the place of a
scalar one where an attribute of the scalar function names it. Here that attribute is written into the code of a
batch, and nowhere else: other code that Numba compiles stays as it is. Where there is no library, a loop calls the
scalar functions. Some functions are not called but inlined, see polynomials.py.
"""

from __future__ import annotations

import ctypes
import functools
import math
import platform
import re

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from ..numba_internals import config
from .polynomials import INLINED, inlined
from .vector_libraries import PREFIX, Library, Variant, features, found_library, is_on

ULP = 4
"""How far from the scalar function a vector function may be; one that is farther away is not used."""

# --- the check ------------------------------------------------------------------------------

_HARD = (
    *(0.0, 5e-324, 1e-310, 1e-300, 1e-20, 1e-5, 0.3, 0.5, 0.7, 0.99, 1.0, 1.5, 2.0, 3.0, math.pi, 7.3, 20.1, 26.0),
    *(88.0, 104.0, 345.6, 709.7, 1e3, 1e5, 1.2345e8, 1e15, 1e22, 1e38, 1e100, 1.7e308, math.inf, math.nan),
)


@functools.cache
def _points(type_: str, arity: int) -> list[np.ndarray]:
    """Where a function is compared, for each argument: as many numbers as any vector divides."""
    random = np.random.default_rng(0)
    largest = 1023 if type_ == "double" else 127
    sizes = 2.0 ** random.uniform(-largest, largest, 960)
    points = np.concatenate([_HARD, sizes, random.uniform(0, 3, 960), random.uniform(0, 30, 96)])
    points = np.concatenate([points, -points])
    with np.errstate(over="ignore", under="ignore"):
        points = points.astype(np.float64 if type_ == "double" else np.float32)
    if arity == 1:
        return [points]
    others = np.concatenate([random.uniform(-3, 3, 2048).astype(points.dtype), points[:2048]])
    return [random.choice(points, 4096), others]


def _checked(library: Library) -> Library:
    """The library with those of its functions that agree with the scalar ones."""
    module = ir.Module()
    for v in {v.scalar: v for v in library.variants}.values():
        _write_loop(module, v, v.scalar, 1)
    for v in library.variants:
        _write_loop(module, v, v.symbol, v.width)
    engine = llvm.create_mcjit_compiler(
        llvm.parse_assembly(str(module)),
        llvm.Target.from_default_triple().create_target_machine(
            cpu=config.CPU_NAME or llvm.get_host_cpu_name(),
            features=",".join("+" + feature for feature in sorted(features())),
            opt=0,
            jit=True,
        ),
    )
    engine.finalize_object()

    @functools.cache
    def values(arity: int, type_: str, name: str) -> np.ndarray:
        """The results of a function at the points."""
        operands = _points(type_, arity)
        found = np.empty_like(operands[0])
        loop = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (arity + 1), ctypes.c_int64)
        loop(engine.get_function_address(_loop_of(name)))(*(x.ctypes.data for x in (*operands, found)), len(found))
        return found

    return library._replace(
        variants=tuple(
            v for v in library.variants if _agree(values(v.arity, v.type, v.symbol), values(v.arity, v.type, v.scalar))
        )
    )


def _loop_of(name: str) -> str:
    return f"check.{name}"


def _write_loop(module: ir.Module, variant: Variant, name: str, width: int) -> None:
    """Write a loop that applies a function, a scalar or a vector one, to the numbers in arrays."""
    number = ir.DoubleType() if variant.type == "double" else ir.FloatType()
    operand = ir.VectorType(number, width) if width > 1 else number
    index = ir.IntType(64)
    tested = ir.Function(module, ir.FunctionType(operand, [operand] * variant.arity), name)
    tested.calling_convention = variant.convention if width > 1 else ""
    arguments = [number.as_pointer()] * (variant.arity + 1) + [index]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), _loop_of(name))
    *operands, result, n = function.args
    begin, again, end = (function.append_basic_block() for _ in range(3))
    builder = ir.IRBuilder(begin)
    builder.branch(again)
    builder.position_at_end(again)
    i = builder.phi(index)
    i.add_incoming(index(0), begin)

    def place(array: ir.Value) -> ir.Value:
        return builder.bitcast(builder.gep(array, [i]), operand.as_pointer())

    y = builder.call(tested, [builder.load(place(x), align=4) for x in operands], cconv=tested.calling_convention)
    builder.store(y, place(result), align=4)
    following = builder.add(i, index(width))
    i.add_incoming(following, again)
    builder.cbranch(builder.icmp_signed("<", following, n), again, end)
    builder.position_at_end(end)
    builder.ret_void()


def _agree(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether results are within ``ULP`` of those of the scalar function, which is off by one itself."""
    with np.errstate(invalid="ignore", over="ignore"):
        close = np.abs(found - expected) <= (ULP + 1) * np.spacing(np.abs(expected))
    return bool(np.all(close | (found == expected) | (np.isnan(found) & np.isnan(expected))))


def _checked_library() -> Library | None:
    library = found_library()
    return None if library is None else _checked(library)


LIBRARY = _checked_library()
"""The library with the vector functions that batches call; None if there is none."""

ARE_INLINED = is_on() and (platform.machine() == "aarch64" or "fma" in features())
"""Whether there are functions that are not called: they need fused multiply-adds."""


# --- LLVM code ------------------------------------------------------------------------------


@functools.cache
def _renamed() -> dict[str, str]:
    """The scalar functions with vector variants: their own names, by those that Numba calls them by."""
    known = [(v.function, v.type) for v in LIBRARY.variants] if LIBRARY else []
    if ARE_INLINED:
        known += [(name, "double") for name in INLINED]
    names = {}
    for name, type_ in known:
        scalar, intrinsic = (name, f"llvm.{name}.f64") if type_ == "double" else (name + "f", f"llvm.{name}.f32")
        names[scalar] = names[intrinsic] = PREFIX + scalar
    return names


def _variants(own: str) -> list[Variant]:
    """The vector functions in the place of a scalar one; none if that is inlined."""
    if ARE_INLINED and own.removeprefix(PREFIX) in INLINED:
        return []
    return [v for v in LIBRARY.variants if PREFIX + v.scalar == own] if LIBRARY else []


@functools.cache
def _attribute(own: str) -> str:
    """What LLVM is told at each call: the vector functions, in the notation of its attribute."""
    listed = ",".join(f"_ZGV_LLVM_N{v.width}{'v' * v.arity}_{own}({v.symbol})" for v in _variants(own))
    return f' "vector-function-abi-variant"="{listed}"' if listed else ""


def _declarations(own: str, typed: bool) -> tuple[list[str], list[str]]:
    """The declarations of a scalar function and its vector variants, and references to those.

    ``typed``: whether pointers have types, as they had before LLVM 15.
    """
    variants = _variants(own)
    if not variants:
        return [f"declare double @{own}(double)"], []
    attributes = f"nounwind willreturn {'memory(none)' if llvm.llvm_version_info[0] >= 16 else 'readnone'}"
    first = variants[0]
    scalars = ", ".join([first.type] * first.arity)
    lines = [f"declare {first.type} @{own}({scalars}) {attributes}"]
    references = []
    for v in variants:
        operands = ", ".join([v.vector] * v.arity)
        lines.append(f'declare {v.convention} {v.vector} @"{v.symbol}"({operands}) {attributes}')
        pointer = f'i8* bitcast ({v.vector} ({operands})* @"{v.symbol}" to i8*)' if typed else f'ptr @"{v.symbol}"'
        references.append(pointer)
    return lines, references


_OPAQUE = re.compile(r"[( ]ptr[ ,)]")
_CALLED = re.compile(r"@((?:llvm\.)?[a-z0-9]+(?:\.f32|\.f64)?)\(([^()]*)\)")


def vectorisable(module: llvm.ModuleRef) -> llvm.ModuleRef:
    """A module with scalar functions that the loop vectoriser may replace."""
    changed = llvm.parse_assembly(with_own_names(str(module)))
    changed.name = module.name
    if ARE_INLINED:
        changed.link_in(llvm.parse_assembly(inlined(PREFIX)))
    return changed


def with_own_names(text: str) -> str:
    """The LLVM code of a module, with their own names for those functions, which tell the vector functions."""
    names = _renamed()
    used: dict[str, None] = {}

    def rename(match: re.Match[str]) -> str:
        own = names.get(match[1])
        if own is None:
            return match[0]
        used[own] = None
        return f"@{own}({match[2]}){_attribute(own)}"

    lines = text.splitlines()
    for i, line in enumerate(lines):
        # what LLVM may transform it shall find: Numba's cbrt is a fast power that becomes a call of cbrt
        if "call " in line and "call fast " not in line:
            lines[i] = _CALLED.sub(rename, line)
    references = []
    for own in used:
        declarations, pointers = _declarations(own, typed=not _OPAQUE.search(text))
        lines += declarations
        references += pointers
    if references:  # LLVM would drop the vector functions, which nothing calls yet
        kind = references[0].split()[0]
        listed = f"[{len(references)} x {kind}] [{', '.join(references)}]"
        lines.append(f'@llvm.compiler.used = appending global {listed}, section "llvm.metadata"')
    return "\n".join(lines)
