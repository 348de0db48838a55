"""What gives new memory: arrays and lists that nothing else refers to yet, so that a copy may take their place.

Only these may become arrays and lists of duals. A copy in the place of anything else, a view perhaps, would lose what
is stored into it without a word. So what is not known here stays as it is, and a dual that is to be stored there is
refused by Numba's types.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays.joining import array
from ..numba_internals import Dispatcher, ir

_FUNCTIONS = {
    *(np.zeros, np.ones, np.empty, np.full, np.zeros_like, np.ones_like, np.empty_like, np.full_like, np.eye),
    *(np.identity, np.array, array, np.arange, np.linspace, np.logspace, np.geomspace, np.copy, np.diagflat, np.tri),
    *(np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack, np.append, np.repeat, np.where),
    *(np.sort, np.partition, np.cumsum, np.cumprod, np.diff, np.ediff1d, np.dot, np.outer, np.kron, np.cross),
    *(np.vander, np.tril, np.triu, np.clip, np.interp, np.roll, np.take, np.delete, np.unique, np.extract),
    *(np.convolve, np.correlate, np.cov, np.corrcoef, np.linalg.inv, np.linalg.solve, np.linalg.cholesky),
    *(np.hanning, np.hamming, np.bartlett, np.blackman, np.kaiser, list),
}
_WITHOUT_OUT = {np.dot: 2, np.outer: 2, np.clip: 3}
"""With more arguments the last of them takes the result."""

_METHODS = {"copy": 0, "astype": 1, "flatten": 0, "dot": 1, "cumsum": 1, "cumprod": 1, "repeat": 1, "clip": 2}
"""With the number of arguments that they take beside one for the result."""


def gives_new_memory(value: Any, callee: Callable[[Any], Any], method_of: Callable[[Any], str]) -> bool:
    """Whether the result of an expression is new memory, or may be: for ``@njit`` functions types have the last word.

    ``callee`` tells the Python object that a variable stands for, if that is known; ``method_of`` the name of the
    method of an array or list that it is, or nothing.
    """
    if not isinstance(value, ir.Expr):
        return False
    if value.op in ("binop", "unary", "build_list"):
        return True  # also of lists: the list is new, though what is in it may not be
    if value.op != "call" or value.vararg:
        return False
    method = method_of(value.func)
    if method:
        return len(value.args) <= _METHODS.get(method, -1)
    function = callee(value.func)
    if isinstance(function, np.ufunc):
        return not value.kws and len(value.args) == function.nin
    if isinstance(function, Dispatcher):
        return True
    if not any(known is function for known in _FUNCTIONS) or any(name == "out" for name, _ in value.kws):
        return False
    return len(value.args) <= _WITHOUT_OUT.get(function, len(value.args))
