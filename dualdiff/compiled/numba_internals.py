"""What is used of Numba beside its documented interface, each with what it is used for.

No other file imports from ``numba.core`` or ``numba.np``, so this is the list to go through when Numba changes.
``llvmlite.ir`` and ``llvmlite.binding`` are documented, as are ``numba.extending`` and ``numba.types``.
"""

# ruff: noqa: I001 (in groups, by what they are for)

from __future__ import annotations

# --- the number and its arrays in LLVM ---

from numba.core import cgutils as cgutils  # struct proxies, allocas and loops in the code of intrinsics
from numba.np import arrayobj as arrayobj  # the fields of an array; loading, storing and allocating its elements
from numba.core.imputils import impl_ret_borrowed as impl_ret_borrowed  # who owns the reference that a lowering returns
from numba.core.imputils import impl_ret_new_ref as impl_ret_new_ref  # the same, of new memory
from numba.np.numpy_support import as_dtype as as_dtype  # the dtype of results, by Numba's type
from numba.np.numpy_support import from_dtype as from_dtype  # Numba's type of numbers, by the dtype

from numba.core.datamodel import default_manager as default_manager  # how objects are laid out in memory

# --- types and overloads ---

from numba.core.errors import NumbaError as NumbaError  # what any failed compilation raises
from numba.core.errors import TypingError as TypingError  # what an overload raises to refuse
from numba.core.typeconv import Conversion as Conversion  # how safe the conversion of a number to a dual is
from numba.core.extending import _Intrinsic as _Intrinsic  # what users write in LLVM, which types do not bind
from numba.core.typing.templates import AbstractTemplate as AbstractTemplate  # typing what overload cannot: tuples
from numba.core.typing.templates import AttributeTemplate as AttributeTemplate  # attributes of the class Dual
from numba.core.typing.templates import builtin_registry as builtin_registry  # what users have taught Numba
from numba.core.typing.templates import infer as infer  # enters a template of an operation of the language
from numba.core.typing.templates import infer_getattr as infer_getattr  # enters a template of attributes
from numba.core.typing.templates import infer_global as infer_global  # enters a template of a global function
from numba.core.typing.templates import make_callable_template as make_callable_template  # a function found by getattr
from numba.core.typing.templates import make_intrinsic_template as make_intrinsic_template  # an intrinsic asked first
from numba.core.typing.templates import signature as signature  # what such templates return
from numba.core.registry import cpu_target as cpu_target  # the typing context: unifying types, refreshing overloads

# --- the compiler's pipeline ---

from numba.core import ir as ir  # the intermediate representation that the passes read and change
from numba.core.compiler import CompileResult as CompileResult  # compiled code, to be rebuilt from the disk
from numba.core.compiler import CompilerBase as CompilerBase  # pipelines of our own
from numba.core.compiler import DefaultPassBuilder as DefaultPassBuilder  # the passes that they are made of
from numba.core.compiler import run_frontend as run_frontend  # the representation of a function, to be read only
from numba.core.compiler_lock import global_compiler_lock as global_compiler_lock  # one compilation at a time
from numba.core.compiler_machinery import FunctionPass as FunctionPass  # the class of our passes
from numba.core.compiler_machinery import register_pass as register_pass  # enters them
from numba.core.ir_utils import build_definitions as build_definitions  # after a pass has changed the assignments
from numba.core.ir_utils import mk_unique_var as mk_unique_var  # names for variables that a pass adds
from numba.core import postproc as postproc  # after a pass: where variables end
from numba.core.rewrites import Rewrite as Rewrite  # one that keeps array expressions of duals apart
from numba.core.rewrites import rewrite_registry as rewrite_registry  # where it is entered
from numba.core.typed_passes import NativeLowering as NativeLowering  # replaced by one that links, or vectorises
from numba.core.typed_passes import NopythonRewrites as NopythonRewrites  # preaccumulation follows it
from numba.core.untyped_passes import InlineClosureLikes as InlineClosureLikes  # the preparation for duals follows it
from numba.core.untyped_passes import IRProcessing as IRProcessing  # the replacement of np.array follows it

# --- dispatchers: what @njit functions are ---

from numba.core.dispatcher import Dispatcher as Dispatcher  # what an @njit function is an instance of
from numba.core.dispatcher import ObjModeLiftedWith as ObjModeLiftedWith  # a block in object mode, which is refused
from numba.core.imputils import lower_constant as lower_constant  # stubs as globals
from numba.core.types.functions import WeakType as WeakType  # a type that does not hold what it is of
from numba.core.dispatcher import OmittedArg as OmittedArg  # a default in a call from Python
from numba.core.registry import CPUDispatcher as CPUDispatcher  # the base class of drivers and clones
from numba.np.ufunc.dufunc import DUFunc as DUFunc  # a @vectorize function
from numba.np.ufunc.gufunc import GUFunc as GUFunc  # a @guvectorize function, too

# --- linking and keeping code ---

from numba.core import callconv as callconv  # what a function returns when it is left by an exception
from numba.core.callconv import CPUCallConv as CPUCallConv  # calls in loops that go on after a division by zero
from numba.core.callconv import NumpyErrorModel as NumpyErrorModel  # divisions in them
from numba.core.callconv import PythonErrorModel as PythonErrorModel  # what it stands for
from numba.core.cpu import CPUContext as CPUContext  # what their functions are written with

from numba import _dynfunc as _dynfunc  # the environment of compiled code that is linked by name
from numba.core import codegen as codegen  # libraries whose LLVM module is changed before it is compiled
from numba.core import config as config  # the processor and the flags that code is compiled for
from numba.core import lowering as lowering  # calls by name instead of by address
from numba.core import serialize as serialize  # functions in the bytes that are kept on disk
from numba.core.environment import lookup_environment as lookup_environment  # the environment of a linked function
