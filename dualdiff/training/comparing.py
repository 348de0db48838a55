"""The gradient of one function four ways: finite differences, symbolic, forward and reverse mode."""

from __future__ import annotations

import contextlib
import html
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import Dual, gradient
from ..calls.arguments import as_input
from .pytorch import reverse_gradient

DIGITS = 50
"""Decimal digits of the reference."""

SECONDS = 0.02
"""For how long a method is called to find its cost."""

UNABLE = (TypeError, ValueError, AttributeError, RuntimeError)
"""What a function raises that cannot run on a package's numbers."""

Gradient = Callable[[np.ndarray], Any]


@dataclass(frozen=True)
class Row:
    """One method: its gradient, the largest error relative to the largest entry, and what a call costs in seconds.

    Where there is no result, ``remark`` says why.
    """

    method: str
    gradient: np.ndarray | None = None
    error: float = float("nan")
    seconds: float = float("nan")
    remark: str = ""

    @property
    def cells(self) -> tuple[str, str, str]:
        """Method, error and cost, as shown."""
        if self.gradient is None:
            return self.method, "", ""
        return self.method, f"{self.error:.1e}", _duration(self.seconds)


@dataclass(frozen=True)
class Comparison:
    """Methods side by side; ``reference`` names what their errors are against. A notebook shows it as a table."""

    name: str
    rows: tuple[Row, ...]
    reference: str

    def __getitem__(self, method: str) -> Row:
        return next(row for row in self.rows if row.method == method)

    @property
    def caption(self) -> str:
        """What the numbers are."""
        return f"gradient of {self.name}; relative errors against {self.reference}"

    def __repr__(self) -> str:
        cells = [("method", "error", "a call"), *(row.cells for row in self.rows)]
        first, second, third = (max(map(len, column)) for column in zip(*cells, strict=True))
        remarks = ["", *(row.remark for row in self.rows)]
        lines = [
            f"{a:<{first}}  {b:>{second}}  {c:>{third}}  {remark}".rstrip()
            for (a, b, c), remark in zip(cells, remarks, strict=True)
        ]
        return "\n".join([self.caption, "", *lines])

    def _repr_html_(self) -> str:
        def line(cells: tuple[str, ...], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        body = "".join(line((*row.cells, row.remark), "td") for row in self.rows)
        head = line(("method", "error", "a call", ""), "th")
        caption = f"<caption>{html.escape(self.caption)}</caption>"
        return f"<table>{caption}<thead>{head}</thead><tbody>{body}</tbody></table>"


def compare_gradients(f: Callable[[Any], Any], x: Any) -> Comparison:
    """The gradient of f at x by finite differences, symbolically, by forward and by reverse mode.

    Parameters
    ----------
    f : a function of an array that returns one number, a Python or an ``@njit`` function. Symbols and
        PyTorch's tensors run it as Python, with NumPy's functions replaced by theirs; where it does
        something that they cannot, its row says so.
    x : an array of shape (n,).

    Returns
    -------
    A table. Errors are against mpmath with 50 digits if that is installed and can run f, else against forward
    mode. A symbolic call is one of the finished formula.

    Raises
    ------
    TypeError, ValueError, CompilationError : as ``gradient`` does.

    >>> import numpy as np
    >>> table = compare_gradients(lambda x: np.log(x[0]) + x[0] * x[1] - np.sin(x[1]), np.array([2.0, 5.0]))
    >>> table["forward mode"].gradient.round(6)
    array([5.5     , 1.716338])
    >>> table["forward mode"].error < 1e-15 < table["central differences"].error
    True
    """
    x = as_input(x, "x")
    exact = gradient(f)
    forward = exact(x)  # what f cannot do is said by dualdiff
    python = getattr(f, "py_func", f)
    try:
        truth, reference = reference_gradient(python, x), f"mpmath with {DIGITS} digits"
    except (ImportError, *UNABLE):
        truth, reference = forward, "forward mode"
    rows = [
        _row("forward differences", lambda x: forward_differences(f, x), x, truth),
        _row("central differences", lambda x: central_differences(f, x), x, truth),
        _optional("symbolic", "symbolic", lambda: symbolic_gradient(python, x.size), x, truth),
        _row("forward mode", exact, x, truth),
        _optional("reverse mode", "torch", lambda: reverse_gradient(python), x, truth),
    ]
    return Comparison(getattr(f, "__name__", "f").replace("<lambda>", "a function"), tuple(rows), reference)


def _row(method: str, gradient: Gradient, x: np.ndarray, truth: np.ndarray) -> Row:
    result = np.asarray(gradient(x), dtype=np.float64)
    error = np.max(np.abs(result - truth)) / (np.max(np.abs(truth)) or 1.0)
    return Row(method, result, float(error), _seconds(lambda: gradient(x)))


def _optional(method: str, extra: str, prepare: Callable[[], Gradient], x: np.ndarray, truth: np.ndarray) -> Row:
    """The row of a method that a package is needed for, which may not be installed or not be able to run f."""
    try:
        return _row(method, prepare(), x, truth)
    except ImportError:
        return Row(method, remark=f'pip install "numba-dualdiff[{extra}]"')
    except UNABLE as error:
        return Row(method, remark=f"cannot run it: {str(error).splitlines()[0]}")


def _seconds(call: Callable[[], Any]) -> float:
    """What a call takes: the least of a few, so that what disturbs the machine does not count."""
    best, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best if best < float("inf") else 0.0


def _duration(seconds: float) -> str:
    return f"{seconds * 1e6:.3g} us" if seconds < 1e-3 else f"{seconds * 1e3:.3g} ms"


# --- the ways ---------------------------------------------------------------------------------


def forward_differences(f: Callable[[Any], Any], x: np.ndarray, step: float | None = None) -> np.ndarray:
    """(f(x + h e) - f(x)) / h for each unit vector e; h is ``step`` times max(1, abs(x)), root of eps unless given."""
    h = (np.finfo(float).eps ** 0.5 if step is None else step) * np.maximum(1.0, np.abs(x))
    base = f(x)
    return np.array([(f(x + d) - base) / d[i] for i, d in enumerate(np.diag(h))])


def central_differences(f: Callable[[Any], Any], x: np.ndarray, step: float | None = None) -> np.ndarray:
    """(f(x + h e) - f(x - h e)) / 2h for each unit vector e; as forward ones, with the cube root of eps."""
    h = (np.finfo(float).eps ** (1 / 3) if step is None else step) * np.maximum(1.0, np.abs(x))
    return np.array([(f(x + d) - f(x - d)) / (2 * d[i]) for i, d in enumerate(np.diag(h))])


def _duals(values: list[Any]) -> np.ndarray:
    """Numbers of another package as an array that NumPy's functions take."""
    n = len(values)
    array = np.empty(n, dtype=object)
    for i, value in enumerate(values):
        array[i] = Dual(value, tuple(type(value)(0) + (i == j) for j in range(n)))
    return array


def reference_gradient(f: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """The gradient in mpmath's numbers, rounded at the end."""
    import mpmath

    with mpmath.workdps(DIGITS):
        return np.array([float(t) for t in f(_duals([mpmath.mpf(float(xi)) for xi in x])).tangents])


def symbolic_gradient(f: Callable[[Any], Any], n: int) -> Gradient:
    """SymPy's derivatives of the formula that f makes of n symbols, as a function of an array."""
    import sympy

    symbols = [sympy.Symbol(f"x{i}", real=True) for i in range(n)]
    array = np.empty(n, dtype=object)
    for i, symbol in enumerate(symbols):
        array[i] = Dual(symbol, (sympy.Integer(0),))  # as such, NumPy's functions take it
    formula = sympy.sympify(getattr(f(array), "value", 0))
    call = sympy.lambdify(symbols, [formula.diff(symbol) for symbol in symbols], "numpy")
    return lambda x: np.array(call(*x), dtype=np.float64)


# --- the step size ----------------------------------------------------------------------------


@dataclass(frozen=True)
class StepErrors:
    """Relative errors of a derivative by the step of the differences, and that of dual numbers, which has no step.

    Where a step leads to a point at which f raises an ``ArithmeticError``, the error is infinite.
    """

    steps: np.ndarray
    forward: np.ndarray
    central: np.ndarray
    dual: float


def step_size_errors(f: Callable[[Any], Any], x: Any, steps: Any = None) -> StepErrors:
    """How wrong finite differences are, step by step: too large a step cuts off terms, too small a one cancels digits.

    Parameters
    ----------
    f : a function of an array that returns one number.
    x : an array of shape (n,).
    steps : relative steps h, from 1e-16 to 1 unless given.

    Raises
    ------
    ImportError : mpmath is missing, which gives the true gradient.

    >>> import numpy as np
    >>> errors = step_size_errors(lambda x: np.exp(np.sin(x[0])), np.array([1.0]))
    >>> bool(1e-13 < errors.central.min() < errors.forward.min() < 1e-6)
    True
    >>> errors.dual < 1e-15
    True
    """
    x = as_input(x, "x")
    steps = np.logspace(-16, 0, 65) if steps is None else np.asarray(steps, dtype=np.float64)
    try:
        truth = reference_gradient(getattr(f, "py_func", f), x)
    except ImportError as error:
        raise ImportError('the true derivative comes from mpmath: pip install "numba-dualdiff[compare]"') from error
    largest = np.max(np.abs(truth)) or 1.0

    def off(result: Any) -> float:
        return float(np.max(np.abs(result - truth)) / largest)

    def errors(differences: Callable[..., np.ndarray]) -> np.ndarray:
        result = np.full(steps.shape, np.inf)
        for k, step in enumerate(steps):
            with np.errstate(all="ignore"), contextlib.suppress(ArithmeticError):  # large steps may leave the domain
                result[k] = off(differences(f, x, step))
        return result

    forward, central = errors(forward_differences), errors(central_differences)
    return StepErrors(steps, forward, central, off(gradient(f)(x)))
