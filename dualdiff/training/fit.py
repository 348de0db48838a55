"""The life cycle of a model: parameters and hyperparameters in, training, then inference."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import value_and_gradient
from ..dual.levels import is_masked
from .checks import as_count
from .epochs import NOT_FINITE, epoch_of
from .optimizers import Optimizer, State
from .parameters import Layout, Parameters, PerSample, is_compiled, objective
from .solvers import NOT_FINITE_AT_START, LeastSquaresSolver, Solver, iterate

WIDEST = 32
"""Tangents that travel in one pass of a compiled fit, at most."""

ALL_EPOCHS = "all epochs are done"


@dataclass(frozen=True)
class Fit:
    """What training gives.

    ``params`` have the structure of those that it started from. ``history`` holds one loss for each
    epoch: the mean over its batches, each before its step; for ``Newton`` the loss and for Gauss-Newton and
    Levenberg-Marquardt the sum of squares after each iteration. ``reason`` says why training stopped.
    ``state`` and ``random_state`` are what the optimizer and the shuffling go on from: pass the
    whole to ``fit`` in the place of the parameters.
    """

    params: Parameters
    history: np.ndarray
    reason: str
    epochs: int
    state: Any
    random_state: dict[str, Any]

    @property
    def loss(self) -> float:
        """The last loss in the history; NaN if there is none."""
        return float(self.history[-1]) if self.history.size else float("nan")

    def __repr__(self) -> str:
        return f"Fit(loss={self.loss:.6g}, epochs={self.epochs}, reason={self.reason!r}, params={self.params!r})"


class _Progress(NamedTuple):
    """All that an epoch changes."""

    theta: np.ndarray
    history: tuple[float, ...]
    state: Any
    random_state: dict[str, Any]


def fit(
    model: Callable[[Parameters, Any], Any],
    loss: Callable[[Any, Any], Any],
    params: Parameters | Fit,
    data: tuple[Any, Any],
    optimizer: Any,
    batch_size: int | None = None,
    *,
    epochs: int,
    seed: int | None = None,
    callback: Callable[[int, float, Parameters], Any] | None = None,
    penalty: Callable[[Parameters], Any] | None = None,
    progress: bool = True,
) -> Fit:
    """Train a model: find parameters for which ``loss(model(params, X), y)`` is small.

    Parameters
    ----------
    model : gives predictions from parameters and inputs X; or a ``PerSample``, with a loss of one sample.
    loss : gives one number from predictions and labels y; for ``GaussNewton`` and ``LevenbergMarquardt`` the
        array of residuals, whose sum of squares is minimised. Where model and loss are ``@njit``
        functions, each epoch is one compiled loop.
    params : where to start: an array of any shape, or a tuple of arrays and numbers. Or an earlier
        ``Fit``, which is resumed: with the same data and optimizer, the result has the bits of one that
        was never interrupted.
    data : inputs and labels (X, y), arrays whose first axis counts the samples. Floating-point numbers become
        float64, integers stay integers, for they may be indices.
    optimizer : one of this package's.
    batch_size : samples per step: None for the whole set, 1 for stochastic gradient descent, a number between
        for mini-batches. Batches are drawn without replacement, in a new order each epoch.
    epochs : how many passes over the data at most; iterations for ``Newton``, Gauss-Newton and Levenberg-Marquardt.
    seed : where the order of the samples comes from, 0 unless given.
    callback : called with the number of epochs done, the loss and the parameters; if it returns True,
        training stops.
    penalty : a function of the parameters that is added to the loss of each batch.
    progress : show a bar if training takes more than a second, stderr is a terminal and tqdm is
        installed (``pip install "numba-dualdiff[progress]"``).

    Returns
    -------
    The parameters, the history of the loss, and why training stopped. Where loss or parameters are no longer
    finite, the last parameters with a finite loss are kept; on KeyboardInterrupt those after the last full epoch.

    Raises
    ------
    TypeError : model, loss, callback or penalty is no function, some are compiled and others are not, or the data
        are no real numbers.
    ValueError : a wrong number, shape or batch size, a loss that is not one number, what is resumed belongs to another
        optimizer, or the loss pairs each prediction with all labels, because one of them is a column.
    CompilationError : the ``@njit`` functions cannot be compiled for duals.

    >>> import numpy as np
    >>> from dualdiff.training import GradientDescent
    >>> def line(params, x):
    ...     slope, intercept = params
    ...     return slope * x + intercept
    >>> def squared_error(prediction, y):
    ...     return np.mean((prediction - y) ** 2)
    >>> x = np.linspace(-1, 1, 21)
    >>> result = fit(line, squared_error, (0.0, 0.0), (x, 3 * x + 1), GradientDescent(0.5), epochs=100)
    >>> [round(float(number), 6) for number in result.params]
    [3.0, 1.0]
    >>> result.reason
    'all epochs are done'
    >>> float(predict(line, result.params, 2.0).round(6))
    7.0
    """
    _check_functions({"model": model, "loss": loss}, {"callback": callback, "penalty": penalty})
    X, y = _as_data(data)
    epochs = as_count(epochs, "epochs")
    if isinstance(params, Fit) and seed is not None:
        raise ValueError("a resumed fit goes on with its own random numbers: leave the seed out")
    layout = Layout.of(params.params if isinstance(params, Fit) else params)
    rng = np.random.default_rng(as_count(0 if seed is None else seed, "seed", least=0))
    if isinstance(params, Fit):
        rng.bit_generator.state = params.random_state
        at = _Progress(layout.flat(params.params), tuple(params.history), params.state, params.random_state)
    else:
        at = _Progress(layout.flat(params), (), None, rng.bit_generator.state)
    function = objective(model, loss, penalty, layout)
    _check_pairing(model, loss, layout.unflat(at.theta), X, y)
    if isinstance(optimizer, Solver):
        if batch_size is not None:
            raise ValueError(f"{type(optimizer).__name__} takes the whole set at each step: leave batch_size out")
        if penalty is not None and isinstance(optimizer, LeastSquaresSolver):
            raise ValueError(f"{type(optimizer).__name__} minimises squares alone: make the penalty a residual")
        steps = _iterations(function, optimizer, at, X, y)
    elif isinstance(optimizer, Optimizer):
        size = len(X) if batch_size is None else as_count(batch_size, "batch_size")
        if size > len(X):
            raise ValueError(f"batch_size is {size}, and there are {len(X)} samples")
        steps = _epochs(function, optimizer, at, X, y, size, rng)
    else:
        raise TypeError(f"optimizer must be one of dualdiff.training, not {type(optimizer).__name__}")

    before, reason = len(at.history), ALL_EPOCHS
    try:
        with _bar(epochs, progress) as show:
            for at, stopped in steps:
                reason = stopped or ALL_EPOCHS
                done = len(at.history)
                if done > before:
                    show(done - before, at.history[-1])
                if stopped is None and callback is not None and callback(done, at.history[-1], layout.unflat(at.theta)):
                    reason = "the callback asked to stop"
                if reason != ALL_EPOCHS or done - before == epochs:
                    break
    except KeyboardInterrupt:
        reason = "interrupted"
    return Fit(layout.unflat(at.theta), np.array(at.history), reason, len(at.history), at.state, at.random_state)


def predict(model: Callable[[Parameters, Any], Any], params: Parameters | Fit, X: Any) -> Any:
    """What a model predicts for inputs X: ``model(params, X)``.

    ``params`` may be a ``Fit``; they are taken as in training, so that lists and integers serve as well.

    >>> import numpy as np
    >>> print(predict(lambda w, X: X @ w, [1, 2], [[1, 0], [1, 1]]))
    [1. 3.]
    """
    params = params.params if isinstance(params, Fit) else params
    layout = Layout.of(params)
    return model(layout.unflat(layout.flat(params)), _as_array(X, "X"))


def _check_functions(needed: dict[str, Any], optional: dict[str, Any]) -> None:
    given = {name: f for name, f in optional.items() if f is not None}
    for name, f in {**needed, **given}.items():
        if not callable(f):
            raise TypeError(f"{name} must be a function, not {type(f).__name__}")


def _as_array(x: Any, name: str) -> np.ndarray:
    """Numbers as a contiguous, native array, floating ones as float64: Numba multiplies arrays of one type only."""
    if is_masked(x):
        raise TypeError(f"{name} is a masked array: pass its data, or x.filled(...)")
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, not {array.dtype}")
    return np.require(array, np.float64 if array.dtype.kind == "f" else array.dtype.newbyteorder("="), "CA")


def _as_data(data: Any) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError("data must be a tuple of inputs and labels: (X, y)")
    X, y = map(_as_array, data, "Xy")
    if not X.ndim or not y.ndim or len(X) != len(y):
        raise ValueError(f"data must have the same number of samples: X has shape {X.shape}, y has {y.shape}")
    if not len(X):
        raise ValueError(f"there are no samples: X has shape {X.shape}, y has {y.shape}")
    return X, y


def _suspects(X: np.ndarray, y: np.ndarray) -> str:
    """What in the data may be why a loss is not finite."""
    names = [name for name, part in (("X", X), ("y", y)) if not np.isfinite(part).all()]
    return f": there are NaN or infinite numbers in {' and '.join(names)}" if names else ""


def _check_pairing(model: Any, loss: Any, params: Any, X: np.ndarray, y: np.ndarray) -> None:
    """Raise if predictions and labels, one a column and the other not, are compared each with all others.

    Where that is so, the loss does not tell which prediction goes with which label.
    """
    columns = [y, *(params if isinstance(params, tuple) else (params,))]
    if isinstance(model, PerSample) or not any(np.ndim(part) == 2 and np.shape(part)[1] == 1 for part in columns):
        return
    labels = np.sort(y[:100], axis=0)
    n = len(labels)
    shape = np.shape(model(params, X[:n]))
    if {shape, labels.shape} != {(n,), (n, 1)} or labels[0] == labels[-1]:
        return
    predictions = np.linspace(0.25, 0.75, n).reshape(shape)  # probabilities, too
    with np.errstate(all="ignore"):
        right, wrong = loss(predictions, labels), loss(predictions, labels[::-1].copy())
    if np.shape(right) == (n, n) or (np.ndim(right) == 0 and np.isclose(right, wrong, rtol=1e-9, atol=0)):
        raise ValueError(
            f"the loss compares each prediction with all labels: for {n} samples the model gives shape {shape}, "
            f"the labels have shape {labels.shape}; reshape one of them"
        )


def _epochs(
    function: Any,
    optimizer: Optimizer,
    at: _Progress,
    X: np.ndarray,
    y: np.ndarray,
    size: int,
    rng: np.random.Generator,
) -> Iterator[tuple[_Progress, str | None]]:
    """The state after each epoch, and why there is no other."""
    state = optimizer.init(at.theta) if at.state is None else at.state
    optimizer.check_state(state, at.theta.size)
    count, memory = state.steps, np.vstack([at.theta, state.moments])
    wide = min(WIDEST, 1 << (at.theta.size - 1).bit_length()) if is_compiled(function) else None
    epoch = epoch_of(function, optimizer, wide)
    batch = np.empty_like(X, shape=(size, *X.shape[1:])), np.empty_like(y, shape=(size, *y.shape[1:]))
    rows, batch_rows = (tuple(part.reshape(len(part), -1) for part in pair) for pair in ((X, y), batch))
    order = np.arange(len(X))
    good = memory.copy()
    fixed = ((X, y), rows, batch, batch_rows, order, rng)
    numbers = (optimizer.numbers, optimizer.schedule.numbers)
    while True:
        try:
            value, made = epoch(memory, good, count, *fixed, *numbers)
        except Exception as error:
            if isinstance(error, ValueError) or _is_refused(error):
                _explain(function, at.theta, X, y)
            raise
        if made == NOT_FINITE:
            stopped = f"the loss or the parameters were not finite in epoch {len(at.history) + 1}{_suspects(X, y)}"
            yield at._replace(theta=memory[0].copy(), state=State(count, memory[1:].copy())), stopped
        count = made
        state = State(count, memory[1:].copy())
        at = _Progress(memory[0].copy(), (*at.history, float(value)), state, rng.bit_generator.state)
        yield at, None


def _explain(function: Any, *args: Any) -> None:
    """Raise what says why an epoch fails in terms of the user's code, if the derivative of the objective does."""
    try:
        value_and_gradient(function)(*args)
    except ValueError as error:
        shape = np.shape(function(*args))
        if shape:
            raise ValueError(f"the loss must be one number, not an array of shape {shape}: take its mean") from error
        raise


def _is_refused(error: Exception) -> bool:
    """Whether Numba could not compile something."""
    return "numba" in sys.modules and isinstance(error, sys.modules["numba"].core.errors.NumbaError)


def _iterations(
    function: Any, optimizer: Any, at: _Progress, X: np.ndarray, y: np.ndarray
) -> Iterator[tuple[_Progress, str | None]]:
    """The state after each iteration of a method that needs more than gradients, and why there is no other."""
    for point, state, stopped in iterate(function, optimizer, at.theta, (X, y), at.state):
        history = at.history if stopped else (*at.history, point.value)
        if stopped == NOT_FINITE_AT_START:
            stopped += _suspects(X, y)
        at = at._replace(theta=point.theta, history=history, state=state)
        yield at, stopped


@contextlib.contextmanager
def _bar(total: int, wanted: bool) -> Iterator[Callable[[int, float], None]]:
    """A progress bar: what is yielded takes the number of epochs done and the loss."""
    if not wanted or not sys.stderr.isatty():
        yield lambda done, loss: None
        return
    try:
        from tqdm import tqdm
    except ImportError:  # a bar is no reason to stop
        yield lambda done, loss: None
        return
    with tqdm(total=total, unit="epoch", delay=1.0) as bar:

        def show(done: int, loss: float) -> None:
            bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
            bar.update(done - bar.n)

        yield show
