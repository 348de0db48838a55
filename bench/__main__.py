"""Measures what derivatives cost, beside derivatives by hand and other tools."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .measure import PROCESS, Key, check, measure
from .peers import LIMIT, PEERS
from .report import Timings, lines, machine, record
from .workloads import WORKLOADS, Workload

ROUNDS = {"quick": (5, 0.0005), "full": (31, 0.005)}
"""How many rounds, and for how many seconds a contestant's turn lasts; fresh processes have fewer rounds."""

MOST_PROCESSES = 7


def limit_of(key: Key) -> Key:
    """What a contestant is compared with: the derivative by hand, called from the same place."""
    return Key(LIMIT, key.where, "@njit" if key.where == PROCESS else "")


def run(workload: Workload, missing: dict[str, str], pace: str) -> Timings:
    """Check and measure all contestants that can take part."""
    contestants = {}
    for peer in PEERS:
        if peer.NAME not in missing:
            contestants.update(peer.enter(workload))
    check(contestants)
    rounds, seconds = ROUNDS[pace]
    return measure(contestants, limit_of, min(rounds, MOST_PROCESSES) if workload.kind == "start" else rounds, seconds)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--list", action="store_true", help="list the workloads and do nothing")
    parser.add_argument("--only", action="append", metavar="NAME", help="only workloads whose name begins so")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: tells orders of magnitude")
    parser.add_argument("--save", metavar="FILE", type=Path, help="write everything measured, as JSON")
    options = parser.parse_args(arguments)
    chosen = [w for w in WORKLOADS.values() if not options.only or w.name.startswith(tuple(options.only))]
    if not chosen:
        parser.error(f"there is no such workload; there are {', '.join(WORKLOADS)}")
    if options.list:
        for workload in chosen:
            print(f"{workload.name:<18}{workload.title}")
        return 0
    for name, value in machine().items():
        print(f"{name:<11}{value}")
    missing = {peer.NAME: reason for peer in PEERS if (reason := peer.missing())}
    print("missing    " + ("; ".join(f"{name}: {reason}" for name, reason in missing.items()) or "nobody"))
    measured = {}
    for workload in chosen:
        measured[workload.name] = run(workload, missing, "quick" if options.quick else "full")
        print("\n".join(lines(workload, measured[workload.name])), flush=True)
    if options.save:
        options.save.write_text(json.dumps(record(measured, missing), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
