"""Sees whether a kernel became slower: ``--save base.json`` before a change, ``--against base.json`` after it.

Where the processor counts instructions (see ``bench.instructions``) their number is compared. Elsewhere it is the time,
in units of the time of a fixed piece of compiled arithmetic that takes its turn in the same round. The least of many
rounds counts: what disturbs a machine only ever adds time. Where the code comes to lie in memory matters too, so that
all is done in several fresh processes, and the middle one of them counts.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from numba import njit

from .compare import refusal
from .instructions import counter
from .measure import COMPILED, PYTHON, Contestant, Key, from_python
from .peers import dual
from .report import aligned
from .results import machine
from .workloads import WORKLOADS

KERNELS = {
    "example-of-two": Key(dual.NAME, COMPILED, "default"),
    "rosenbrock-100": Key(dual.NAME, COMPILED, "default"),
    "ackley-16": Key(dual.NAME, COMPILED, "default"),
    "ackley-100": Key(dual.NAME, PYTHON, "default"),
    "brusselator": Key(dual.NAME, PYTHON, "default"),
    "newton": Key(dual.NAME, COMPILED, "default"),
    "waves": Key(dual.NAME, PYTHON, "one thread"),
    "options": Key(dual.NAME, PYTHON, "one thread"),
}
"""The workloads whose kernels are watched, and which setting."""

SMOKE = ("example-of-two", "waves")

SAMPLES = 10_000
"""The size of batches: they stay in the cache, since memory is noisier than arithmetic."""

PROCESSES, ROUNDS, TURN = 5, 300, 2e-4
TOLERANCE = 0.05
"""What a kernel may become slower by."""


@njit
def _arithmetic(n):
    x = 1.0
    for _ in range(n):
        x = x * 0.999999 + 1e-6 / (x + 1.0)
    return x


def kernels(names: Iterable[str], samples: int) -> dict[str, Contestant]:
    """The contestants to be watched, on arrays of at most so many samples."""
    found = {}
    for name in names:
        workload = WORKLOADS[name]
        point = tuple(x if isinstance(x, float) else x[:samples] for x in workload.point())
        found[name] = dual.enter(replace(workload, chunked=False, point=lambda point=point: point))[KERNELS[name]]
    return found


def calls(contestant: Contestant, turn: float) -> int:
    """How many calls last for a turn."""
    contestant.seconds(1)
    n = 1
    while contestant.seconds(n) < turn / 2:
        n *= 2
    return n


def instructions(contestants: Mapping[str, Contestant], count: Callable[[], int]) -> dict[str, float]:
    """Instructions of one call: what 20 calls have more than 10."""

    def counted(contestant: Contestant, n: int) -> int:
        before = count()
        contestant.seconds(n)
        return count() - before

    for contestant in contestants.values():
        contestant.seconds(20)
    return {name: (counted(c, 20) - counted(c, 10)) / 10 for name, c in contestants.items()}


def ratios(contestants: Mapping[str, Contestant], rounds: int, turn: float) -> dict[str, float]:
    """The least time of each, in units of the least time of the arithmetic."""
    contestants = {**contestants, "": from_python(_arithmetic, (1000,))}
    number = {name: calls(contestant, turn) for name, contestant in contestants.items()}
    least = dict.fromkeys(contestants, math.inf)
    for _ in range(rounds):
        for name, contestant in contestants.items():
            least[name] = min(least[name], contestant.seconds(number[name]) / number[name])
    unit = least.pop("")
    return {name: seconds / unit for name, seconds in least.items()}


def measure(names: Iterable[str], rounds: int, turn: float, samples: int) -> dict[str, Any]:
    """What this process measures, and in which unit."""
    contestants = kernels(names, samples)
    if count := counter():
        return {"unit": "instructions", "kernels": instructions(contestants, count)}
    return {"unit": "arithmetic", "kernels": ratios(contestants, rounds, turn)}


def measure_in_processes(number: int) -> dict[str, Any]:
    """The medians over fresh processes."""
    command = [sys.executable, "-m", "bench.regression", "--once"]
    runs = [json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout) for _ in range(number)]
    middle = {name: median(run["kernels"][name] for run in runs) for name in KERNELS}
    return {"machine": machine(), "unit": runs[0]["unit"], "kernels": middle}


def lines(base: Mapping[str, float], now: Mapping[str, float], unit: str) -> Iterator[str]:
    """The table of changes."""
    rows = [("kernel", "before", "now", "change", "")]
    for name, value in now.items():
        change = value / base[name] - 1
        mark = "SLOWER" if change > TOLERANCE else ""
        rows.append((name, f"{base[name]:.4g}", f"{value:.4g}", f"{change:+.1%}", mark))
    yield f"one call, in units of {unit}"
    yield from aligned(rows, "<>>><")


def main(arguments: list[str] | None = None) -> int:
    """The command line; the status is 1 if a kernel became slower."""
    parser = argparse.ArgumentParser(prog="python -m bench.regression", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--save", metavar="FILE", type=Path, help="measure and write the figures")
    action.add_argument("--against", metavar="FILE", type=Path, help="measure and compare with those figures")
    action.add_argument("--smoke", action="store_true", help="tiny sizes: whether it runs, not how fast")
    action.add_argument("--once", action="store_true", help="one process, figures to standard output")
    options = parser.parse_args(arguments)
    if options.smoke:
        measured = measure(SMOKE, rounds=2, turn=1e-5, samples=6)
        print("\n".join(lines(measured["kernels"], measured["kernels"], measured["unit"])))
        return 0
    if options.once:
        print(json.dumps(measure(KERNELS, ROUNDS, TURN, SAMPLES)))
        return 0
    base = json.loads(options.against.read_text()) if options.against else None
    if base and (reason := refusal(base["machine"], machine())):
        parser.exit(2, reason + "\n")
    measured = measure_in_processes(PROCESSES)
    if base is None:
        options.save.write_text(json.dumps(measured, indent=1) + "\n")
        base = measured
    if base["unit"] != measured["unit"]:
        parser.exit(2, f"the saved figures are in {base['unit']}, these in {measured['unit']}: they do not compare\n")
    print("\n".join(lines(base["kernels"], measured["kernels"], measured["unit"])))
    return int(any(value > (1 + TOLERANCE) * base["kernels"][name] for name, value in measured["kernels"].items()))


if __name__ == "__main__":
    sys.exit(main())
