"""Exact derivatives of numerical Python by forward mode on dual numbers, compiled with Numba.

How a derivative is made
------------------------
A dual number is a value and N tangents, the derivatives of that value in N directions. A function of dual numbers
computes its value as ever, and by the chain rule the tangents of its result. The folders, in the order in which a
call goes through them:

``transforms``  what is called: ``gradient(f)`` decides by what f is which way runs, and ``vmap`` what a batch is.
``calls``       checks the arguments, and at the end puts results into the arrays that the caller gave.
``dual``        the number itself, for plain Python, and its nesting levels: to the tangents of an inner derivative
                those of an outer one are constants.
``arrays``      the interpreted way for NumPy code: arrays of duals, which take NumPy's functions.
``rules``       the partial derivatives of each elementary function, said once for all ways, and the chain rule.
``compiled``    the compiled way. ``compiled.transforms`` writes a driver, which seeds the arguments, calls f, and
                collects the tangents of its result; ``compiled.pipeline`` compiles f for duals; ``compiled.dual`` and
                ``compiled.arrays`` tell Numba what these are; ``compiled.batches`` writes loops over samples;
                ``compiled.llvm`` links, vectorises, and keeps code on disk.
``training``    optimizers, least squares and fits, which only call the above.

An example, from the call to the machine code and back. With ::

    @njit
    def f(x):
        return np.log(x[0]) + x[0] * x[1] - np.sin(x[1])

``gradient(f)`` makes a ``CompiledTransform``, which is a Numba dispatcher: no code yet. ``gradient(f)(x)`` is a call
with an array of a type that it has no code for, so (1) ``calls.arguments`` checks x; (2)
``compiled.transforms.source`` writes a driver for that type, with 16 tangents per pass: f only reads numbers of x, so
x becomes a reader, which makes the dual x[i] with tangent 1 in lane i when f asks for it; (3)
``compiled.pipeline.clone`` compiles f for that type: buffers that duals are stored into become arrays of duals, and
each expression one operation, whose partial derivatives come from the rules: here 1 / x[0] + x[1] by x[0], x[0] -
cos(x[1]) by x[1]; (4) driver and clone are one LLVM function: 16 tangents are two vectors of a processor that has
eight numbers in one, the lanes that x has none for being cut off at the end. The code is entered in the dispatcher,
so the next call goes there at once: it costs what a call of f costs, one pass, and an array of two numbers for the
answer. If a tangent is NaN, perhaps as infinity times a zero tangent, the driver asks for its strict twin, in which a
zero tangent stays zero: ``rules.chain`` says why.
"""

from __future__ import annotations

from . import special as special
from .arrays.dual_array import DualArray as DualArray
from .config import __version__ as __version__
from .config import show_config as show_config
from .dual import custom as _custom  # noqa: F401 (it says how functions with rules of one's own take duals)
from .dual.logsumexp import log_softmax as log_softmax
from .dual.logsumexp import logsumexp as logsumexp
from .dual.logsumexp import softmax as softmax
from .dual.number import Dual as Dual
from .errors import CompilationError as CompilationError
from .rules.custom import custom_derivative as custom_derivative
from .rules.custom import register_rule as register_rule
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
from .transforms.checking import check_derivative as check_derivative
from .transforms.dense import derivative as derivative
from .transforms.dense import gradient as gradient
from .transforms.dense import hessian as hessian
from .transforms.dense import hvp as hvp
from .transforms.dense import jacobian as jacobian
from .transforms.dense import jvp as jvp
from .transforms.dense import value_and_derivative as value_and_derivative
from .transforms.dense import value_and_gradient as value_and_gradient
from .transforms.dense import value_and_jacobian as value_and_jacobian
from .transforms.implicit import implicit as implicit
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
    "check_derivative",
    "custom_derivative",
    "derivative",
    "digamma",
    "erf",
    "erfc",
    "gamma",
    "gradient",
    "hessian",
    "hvp",
    "implicit",
    "jacobian",
    "jvp",
    "lgamma",
    "log_softmax",
    "logistic",
    "logsumexp",
    "polygamma",
    "register_rule",
    "show_config",
    "softmax",
    "softplus",
    "sparse_jacobian",
    "sparsity",
    "value_and_derivative",
    "value_and_gradient",
    "value_and_jacobian",
    "vmap",
    "xlogy",
]
