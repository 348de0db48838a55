"""Whether a function may write to its arguments, read off Numba's intermediate representation.

Every pass of a chunked derivative must see the same arguments. If f cannot write to them, all
passes share one buffer; otherwise each gets a fresh copy. The analysis errs on the side of a copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numba.core import ir
from numba.core.compiler import run_frontend
from numba.core.dispatcher import Dispatcher

_WRITING_METHODS = {"sort", "fill", "put", "partition", "itemset", "resize"}
_WRITING_FUNCTIONS = {"copyto", "fill_diagonal", "put", "place", "putmask", "shuffle"}


def results_among(function: Any, args: Sequence[Any]) -> Sequence[Any]:
    """Those of the arguments of a NumPy function that it stores its result in, given by position."""
    if isinstance(function, np.ufunc):
        return args[function.nin :]
    return args[2:] if function is np.dot else ()


def writes_to_arguments(
    py_func: Any, indices: Iterable[int] | None = None, _seen: frozenset[Any] = frozenset()
) -> bool:
    """Whether ``py_func`` may write to the arguments with these indices (all of them by default)."""
    func_ir = run_frontend(py_func)
    watched = frozenset(range(len(func_ir.arg_names)) if indices is None else indices)
    if (py_func, watched) in _seen:
        return False
    seen = _seen | {(py_func, watched)}
    statements = [s for block in func_ir.blocks.values() for s in block.body]
    aliases: set[str] = set()
    before = -1
    while len(aliases) != before:  # to a fixed point: loops carry aliases backwards
        before = len(aliases)
        for s in statements:
            if isinstance(s, ir.Assign) and _may_alias(s.value, aliases, watched):
                aliases.add(s.target.name)
    callees = {s.target.name: s.value for s in statements if isinstance(s, ir.Assign)}
    return any(_writes(s, aliases, callees, seen) for s in statements)


def _may_alias(source: Any, aliases: set[str], watched: frozenset[int]) -> bool:
    if isinstance(source, ir.Arg):
        return source.index in watched
    if isinstance(source, ir.Var):
        return source.name in aliases
    if isinstance(source, ir.Expr) and source.op not in ("binop", "unary", "inplace_binop"):
        return any(v.name in aliases for v in source.list_vars())
    return isinstance(source, ir.Expr) and source.op == "inplace_binop" and source.lhs.name in aliases


def _writes(statement: Any, aliases: set[str], callees: dict[str, Any], seen: frozenset[Any]) -> bool:
    if isinstance(statement, (ir.SetItem, ir.StaticSetItem, ir.SetAttr, ir.DelItem)):
        return statement.target.name in aliases
    expr = statement.value if isinstance(statement, ir.Assign) else None
    if not isinstance(expr, ir.Expr):
        return False
    if expr.op == "inplace_binop":
        return expr.lhs.name in aliases
    if expr.op != "call":
        return False
    arguments = [*expr.args, *(v for _, v in expr.kws), *([expr.vararg] if expr.vararg else [])]
    if not any(v.name in aliases for v in arguments) and expr.func.name not in aliases:
        return False
    callee = callees.get(expr.func.name)
    if isinstance(callee, (ir.Global, ir.FreeVar)):
        if isinstance(callee.value, Dispatcher):
            if expr.kws or expr.vararg:
                return writes_to_arguments(callee.value.py_func, None, seen)
            passed = [i for i, v in enumerate(expr.args) if v.name in aliases]
            return writes_to_arguments(callee.value.py_func, passed, seen)
        return any(v.name in aliases for v in results_among(callee.value, expr.args))  # a builtin writes to no other
    if isinstance(callee, ir.Expr) and callee.op == "getattr":
        results = results_among(getattr(np, callee.attr, None), expr.args)
        if any(v.name in aliases for v in results) or any(name == "out" for name, _ in expr.kws):
            return True
        return callee.attr in _WRITING_METHODS | _WRITING_FUNCTIONS
    return True  # a function that came in as an argument, or the like
