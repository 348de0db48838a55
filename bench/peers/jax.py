"""JAX: jitted, double precision, arrays on its side already, results waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..batches import BATCHES
from ..formulas import formulas
from ..measure import PYTHON, Contestant, Key, from_python
from ..processes import process_contestant
from ..sgd import BATCH, RATE
from ..sparse import compressed_seeds, entries
from ..workloads import Workload

NAME = "JAX"
MOST_DIRECTIONS = 3000
"""Forward mode holds n directions at once, reverse mode m of them: with more a call takes seconds."""

START = """
import jax
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
g = jax.jit(jax.grad(lambda x1, x2: jnp.log(x1) + x1 * x2 - jnp.sin(x2), argnums=(0, 1)))
jax.block_until_ready(g(2.0, 5.0))
"""


def missing() -> str:
    return "" if find_spec("jax") else "pip install jax"


def enter(workload: Workload) -> dict[Key, Contestant]:
    if workload.kind == "start":
        return process_contestant(NAME, "", START)
    import jax

    jax.config.update("jax_enable_x64", True)
    args = tuple(map(jax.numpy.asarray, workload.point()))
    contestants = {}
    for variant, g in _derivatives(workload, args):
        f = jax.jit(g)
        contestants[Key(NAME, PYTHON, variant)] = from_python(_waited_for(f), args)
    return contestants


def _waited_for(f: Callable[..., Any]) -> Callable[..., Any]:
    from jax import block_until_ready

    return lambda *args: block_until_ready(f(*args))


def _derivatives(workload: Workload, args: tuple[Any, ...]) -> Iterator[tuple[str, Callable[..., Any]]]:
    import jax
    import jax.numpy as jnp

    if workload.kind == "epoch":
        yield "reverse, one scan", _epoch
        return
    known = formulas(jnp, jax.scipy.special.erf)
    if workload.function not in known:
        return
    f = known[workload.function]
    by = tuple(range(len(args)))
    match workload.kind:
        case "gradient":
            yield "reverse", jax.grad(f, argnums=0 if len(args) == 1 else by)
            if args[0].size <= MOST_DIRECTIONS:
                yield "forward", jax.jacfwd(f, argnums=0 if len(args) == 1 else by)
        case "jacobian":
            yield "forward", jax.jacfwd(f)
            if args[-1].size <= MOST_DIRECTIONS:
                yield "reverse", jax.jacrev(f)
        case "hessian":
            yield "forward over reverse", jax.hessian(f)
            yield "forward over forward", jax.jacfwd(jax.jacfwd(f))
        case "sparse":
            seeds = jnp.asarray(compressed_seeds(args[0].size))
            rows, colours = entries(args[0].size)

            def compressed(x: Any) -> Any:
                return jax.vmap(lambda v: jax.jvp(f, (x,), (v,))[1])(seeds)[colours, rows]

            yield "forward, seeded by colours", compressed
        case "batch" if workload.function == "residuals":
            by = BATCHES[workload.function].argnums
            yield "forward", jax.vmap(jax.jacfwd(f, argnums=by))
            yield "reverse", jax.vmap(jax.jacrev(f, argnums=by))
        case "batch":

            def reverse(*args: Any) -> Any:
                y, pull = jax.vjp(f, *args)
                return y, *pull(jnp.ones_like(y))

            yield "reverse", reverse
            if len(args) == 1:
                yield "forward", lambda x: jax.jvp(f, (x,), (jnp.ones_like(x),))


def _epoch(features: Any, labels: Any, order: Any) -> Any:
    """Mini-batch gradient descent in one scan, as JAX's documentation recommends for loops."""
    import jax
    import jax.numpy as jnp

    def loss(w: Any, rows: Any) -> Any:
        return jnp.mean((features[rows] @ w - labels[rows]) ** 2)

    def step(w: Any, rows: Any) -> Any:
        return w - RATE * jax.grad(loss)(w, rows), None

    start = jnp.zeros(features.shape[1])
    return jax.lax.scan(step, start, order.astype(np.int32).reshape(-1, BATCH))[0]
