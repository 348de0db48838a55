"""The table of contestants. A peer is a module with NAME, ``missing`` and ``enter``; see ``Peer``."""

from __future__ import annotations

from typing import Protocol

from ..measure import Contestant, Key
from ..workloads import Workload
from . import autograd, by_hand, casadi, ceres, dual, hyperjet, jax, num_dual, numdifftools, scipy, torch


class Peer(Protocol):
    """A way to get derivatives."""

    NAME: str

    def missing(self) -> str:
        """Why it cannot take part on this machine, or an empty string."""

    def enter(self, workload: Workload) -> dict[Key, Contestant]:
        """Its contestants for a workload, none if it does not do such work."""


PEERS: list[Peer] = [by_hand, dual, ceres, jax, torch, casadi, autograd, num_dual, hyperjet, numdifftools, scipy]
LIMIT = by_hand.NAME
