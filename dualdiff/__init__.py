"""Exact derivatives of numerical Python by forward mode on dual numbers, compiled with Numba."""

from __future__ import annotations

from .dual import Dual as Dual
from .errors import CompilationError as CompilationError
from .rules import erf as erf
from .rules import erfc as erfc
from .rules import logistic as logistic
from .rules import softplus as softplus
from .rules import xlogy as xlogy

__version__ = "0.1.0"
