"""How a workload is measured: contestants take turns, so that what disturbs the machine disturbs them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np

from .measure import PROCESS, Key, Timing
from .peers import LIMIT
from .pool import Entrant, PeerError, Pool, TooSlowError
from .workloads import Workload

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Pace:
    """How thoroughly a workload is measured.

    A contestant's turn lasts ``turn`` seconds, or one call where that takes longer. All turns of a workload together
    are to last ``budget`` seconds: those whose turns are long have fewer of them, though at least ``least``. Who needs
    more than ``patience`` seconds for a call is left out; who does not answer for ``build`` seconds is ended. Without
    ``chunks`` only dualdiff's own choice is measured. Of a sweep's points one in ``every`` is.

    All this is done in ``processes`` fresh processes of each peer, one after the other, as far as it seems to be over
    after ``limit`` seconds: where code and arrays come to lie in memory differs from process to process.
    """

    name: str
    turn: float
    least: int
    most: int
    budget: float
    patience: float
    build: float
    chunks: bool
    every: int
    processes: int
    limit: float


_QUICK = {"turn": 0.0005, "least": 3, "most": 9, "budget": 0.5, "patience": 0.5, "build": 60.0}
_FULL = {"turn": 0.001, "least": 3, "most": 15, "budget": 2.5, "patience": 5.0, "build": 300.0}
QUICK = Pace("quick", **_QUICK, chunks=False, every=4, processes=1, limit=120.0)
FULL = Pace("full", **_FULL, chunks=True, every=1, processes=5, limit=28 * 60.0)

Times = dict[Key, dict[int, float]]
"""Seconds per call, by round."""


def thinned(workloads: Sequence[Workload], pace: Pace) -> list[Workload]:
    """What is measured at this pace."""
    place: Counter[str] = Counter()  # in its sweep
    kept = []
    for workload in workloads:
        if not workload.sweep or place[workload.sweep] % pace.every == 0:
            kept.append(workload)
        place[workload.sweep] += 1
    return kept


def limit_of(key: Key) -> Key:
    """What a contestant is compared with: the derivative by hand, called from the same place."""
    return Key(LIMIT, key.where, "@njit" if key.where == PROCESS else "")


class Race:
    """The contestants of one workload that are still in it, and why others are not."""

    def __init__(self, entrants: dict[Key, Entrant], failures: dict[Key, PeerError]) -> None:
        self.entrants, self.failures = dict(entrants), dict(failures)

    def each(
        self, ask: Callable[[Key, Entrant], Answer], order: list[Key] | None = None
    ) -> Iterator[tuple[Key, Answer]]:
        """What contestants answer; who fails is out."""
        for key in list(self.entrants) if order is None else order:
            if key not in self.entrants:
                continue
            try:
                yield key, ask(key, self.entrants[key])
            except PeerError as failure:
                self.out(key, failure)

    def out(self, key: Key, reason: PeerError) -> None:
        """Take a contestant out of the race."""
        del self.entrants[key]
        self.failures[key] = reason


def measure(pool: Pool, workload: Workload, pace: Pace) -> tuple[Times, dict[Key, PeerError]]:
    """The times of all contestants, and why others have none."""
    settings = {} if pace.chunks else {"chunked": False}
    race = Race(*pool.enter(workload.name, settings, pace.build))
    agree(race, pace)
    turns = {key: turn for key, turn in race.each(lambda key, entrant: plan(key, entrant, pace))}
    share = pace.budget / max(1, len(turns))
    rounds = {key: int(np.clip(share / seconds, pace.least, pace.most)) for key, (_, seconds) in turns.items()}
    most = max(rounds.values(), default=0)
    rounds.update({limit: most for key in turns if (limit := limit_of(key)) in turns})
    times = take_turns(race, {key: calls for key, (calls, _) in turns.items()}, rounds, pace)
    pool.leave(pace.build)
    return {key: times[key] for key in race.entrants}, race.failures


def agree(race: Race, pace: Pace) -> None:
    """Compare all results with the first, relative to the largest number in it; who computes something else is out."""
    with TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        for entrant in race.entrants.values():
            entrant.prepare(directory)
        results = dict(race.each(lambda _, entrant: entrant.result(directory, pace.build)))
    expected: Any = None
    first: Any = None
    for key, got in results.items():
        if expected is None:
            first, expected = key, got
        if got.shape != expected.shape:
            race.out(key, PeerError(f"has {got.size} numbers where {first.peer} has {expected.size}"))
            continue
        scale = np.abs(expected).max(initial=0.0) or 1.0
        error = np.abs(got - expected).max(initial=0.0) / scale
        tolerance = race.entrants[key].tolerance
        if not error <= tolerance:
            race.out(key, PeerError(f"differs from {first.peer} by {error:.1e} where {tolerance:.0e} is allowed"))


def plan(key: Key, entrant: Entrant, pace: Pace) -> tuple[int, float]:
    """How many calls make a turn, and how long it is."""
    if key.where == PROCESS:
        return 1, pace.budget  # nothing stays warm in a fresh process: as few rounds as there may be

    def taken_by(n: int) -> float:
        """The least of two times where one seems long enough: what a turn lost to others must not count."""
        once = entrant.seconds(n, pace.build)
        seems = pace.turn / 2 <= once < 20 * pace.turn
        return min(once, entrant.seconds(n, pace.build)) if seems else once

    n = 1
    while (taken := taken_by(n)) < pace.turn / 2:
        n *= 2
    if taken > pace.patience:
        raise TooSlowError(f"a call takes {taken:.0f} s")
    calls = max(1, round(n * pace.turn / taken))
    return calls, taken * calls / n


def take_turns(race: Race, calls: dict[Key, int], rounds: dict[Key, int], pace: Pace) -> Times:
    """Seconds per call of each contestant, by round; who has few turns has them spread over all rounds."""
    times: Times = {key: {} for key in calls}
    order, most = list(calls), max(rounds.values(), default=0)
    for turn in range(most):
        first = turn % len(order)
        now = [k for k in order[first:] + order[:first] if turn * rounds[k] // most != (turn - 1) * rounds[k] // most]
        for key, seconds in race.each(lambda key, entrant: entrant.seconds(calls[key], pace.build), now):
            times[key][turn] = seconds / calls[key]
    return times


def timings(processes: Sequence[Times]) -> dict[Key, Timing]:
    """Quartiles of the times, and of the ratios to the limit in the same round."""
    found = {}
    for key in dict.fromkeys(key for times in processes for key in times):
        seconds, ratios = [], []
        for times in processes:
            taken, limit = times.get(key, {}), times.get(limit_of(key), {})
            seconds.append(list(taken.values()))
            ratios.append([taken[turn] / limit[turn] for turn in taken if turn in limit])
        rounds = sum(map(len, seconds))
        found[key] = Timing(_quartiles(seconds), _quartiles(ratios) if any(ratios) else None, rounds)
    return found


def _quartiles(processes: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """Over the medians of the processes, or over the rounds of the only one.

    Rounds of one process resemble each other more than processes do: a process is what a run has a sample of, and one
    in which code or data lie badly, or that somebody disturbed, is one of them, however many rounds it had.
    """
    seen = [process for process in processes if process]
    low, middle, high = np.quantile([np.median(p) for p in seen] if len(seen) > 1 else seen[0], [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)
