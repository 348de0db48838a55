"""What was measured, as aligned tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .measure import PROCESS, Key, Timing
from .peers import LIMIT
from .peers.dual import NAME as OURS
from .results import Measured, Results, verdicts

EVEN = 1.05
"""Two that are nearer to each other than by this factor count as equally fast."""


def duration(seconds: float) -> str:
    """Seconds with three digits and a unit."""
    units = ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
    scale, unit = next((pair for pair in units if seconds >= pair[0]), units[-1])
    return f"{seconds / scale:.3g} {unit}"


def times(factor: float) -> str:
    """A factor with three digits, and no power of ten."""
    return f"{factor:.3g}" if factor < 1000 else f"{factor:.0f}"


def ratio(timing: Timing) -> str:
    """The median ratio to the limit."""
    return f"{timing.ratio[1]:.2f}" if timing.ratio else "-"


def who(key: Key) -> str:
    """The peer and its setting."""
    return f"{key.peer}, {key.variant}" if key.variant else key.peer


def aligned(rows: Iterable[Sequence[str]], align: str) -> Iterator[str]:
    """Rows as lines; ``align`` has one of ``<`` and ``>`` for each column."""
    rows = list(rows)
    widths = [max(len(row[i]) for row in rows) for i in range(len(align))]
    for row in rows:
        yield "  " + "  ".join(f"{cell:{a}{w}}" for cell, a, w in zip(row, align, widths, strict=True)).rstrip()


def shown(measured: Measured) -> Iterator[tuple[Key, Timing]]:
    """All of dualdiff's settings, and the best of every peer's, from the fastest to the slowest in each place."""
    for where in measured.places:
        rows = [
            (key, timing)
            for key, timing in measured.timings.items()
            if key.where == where and (where == PROCESS or key.peer == OURS or key == measured.best(key.peer, where)[0])  # type: ignore
        ]
        yield from sorted(rows, key=lambda row: row[1].cost)


def worth(results: Results) -> str:
    """What the figures of a run are good for."""
    if results.processes > 1:
        return "Quartiles are those of the processes' medians."
    return "One process of each shows orders of magnitude; for differences of less than a half make a full run."


def about(results: Results) -> Iterator[str]:
    """The machine, the versions, and who is missing."""
    rows = [(name, str(value)) for name, value in results.machine.items() if name != "features"]
    rows.append(("run", f"{results.pace}, fresh processes of each peer: {results.processes}. {worth(results)}"))
    rows.append(("versions", ", ".join(f"{name} {number}" for name, number in results.versions.items())))
    rows += [("missing", f"{peer}: {reason}") for peer, reason in results.missing.items()]
    yield from aligned(rows, "<<")


def lines(measured: Measured) -> Iterator[str]:
    """The table of one workload, and whether its goals are met."""
    yield ""
    yield f"{measured.name}: {measured.title}"
    rows = [("called from", "contestant", "median", "quartiles", f"x {LIMIT}")]
    for key, timing in shown(measured):
        low, middle, high = map(duration, timing.seconds)
        rows.append((key.where, who(key), middle, f"{low} .. {high}", ratio(timing)))
    yield from aligned(rows, "<<>>>")
    yield from (f"  {told}" for told in absences(measured))
    for place, goal, used in verdicts(measured):
        met = "met" if used <= 1 else "MISSED"
        yield f"  goal, {place}: {goal.variant} at most {goal}: {met} ({used:.2f} of what is allowed)"


def absences(measured: Measured) -> Iterator[str]:
    """Who is not in the table, and why."""
    for key, absence in measured.absent.items():
        yield f"{'FAILED' if absence.failed else 'left out'}: {where(key)}{who(key)}: {absence.reason}"


def where(key: Key) -> str:
    """The place, if the contestant came so far."""
    return f"{key.where}, " if key.where else ""


def winner(ours: Timing, rival: tuple[Key, Timing] | None) -> str:
    """Who is faster, by how much."""
    if rival is None:
        return "no rival"
    key, timing = rival
    factor = timing.cost / ours.cost
    if 1 / EVEN < factor < EVEN:
        return "even"
    return f"{OURS}, {times(factor)} times" if factor > 1 else f"{key.peer}, {times(1 / factor)} times"


def summary_rows(results: Results) -> Iterator[tuple[str, ...]]:
    """Workload, place, dualdiff's setting and ratio, the best rival and its ratio, and who is faster."""
    for measured in results.single:
        for place in measured.places:
            ours, rival = measured.ours(place), measured.rival(place)
            if ours is None:
                continue
            rival_cells = (who(rival[0]), ratio(rival[1])) if rival else ("-", "-")
            yield measured.name, place, ours[0].variant, ratio(ours[1]), *rival_cells, winner(ours[1], rival)


def summary(results: Results) -> Iterator[str]:
    """How dualdiff stands, workload by workload, and the sweeps."""
    rows = list(summary_rows(results))
    if rows:
        yield f"\nsummary: ratios to {LIMIT}; the fastest of the other peers is the rival"
        head = ("workload", "called from", OURS, "ratio", "best rival", "ratio", "faster")
        yield from aligned([head, *rows], "<<<><><")
    for name, points in results.sweeps.items():
        yield f"\nsweep {name}: median of one call, from Python"
        yield from aligned(sweep_rows(points), "<" + ">" * len(points))
        yield from (f"  {line}" for line in crossing(points))
        yield from (f"  at {measured.size} {told}" for measured in points for told in absences(measured))


def direction(key: Key) -> str:
    """Forward or reverse, if the variant's name says so."""
    first = key.variant.split(",")[0].split()[:1]
    return first[0] if first and first[0] in ("forward", "reverse") else ""


def series(points: Sequence[Measured]) -> dict[tuple[str, str], dict[int, Timing]]:
    """The curves of a sweep: by peer and direction the best time at each size, in the place that most can do."""
    curves: dict[tuple[str, str], dict[int, Timing]] = {}
    for measured in points:
        for key, timing in measured.timings.items():
            if key.where != measured.places[0]:
                continue
            curve = curves.setdefault((key.peer, direction(key)), {})
            if measured.size not in curve or timing.seconds[1] < curve[measured.size].seconds[1]:
                curve[measured.size] = timing
    return curves


def sweep_rows(points: Sequence[Measured]) -> Iterator[tuple[str, ...]]:
    """One curve per row, one size per column."""
    sizes = [measured.size for measured in points]
    yield "", *map(str, sizes)
    for curve, taken in series(points).items():
        yield " ".join(filter(None, curve)), *(duration(taken[s].seconds[1]) if s in taken else "-" for s in sizes)


def crossing(points: Sequence[Measured]) -> Iterator[str]:
    """From which size on another direction than dualdiff's, or another peer, is faster."""
    curves = series(points)
    ours = next((taken for (peer, _), taken in curves.items() if peer == OURS), {})
    winners = []
    others = {curve: taken for curve, taken in curves.items() if curve[0] not in (OURS, LIMIT)}
    for size in sorted(ours):
        rivals = {curve: taken[size].seconds[1] for curve, taken in others.items() if size in taken}
        if rivals:
            best = min(rivals, key=lambda curve: rivals[curve])
            factor = ours[size].seconds[1] / rivals[best]
            winners.append((size, OURS if factor < EVEN else " ".join(filter(None, best)), factor))
    since, last = 0, ""
    for size, name, factor in winners:
        if name != last:
            much = f" ({times(factor)} times faster than {OURS})" if name != OURS else ""
            yield f"From {size} on {name} is fastest{much}."
            since, last = size, name
    if winners and last != OURS and (size := winners[-1][0]) > since:
        yield f"At {size}, {last} is {times(winners[-1][2])} times faster than {OURS}."
