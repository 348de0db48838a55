"""Sparse Jacobians, whose columns share tangents by colouring."""

from __future__ import annotations
