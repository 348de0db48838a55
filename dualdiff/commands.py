"""The demonstrations of the command line: ``python -m dualdiff train`` and ``python -m dualdiff race``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import plots
from .rules.table import logistic, softplus
from .training.fit import Fit, fit, predict
from .training.least_squares import LevenbergMarquardt
from .training.optimizers import Adam, GradientDescent, Momentum, RMSprop
from .training.race import TEST_FUNCTIONS, Race, race
from .training.solvers import GaussNewton, LeastSquaresSolver, Newton

OPTIMIZERS: dict[str, Callable[[float], Any]] = {
    "gradient-descent": GradientDescent,
    "momentum": Momentum,
    "rmsprop": RMSprop,
    "adam": Adam,
    "newton": Newton,
    "gauss-newton": GaussNewton,
    "levenberg-marquardt": lambda rate: LevenbergMarquardt(),
}
"""By their names on the command line; each takes a learning rate."""

RATES = {"gradient-descent": 0.1, "momentum": 0.03, "rmsprop": 0.03, "adam": 0.1, "newton": 1.0, "gauss-newton": 1.0}
"""Learning rates that suit the data sets, whose inputs are standardised."""


class Task(NamedTuple):
    """A data set of scikit-learn and what is learned from it."""

    loader: str
    loss: Callable[[Any, Any], Any]
    score: Callable[[np.ndarray, np.ndarray], float]
    score_name: str
    standardised_labels: bool
    penalty: Callable[[Any], Any] | None


def linear(params: Any, X: Any) -> Any:
    """Linear predictions: weights and an intercept."""
    weights, intercept = params
    return X @ weights + intercept


def residuals(prediction: Any, y: Any) -> Any:
    """What the prediction is off by."""
    return prediction - y


def squared_error(prediction: Any, y: Any) -> Any:
    """The mean of the squared residuals."""
    return np.mean((prediction - y) ** 2)


def cross_entropy(score: Any, y: Any) -> Any:
    """The mean negative log-likelihood of labels 0 and 1 under the probabilities ``logistic(score)``."""
    return np.mean(softplus(score) - y * score)


def ridge(params: Any) -> Any:
    """A little for every squared weight: two classes that a plane separates have no finite best weights."""
    weights, _ = params
    return 1e-3 * np.sum(weights**2)


def determination(prediction: np.ndarray, y: np.ndarray) -> float:
    """The part of the labels' variance that the prediction explains."""
    return float(1 - np.sum((y - prediction) ** 2) / np.sum((y - np.mean(y)) ** 2))


def accuracy(score: np.ndarray, y: np.ndarray) -> float:
    """The part of labels 0 and 1 that the prediction gets right."""
    return float(np.mean((logistic(score) > 0.5) == (y > 0.5)))


TASKS = {
    "diabetes": Task("load_diabetes", squared_error, determination, "R^2", True, None),
    "breast-cancer": Task("load_breast_cancer", cross_entropy, accuracy, "accuracy", False, ridge),
}
"""What can be learned, by the name on the command line."""


class Data(NamedTuple):
    """A data set: inputs with mean 0 and variance 1, labels, and the names of the inputs."""

    X: np.ndarray
    y: np.ndarray
    names: list[str]


def load(name: str) -> Data:
    """A data set of ``TASKS``.

    Raises
    ------
    ImportError : scikit-learn is missing, which holds the data.
    """
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError('the data come with scikit-learn: pip install "numba-dualdiff[examples]"') from error
    task = TASKS[name]
    found = getattr(datasets, task.loader)()
    X, y = _standardised(found.data), found.target.astype(np.float64)
    return Data(X, _standardised(y) if task.standardised_labels else y, list(map(str, found.feature_names)))


def _standardised(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(axis=0)) / x.std(axis=0)


def train(
    name: str, optimizer: str, epochs: int, batch_size: int | None = None, rate: float | None = None, seed: int = 0
) -> tuple[Fit, str]:
    """Train on a data set; the result and a table of how it went.

    Raises
    ------
    ValueError : the task, the optimizer and the other choices do not go together.
    """
    task, data = TASKS[name], load(name)
    chosen = OPTIMIZERS[optimizer](RATES.get(optimizer, 1.0) if rate is None else rate)
    least_squares = isinstance(chosen, LeastSquaresSolver)
    if least_squares and task.loss is not squared_error:
        raise ValueError(f"{optimizer} minimises squares, and the loss for {name} is another: take newton")
    loss = residuals if least_squares else task.loss
    start = (np.zeros(data.X.shape[1]), 0.0)
    result = fit(
        linear, loss, start, (data.X, data.y), chosen, batch_size, epochs=epochs, seed=seed, penalty=task.penalty
    )
    return result, _report(task, data, result, least_squares)


def _report(task: Task, data: Data, result: Fit, least_squares: bool) -> str:
    """The loss as it fell, why it stopped, the score, and the parameters."""
    losses = result.history / len(data.y) if least_squares else result.history
    shown = np.unique(np.geomspace(1, result.epochs, 10).astype(int)) if result.epochs else ()
    lines = ["epoch  loss"]
    lines += [f"{k:5d}  {losses[k - 1]:.6g}" for k in shown]
    score = task.score(predict(linear, result, data.X), data.y)
    lines += ["", f"stopped: {result.reason}", f"{task.score_name}: {_shown(score, 4)}", ""]
    weights, intercept = result.params
    named = [*zip(data.names, weights, strict=True), ("intercept", intercept)]
    width = max(len(name) for name, _ in named)
    lines += [f"{name:<{width}}  {_shown(value, 6):>9}" for name, value in named]
    return "\n".join(lines)


def _shown(number: float, places: int) -> str:
    """With so many decimal places; a number that has run away, in powers of ten."""
    return f"{number:.{places}{'f' if abs(number) < 1e6 else 'e'}}"


# --- the command line -------------------------------------------------------------------------


def train_command(parser: Any, arguments: Sequence[str]) -> str:
    """``train``: what to print. A picture is written where ``--plot`` says."""
    parser.description = "Train a linear or logistic model on real data (standardised) and print how it went."
    parser.add_argument("--data", choices=TASKS, default="diabetes", help="the data set (default: diabetes)")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="adam", help="who trains (default: adam)")
    parser.add_argument("--epochs", type=int, default=100, help="passes over the data (default: 100)")
    parser.add_argument("--batch-size", type=int, help="samples per step (default: all)")
    parser.add_argument("--learning-rate", type=float, help="the size of the steps (default: one that suits)")
    parser.add_argument("--seed", type=int, default=0, help="where the order of the samples comes from (default: 0)")
    parser.add_argument("--plot", metavar="FILE", help="draw the loss, epoch by epoch, into this file")
    options = parser.parse_args(arguments)
    if options.learning_rate is not None and options.optimizer == "levenberg-marquardt":
        parser.error("levenberg-marquardt finds the size of its steps by itself: leave --learning-rate out")
    try:
        result, table = train(
            options.data, options.optimizer, options.epochs, options.batch_size, options.learning_rate, options.seed
        )
        if options.plot is not None:
            _save(options.plot, lambda ax: plots.plot_losses({options.optimizer: result}, ax=ax))
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    return table


def race_command(parser: Any, arguments: Sequence[str]) -> str:
    """``race``: what to print. A picture is written where ``--plot`` says."""
    parser.description = "Let all optimizers run down a test function from the same start."
    parser.add_argument("function", choices=TEST_FUNCTIONS, nargs="?", default="rosenbrock", help="the test function")
    parser.add_argument("--steps", type=int, default=1000, help="how many steps each makes at most (default: 1000)")
    parser.add_argument(
        "--plot", metavar="FILE", nargs="?", const="race.png", help="draw the paths into this file (default: race.png)"
    )
    options = parser.parse_args(arguments)
    try:
        outcome = race(options.function, steps=options.steps)
        if options.plot is not None:
            _save(options.plot, lambda ax: _plot_race(outcome, ax))
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    return repr(outcome)


def _plot_race(outcome: Race, ax: Any) -> None:
    function = outcome.function
    paths = {name: outcome.paths[name] for name in outcome.ranking}
    plots.plot_paths(function, paths, function.window, function.minima, ax=ax)
    ax.set_title(function.name)


def _save(file: str, draw: Callable[[Any], Any]) -> None:
    """A picture in a file, drawn without a window."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('pictures are drawn by matplotlib: pip install "numba-dualdiff[plot]"') from error
    if not Path(file).suffix:
        raise ValueError(f"the suffix of a picture's name says its format, as in picture.png: {file!r} has none")
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.add_subplot())
    figure.savefig(file, dpi=120)
