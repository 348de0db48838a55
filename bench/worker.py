"""The process of one peer: ``python -m bench.worker bench.peers.dual``.

It is told what to do by lines of JSON and answers each with one line:

    {"enter": "example", "settings": {}}   {"contestants": [{"key": ["dualdiff", "Python", ""], "tolerance": 1e-9}]}
    {"check": 0, "file": "/tmp/x.npy"}     {}, the numbers of the result are in the file
    {"time": 0, "calls": 100}              {"seconds": 3.1e-05}
    {"leave": true}                        {}, the contestants are forgotten

Settings replace fields of the workload. What fails answers {"error": "ValueError: ..."}.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import traceback
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TextIO

import numpy as np

from .measure import PROCESS, Contestant, Key, flat
from .workloads import WORKLOADS

try:
    import resource
except ImportError:  # on Windows
    resource = None  # type: ignore[assignment]


ATTEMPTS = 4

BRIEF = 0.02
"""Seconds. To turns and calls that take less it matters who else has the processor, and what is in the caches."""


def undisturbed(contestant: Contestant, calls: int) -> float:
    """The time of so many calls during which the system did not give the processor to somebody else.

    Where that cannot be had, or be known, the least of several times. To long turns it matters little, and they could
    hardly ever be had.
    """
    times = []
    for _ in range(ATTEMPTS):
        before = interruptions()
        times.append(contestant.seconds(calls))
        if interruptions() == before or times[-1] > BRIEF:
            return times[-1]
    return min(times)


def interruptions() -> int:
    """How often this process had to leave the processor to another."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw if resource else 0


class Table:
    """The contestants of a peer that sit at the table, by number; each method is one request."""

    def __init__(self, peer: Any) -> None:
        self.peer = peer
        self.keys: list[Key] = []
        self.contestants: list[Contestant] = []
        self.last: dict[int, float] = {}  # seconds per call

    def enter(self, name: str, settings: dict[str, Any]) -> dict[str, Any]:
        entered = self.peer.enter(replace(WORKLOADS[name], **settings))
        self.keys, self.contestants, self.last = list(entered), list(entered.values()), {}
        return {"contestants": [{"key": key, "tolerance": c.tolerance} for key, c in entered.items()]}

    def check(self, number: int, file: str) -> dict[str, Any]:
        np.save(file, flat(self.contestants[number].result()))
        if self.keys[number].where != PROCESS:  # what is compiled now is compiled while others do the same
            self.last[number] = self.contestants[number].seconds(1)
        return {}

    def time(self, number: int, calls: int) -> dict[str, Any]:
        contestant = self.contestants[number]
        if self.keys[number].where != PROCESS and self.last.get(number, 0.0) < BRIEF:
            contestant.seconds(1)  # others had their turn: code and data come back into the caches
        seconds = undisturbed(contestant, calls)
        self.last[number] = seconds / calls
        return {"seconds": seconds}

    def leave(self, _: bool) -> dict[str, Any]:
        self.contestants = []
        gc.collect()
        gc.freeze()  # what is there to stay, whole packages, is not looked through each time
        return {}


def serve(peer: Any, requests: Iterable[str], answers: TextIO) -> None:
    """Answer every request until there are no more."""
    table = Table(peer)
    for line in requests:
        request = json.loads(line)
        name, subject = next(iter(request.items()))
        try:
            answer = getattr(table, name)(subject, **{k: v for k, v in request.items() if k != name})
        except Exception as error:  # whatever a peer does, the benchmark goes on without it
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}".strip().splitlines()[0]}
        print(json.dumps(answer), file=answers, flush=True)


def main() -> None:
    """Serve the peer whose module is the argument, with the garbage collector off."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what packages print is no answer
    peer = importlib.import_module(sys.argv[1])
    gc.disable()
    serve(peer, sys.stdin, answers)


if __name__ == "__main__":
    main()
