"""Gradients that compiled code has written into an array of its own: nothing is allocated in each turn of a loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numba import types

from ...kept import kept_by_first
from ..dual.types import array_of
from .dense import CompiledTransform
from .signatures import with_leading
from .source import Text


class GradientInto(CompiledTransform):
    """The value and the gradient of a function of one array; called with the array for the gradient, then as f is.

    Only compiled code calls it.
    """

    leading = 1

    @property
    def request(self) -> tuple[Any, ...]:
        return *super().request, "into"

    def __reduce__(self) -> Any:
        return gradient_into, (self._f, self._chunk)

    def passes(self, text: Text) -> str:
        return text.chunked("gradient", single=True, with_value=True, into=text.names[0])

    def check(self, argtypes: Sequence[types.Type], wide: bool) -> None:
        super().check(argtypes, wide)
        out, x = argtypes[0], argtypes[1]
        if out != array_of(types.float64, x.ndim):
            raise TypeError(f"the gradient goes into a contiguous array of float64, not into {out}")


@kept_by_first
def gradient_into(f: Any, chunk: int | None) -> GradientInto:
    """The value and the gradient of an ``@njit`` function, which is written into an array in front of its arguments."""
    return GradientInto("gradient", with_leading(f, ["_out"]), 0, chunk, with_value=True)
