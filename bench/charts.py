"""The charts of a report, drawn by Matplotlib: bars of ratios to the limit, and the sweeps.

Colours of peers are chosen so that they can be told apart by people who see few colours, together with the marks, and
seen on white and on black. Ink and grid depend on the background: in SVG they are variables of the page's style.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

from .measure import Key, Timing
from .peers import LIMIT
from .peers.dual import NAME as OURS
from .report import duration, series, shown
from .results import Measured, Results

WIDTH = 4.0
"""Inches; a chart is legible on a telephone, whose width is about as many hundred pixels."""

COLOURS = {
    OURS: "#d1492e",
    "JAX": "#2f7fd1",
    "PyTorch": "#b0579f",
    "autograd": "#1f9e78",
    "CasADi": "#b98515",
    "ceres::Jet": "#3f9dc4",
    "num-dual": "#8a6fd1",
    "hyperjet": "#7d8b2f",
    "SciPy": "#9a7b62",
    "numdifftools": "#c4688a",
}
MARKS = dict(zip(COLOURS, "osD^vPX<>p", strict=True))


@dataclass(frozen=True)
class Theme:
    """The colours of text, of what stands back, of lines of the grid, and of the background."""

    ink: str
    soft: str
    grid: str
    paper: str


LIGHT = Theme("#1c2128", "#6a727d", "#d5dae0", "#ffffff")
DARK = Theme("#e4e8ed", "#98a1ad", "#3a414b", "#15181d")


def style(selector: str) -> str:
    """CSS that gives the colours to what is selected, by the reader's preference."""

    def variables(theme: Theme) -> str:
        return f"{selector}{{{';'.join(f'--{name}:{shade}' for name, shade in vars(theme).items())}}}"

    return f"{variables(LIGHT)} @media (prefers-color-scheme: dark) {{{variables(DARK)}}}"


def colour(peer: str, theme: Theme) -> str:
    """A peer's colour."""
    return theme.soft if peer == LIMIT else COLOURS.get(peer, theme.soft)


def mark(peer: str) -> str:
    """A peer's mark."""
    return MARKS.get(peer, "|")


@dataclass(frozen=True)
class Chart:
    """A chart with a name and what it says to those who cannot see it; ``draw`` draws it in a theme."""

    name: str
    title: str
    draw: Callable[[Any, Theme], None]
    height: float

    def png(self, theme: Theme) -> bytes:
        """A bitmap on the theme's background."""
        with self._figure(theme) as figure, io.BytesIO() as file:
            figure.savefig(file, format="png", dpi=200, facecolor=theme.paper)
            return file.getvalue()

    def svg(self) -> str:
        """A drawing to be put into a page; text and grid have the colours ``--ink``, ``--soft`` and ``--grid``."""
        with self._figure(LIGHT) as figure, io.StringIO() as file:
            figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
            text = file.getvalue()
        text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
        text = re.sub(r'<g id="[^"]*"', "<g", text)  # the ids of groups are the same in all charts
        for name in ("ink", "soft", "grid"):
            text = text.replace(getattr(LIGHT, name), f"var(--{name})")
        width, height = (round(72 * inches) for inches in (WIDTH, self.height))
        head = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        head += f'aria-label="{escape(self.title)}" viewBox="0 0 {width} {height}" class="chart">'
        return head + text[text.index(">") + 1 :]

    def svg_file(self) -> str:
        """A drawing that stands alone."""
        svg = self.svg()
        end = svg.index(">") + 1
        return f"{svg[:end]}<style>{style('svg')}</style>{svg[end:]}"

    @contextmanager
    def _figure(self, theme: Theme) -> Iterator[Any]:
        import matplotlib
        from matplotlib.figure import Figure

        settings = {
            "svg.fonttype": "none",
            "svg.hashsalt": self.name,
            "font.family": "sans-serif",
            "font.size": 8.5,
            "text.color": theme.ink,
            "axes.edgecolor": theme.grid,
            "axes.labelcolor": theme.soft,
            "xtick.color": theme.soft,
            "ytick.color": theme.soft,
            "grid.color": theme.grid,
            "grid.linewidth": 0.6,
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "xtick.minor.visible": False,
            "ytick.minor.visible": False,
        }
        with matplotlib.rc_context(settings):
            figure = Figure(figsize=(WIDTH, self.height), layout="constrained")
            self.draw(figure, theme)
            yield figure


def charts(results: Results) -> Iterator[Chart]:
    """All charts of a run."""
    compared = [m for m in results.single if _ours_and_rival(m)]
    if compared:
        title = f"Ratio to {LIMIT} of {OURS} and of the best rival"
        yield Chart("overview", title, lambda f, t: _overview(f, t, compared), 0.7 + 0.24 * len(compared))
    for name, points in results.sweeps.items():
        title = f"Time of one call against size: {name}"
        draw = lambda f, t, points=points: _sweep(f, t, points)  # noqa: E731
        yield Chart(f"sweep-{name}", title, draw, 2.9 + 0.1 * len(series(points)))
    for measured in results.single:
        rows = bars(measured)
        if rows:
            title = f"{measured.title}: ratios to {LIMIT}"
            draw = lambda f, t, rows=rows: _bars(f, t, rows)  # noqa: E731
            yield Chart(f"workload-{measured.name}", title, draw, 0.65 + 0.25 * len(rows))


# --- bars -------------------------------------------------------------------------------------


def bars(measured: Measured) -> list[tuple[Key, tuple[float, float, float]]]:
    """Ratios to the limit, or to the fastest where nobody wrote it by hand, from where most peers are called."""
    rows: list[tuple[Key, Timing]] = [row for row in shown(measured) if row[0].where == measured.places[0]]
    fastest = min((timing.seconds[1] for _, timing in rows), default=0.0)
    if any(key.peer == LIMIT for key, _ in rows):
        return [(key, timing.ratio) for key, timing in rows if timing.ratio]
    return [(key, tuple(s / fastest for s in timing.seconds)) for key, timing in rows]  # type: ignore[misc]


def _bars(figure: Any, theme: Theme, rows: Sequence[tuple[Key, tuple[float, float, float]]]) -> None:
    axes = figure.add_subplot()
    own = [key.variant for key, _ in rows if key.peer == OURS]
    for place, (key, (low, middle, high)) in enumerate(rows):
        strong = key.peer == OURS
        shade = colour(key.peer, theme)
        axes.plot([1, middle], [place, place], color=shade, linewidth=7 if strong else 5, solid_capstyle="butt")
        axes.plot([low, high], [place, place], color=theme.ink, linewidth=0.8)
        axes.plot(middle, place, marker=mark(key.peer), color=shade, markersize=6 if strong else 5)
        weight = "bold" if strong else "normal"
        end = (max(high, 1), place)
        axes.annotate(f"{middle:.3g}", end, (8, 0), textcoords="offset points", va="center", weight=weight)
    labels = [f"{k.peer}, {k.variant}" if len(own) > 1 and k.peer == OURS else k.peer for k, _ in rows]
    axes.set_yticks(range(len(rows)), labels)
    for label, (key, _) in zip(axes.get_yticklabels(), rows, strict=True):
        label.set(color=theme.ink, weight="bold" if key.peer == OURS else "normal")
    limited = any(key.peer == LIMIT for key, _ in rows)
    _ratio_axis(axes, theme, [r[1] for _, r in rows], LIMIT if limited else "the fastest")


def _ratio_axis(axes: Any, theme: Theme, ratios: Sequence[float], base: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = min(0.8, *ratios), max(1.6, *ratios)
    axes.set_xscale("log")
    axes.set_xlim(low * (low / high) ** 0.06, high * (high / low) ** 0.22)
    narrow = high / low < 30
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,), numticks=8))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.set_xlabel(f"times {base}")
    axes.axvline(1, color=theme.soft, linewidth=0.9, zorder=0)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.invert_yaxis()
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)


# --- dualdiff and its best rival ----------------------------------------------------------------


def _ours_and_rival(measured: Measured) -> list[tuple[str, float]]:
    """The peers to show, with their ratios."""
    place = measured.places[0] if measured.places else ""
    found = [row for row in (measured.rival(place), measured.ours(place)) if row]
    return [(key.peer, timing.ratio[1]) for key, timing in found if timing.ratio]


def _overview(figure: Any, theme: Theme, compared: Sequence[Measured]) -> None:
    axes = figure.add_subplot()
    ratios, entries = [], {}
    for place, measured in enumerate(compared):
        pair = _ours_and_rival(measured)
        ends = [ratio for _, ratio in pair]
        axes.plot([min(ends), max(ends)], [place, place], color=theme.grid, linewidth=2.5, zorder=1)
        for peer, ratio in pair:
            size = 8 if peer == OURS else 6
            dot = {"marker": mark(peer), "markersize": size, "color": colour(peer, theme), "linestyle": "none"}
            entries[peer] = axes.plot(ratio, place, zorder=3 if peer == OURS else 2, **dot)[0]
        ratios += ends
    axes.set_yticks(range(len(compared)), [m.name for m in compared])
    for label in axes.get_yticklabels():
        label.set_color(theme.ink)
    _ratio_axis(axes, theme, ratios, LIMIT)
    names = sorted(entries, key=lambda peer: peer != OURS)
    figure.legend([entries[n] for n in names], names, loc="outside upper left", ncols=4, handletextpad=0.2)


# --- sweeps -----------------------------------------------------------------------------------


def _sweep(figure: Any, theme: Theme, points: Sequence[Measured]) -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator

    axes = figure.add_subplot()
    for (peer, way), times in series(points).items():
        sizes = sorted(times)
        strong = peer == OURS
        axes.plot(
            sizes,
            [times[s].seconds[1] for s in sizes],
            label=f"{peer} {way}".strip(),
            color=colour(peer, theme),
            marker=mark(peer),
            markersize=5.5 if strong else 4,
            linewidth=2.6 if strong else 1.4,
            linestyle=":" if peer == LIMIT else "--" if way == "reverse" else "-",
            zorder=4 if strong else 3,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}".replace(",", "\u202f")))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: duration(y * 1.0000001)))
    axes.set_xlabel("number of inputs" if "input" in points[0].sweep else "number of outputs")
    axes.set_ylabel("one call")
    axes.grid()
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    figure.legend(loc="outside lower left", ncols=2, handlelength=2.6, columnspacing=1.0)
