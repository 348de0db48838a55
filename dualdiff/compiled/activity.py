"""Which variables of a function hold duals, and which arrays and lists must be made for duals.

A user's function writes ``out = np.zeros(n)`` for floats. If a dual is stored into ``out``, it must be
an array of duals from the beginning; if not, it should stay as it is. That is read off Numba's
intermediate representation: forward from the arguments that are duals, and from every store back to
where the container was made, through views and aliases and into the functions that are called, to a
fixed point. The analysis knows no types and errs on the side of duals.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from numba.core import ir
from numba.core.compiler import run_frontend
from numba.core.dispatcher import Dispatcher

# What is no dual, whatever it is taken of.
_PLAIN_ATTRIBUTES = {"shape", "size", "ndim", "dtype", "strides", "itemsize", "nbytes"}
_PLAIN_FUNCTIONS = {"len", "range", "int", "bool", "isinstance", "isnan", "isinf", "isfinite", "argsort", "argmax", "argmin"}
_COMPARISONS = {
    operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne,
    operator.is_, operator.is_not, operator.contains, operator.not_,
}  # fmt: skip

# What gives a view of an array, or may give the array itself.
_VIEW_ATTRIBUTES = {"T", "flat", "real"}
_VIEWS = {
    "reshape", "ravel", "transpose", "view", "swapaxes", "squeeze", "expand_dims", "diagonal",
    "asarray", "ascontiguousarray", "asfortranarray", "atleast_1d", "atleast_2d", "broadcast_to",
    "zip", "enumerate", "reversed", "iter",
}  # fmt: skip

# What stores an argument into the object whose method it is, or into the first argument.
_STORING_METHODS = {"fill", "append", "insert", "extend", "put", "itemset"}
_STORING_FUNCTIONS = {"copyto", "fill_diagonal", "put", "place", "putmask"}


class Activity:
    """What flows where in one function, for given arguments that are duals."""

    def __init__(self, func_ir: Any, active: Iterable[int], seen: frozenset[Any] = frozenset()) -> None:
        self.func_ir = func_ir
        self.statements = [s for block in func_ir.blocks.values() for s in block.body]
        self.assignments = [s for s in self.statements if isinstance(s, ir.Assign)]
        self.sources: dict[str, list[Any]] = {}
        for s in self.assignments:
            self.sources.setdefault(s.target.name, []).append(s.value)
        self.active_arguments = frozenset(active)
        self.seen = seen | {(func_ir.func_id.func, self.active_arguments)}
        self.active: set[str] = set()
        self.made_for_duals: set[int] = set()  # assignments, by id, whose container a dual is stored into
        self.stored_arguments: set[int] = set()  # arguments that a dual is stored into
        self.places: dict[int, Any] = {}  # where that is
        self._run()

    def _run(self) -> None:
        size = -1
        while size != (size := len(self.active) + len(self.made_for_duals) + len(self.stored_arguments)):
            for s in self.assignments:
                if self._is_active(s):
                    self.active.add(s.target.name)
            for s in self.statements:
                for container in self._stored_into(s):
                    self._mark(container, set(), s.loc)

    # --- forward: what holds duals

    def _is_active(self, s: Any) -> bool:
        value = s.value
        if id(s) in self.made_for_duals:
            return True
        if isinstance(value, ir.Arg):
            return value.index in self.active_arguments or value.index in self.stored_arguments
        if isinstance(value, ir.Var):
            return value.name in self.active
        if not isinstance(value, ir.Expr):
            return False
        if value.op in ("binop", "inplace_binop", "unary") and value.fn in _COMPARISONS:
            return False
        if value.op == "getattr" and value.attr in _PLAIN_ATTRIBUTES:
            return False
        if value.op == "call" and self.name_of(value.func) in _PLAIN_FUNCTIONS:
            return False
        if value.op in ("getitem", "static_getitem", "typed_getitem"):
            return value.value.name in self.active  # not for the sake of the index
        return any(v.name in self.active for v in value.list_vars())

    # --- backward: where a container was made

    def _mark(self, name: str, visited: set[str], place: Any) -> None:
        if name in visited:
            return
        visited.add(name)
        for s in self.assignments:
            if s.target.name != name:
                continue
            if isinstance(s.value, ir.Arg):
                self.stored_arguments.add(s.value.index)
                self.places.setdefault(s.value.index, place)
            origins = self._origins(s.value)
            for origin in origins:
                self._mark(origin, visited, place)
            if isinstance(s.value, ir.Expr) and (not origins or s.value.op == "call"):
                self.made_for_duals.add(id(s))

    def _origins(self, value: Any) -> list[str]:
        """The variables whose memory a value may share."""
        if isinstance(value, ir.Var):
            return [value.name]
        if not isinstance(value, ir.Expr):
            return []
        if value.op in ("getitem", "static_getitem", "cast", "exhaust_iter", "getiter", "iternext", "pair_first"):
            return [value.value.name]
        if value.op == "getattr" and value.attr in _VIEW_ATTRIBUTES:
            return [value.value.name]
        if value.op in ("phi", "build_tuple"):
            return [v.name for v in value.list_vars()]
        if value.op == "inplace_binop":
            return [value.lhs.name]
        if value.op == "call":
            callee = self.callee(value.func)
            if isinstance(callee, Dispatcher):
                return [v.name for v in value.args]
            if self.name_of(value.func) in _VIEWS:
                method = self._method_of(value.func)
                return [method.value.name] if method is not None and not value.args else [v.name for v in _and(method, value.args)]
        return []

    # --- stores

    def _stored_into(self, s: Any) -> list[str]:
        """The containers that a statement stores a dual into."""
        if isinstance(s, (ir.SetItem, ir.StaticSetItem)):
            return [s.target.name] if s.value.name in self.active else []
        value = s.value if isinstance(s, ir.Assign) else None
        if not isinstance(value, ir.Expr):
            return []
        if value.op == "inplace_binop":
            return [value.lhs.name] if value.rhs.name in self.active else []
        if value.op != "call":
            return []
        callee = self.callee(value.func)
        if isinstance(callee, Dispatcher):
            return [value.args[i].name for i in self._stored_by(callee, value) if i < len(value.args)]
        if not any(v.name in self.active for v in value.args):
            return []
        method = self._method_of(value.func)
        name = self.name_of(value.func)
        out = [v.name for keyword, v in value.kws if keyword == "out"]
        if name in _STORING_METHODS and method is not None and not self._is_module(method.value):
            return [method.value.name]
        if name in _STORING_FUNCTIONS and value.args:
            return [value.args[0].name]
        return out

    def _stored_by(self, callee: Any, call: Any) -> set[int]:
        """The arguments that a called function stores duals into."""
        active = frozenset(i for i, v in enumerate(call.args) if v.name in self.active)
        function = callee.py_func
        if not active or (function, active) in self.seen:
            return set()
        return Activity(run_frontend(function), active, self.seen).stored_arguments

    # --- names

    def callee(self, func: Any) -> Any:
        """The Python object that a variable stands for, if it is a global or a constant of a closure."""
        for value in self.sources.get(func.name, []):
            if isinstance(value, (ir.Global, ir.FreeVar)):
                return value.value
            if isinstance(value, ir.Var):
                return self.callee(value)
            if isinstance(value, ir.Expr) and value.op == "getattr":
                owner = self.callee(value.value)
                return getattr(owner, value.attr, None) if owner is not None else None
        return None

    def name_of(self, func: Any) -> str:
        """The last name by which a function is called: zeros for np.zeros, reshape for x.reshape."""
        for value in self.sources.get(func.name, []):
            if isinstance(value, ir.Expr) and value.op == "getattr":
                return str(value.attr)
            if isinstance(value, (ir.Global, ir.FreeVar)):
                return str(getattr(value.value, "__name__", value.name))
        return ""

    def _method_of(self, func: Any) -> Any:
        for value in self.sources.get(func.name, []):
            if isinstance(value, ir.Expr) and value.op == "getattr":
                return value
        return None

    def _is_module(self, variable: Any) -> bool:
        return self.callee(variable) is not None


def _and(method: Any, args: Iterable[Any]) -> list[Any]:
    return ([method.value] if method is not None else []) + list(args)
