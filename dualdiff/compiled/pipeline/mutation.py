"""What a function does with an argument, read off Numba's intermediate representation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..numba_internals import Dispatcher, ir, run_frontend

# The place of the array for the result among the arguments.
_RESULT_AT = ((np.dot, 2), (np.outer, 2), (np.round, 2), (np.around, 2), (np.clip, 3))


def results_among(function: Any, call: Any, method: bool = False) -> list[Any]:
    """The variables in a call that a NumPy function, or the method of its name, stores its result in, and returns."""
    named = dict(call.kws)
    if function is np.nan_to_num and (len(call.args) > 1 or "copy" in named):
        return [*call.args[:1], *(v for name, v in named.items() if name == "x")]
    known = [place for taught, place in _RESULT_AT if taught is function]
    first = function.nin if isinstance(function, np.ufunc) else (*known, len(call.args) + 1)[0]
    return [*call.args[first - method :], *(v for name, v in named.items() if name == "out")]


# --- arguments that are only read -----------------------------------------------------------

_OF_THE_SHAPE = {"shape", "size", "ndim"}


def only_reads_numbers(py_func: Any, index: int, _known: dict[Any, bool] | None = None) -> bool:
    """Whether all that ``py_func`` does with an argument is to read single elements, and its shape.

    An index may still turn out to be an array, or to be of a row: that is known when types are.
    """
    known = {} if _known is None else _known
    if (py_func, index) not in known:
        known[py_func, index] = True  # as long as it is not known to do more: it may call itself
        reader = _Reader(py_func, index, known)
        known[py_func, index] = reader.is_known() and all(map(reader.only_reads, reader.statements))
    return known[py_func, index]


class _Reader:
    """What a function does with one of its arguments."""

    def __init__(self, py_func: Any, index: int, known: dict[Any, bool]) -> None:
        self.known = known
        self.index = index
        self.statements = [s for block in run_frontend(py_func).blocks.values() for s in block.body]
        self.sources: dict[str, list[Any]] = {}
        for s in self.statements:
            if isinstance(s, ir.Assign):
                self.sources.setdefault(s.target.name, []).append(s.value)
        self.names: set[str] = set()  # of the variables that may be the argument
        before = -1
        while len(self.names) != before:
            before = len(self.names)
            self.names |= {name for name, values in self.sources.items() if any(map(self._is_argument, values))}

    def _is_argument(self, value: Any) -> bool:
        if isinstance(value, ir.Arg):
            return value.index == self.index
        return isinstance(value, ir.Var) and value.name in self.names

    def is_known(self) -> bool:
        """Whether the variables that may be the argument are nothing else."""
        return all(self._is_argument(value) for name in self.names for value in self.sources[name])

    def only_reads(self, statement: Any) -> bool:
        """Whether a statement reads no more of the argument than a number or its shape."""
        if not isinstance(statement, ir.Assign):
            return isinstance(statement, ir.Del) or not self._has_it(statement)
        value = statement.value
        if not isinstance(value, ir.Expr) or not self._has_it(value):
            return True
        if value.op == "getitem":
            return value.index.name not in self.names and not self._is_slice(value.index)
        if value.op == "getattr":
            return value.attr in _OF_THE_SHAPE
        if value.op != "call" or value.kws or value.vararg:
            return False
        callee = self._constant(value.func)
        if isinstance(callee, Dispatcher):
            passed = [i for i, v in enumerate(value.args) if v.name in self.names]
            return all(only_reads_numbers(callee.py_func, i, self.known) for i in passed)
        return callee is len

    def _has_it(self, part: Any) -> bool:
        return any(v.name in self.names for v in part.list_vars())

    def _constant(self, variable: Any) -> Any:
        """What a variable is, if it is known from outside the function."""
        values = self.sources.get(variable.name, [])
        known = len(values) == 1 and isinstance(values[0], (ir.Global, ir.FreeVar, ir.Const))
        return values[0].value if known else None

    def _is_slice(self, index: Any) -> bool:
        """Whether an index is a slice, or has one in it."""
        if isinstance(self._constant(index), slice):
            return True
        made = [value for value in self.sources.get(index.name, []) if isinstance(value, ir.Expr)]
        return any(
            (value.op == "call" and self._constant(value.func) is slice)
            or (value.op == "build_tuple" and any(map(self._is_slice, value.items)))
            for value in made
        )
