"""The chain rule on N tangents, and what zero times infinity is.

Strong zeros
------------
A tangent that is exactly zero stays exactly zero, even where the partial derivative is infinite or NaN: a parameter
that a result does not depend on never becomes NaN. A tangent that is not zero makes NaN with an undefined partial
derivative, as it should. So at x = (0, 2) the gradient of sqrt(x[0]) * 0 + x[1] is NaN by x[0], for 0 times an
infinite slope is undefined, and 1 by x[1], whose lane was 0 at the square root and stayed so; without strong zeros it
would be NaN too.

Where the rule holds, and what it costs:

- Numbers and arrays of duals in Python, and the C loops of ``arrays.kernels``: at every product, by ``scaled``.
- A product of tangents of two levels (in a second derivative) is zero where either is: ``crossed``.
- Compiled code: a comparison and a selection for each product would double the cost of tangents. So drivers
  speculate. Duals that are not strict multiply as they are; zero times infinity is NaN there, and NaN never vanishes
  again from sums of products. Where no NaN is left among the results, no strong zero was needed, and the results are
  those of strict duals to the bit. Where one is left, the driver runs again with strict duals (``DualType.strict``),
  compiled only then. Derivatives of derivatives are strict from the start: they would otherwise be compiled four
  times.
- Linear algebra: infinities and NaN in a matrix are taken out before a product and multiplied one by one
  (``arrays.linear``, ``compiled.arrays.products``), since BLAS knows no strong zeros.
- Batches: as drivers, the whole loop again with strict duals.
- Values: never. 0 * inf is NaN in f, and stays NaN in the value of its derivative.
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
