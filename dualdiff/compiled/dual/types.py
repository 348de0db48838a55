"""The Numba type of a dual number: its layouts in memory, conversions, and the chain rule in LLVM."""

from __future__ import annotations

import functools
import hashlib
from typing import Any

from numba import types

from ...rules.table import RULES
from ..llvm.linking import CalledCompiler
from ..numba_internals import Conversion

LANES = "lanes"
"""The tangents are one LLVM vector: one evaluation uses SIMD across tangents."""

SCALARS = "scalars"
"""The tangents are N separate values: a loop over samples can use SIMD across samples."""

CALLED: dict[str, Any] = {
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "forceinline": False,  # Numba would hand on that of the caller
    "pipeline_class": CalledCompiler,
}
"""How everything here is compiled: with Python's division errors LLVM does not vectorise."""

OPTIONS = {**CALLED, "forceinline": True}
"""How small functions are compiled: without inlining LLVM does not vectorise either."""


@functools.cache
def _rules_digest() -> str:
    # part of the type's name, so that code which Numba has cached for older rules is not found
    digest = hashlib.sha256()
    for rule in RULES.values():
        for partial in rule.partials + rule.alone:
            code = partial.__code__
            digest.update(repr((code.co_code, code.co_consts, code.co_names)).encode())
    return digest.hexdigest()[:8]


class TangentsType(types.Type):
    """N tangents of a floating point type as one LLVM vector."""

    def __init__(self, base: types.Float, n: int) -> None:
        self.base = base
        self.n = n
        super().__init__(name=f"Tangents({base}, {n})")


class DualType(types.Type):
    """The type of a dual number: its nesting level, the type of its value, N, and the layout of its tangents.

    Strict duals keep zero tangents zero at every operation. That costs two vector instructions where
    there was one, so drivers speculate: duals that are not strict make NaN of zero times infinity. NaN
    never vanishes again from a sum of products, so where none is left the result is the strict one;
    where one is, the driver runs again with strict duals.

    Of the N tangents only those in the ``active`` lanes are there; the others are exactly zero, and cost
    nothing. The lanes of a result are those of all operands together.
    """

    def __init__(
        self,
        level: int,
        base: types.Type,
        n: int,
        layout: str,
        strict: bool = True,
        active: tuple[int, ...] | None = None,
    ) -> None:
        self.level = level
        self.base = base
        self.n = n
        self.layout = layout
        self.strict = strict
        self.active = tuple(range(n)) if active is None else active
        kind = f"{layout}, strict" if strict else layout
        lanes = str(n) if active is None else f"{n} at {self.active}"
        super().__init__(name=f"Dual(level={level}, {base}, N={lanes}, {kind}, rules={_rules_digest()})")

    @property
    def tangents(self) -> types.Type:
        if self.layout == LANES and isinstance(self.base, types.Float):
            return TangentsType(self.base, self.n)
        return types.UniTuple(self.base, len(self.active))

    def with_base(self, base: types.Type) -> DualType:
        """The same kind of dual over another type of value."""
        return self._like(base, self.active)

    def joined(self, other: DualType) -> DualType:
        """The same kind of dual with the active lanes of another, too."""
        return self._like(self.base, tuple(sorted({*self.active, *other.active})))

    @property
    def whole(self) -> DualType:
        """The same kind of dual with all lanes, as arrays hold them."""
        return self._like(self.base, tuple(range(self.n)))

    def _like(self, base: types.Type, active: tuple[int, ...]) -> DualType:
        return DualType(self.level, base, self.n, self.layout, self.strict, active if len(active) < self.n else None)

    def unify(self, typingctx: Any, other: types.Type) -> types.Type | None:
        if isinstance(other, DualType) and other.level > self.level:
            return other.unify(typingctx, self)
        if isinstance(other, DualType) and other.level == self.level:
            if (other.n, other.layout, other.strict) != (self.n, self.layout, self.strict):
                return None
            if other.active != self.active:
                return self.joined(other).unify(typingctx, other.joined(self))
            other = other.base
        if is_number(other) or isinstance(other, DualType):
            base = typingctx.unify_pairs(
                self.base, types.float64 if isinstance(other, (types.Integer, types.Boolean)) else other
            )
            return None if base is None else self.with_base(base)
        return None

    def can_convert_from(self, typingctx: Any, other: types.Type) -> Conversion | None:
        if isinstance(other, (types.Integer, types.Float, types.Boolean)):
            return Conversion.safe
        if isinstance(other, DualType) and self.unify(typingctx, other) == self:
            return Conversion.safe
        if isinstance(other, DualType) and other.joined(self) == self.with_base(other.base):
            return typingctx.can_convert(other.base, self.base) if other.base != self.base else Conversion.safe
        return None


class DualArrayType(types.Array):
    """The type of an array of duals: a class of its own, so that methods can be taught to it, and boxing."""

    def __init__(self, dual: DualType, ndim: int, layout: str, readonly: bool = False) -> None:
        dual = dual.whole
        super().__init__(
            dual, ndim, layout, readonly=readonly, name=f"DualArray({dual}, {ndim}d, {layout}{', readonly' * readonly})"
        )

    def copy(self, dtype: Any = None, ndim: Any = None, layout: Any = None, readonly: Any = None) -> types.Array:
        return array_of(
            self.dtype if dtype is None else dtype,
            self.ndim if ndim is None else ndim,
            self.layout if layout is None else layout,
            not self.mutable if readonly is None else readonly,
        )

    def unify(self, typingctx: Any, other: types.Type) -> types.Type | None:
        if not isinstance(other, types.Array) or (other.ndim, other.dtype) != (self.ndim, self.dtype):
            return None
        layout = self.layout if self.layout == other.layout else "A"
        return DualArrayType(self.dtype, self.ndim, layout, not (self.mutable and other.mutable))


class FrozenArray(types.Array):
    """The type of an array of plain numbers that nobody may write to: see freezing.py."""

    def __init__(
        self,
        dtype: types.Type,
        ndim: int,
        layout: str,
        readonly: bool = True,
        name: str | None = None,
        aligned: bool = True,
    ) -> None:
        name = f"frozen array({dtype}, {ndim}d, {layout}{'' if aligned else ', unaligned'})"
        super().__init__(dtype, ndim, layout, readonly=True, name=name, aligned=aligned)

    def copy(self, dtype: Any = None, ndim: Any = None, layout: Any = None, readonly: Any = None) -> types.Array:
        # Numba asks for a type that is not read-only where there is new memory
        return (types.Array if readonly is False else FrozenArray)(
            self.dtype if dtype is None else dtype,
            self.ndim if ndim is None else ndim,
            self.layout if layout is None else layout,
            aligned=self.aligned,
        )

    def unify(self, typingctx: Any, other: types.Type) -> types.Type | None:
        if not isinstance(other, types.Array) or (other.ndim, other.dtype) != (self.ndim, self.dtype):
            return None
        layout = self.layout if self.layout == other.layout else "A"
        return FrozenArray(self.dtype, self.ndim, layout, aligned=self.aligned and other.aligned)

    def can_convert_to(self, typingctx: Any, other: types.Type) -> Conversion | None:
        return super().can_convert_to(typingctx, other) if isinstance(other, FrozenArray) else None


class ReaderType(types.Type):
    """The type of an array to differentiate by, for code that only reads its numbers: see readers.py."""

    def __init__(self, dual: DualType, array: types.Array) -> None:
        self.dtype = dual.whole
        self.array = array
        self.ndim = array.ndim
        super().__init__(name=f"View({dual}, {array})")


def array_of(dtype: types.Type, ndim: int, layout: str = "C", readonly: bool = False) -> types.Array:
    """The type of an array of duals or of plain numbers."""
    if is_dual(dtype):
        return DualArrayType(dtype, ndim, layout, readonly)
    return types.Array(dtype, ndim, layout, readonly=readonly)


def is_dual(ty: Any) -> bool:
    """Whether a Numba type is that of a dual."""
    return isinstance(ty, DualType)


def is_array(ty: Any) -> bool:
    """Whether a Numba type is that of an array, or of what stands for one."""
    return isinstance(ty, (types.Array, ReaderType))


def is_number(ty: Any) -> bool:
    """Whether a Numba type is that of a plain real number."""
    return isinstance(ty, (types.Integer, types.Float, types.Boolean, types.IntegerLiteral, types.BooleanLiteral))


def level_of_type(ty: Any) -> int:
    """The highest level of the duals in values of a Numba type."""
    if isinstance(ty, DualType):
        return ty.level
    if isinstance(ty, types.BaseTuple):
        return max(map(level_of_type, ty.types), default=0)
    holders = (types.Array, ReaderType, types.List, types.Optional)
    return level_of_type(ty.dtype) if isinstance(ty, holders) and hasattr(ty, "dtype") else 0
