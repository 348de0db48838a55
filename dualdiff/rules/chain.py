"""The chain rule on N tangents, and what zero times infinity is.

A tangent that is exactly zero stays exactly zero, even where the partial derivative is infinite
or NaN ("strong zero"): a parameter that a result does not depend on never becomes NaN. A tangent
that is not zero makes NaN with an undefined partial derivative, as it should.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def scaled(partial, tangent):  # type: ignore[no-untyped-def]  # Numba compiles it too
    """The product of a partial derivative and a tangent, 0 where the tangent is exactly 0."""
    return tangent if tangent == 0 else partial * tangent


def crossed(a, b):  # type: ignore[no-untyped-def]
    """The product of tangents of two kinds, 0 where either is exactly 0."""
    return a if a == 0 else scaled(a, b)


def pushforward(partials: Sequence[Any], tangents: Sequence[Sequence[Any]], scaled: Any) -> tuple[Any, ...]:
    """The tangents of f(a, b, ...), lane by lane: the sum of partial times tangent over the arguments."""
    lanes = []
    for lane in zip(*tangents, strict=True):
        total = scaled(partials[0], lane[0])
        for partial, tangent in zip(partials[1:], lane[1:], strict=True):
            total = total + scaled(partial, tangent)
        lanes.append(total)
    return tuple(lanes)
