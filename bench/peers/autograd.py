"""HIPS autograd: reverse mode on NumPy, without compilation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

from ..formulas import formulas
from ..measure import PYTHON, Contestant, Key, from_python
from ..processes import process_contestant
from ..workloads import Workload

NAME = "autograd"
MOST_OUTPUTS = 3000
"""Its Jacobian takes one pass per output."""

START = """
import autograd.numpy as np
from autograd import grad
grad(lambda x: np.log(x[0]) + x[0] * x[1] - np.sin(x[1]))(np.array([2.0, 5.0]))
"""


def missing() -> str:
    return "" if find_spec("autograd") else "pip install autograd"


def enter(workload: Workload) -> dict[Key, Contestant]:
    if workload.kind == "start":
        return process_contestant(NAME, "", START)
    args = workload.point()
    return {Key(NAME, PYTHON, "reverse"): from_python(g, args) for g in _derivatives(workload, args)}


def _derivatives(workload: Workload, args: tuple[Any, ...]) -> Iterator[Callable[..., Any]]:
    import autograd
    import autograd.numpy as np
    from autograd.scipy.special import erf

    f = formulas(np, erf).get(workload.function)
    if f is None or workload.function == "residuals":
        return
    match workload.kind:
        case "gradient" if len(args) == 1:
            yield autograd.grad(f)
        case "gradient":
            yield autograd.grad(f, argnum=tuple(range(len(args))))
        case "jacobian" if args[-1].size <= MOST_OUTPUTS:
            yield autograd.jacobian(f)
        case "hessian":
            yield autograd.hessian(f)
        case "batch":

            def value_and_slopes(*args: Any) -> Any:
                pull, y = autograd.make_vjp(f, argnum=tuple(range(len(args))))(*args)
                return y, *pull(np.ones_like(y))

            yield value_and_slopes
