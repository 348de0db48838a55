"""How charts look: the colours and marks of peers, light and dark, and drawings by Matplotlib as bitmaps and SVG.

Colours of peers are chosen so that they can be told apart by people who see few colours, together with the marks, and
seen on white and on black. Ink and grid depend on the background: in SVG they are variables of the page's style.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

from .peers import LIMIT
from .peers.dual import NAME as OURS

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
