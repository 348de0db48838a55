"""What was measured, where, and by which versions; written to a file and read back."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

import dualdiff
from dualdiff.compiled.llvm import vectormath

from .measure import COMPILED, PROCESS, PYTHON, Key, Timing
from .peers import LIMIT, ceres
from .peers.dual import NAME as OURS
from .pool import PeerError, TooSlowError
from .workloads import Goal, Workload

DISTRIBUTIONS = (
    *("numpy", "numba", "llvmlite", "scipy", "numdifftools", "jax", "jaxlib", "torch", "autograd", "casadi"),
    *("num-dual", "hyperjet"),
)
"""Whose versions are recorded, as the package index calls them."""

IMPORT = "import"
"""The variant of a process that only imports a package."""

PLACES = {PYTHON: "called from Python", COMPILED: "called from compiled code", PROCESS: "fresh processes"}
"""Places and what they mean; the one that most peers can do comes first."""


@dataclass(frozen=True)
class Absence:
    """Why a contestant has no times, and whether that is a failure or only slowness."""

    reason: str
    failed: bool


@dataclass(frozen=True)
class Measured:
    """One workload's times; ``sweep`` and ``size`` say which point of which curve it is."""

    name: str
    title: str
    kind: str
    goals: tuple[Goal, ...] = ()
    sweep: str = ""
    size: int = 0
    timings: Mapping[Key, Timing] = field(default_factory=dict)
    absent: Mapping[Key, Absence] = field(default_factory=dict)

    @staticmethod
    def of(workload: Workload, timings: Mapping[Key, Timing], failures: Mapping[Key, PeerError]) -> Measured:
        absent = {key: Absence(str(f), not isinstance(f, TooSlowError)) for key, f in failures.items()}
        timings = {key: timing for key, timing in timings.items() if key not in absent}
        about = (workload.name, workload.title, workload.kind, workload.goals, workload.sweep, workload.size)
        return Measured(*about, timings, absent)

    @property
    def places(self) -> tuple[str, ...]:
        """From where it was called; the one that most peers can do comes first."""
        return tuple(place for place in PLACES if any(key.where == place for key in self.timings))

    def peers(self, where: str) -> tuple[str, ...]:
        """Who was timed in a place, in the order of their entry."""
        return tuple(dict.fromkeys(key.peer for key in self.timings if key.where == where))

    def best(self, peer: str, where: str) -> tuple[Key, Timing] | None:
        """A peer's fastest setting in a place."""
        entered = [item for item in self.timings.items() if item[0][:2] == (peer, where)]
        return min(entered, key=lambda item: item[1].cost, default=None)

    def ours(self, where: str) -> tuple[Key, Timing] | None:
        """The setting of dualdiff's that the goals speak of, or that it entered first: no tuned one."""
        entered = {key: timing for key, timing in self.timings.items() if key[:2] == (OURS, where)}
        wanted = [key for goal in self.goals for key in entered if key.variant == goal.variant]
        return next(((key, entered[key]) for key in [*wanted, *entered]), None)

    def rival(self, where: str) -> tuple[Key, Timing] | None:
        """The fastest of the others: neither by hand nor dualdiff, and not a mere import."""
        rivals = [
            (key, timing)
            for key, timing in self.timings.items()
            if key.where == where and key.peer not in (LIMIT, OURS) and key.variant != IMPORT
        ]
        return min(rivals, key=lambda item: item[1].cost, default=None)


@dataclass(frozen=True)
class Results:
    """Everything of one run; ``processes`` is how many of each peer there were, one after the other."""

    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    pace: str
    processes: int
    missing: Mapping[str, str]
    measured: tuple[Measured, ...]

    @property
    def single(self) -> tuple[Measured, ...]:
        """The workloads that are no points of a sweep."""
        return tuple(m for m in self.measured if not m.sweep)

    @property
    def sweeps(self) -> dict[str, tuple[Measured, ...]]:
        """The points of each sweep, by size."""
        names = dict.fromkeys(m.sweep for m in self.measured if m.sweep)
        return {name: tuple(sorted((m for m in self.measured if m.sweep == name), key=_size)) for name in names}

    @property
    def failed(self) -> bool:
        """Whether a contestant died, raised, or computed something else than the others."""
        return any(absence.failed for m in self.measured for absence in m.absent.values())

    def save(self, file: Path) -> None:
        """Write everything as JSON."""
        content = {**asdict(self), "measured": [_saved(m) for m in self.measured]}
        file.write_text(json.dumps(content, indent=1) + "\n")

    @staticmethod
    def load(file: Path) -> Results:
        """Read what ``save`` wrote."""
        saved = json.loads(file.read_text())
        return Results(**{**saved, "measured": tuple(map(_measured, saved["measured"]))})


def _size(measured: Measured) -> int:
    return measured.size


def _saved(measured: Measured) -> dict[str, Any]:
    """A workload's content, with a row for each contestant."""
    rows = {
        name: [{**key._asdict(), **asdict(row)} for key, row in getattr(measured, name).items()]
        for name in ("timings", "absent")
    }
    return {**asdict(measured), **rows}


def _measured(saved: dict[str, Any]) -> Measured:
    timings = {
        _key(row): Timing(tuple(row["seconds"]), row["ratio"] and tuple(row["ratio"]), row["rounds"])
        for row in saved["timings"]
    }
    absent = {_key(row): Absence(row["reason"], row["failed"]) for row in saved["absent"]}
    goals = tuple(Goal(**goal) for goal in saved["goals"])
    return Measured(**{**saved, "goals": goals, "timings": timings, "absent": absent})


def _key(row: dict[str, Any]) -> Key:
    return Key(row["peer"], row["where"], row["variant"])


def verdicts(measured: Measured) -> Iterator[tuple[str, Goal, float]]:
    """The place, the goal, and what is used of what the goal allows, in each place where it can be told."""
    for goal in measured.goals:
        for key, timing in measured.timings.items():
            if (key.peer, key.variant) != (OURS, goal.variant):
                continue
            if goal.seconds:
                yield key.where, goal, timing.seconds[1] / goal.seconds
            elif rival := measured.best(goal.peer, key.where):
                yield key.where, goal, timing.cost / (goal.times * rival[1].cost)


def machine() -> dict[str, Any]:
    """What the figures depend on, other than versions."""
    features = llvm.get_host_cpu_features()
    widest = next((name for name in ("avx512f", "avx2", "avx", "sse2", "neon") if features.get(name)), "no SIMD known")
    library = vectormath.LIBRARY
    return {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "target": f"{llvm.get_host_cpu_name()}, {widest}",
        "features": sorted(name for name, has in features.items() if has),
        "system": platform.platform(),
        "vector library": library.name if library else "none",
        "threads": "one, but where a row says two",
    }


def versions() -> dict[str, str]:
    """The versions of Python, of dualdiff and of all that is installed of the peers."""
    found = {"python": platform.python_version(), "dualdiff": dualdiff.__version__}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {**found, **ceres.versions()}


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()
