"""Exact derivatives of numerical Python by forward mode on dual numbers, compiled with Numba."""

from __future__ import annotations

from .arrays.dual_array import DualArray as DualArray
from .config import __version__ as __version__
from .config import show_config as show_config
from .dual.logsumexp import logsumexp as logsumexp
from .dual.number import Dual as Dual
from .errors import CompilationError as CompilationError
from .rules.function import KnownToNumba
from .rules.table import digamma as digamma
from .rules.table import erf as erf
from .rules.table import erfc as erfc
from .rules.table import gamma as gamma
from .rules.table import lgamma as lgamma
from .rules.table import logistic as logistic
from .rules.table import polygamma as polygamma
from .rules.table import softplus as softplus
from .rules.table import xlogy as xlogy
from .transforms.dense import derivative as derivative
from .transforms.dense import gradient as gradient
from .transforms.dense import hessian as hessian
from .transforms.dense import hvp as hvp
from .transforms.dense import jacobian as jacobian
from .transforms.dense import jvp as jvp
from .transforms.dense import value_and_derivative as value_and_derivative
from .transforms.dense import value_and_gradient as value_and_gradient
from .transforms.dense import value_and_jacobian as value_and_jacobian
from .transforms.sparse import sparse_jacobian as sparse_jacobian
from .transforms.sparse import sparsity as sparsity
from .transforms.vmap import vmap as vmap


def _load_compiled() -> None:
    from . import compiled as compiled


KnownToNumba.load = staticmethod(_load_compiled)

__all__ = [
    "CompilationError",
    "Dual",
    "DualArray",
    "derivative",
    "digamma",
    "erf",
    "erfc",
    "gamma",
    "gradient",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "lgamma",
    "logistic",
    "logsumexp",
    "polygamma",
    "show_config",
    "softplus",
    "sparse_jacobian",
    "sparsity",
    "value_and_derivative",
    "value_and_gradient",
    "value_and_jacobian",
    "vmap",
    "xlogy",
]
