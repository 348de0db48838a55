"""PyTorch: double precision, one thread; the tape of ``backward``, and ``torch.func`` under ``torch.compile``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

from ..batches import BATCHES
from ..formulas import formulas
from ..measure import PYTHON, Contestant, Key, from_python
from ..processes import process_contestant
from ..sgd import BATCH, RATE
from ..sparse import compressed_seeds, entries
from ..workloads import Workload

NAME = "PyTorch"
MOST_DIRECTIONS = 1000
"""Forward mode holds n directions at once, reverse mode m of them: with more a call takes seconds."""

START = """
import torch
x1, x2 = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (2.0, 5.0))
(torch.log(x1) + x1 * x2 - torch.sin(x2)).backward()
"""


def missing() -> str:
    return "" if find_spec("torch") else "pip install torch (its builds for the CPU alone are smaller)"


def enter(workload: Workload) -> dict[Key, Contestant]:
    if workload.kind == "start":
        return process_contestant(NAME, "", START)
    import torch

    torch.set_num_threads(1)
    torch.compiler.reset()  # it compiles a piece of code for a few functions, and then no more
    args = tuple(torch.as_tensor(x) if workload.kind == "epoch" else _double(x) for x in workload.point())
    return {Key(NAME, PYTHON, variant): from_python(g, args) for variant, g in _derivatives(workload, args)}


def _double(x: Any) -> Any:
    import torch

    return torch.tensor(x, dtype=torch.float64)


def _backward(f: Callable[..., Any]) -> Callable[..., Any]:
    """The gradient by the tape."""
    import torch

    def g(*args: Any) -> Any:
        inputs = [x.detach().requires_grad_() for x in args]
        slopes = torch.autograd.grad(f(*inputs), inputs)
        return slopes[0] if len(slopes) == 1 else slopes

    return g


def _derivatives(workload: Workload, args: tuple[Any, ...]) -> Iterator[tuple[str, Callable[..., Any]]]:
    import torch

    if workload.kind == "epoch":
        yield "reverse, loop", _epoch
        yield "reverse, loop of compiled steps", _epoch_of_compiled_steps()
        return
    known = formulas(torch, torch.erf)
    if workload.function not in known:
        return
    if workload.kind == "gradient":
        yield "reverse, tape", _backward(known[workload.function])
    for direction, g in _functional(workload, known[workload.function], args):
        yield f"{direction}, compiled", torch.compile(g)


def _functional(
    workload: Workload, f: Callable[..., Any], args: tuple[Any, ...]
) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The directions in which a derivative is taken; in sweeps also the one that suits its kind less."""
    import torch
    from torch.func import grad, jacfwd, jacrev, jvp, vjp, vmap

    match workload.kind:
        case "gradient":
            yield "reverse", grad(f, argnums=tuple(range(len(args))) if len(args) > 1 else 0)
            if workload.sweep and args[0].numel() <= MOST_DIRECTIONS:
                yield "forward", jacfwd(f)
        case "jacobian":
            yield "forward", jacfwd(f)
            if workload.sweep and args[1].numel() <= MOST_DIRECTIONS:
                yield "reverse", jacrev(f)
        case "hessian":
            yield "forward over reverse", jacfwd(grad(f))
        case "sparse":
            seeds = _double(compressed_seeds(args[0].numel()))
            rows, colours = map(torch.as_tensor, entries(args[0].numel()))
            yield (
                "forward, seeded by colours",
                lambda x: vmap(lambda v: jvp(f, (x,), (v,))[1])(seeds)[colours, rows],
            )
        case "batch" if workload.function == "residuals":
            by = BATCHES[workload.function].argnums
            yield "forward", vmap(jacfwd(f, argnums=by))
            yield "reverse", vmap(jacrev(f, argnums=by))
        case "batch":

            def reverse(*args: Any) -> Any:
                y, pull = vjp(f, *args)
                return y, *pull(torch.ones_like(y))

            yield "reverse", reverse
            if len(args) == 1:
                yield "forward", lambda x: jvp(f, (x,), (torch.ones_like(x),))


def _epoch(features: Any, labels: Any, order: Any) -> Any:
    import torch

    w = torch.zeros(features.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], RATE)
    for rows in order.reshape(-1, BATCH):
        optimizer.zero_grad()
        ((features[rows] @ w - labels[rows]) ** 2).mean().backward()
        optimizer.step()
    return w.detach()


def _epoch_of_compiled_steps() -> Callable[..., Any]:
    import torch

    def loss(w: Any, features: Any, labels: Any) -> Any:
        return ((features @ w - labels) ** 2).mean()

    @torch.compile
    def step(w: Any, features: Any, labels: Any, rows: Any) -> Any:
        return w - RATE * torch.func.grad(loss)(w, features[rows], labels[rows])

    def epoch(features: Any, labels: Any, order: Any) -> Any:
        w = torch.zeros(features.shape[1], dtype=torch.float64)
        for rows in order.reshape(-1, BATCH):
            w = step(w, features, labels, rows)
        return w

    return epoch
