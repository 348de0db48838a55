"""Two runs on the same machine, beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .measure import Key, Timing
from .peers import LIMIT
from .report import aligned, who
from .results import Results

SAME = ("processor", "cores", "target", "features")
"""What must be the same on both machines."""

NOTABLE = 0.15
"""A ratio that changes by more than this part is marked."""


def refusal(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Why two machines cannot be compared, in a sentence, or an empty string."""
    differing = [name for name in SAME if old[name] != new[name]]
    if not differing:
        return ""
    short = [f"{name} ({old[name]} then, {new[name]} now)" for name in differing if name != "features"]
    return f"the runs are from different machines and do not compare: {', '.join(short or ['features'])} differ"


def mark(old: Timing, new: Timing) -> str:
    """Whether a change is more than what the rounds of one run differ by."""
    before, now = old.ratio or old.seconds, new.ratio or new.seconds
    if abs(now[1] / before[1] - 1) > NOTABLE:
        return "!! beyond 15 %"
    return "! beyond the quartiles" if now[0] > before[2] or now[2] < before[0] else ""


def changes(old: Results, new: Results) -> Iterator[tuple[str, Key, Timing, Timing]]:
    """The workload, the contestant and its two timings, for all that both runs have, but for the limit itself."""
    before = {measured.name: measured.timings for measured in old.measured}
    for measured in new.measured:
        for key, timing in measured.timings.items():
            earlier = before.get(measured.name, {}).get(key)
            if key.peer != LIMIT and earlier and bool(earlier.ratio) == bool(timing.ratio):
                yield measured.name, key, earlier, timing


def lines(old: Results, new: Results) -> Iterator[str]:
    """The versions that differ and the change of every ratio."""
    yield f"\ncompared with the {old.pace} run of {old.machine['when']}: ratios to {LIMIT}, or seconds without it"
    for name in sorted({*old.versions, *new.versions}):
        then, now = old.versions.get(name, "none"), new.versions.get(name, "none")
        if then != now:
            yield f"  {name} was {then}, is {now}"
    rows = [("workload", "called from", "contestant", "then", "now", "change", "")]
    for name, key, earlier, timing in changes(old, new):
        then, now = earlier.cost, timing.cost
        cells = (f"{then:.3g}", f"{now:.3g}", f"{now / then - 1:+.1%}", mark(earlier, timing))
        rows.append((name, key.where, who(key), *cells))
    yield from aligned(rows, "<<<>>><")
    far, near = (sum(row[-1].startswith(mark) for row in rows) for mark in ("!! ", "! "))
    yield f"  {len(rows) - 1} contestants, {far} of them beyond 15 %, {near} more beyond the quartiles"
