"""What was measured, as an aligned table and as JSON."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba

from .measure import PROCESS, Key, Timing
from .peers import LIMIT
from .peers.dual import NAME as OURS
from .workloads import Goal, Workload

Timings = Mapping[Key, Timing]


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def machine() -> dict[str, str]:
    """The machine and the versions."""
    features = llvm.get_host_cpu_features()
    widest = next((name for name in ("avx512f", "avx2", "avx", "sse2", "neon") if features.get(name)), "no SIMD known")
    return {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "processor": _processor(),
        "target": f"{llvm.get_host_cpu_name()}, {widest}",
        "system": platform.platform(),
        "python": platform.python_version(),
        "numba": f"{numba.__version__}, LLVM {'.'.join(map(str, llvm.llvm_version_info))}",
        "numpy": version("numpy"),
    }


def best(timings: Timings, peer: str, where: str) -> Timing | None:
    """A peer's fastest setting in a place."""
    entered = [timing for key, timing in timings.items() if (key.peer, key.where) == (peer, where)]
    return min(entered, key=lambda timing: timing.seconds[1], default=None)


def shown(timings: Timings) -> Iterator[tuple[Key, Timing]]:
    """All of dualdiff's settings, and the best of every peer's."""
    for where in dict.fromkeys(key.where for key in timings):
        for key, timing in timings.items():
            if key.where != where:
                continue
            if where == PROCESS or key.peer == OURS or timing is best(timings, key.peer, where):
                yield key, timing


def verdict(goal: Goal, timings: Timings) -> Iterator[str]:
    """Whether a goal is met, in each place where it can be told."""
    for key, timing in timings.items():
        if (key.peer, key.variant) != (OURS, goal.variant):
            continue
        rival = best(timings, goal.peer, key.where)
        allowed = goal.seconds or (goal.times * rival.seconds[1] if rival else None)
        if allowed is not None:
            used = timing.seconds[1] / allowed
            yield f"{key.where}: at most {goal}: {'met' if used <= 1 else 'MISSED'} ({used:.2f} of what is allowed)"


def lines(workload: Workload, timings: Timings) -> Iterator[str]:
    """The table of one workload."""
    yield ""
    yield f"{workload.name}: {workload.title}"
    yield f"  {'called from':<12}{'contestant':<34}{'median':>10}{'quartiles':>20}   {'x ' + LIMIT:>10}"
    for key, timing in shown(timings):
        low, middle, high = map(duration, timing.seconds)
        who = f"{key.peer}, {key.variant}" if key.variant else key.peer
        yield f"  {key.where:<12}{who:<34}{middle:>10}{low + ' .. ' + high:>20}   {timing.ratio[1]:>10.2f}"
    for goal in workload.goals:
        for line in verdict(goal, timings):
            yield f"  goal, {line}"


def duration(seconds: float) -> str:
    """Seconds with three digits and a unit."""
    units = ((1, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
    scale, unit = next((pair for pair in units if seconds >= pair[0]), units[-1])
    return f"{seconds / scale:.3g} {unit}"


def record(measured: Mapping[str, Timings], missing: Mapping[str, str]) -> dict[str, Any]:
    """Everything, for ``--save``."""
    rows = [
        {"workload": name, **key._asdict(), "seconds": timing.seconds, "ratio": timing.ratio}
        for name, timings in measured.items()
        for key, timing in timings.items()
    ]
    return {"machine": machine(), "missing": dict(missing), "rows": rows}
