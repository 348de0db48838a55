"""CasADi: expression graphs, C code that it writes itself, compiled, called through its buffers."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..batches import BATCHES
from ..formulas import formulas
from ..measure import PYTHON, Contestant, Key, from_python
from ..processes import process_contestant
from ..workloads import Workload

NAME = "CasADi"
COMPILERS = ("gcc", "clang")
MOST_INPUTS = 1000
"""Larger graphs take minutes to compile, as does C code for a quarter of a million entries of a dense Jacobian."""

START = """
import casadi as ca
x = ca.SX.sym("x", 2)
g = ca.Function("g", [x], [ca.gradient(ca.log(x[0]) + x[0] * x[1] - ca.sin(x[1]), x)])
g([2.0, 5.0])
"""


def missing() -> str:
    if not find_spec("casadi"):
        return "pip install casadi"
    return "" if any(map(shutil.which, COMPILERS)) else f"no C compiler ({' or '.join(COMPILERS)}) for its code"


def enter(workload: Workload) -> dict[Key, Contestant]:
    if workload.kind == "start":
        return process_contestant(NAME, "", START)
    args = workload.point()
    if workload.kind == "batch":
        return {Key(NAME, PYTHON, "C code"): from_python(_of_samples(workload.function, args), args)}
    if workload.function not in ("example", "rosenbrock", "ackley", "brusselator") or args[0].size > MOST_INPUTS:
        return {}
    g = _of_one_point(workload, args[0].size)
    return {Key(NAME, PYTHON, "C code"): from_python(g, args)} if g else {}


class _Elementwise:
    """NumPy's names for CasADi's functions, as far as the formulas need them."""

    def __getattr__(self, name: str) -> Any:
        import casadi as ca

        own = {"sum": ca.sum1, "mean": lambda x: ca.sum1(x) / x.shape[0], "stack": lambda xs: ca.vertcat(*xs)}
        return own.get(name) or getattr(ca, name)


def _compiled(inputs: list[Any], outputs: list[Any]) -> Any:
    """The function as C code, compiled."""
    import casadi as ca

    compiler = next(filter(None, map(shutil.which, COMPILERS)))
    options = {
        "jit": True,
        "compiler": "shell",
        "jit_options": {"compiler": compiler, "flags": ["-O3", "-march=native"]},
    }
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as directory:  # its files are written where it runs, and loaded at once
        os.chdir(directory)
        try:
            return ca.Function("derivative", inputs, outputs, options)
        finally:
            os.chdir(here)


def _of_one_point(workload: Workload, n: int) -> Callable[..., Any] | None:
    import casadi as ca

    x = ca.SX.sym("x", n)
    y = _symbolic(workload.function, x)
    match workload.kind:
        case "gradient":
            derivative, shape = ca.gradient(y, x), (n,)
        case "hessian":
            derivative, shape = ca.densify(ca.hessian(y, x)[0]), (n, n)
        case "sparse":
            derivative = ca.jacobian(y, x).T  # by columns there, by rows here
            shape = (derivative.nnz(),)
        case _:
            return None
    buffer, evaluate = _compiled([x], [derivative]).buffer()

    def g(x: np.ndarray) -> np.ndarray:
        out = np.empty(shape)
        buffer.set_arg(0, memoryview(x))
        buffer.set_res(0, memoryview(out.reshape(-1)))
        evaluate()
        return out

    return g


def _of_samples(name: str, args: tuple[np.ndarray, ...]) -> Callable[..., Any]:
    """Value and derivatives, or for residuals the Jacobian, of every sample, in one loop of the C code."""
    import casadi as ca

    inputs = [ca.SX.sym("x", a.size // len(a)) for a in args]
    y = formulas(_Elementwise(), ca.erf)[name](*inputs)
    by = BATCHES[name].argnums
    slopes = [ca.densify(ca.jacobian(y, x).T) for x in ([inputs[i] for i in by] if isinstance(by, tuple) else inputs)]
    sample = ca.Function("sample", inputs, slopes if name == "residuals" else [y, *slopes])
    whole = [ca.MX.sym("x", x.numel(), len(args[0])) for x in inputs]
    function = _compiled(whole, sample.map(len(args[0])).call(whole))
    outputs = tuple(np.empty(function.size_out(i)[::-1]) for i in range(function.n_out()))  # by columns there
    buffer, evaluate = function.buffer()

    def g(*args: np.ndarray) -> tuple[np.ndarray, ...]:
        for i, a in enumerate(args):
            buffer.set_arg(i, memoryview(a.reshape(-1)))
        for i, out in enumerate(outputs):
            buffer.set_res(i, memoryview(out.reshape(-1)))
        evaluate()
        return outputs

    return g


def _symbolic(name: str, x: Any) -> Any:
    import casadi as ca

    if name != "brusselator":
        return formulas(_Elementwise())[name](x)
    u, v = x[0::2], x[1::2]
    k = (u.shape[0] + 1) ** 2 / 50
    reaction = u * u * v

    def diffusion(w: Any, end: float) -> Any:
        padded = ca.vertcat(end, w, end)
        return k * (padded[:-2] - 2 * w + padded[2:])

    rates = [1 + reaction - 4 * u + diffusion(u, 1.0), 3 * u - reaction + diffusion(v, 3.0)]
    return ca.vec(ca.horzcat(*rates).T)
