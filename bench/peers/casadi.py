"""CasADi: expression graphs, C code that it writes itself, compiled, called through its buffers."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

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
    point = workload.point()
    if workload.function not in ("example", "rosenbrock", "ackley", "brusselator") or point[0].size > MOST_INPUTS:
        return {}
    g = _compiled(workload, point[0].size)
    return {Key(NAME, PYTHON, "C code"): from_python(g, point)} if g else {}


class _Elementwise:
    """NumPy's names for CasADi's functions, as far as the formulas need them."""

    def __getattr__(self, name: str) -> Any:
        import casadi as ca

        return ca.sum1 if name == "sum" else getattr(ca, name)


def _compiled(workload: Workload, n: int) -> Callable[..., Any] | None:
    import casadi as ca

    x = ca.SX.sym("x", n)
    y = _symbolic(workload.function, x)
    match workload.kind:
        case "gradient":
            derivative, dense = ca.gradient(y, x), True
        case "hessian":
            derivative, dense = ca.densify(ca.hessian(y, x)[0]), True
        case "sparse":
            derivative, dense = ca.jacobian(y, x).T, False  # by columns there, by rows here
        case _:
            return None
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
            function = ca.Function("derivative", [x], [derivative], options)
        finally:
            os.chdir(here)
    shape = (n,) if workload.kind == "gradient" else (n, n) if dense else (derivative.nnz(),)
    buffer, evaluate = function.buffer()

    def g(x: np.ndarray) -> np.ndarray:
        out = np.empty(shape)
        buffer.set_arg(0, memoryview(x))
        buffer.set_res(0, memoryview(out.reshape(-1)))
        evaluate()
        return out

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
