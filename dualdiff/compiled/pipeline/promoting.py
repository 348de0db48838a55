"""Functions for compiled code that make containers of floats into such of duals, and say which they must not touch."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from ...generated import for_compiled_code
from ..dual.elements import fill
from ..dual.freezing import frozen
from ..dual.layout import new_array
from ..dual.types import OPTIONS, DualArrayType, DualType, is_dual
from ..numba_internals import cpu_target


@functools.cache
def promoter(dual: DualType, refuses: Any = None) -> Any:
    """A function for compiled code that turns a container of floats into one of duals; other values stay.

    So do those that were made from a value of a type that ``refuses`` says: they may be that, or part of it.
    """

    promote = for_compiled_code("promote", "made, *given")
    promote.is_promoter = True

    @overload(promote, jit_options=OPTIONS)
    def implementation(made, *given):
        if refuses is not None and any(map(refuses, given)):
            return lambda made, *given: made
        element = _promoted(made.dtype, dual) if isinstance(made, (types.Array, types.List)) else None
        if element is None or (element == made.dtype and not _is_foreign_array(made)):
            return lambda made, *given: made
        reference = types.TypeRef(element)
        if isinstance(made, types.List):

            def on_list(made, *given):
                cells = new_array(len(made), reference)
                for i in range(len(made)):
                    cells[i] = made[i]
                return [cell for cell in cells]

            return on_list

        def on_array(made, *given):
            duals = new_array(made.shape, reference)
            fill(duals, made)
            return duals

        return on_array

    cpu_target.typing_context.refresh()  # Numba is compiling already
    return promote


@functools.cache
def joiner(dual: DualType) -> Any:
    """A function for compiled code that turns an array of floats that nobody writes to into one of duals, alike."""

    join = for_compiled_code("join", "made")

    @overload(join, jit_options=OPTIONS)
    def implementation(made):
        element = _promoted(made.dtype, dual) if isinstance(made, types.Array) and not made.mutable else None
        if element is None or element == made.dtype:
            return lambda made: made
        reference = types.TypeRef(element)

        def on_array(made):
            duals = new_array(made.shape, reference)
            fill(duals, made)
            return frozen(duals)

        return on_array

    cpu_target.typing_context.refresh()  # Numba is compiling already
    return join


def may_hold_memory(ty: types.Type) -> bool:
    """Whether a value of a type may refer to an array or a list."""
    if isinstance(ty, types.BaseTuple):
        return any(map(may_hold_memory, ty.types))
    if isinstance(ty, types.Omitted):
        return isinstance(ty.value, (np.ndarray, list, tuple))
    return not isinstance(ty, _PLAIN)


_PLAIN = (types.Number, types.Boolean, types.Literal, types.NoneType, types.UnicodeType, types.Callable, DualType)


def is_unknown(ty: types.Type) -> bool:
    """Whether operations and methods may mean anything for a type: users teach Numba types of their own."""
    if isinstance(ty, types.BaseTuple):
        return any(map(is_unknown, ty.types))
    return not isinstance(ty, (*_PLAIN, types.Array, types.List, types.Omitted, types.Module, types.NumberClass))


@functools.cache
def lifter(dual: DualType) -> Any:
    """A function for compiled code that turns a float into a dual; other values stay."""

    lift = for_compiled_code("lift", "number")

    @overload(lift, jit_options=OPTIONS)
    def implementation(number):
        if not isinstance(number, types.Float):
            return lambda number: number
        cell = types.TypeRef(_promoted(number, dual))

        def lifted(number):
            duals = new_array(1, cell)
            duals[0] = number
            return duals[0]

        return lifted

    cpu_target.typing_context.refresh()  # Numba is compiling already
    return lift


def _promoted(element: types.Type, dual: DualType) -> types.Type | None:
    """The type of dual that a container of ``element`` is made for."""
    if isinstance(element, types.Float):
        return dual if is_dual(dual.base) else dual.with_base(element)
    if is_dual(element):
        unified = cpu_target.typing_context.unify_types(element, dual)
        return unified if is_dual(unified) else None
    return None


def _is_foreign_array(made: types.Type) -> bool:
    # an array of duals that one of Numba's own functions has made, of Numba's own class
    return isinstance(made, types.Array) and is_dual(made.dtype) and not isinstance(made, DualArrayType)
