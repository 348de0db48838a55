"""The running example step by step: ``python -m bench.course``.

y = log(x1) + x1*x2 - sin(x2) at (2, 5) as a sequence of elementary steps v1 ... v4. Dual numbers carry the derivative
of each step by x1 and by x2 forward; PyTorch carries the derivative of y by each step (the adjoint) backward. Both end
with the gradient of y.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from dualdiff import Dual

POINT = (2.0, 5.0)
STEPS = ("x1", "x2", "v1 = log(x1)", "v2 = x1 * x2", "v3 = sin(x2)", "v4 = v1 + v2", "y = v4 - v3")


def steps(x1: Any, x2: Any, log: Any, sin: Any) -> tuple[Any, ...]:
    """The inputs, the intermediate results, and the output."""
    v1 = log(x1)
    v2 = x1 * x2
    v3 = sin(x2)
    v4 = v1 + v2
    y = v4 - v3
    return x1, x2, v1, v2, v3, v4, y


@dataclass(frozen=True)
class Step:
    """One line: the value, its derivatives by x1 and x2, and the derivative of y by it if PyTorch is there."""

    name: str
    value: float
    tangents: tuple[float, float]
    adjoint: float | None


def adjoints() -> list[float] | None:
    """The derivative of y by each step, by reverse mode; None without PyTorch."""
    if not find_spec("torch"):
        return None
    import torch

    inputs = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in POINT)
    computed = steps(*inputs, torch.log, torch.sin)
    for step in computed[2:]:
        step.retain_grad()
    computed[-1].backward()
    return [float(step.grad) for step in computed]


def trace() -> list[Step]:
    """All lines."""
    x1, x2 = Dual(POINT[0], (1.0, 0.0)), Dual(POINT[1], (0.0, 1.0))
    backward = adjoints() or [None] * len(STEPS)
    forward = steps(x1, x2, np.log, np.sin)
    return [
        Step(name, dual.value, tuple(dual.tangents), adjoint)
        for name, dual, adjoint in zip(STEPS, forward, backward, strict=True)
    ]


def main() -> None:
    """Print the table."""
    lines = trace()
    print(f"{'step':<14}{'value':>10}   forward: {'d/dx1':>8}{'d/dx2':>10}   reverse: {'dy/d(step)':>10}")
    for line in lines:
        by_x1, by_x2 = line.tangents
        adjoint = "-" if line.adjoint is None else f"{line.adjoint:.4f}"
        print(f"{line.name:<14}{line.value:>10.4f}            {by_x1:>8.4f}{by_x2:>10.4f}            {adjoint:>10}")
    if lines[0].adjoint is None:
        print("reverse mode: install PyTorch to see it (pip install torch)")
    else:
        print(f"gradient by PyTorch:  {lines[0].adjoint!r}, {lines[1].adjoint!r}")
    by_x1, by_x2 = map(float, lines[-1].tangents)
    print(f"gradient by dualdiff: {by_x1!r}, {by_x2!r}")


if __name__ == "__main__":
    main()
