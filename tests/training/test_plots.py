"""Pictures: what is drawn, in which scales, into the axes that are passed."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from numba import njit

from dualdiff import plots
from dualdiff.training import TEST_FUNCTIONS, GradientDescent, Newton, descent_path, step_size_errors

figures = pytest.importorskip("matplotlib.figure", reason="matplotlib draws")


def wave(x):
    return 0.1 * x[0] ** 2 + np.sin(2 * x[0])


def losses(ax):
    return plots.plot_losses({"Adam": np.array([1.0, 0.1]), "momentum": np.array([1.0, 0.5, 0.2])}, ax=ax)


def paths(ax):
    f = TEST_FUNCTIONS["himmelblau"]
    optimizers = {"plain": GradientDescent(0.01), "Newton": Newton()}
    steps = {name: descent_path(f, [0, 0], optimizer, 20) for name, optimizer in optimizers.items()}
    return plots.plot_paths(f, steps, f.window, f.minima, ax=ax)


def paths_without_a_window(ax):
    return plots.plot_paths(lambda x: x[0] ** 2 + x[1] ** 2, {"one": [[1.0, 1.0], [0.5, 0.5]]}, ax=ax)


def learning_rates(ax):
    steps = {f"eta = {eta}": descent_path(wave, [3.5], GradientDescent(eta), 10) for eta in (0.02, 0.2, 0.9)}
    return plots.plot_learning_rates(wave, steps, (-5, 5), ax=ax)


def local_minima(ax):
    steps = {f"from {start}": descent_path(wave, [start], GradientDescent(0.05), 80) for start in (-4.5, 0.5, 1.0)}
    return plots.plot_learning_rates(wave, steps, (-5, 5), ax=ax)


def step_errors(ax):
    return plots.plot_step_errors(step_size_errors(lambda x: np.exp(np.sin(x[0])), [1.0]), ax=ax)


def tangent(ax):
    return plots.plot_tangent(np.sin, 1.0, (0.0, 3.0), ax=ax)


PICTURES = {
    losses: ("linear", "log", 2),
    paths: ("linear", "linear", 2),
    paths_without_a_window: ("linear", "linear", 1),
    learning_rates: ("linear", "linear", 3),
    local_minima: ("linear", "linear", 3),
    step_errors: ("log", "log", 3),
    tangent: ("linear", "linear", 2),
}


@pytest.mark.parametrize("draw", PICTURES, ids=lambda draw: draw.__name__)
def test_pictures_are_drawn_into_the_axes_that_are_passed(draw):
    figure = figures.Figure()
    axes = figure.add_subplot()
    assert draw(axes) is axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert (axes.get_xscale(), axes.get_yscale(), len(labels)) == PICTURES[draw]
    file = io.BytesIO()
    figure.savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")


def test_starts_on_two_sides_of_a_hill_end_in_different_minima():
    curves = [line for line in local_minima(figures.Figure().add_subplot()).get_lines() if line.get_linestyle() == "-"]
    ends = [float(line.get_xdata()[-1]) for line in curves[1:]]
    assert len({round(end) for end in ends}) == 3
    np.testing.assert_allclose([0.2 * end + 2 * np.cos(2 * end) for end in ends], 0, atol=1e-3)  # no slope is left


def test_the_tangent_touches():
    axes = tangent(figures.Figure().add_subplot())
    curve, line = axes.get_lines()[:2]
    gap = np.abs(curve.get_ydata() - line.get_ydata())
    assert abs(curve.get_xdata()[np.argmin(gap)] - 1.0) < 0.01
    np.testing.assert_allclose(np.diff(line.get_ydata()) / np.diff(line.get_xdata()), np.cos(1.0), rtol=1e-9)


def test_any_function_of_a_point_is_drawn_where_it_is_finite():
    # one that cannot be given all points at once, and is NaN on half of the window
    def f(x):
        return np.log(x[0]) ** 2 + np.sum(x**2)

    for function in (f, njit(f)):
        axes = plots.plot_paths(function, {}, ((-1, 3), (-1, 1)), ax=figures.Figure().add_subplot())
        (contours,) = axes.collections
        points = np.concatenate([path.vertices for path in contours.get_paths()])
        assert points[:, 0].min() > 0
        level, path = contours.levels[9], contours.get_paths()[9]
        np.testing.assert_allclose([function(point) for point in path.vertices], level, rtol=0.05)
    axes = plots.plot_tangent(np.log, 1.0, (0.0, 4.0), ax=figures.Figure().add_subplot())
    assert np.isfinite(axes.get_ylim()).all()


def test_losses_that_run_away_and_one_alone_can_be_seen():
    axes = plots.plot_losses({"away": 10.0 ** np.arange(0, 300, 20), "one": [2.0]}, ax=figures.Figure().add_subplot())
    away, one = axes.get_lines()
    assert (axes.get_yscale(), axes.get_ylim()[1] < 1e290, one.get_marker()) == ("log", True, "o")
    assert np.isfinite(away.get_ydata()).sum() == 13


NOTHING_TO_DRAW = [
    (lambda: plots.plot_losses({}), "no losses"),
    (lambda: plots.plot_paths(wave, {}), "no paths"),
    (lambda: plots.plot_paths(lambda x: x[0] / 0.0, {"one": [[1.0, 1.0]]}), "finite nowhere in the window, 0 to 2 by"),
]


@pytest.mark.parametrize(("draw", "message"), NOTHING_TO_DRAW, ids=[message for _, message in NOTHING_TO_DRAW])
def test_nothing_to_draw_is_told(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "numba-dualdiff\[plot\]"'):
        plots.plot_losses({"Adam": [1.0]})
