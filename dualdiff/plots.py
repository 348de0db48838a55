"""Pictures of training: needs matplotlib (``pip install "numba-dualdiff[plot]"``).

Each function draws into ``ax``, the current axes unless given, and returns it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import value_and_derivative, vmap
from .training.comparing import StepErrors

Limits = tuple[float, float]

_HIGHEST = 1e250
"""Losses above that are not drawn: matplotlib's scales overflow."""

_START = {"marker": "o", "color": "black", "markersize": 5, "linestyle": "none", "zorder": 4}
_GOAL = {"marker": "*", "color": "black", "markersize": 11, "linestyle": "none", "zorder": 4}


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError('pictures are drawn by matplotlib: pip install "numba-dualdiff[plot]"') from error
    return pyplot.gca()


def _values(f: Callable[[Any], Any], points: np.ndarray) -> np.ndarray:
    """f of each point; NaN where that is not finite, so that pictures leave it out."""
    if not len(points):
        return np.empty(0)
    with np.errstate(all="ignore"):
        values = np.asarray(vmap(f)(points), dtype=float)
    return np.where(np.isfinite(values), values, np.nan)


def plot_losses(histories: Mapping[str, Any], ax: Any = None) -> Any:
    """The loss of several trainings, epoch by epoch.

    Parameters
    ----------
    histories : by the name to show: a ``Fit``, or an array of losses. Positive losses that span a factor of ten
        are drawn on a logarithmic scale.

    Raises
    ------
    ValueError : there are none.

    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> plot_losses({"Adam": [1.0, 0.1, 0.01]}).get_yscale()
    'log'
    """
    if not histories:
        raise ValueError("there are no losses to draw")
    ax = _axes(ax)
    curves = {name: np.array(getattr(given, "history", given), dtype=float) for name, given in histories.items()}
    for name, losses in curves.items():
        losses[~(np.abs(losses) < _HIGHEST)] = np.nan
        marker = "o" if len(losses) == 1 else ""  # of one point there is no line
        ax.plot(np.arange(1, len(losses) + 1), losses, label=name, linewidth=1.5, marker=marker)
    everything = np.concatenate(list(curves.values()))
    everything = everything[~np.isnan(everything)]
    if everything.size and everything.min() > 0 and everything.max() >= 10 * everything.min():
        ax.set_yscale("log")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    ax.grid(alpha=0.3)
    ax.legend(loc="upper right")
    return ax


def plot_paths(
    f: Callable[[Any], Any],
    paths: Mapping[str, Any],
    window: tuple[Limits, Limits] | None = None,
    minima: Any = (),
    ax: Any = None,
) -> Any:
    """Paths of optimizers over the contours of a function of two variables.

    Parameters
    ----------
    f : a function of an array of shape (2,) that returns one number, a Python or an ``@njit`` function.
    paths : arrays of shape (steps, 2), by the name to show, as ``descent_path`` gives them.
    window : the limits of both variables; around the paths unless given. Paths are cut off there.
    minima : points to mark with a star.

    Raises
    ------
    ValueError : f is finite nowhere in the window, or there is no window and there are no paths.
    """
    ax = _axes(ax)
    routes = {name: np.asarray(path, dtype=float).reshape(-1, 2) for name, path in paths.items()}
    (left, right), (low, high) = _window(routes) if window is None else window
    x, y = np.meshgrid(np.linspace(left, right, 201), np.linspace(low, high, 201))
    z = _values(f, np.stack([x.ravel(), y.ravel()], axis=1)).reshape(x.shape)
    if np.isnan(z).all():
        raise ValueError(f"the function is finite nowhere in the window, {left:g} to {right:g} by {low:g} to {high:g}")
    ax.contour(x, y, z, levels=_levels(z), cmap="Greys_r", linewidths=0.7, alpha=0.7, zorder=1)
    for name, path in routes.items():
        few = len(path) <= 60
        ax.plot(*path.T, label=name, linewidth=1.6, marker="." if few else "", markersize=5, zorder=3)
    for path in {tuple(path[0]) for path in routes.values()}:
        ax.plot(*path, **_START)
    for point in minima:
        ax.plot(*point, **_GOAL)
    ax.set_xlim(left, right)
    ax.set_ylim(low, high)
    ax.set_xlabel("x1")
    ax.set_ylabel("x2")
    if routes:
        ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.0, frameon=False)
    return ax


def _window(routes: Mapping[str, np.ndarray]) -> tuple[Limits, Limits]:
    if not routes:
        raise ValueError("there are no paths to find a window around: pass one")
    points = np.concatenate(list(routes.values()))
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.15 * np.max(high - low) or 1.0
    (left, bottom), (right, top) = low - margin, high + margin
    return (left, right), (bottom, top)


def _levels(z: np.ndarray) -> np.ndarray:
    """Levels that lie close at the bottom, where paths end, and go up to most of what is seen."""
    bottom, top = np.nanmin(z), np.nanquantile(z, 0.98)
    spread = top - bottom or 1.0
    return bottom + spread * np.linspace(0.02, 1.0, 18) ** 3


def plot_learning_rates(
    f: Callable[[Any], Any],
    paths: Mapping[str, Any],
    window: Limits,
    ax: Any = None,
) -> Any:
    """Descents along a function of one variable: learning rates too small, good and too large; the minima that starts
    lead to.

    Parameters
    ----------
    f : a function of an array of shape (1,) that returns one number, a Python or an ``@njit`` function.
    paths : arrays of shape (steps, 1), by the name to show.
    window : the limits of the variable.
    """
    ax = _axes(ax)
    x = np.linspace(*window, 401)
    y = _values(f, x[:, np.newaxis])
    ax.plot(x, y, color="black", linewidth=1)
    for name, path in paths.items():
        t = np.ravel(path)
        t = t[(t >= window[0]) & (t <= window[1])]
        heights = _values(f, t[:, np.newaxis])
        ax.plot(t, heights, marker="o", markersize=4, linewidth=1.2, label=name)
        ax.plot(t[:1], heights[:1], **_START)
    low, high = np.nanmin(y), np.nanmax(y)
    height = high - low or 1.0
    ax.set_xlim(*window)
    ax.set_ylim(low - 0.05 * height, high + 0.25 * height)  # the legend stands above the curve
    ax.set_xlabel("parameter")
    ax.set_ylabel("loss")
    ax.legend(loc="upper center", ncols=min(3, len(paths)), frameon=False)
    return ax


def plot_step_errors(errors: StepErrors, ax: Any = None) -> Any:
    """The error of finite differences by their step, a U in logarithmic scales, and that of dual numbers, a line.

    ``errors`` comes from ``training.step_size_errors``. An error of zero is drawn at the rounding unit.
    """
    ax = _axes(ax)
    unit = np.finfo(float).eps / 2
    for name, line in (("forward differences", errors.forward), ("central differences", errors.central)):
        ax.plot(errors.steps, np.maximum(line, unit), label=name, marker=".", markersize=4, linewidth=1.2)
    ax.plot(errors.steps, np.full(errors.steps.shape, max(errors.dual, unit)), label="dual numbers", linewidth=2)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("step h")
    ax.set_ylabel("relative error of the derivative")
    ax.grid(alpha=0.3)
    ax.legend(loc="upper center")  # between the arms of the U
    return ax


def plot_tangent(f: Callable[[Any], Any], at: float, window: Limits, ax: Any = None) -> Any:
    """A curve and its tangent at a point.

    Parameters
    ----------
    f : a function of one number, a Python or an ``@njit`` function.
    at : where the tangent touches.
    window : the limits of the variable.
    """
    ax = _axes(ax)
    value, slope = value_and_derivative(f)(float(at))
    x = np.linspace(*window, 401)
    y = _values(f, x)
    ax.plot(x, y, label="f", linewidth=1.8)
    ax.plot(x, value + slope * (x - at), label=f"tangent, slope {float(slope):.4g}", linewidth=1.2, linestyle="--")
    ax.plot([at], [value], **_START)
    low, high = np.nanmin(y), np.nanmax(y)
    height = high - low or 1.0
    ax.set_xlim(*window)
    ax.set_ylim(low - 0.15 * height, high + 0.15 * height)
    ax.set_xlabel("x")
    ax.grid(alpha=0.3)
    ax.legend()
    return ax
