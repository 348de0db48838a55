"""Which variables of a function hold duals, and which arrays and lists must be made for duals.

A user's function writes ``out = np.zeros(n)`` for floats. If a dual is stored into ``out``, it must be
an array of duals from the beginning; if not, it should stay as it is. That is read off Numba's
intermediate representation: forward from the arguments that are duals, and from every store back to
where the container was made, through views and aliases and into the functions that are called, to a
fixed point.

The analysis goes by names and knows no types, so it is a guess, which saves duals where floats will do. It judges
nothing: whatever it says, only new memory is made for duals (``new_memory``), and a dual that is to be stored anywhere
else is refused by Numba's types, upon which all new memory is made for duals (``clone``).
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...kept import kept_by_first
from ...rules.array_functions import ARRAY_FUNCTIONS, of_kind
from ..numba_internals import Dispatcher, ir, run_frontend
from .mutation import results_among

# What is no dual, whatever it is taken of.
_PLAIN_ATTRIBUTES = {"shape", "size", "ndim", "dtype", "strides", "itemsize", "nbytes"}
_PLAIN_FUNCTIONS = {f.__name__ for f in of_kind("values")} | {
    *("len", "range", "int", "bool", "isinstance", "isnan", "isinf", "isfinite"),
}
_COMPARISONS = {
    operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne,
    operator.is_, operator.is_not, operator.contains, operator.not_,
}  # fmt: skip

# What gives a list or tuple with the items of its operands.
_REPEATING = {operator.add, operator.iadd, operator.mul, operator.imul}

# What gives a view of an array, or may give the array itself.
_VIEWS = {f.__name__ for f, entry in ARRAY_FUNCTIONS.items() if entry.is_view} | {
    *("view", "rollaxis", "as_strided", "sliding_window_view", "asarray", "ascontiguousarray", "asfortranarray"),
    *("asarray_chkfinite", "trim_zeros", "pop", "get", "setdefault", "values", "items"),
}

# What goes through a container without being one.
_ITERATORS = {"zip", "enumerate", "reversed", "iter", "ndenumerate", "nditer", "literal_unroll"}

# What makes a container that gets its type from what is stored first: it must be left as it is.
_INFERRED = {"list", "dict", "set", "List", "Dict", "empty_inferred", "empty_list"}

# What stores an argument into the object whose method it is, or into the first argument.
_GROWING_METHODS = {"append", "insert", "extend"}
_STORING_METHODS = {"fill", "put", "itemset"} | _GROWING_METHODS
_STORING_FUNCTIONS = {"copyto", "fill_diagonal", "put", "place", "putmask"}


class Activity:
    """What flows where in one function, for given arguments that are duals."""

    def __init__(
        self,
        func_ir: Any,
        active: Iterable[int],
        functions: Iterable[tuple[int, Any]] = (),
        seen: frozenset[Any] = frozenset(),
    ) -> None:
        self.func_ir = func_ir
        self.functions = dict(functions)  # arguments that are dispatchers
        self.statements = [s for block in func_ir.blocks.values() for s in block.body]
        self.assignments = [s for s in self.statements if isinstance(s, ir.Assign)]
        self.sources: dict[str, list[Any]] = {}
        for s in self.assignments:
            self.sources.setdefault(s.target.name, []).append(s.value)
        self.active_arguments = frozenset(active)
        self.seen = seen | {(func_ir.func_id.func, self.active_arguments, frozenset(functions))}
        self.active: set[str] = set()
        self.receiving: set[int] = set()  # assignments, by id, whose container a dual is stored into
        self.made_for_duals: set[int] = set()  # those among them that make it, with a type of its own
        self.joined: set[int] = set()  # those among them that give a variable of duals an array from outside
        self.stored_arguments: set[int] = set()  # arguments that a dual is stored into
        self.places: dict[int, Any] = {}  # where that is; not for those where it may be a number that changes
        self.sequences: set[str] = set()  # variables that are lists or tuples made here
        self.items: dict[int, list[Any]] = {}  # of lists, and tuples in loops, by the id of what makes them
        self.growing: list[tuple[Any, set[int]]] = []  # calls that add to a list, and which it may be
        self._find_items()
        self._run()

    def _run(self) -> None:
        size = -1
        while size != (size := len(self.active) + len(self.receiving) + len(self.stored_arguments)):
            for s in self.assignments:
                if self._is_active(s):
                    self.active.add(s.target.name)
            for s in self.statements:
                for container, place in self._stored_into(s):
                    self._mark(container, set(), place)
            for names in self._one_type():
                if any(name in self.active for name in names):
                    for name in names:
                        self._mark(name, set(), stored=False)
                        self._join(name)

    def _find_items(self) -> None:
        """What is in each list, or tuple in a loop: from the beginning, and added later, by whatever name."""
        expressions = [s.value for s in self.assignments if isinstance(s.value, ir.Expr)]
        size = -1
        while size != (size := len(self.sequences)):
            self.sequences |= {s.target.name for s in self.assignments if self._is_sequence(s.value)}
        iterated = [
            source for value in expressions if value.op == "getiter" for source in self.sources[value.value.name]
        ]
        tuples = {id(source) for source in iterated if isinstance(source, ir.Expr) and source.op == "build_tuple"}
        for value in expressions:
            if value.op == "build_list" or id(value) in tuples:
                self.items[id(value)] = list(value.items)
            elif self._sequences_in(value):
                self.items[id(value)] = []
        for call in (value for value in expressions if value.op == "call"):
            method = self.method_of(call.func)
            if method is None or method.attr not in _GROWING_METHODS or not call.args:
                continue
            behind = (value for name in self._behind([method.value.name]) for value in self.sources[name])
            self.growing.append((call, {id(value) for value in behind if id(value) in self.items}))
            for made in self.growing[-1][1]:
                self.items[made].append(call.args[-1])

    def _is_sequence(self, value: Any) -> bool:
        """Whether a value is a list or tuple that is made here."""
        if isinstance(value, ir.Var):
            return value.name in self.sequences
        if not isinstance(value, ir.Expr):
            return False
        return value.op in ("build_list", "build_tuple") or bool(self._sequences_in(value))

    def added(self, everything: bool) -> list[Any]:
        """The calls that add an item to a list that duals are stored into: numbers, too, are to be duals there."""
        receiving = {id(s.value) for s in self.assignments if id(s) in self.receiving}
        return [call for call, lists in self.growing if everything or lists & receiving]

    def called(self, value: Any) -> Any:
        """The Python object that an expression calls, if it is known."""
        return self.callee(value.func) if isinstance(value, ir.Expr) and value.op == "call" else None

    def method(self, func: Any) -> str:
        """The name of the method that a variable stands for, if its owner is an array or list."""
        found = self.method_of(func)
        owner = None if found is None else self.callee(found.value)
        return "" if found is None or not (owner is None or isinstance(owner, np.ndarray)) else str(found.attr)

    def is_overloadable(self, value: Any) -> bool:
        """Whether an expression is an operation or a method, which users may teach Numba for types of their own."""
        return value.op in ("binop", "unary") or (value.op == "call" and bool(self.method(value.func)))

    def operands(self, value: Any) -> list[Any]:
        """The variables that an operation or a call is applied to, the owner of a method among them."""
        if value.op != "call":
            return list(value.list_vars())
        method = self.method_of(value.func)
        return [*([method.value] if method else []), *value.args, *(v for _, v in value.kws)]

    def _one_type(self) -> list[list[str]]:
        """The variables, in groups, that Numba gives one type: if one holds duals, all must."""
        returned = [s.value.name for s in self.statements if isinstance(s, ir.Return)]
        several = [[name] for name, values in self.sources.items() if len(values) > 1]
        return [returned, *several, *([v.name for v in items] for items in self.items.values())]

    # --- forward: what holds duals

    def _is_active(self, s: Any) -> bool:
        value = s.value
        if id(s) in self.receiving:
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

    def _mark(self, name: str, visited: set[str], place: Any = None, stored: bool = True) -> None:
        """Mark what made the containers that a variable may be, which must be ``stored`` into or of one type."""
        if name in visited:
            return
        visited.add(name)
        for s in self.assignments:
            if s.target.name != name:
                continue
            if isinstance(s.value, ir.Arg) and stored:
                self.stored_arguments.add(s.value.index)
                if place is not None:
                    self.places.setdefault(s.value.index, place)
            origins = self._origins(s.value)
            for origin in origins:
                self._mark(origin, visited, place, stored)
            if isinstance(s.value, ir.Expr) and (not origins or s.value.op in ("call", "build_list")):
                self.receiving.add(id(s))
                if self._has_type(s.value):
                    self.made_for_duals.add(id(s))

    def _join(self, name: str) -> None:
        """Have a variable that is given an array from outside, of floats, given one made for duals in its place."""
        for s in self.assignments:
            if s.target.name == name and self._is_from_outside(s.value):
                self.receiving.add(id(s))
                self.joined.add(id(s))

    def _is_from_outside(self, value: Any) -> bool:
        """Whether a value may be an argument or a constant, or part of it."""
        values = [value, *(source for name in self._behind(self._origins(value)) for source in self.sources[name])]
        arguments = {v.index for v in values if isinstance(v, ir.Arg)}
        constant = any(isinstance(v, (ir.Global, ir.FreeVar)) and isinstance(v.value, np.ndarray) for v in values)
        return bool(arguments) or constant

    def _has_type(self, value: Any) -> bool:
        """Whether what a value makes has its type from the beginning, not from what is stored into it."""
        if value.op == "call":
            return bool(self._sequences_in(value)) or self.name_of(value.func) not in _ITERATORS | _INFERRED
        return value.op not in ("build_map", "build_set") and (value.op != "build_list" or len(value.items) > 0)

    def _origins(self, value: Any) -> list[str]:
        """The variables whose memory a value may share."""
        if isinstance(value, ir.Var):
            return [value.name]
        if not isinstance(value, ir.Expr):
            return []
        if value.op in ("getitem", "static_getitem", "cast", "exhaust_iter", "getiter", "iternext", "pair_first"):
            return [value.value.name]
        if value.op == "getattr" and value.attr not in _PLAIN_ATTRIBUTES and not self._is_module(value.value):
            return [value.value.name]  # a view of an array, or a field of a named tuple
        if value.op in ("phi", "build_tuple"):
            return [v.name for v in value.list_vars()]
        if value.op == "build_list":
            return [v.name for v in self.items[id(value)]]
        shared = [v.name for v in self._items_of(value, set())] if self._sequences_in(value) else []
        if value.op == "inplace_binop":
            return [value.lhs.name, *shared]
        if shared:
            return shared
        if value.op == "call":
            callee = self.callee(value.func)
            if isinstance(callee, Dispatcher):
                returned = returned_arguments(callee.py_func)
                return [v.name for i, v in _passed(callee, value) if i in returned]
            if isinstance(callee, type) and issubclass(callee, tuple):  # of a named tuple
                return [v.name for v in (*value.args, *(v for _, v in value.kws))]
            if self.name_of(value.func) in _VIEWS | _ITERATORS:
                method = self.method_of(value.func)
                return (
                    [method.value.name]
                    if method is not None and not value.args
                    else [v.name for v in _and(method, value.args)]
                )
            return [v.name for v in self._results_among(value)]
        return []

    def _sequences_in(self, value: Any) -> list[Any]:
        """The lists and tuples whose items a value has, too: of a copy, a sum or a multiple."""
        if not isinstance(value, ir.Expr):
            return []
        if value.op in ("binop", "inplace_binop") and value.fn in _REPEATING:
            return [v for v in (value.lhs, value.rhs) if v.name in self.sequences]
        if value.op != "call":
            return []
        method = self.method_of(value.func)
        if method is None:
            return value.args[:1] if self.callee(value.func) is list else []
        return [method.value] if method.attr == "copy" and method.value.name in self.sequences else []

    def _items_of(self, value: Any, visited: set[int]) -> list[Any]:
        """What is in a list or tuple: from the beginning, and added later."""
        if id(value) in visited:
            return []
        visited.add(id(value))
        known = value.items if isinstance(value, ir.Expr) and value.op == "build_tuple" else []
        copied = [value] if isinstance(value, ir.Var) else self._sequences_in(value)
        behind = (self._items_of(source, visited) for v in copied for source in self.sources.get(v.name, []))
        return [*self.items.get(id(value), known), *(item for items in behind for item in items)]

    # --- stores

    def _stored_into(self, s: Any) -> list[tuple[str, Any]]:
        """The containers that a statement stores a dual into, and where; None if it may be a number that changes."""
        if isinstance(s, (ir.SetItem, ir.StaticSetItem)):
            return [(s.target.name, s.loc)] if s.value.name in self.active else []
        value = s.value if isinstance(s, ir.Assign) else None
        if not isinstance(value, ir.Expr):
            return []
        if value.op == "inplace_binop":
            place = None if self._is_part(value.lhs.name) else s.loc  # s = w[0]; s += x changes no w
            return [(value.lhs.name, place)] if value.rhs.name in self.active else []
        if value.op != "call":
            return []
        callee = self.callee(value.func)
        if isinstance(callee, Dispatcher):
            stored = self._stored_by(callee, value)
            return [(v.name, stored[i]) for i, v in _passed(callee, value) if i in stored]
        if not any(v.name in self.active for v in value.args):
            return []
        method = self.method_of(value.func)
        name = self.name_of(value.func)
        if name in _STORING_METHODS and method is not None and not self._is_module(method.value):
            return [(method.value.name, s.loc)]
        if name in _STORING_FUNCTIONS and value.args:
            return [(value.args[0].name, s.loc)]
        return [(v.name, s.loc) for v in self._results_among(value)]

    def _is_part(self, name: str, visited: frozenset[str] = frozenset()) -> bool:
        """Whether a variable may be an element, or a row, of an array."""
        return name not in visited and any(
            (
                isinstance(value, ir.Expr)
                and (
                    value.op in ("getitem", "static_getitem", "iternext", "pair_first")
                    or (value.op == "inplace_binop" and self._is_part(value.lhs.name, visited | {name}))
                )
            )
            or (isinstance(value, ir.Var) and self._is_part(value.name, visited | {name}))
            for value in self.sources.get(name, [])
        )

    def _stored_by(self, callee: Any, call: Any) -> dict[int, Any]:
        """The arguments that a called function stores duals into, and where."""
        passed = _passed(callee, call)
        active = frozenset(i for i, v in passed if v.name in self.active)
        functions = frozenset((i, f) for i, v in passed if isinstance(f := self.callee(v), Dispatcher))
        function = callee.py_func
        if not active or (function, active, functions) in self.seen:
            return {}
        known = _known(function).get((active, functions))
        if known is None:
            inner = Activity(frontend(function), active, functions, self.seen)
            known = {i: i in inner.places for i in inner.stored_arguments}
            _known(function)[active, functions] = known
        return {i: call.loc if certain else None for i, certain in known.items()}

    def arguments_behind(self, names: Iterable[str]) -> set[int]:
        """The arguments whose memory these variables may share."""
        values = (value for name in self._behind(names) for value in self.sources[name])
        return {value.index for value in values if isinstance(value, ir.Arg)}

    def _behind(self, names: Iterable[str]) -> set[str]:
        """The variables, these included, whose memory these variables may share."""
        open_names, visited = list(names), set()
        while open_names:
            name = open_names.pop()
            if name in self.sources and name not in visited:
                visited.add(name)
                for value in self.sources[name]:
                    open_names += self._origins(value)
        return visited

    # --- names

    def callee(self, func: Any, visited: frozenset[str] = frozenset()) -> Any:
        """The Python object that a variable stands for, if it is a global or a constant of a closure."""
        if func.name in visited:  # variables that are swapped stand for each other
            return None
        visited |= {func.name}
        for value in self.sources.get(func.name, []):
            if isinstance(value, (ir.Global, ir.FreeVar)):
                return value.value
            if isinstance(value, ir.Arg):
                return self.functions.get(value.index)
            if isinstance(value, ir.Var):
                return self.callee(value, visited)
            if isinstance(value, ir.Expr) and value.op == "getattr":
                owner = self.callee(value.value, visited)
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

    def method_of(self, func: Any) -> Any:
        for value in self.sources.get(func.name, []):
            if isinstance(value, ir.Expr) and value.op == "getattr":
                return value
        return None

    def _results_among(self, call: Any) -> list[Any]:
        """The variables in a call that a NumPy function, or method, stores its result in."""
        method = self.method_of(call.func)
        if method is None or self._is_module(method.value):
            return results_among(self.callee(call.func), call)
        return results_among(getattr(np, method.attr, None), call, method=True)

    def _is_module(self, variable: Any) -> bool:
        return self.callee(variable) is not None


_IN_PROGRESS: set[Any] = set()


@kept_by_first
def frontend(function: Any) -> Any:
    """Numba's intermediate representation of a function, before types are inferred; only to be read."""
    return run_frontend(function)


def returned_arguments(function: Any) -> frozenset[int]:
    """The arguments that a function may return, or return a view of."""
    if function in _IN_PROGRESS:  # it calls itself: perhaps all
        return frozenset(range(function.__code__.co_argcount))
    _IN_PROGRESS.add(function)
    try:
        return _returned_arguments(function)
    finally:
        _IN_PROGRESS.discard(function)


@kept_by_first
def _known(function: Any) -> dict[Any, dict[int, bool]]:
    """What a function stores duals into, by its active arguments: call graphs are deep, and branch."""
    return {}


@kept_by_first
def _returned_arguments(function: Any) -> frozenset[int]:
    flow = Activity(frontend(function), ())
    returned = [s.value.name for s in flow.statements if isinstance(s, ir.Return)]
    return frozenset(flow.arguments_behind(returned))


def _passed(callee: Any, call: Any) -> list[tuple[int, Any]]:
    """The variables in a call, each with the number of the parameter that it is for."""
    parameters = list(inspect.signature(callee.py_func).parameters)
    last = len(parameters) - 1
    return [(min(i, last), v) for i, v in enumerate(call.args)] + [(parameters.index(k), v) for k, v in call.kws]


def _and(method: Any, args: Iterable[Any]) -> list[Any]:
    return ([method.value] if method is not None else []) + list(args)
