"""Contestants that are fresh processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from .measure import PROCESS, Contestant, Key

ROOT = Path(__file__).parents[1]


def process_contestant(peer: str, variant: str, script: str) -> dict[Key, Contestant]:
    """A Python script, run by this Python, to be timed from the start of the process to its end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def seconds(n: int) -> float:
        start = perf_counter()
        for _ in range(n):
            subprocess.run([sys.executable, "-c", script], env=environment, check=True)
        return perf_counter() - start

    return {Key(peer, PROCESS, variant): Contestant(lambda: 0.0, seconds)}
