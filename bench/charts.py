"""The charts of a report: bars of ratios to the limit, dualdiff beside its best rivals, and the sweeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from .drawing import Chart, Theme, colour, mark
from .measure import Key, Timing
from .peers import LIMIT
from .peers.dual import NAME as OURS
from .report import duration, series, shown, times
from .results import Measured, Results


def charts(results: Results) -> Iterator[Chart]:
    """All charts of a run."""
    compared = [m for m in results.single if _ours_and_rival(m)]
    if compared:
        title = f"Ratio to {LIMIT} of {OURS} and of the best rival"
        yield Chart("overview", title, partial(_overview, compared), 0.7 + 0.24 * len(compared))
    for name, points in results.sweeps.items():
        title = f"Time of one call against size: {name}"
        yield Chart(f"sweep-{name}", title, partial(_sweep, points), 2.9 + 0.1 * len(series(points)))
    for measured in results.single:
        rows = bars(measured)
        if rows:
            title = f"{measured.title}: ratios to {LIMIT}"
            yield Chart(f"workload-{measured.name}", title, partial(_bars, rows), 0.65 + 0.25 * len(rows))


# --- bars -------------------------------------------------------------------------------------


def bars(measured: Measured) -> list[tuple[Key, tuple[float, float, float]]]:
    """Ratios to the limit, or to the fastest where nobody wrote it by hand, from where most peers are called."""
    rows: list[tuple[Key, Timing]] = [row for row in shown(measured) if row[0].where == measured.places[0]]
    fastest = min((timing.seconds[1] for _, timing in rows), default=0.0)
    if any(key.peer == LIMIT for key, _ in rows):
        return [(key, timing.ratio) for key, timing in rows if timing.ratio]
    return [(key, tuple(s / fastest for s in timing.seconds)) for key, timing in rows]  # type: ignore[misc]


def _bars(rows: Sequence[tuple[Key, tuple[float, float, float]]], figure: Any, theme: Theme) -> None:
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
        axes.annotate(times(middle), end, (8, 0), textcoords="offset points", va="center", weight=weight)
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


def _overview(compared: Sequence[Measured], figure: Any, theme: Theme) -> None:
    axes = figure.add_subplot()
    ratios, entries = [], {}
    for place, measured in enumerate(compared):
        pair = _ours_and_rival(measured)
        ends = [ratio for _, ratio in pair]
        axes.plot([min(ends), max(ends)], [place, place], color=theme.grid, linewidth=2.5, zorder=1)
        for peer, ratio in pair:
            size = 9 if peer == OURS else 5  # the smaller lies above
            dot = {"marker": mark(peer), "markersize": size, "color": colour(peer, theme), "linestyle": "none"}
            entries[peer] = axes.plot(ratio, place, zorder=2 if peer == OURS else 3, **dot)[0]
        ratios += ends
    axes.set_yticks(range(len(compared)), [m.name for m in compared])
    for label in axes.get_yticklabels():
        label.set_color(theme.ink)
    _ratio_axis(axes, theme, ratios, LIMIT)
    names = sorted(entries, key=lambda peer: peer != OURS)
    figure.legend([entries[n] for n in names], names, loc="outside upper left", ncols=4, handletextpad=0.2)


# --- sweeps -----------------------------------------------------------------------------------


def _sweep(points: Sequence[Measured], figure: Any, theme: Theme) -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator

    axes = figure.add_subplot()
    for (peer, way), taken in series(points).items():
        sizes = sorted(taken)
        strong = peer == OURS
        axes.plot(
            sizes,
            [taken[s].seconds[1] for s in sizes],
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
