"""A user's ``@njit`` function, compiled for duals as a clone of its own.

The user's dispatcher, its options and its cache are never touched.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

import numpy as np
from numba import types

from ...kept import kept_by_first
from ..arrays.joining import array
from ..dual.freezing import is_frozen
from ..dual.overloads import single
from ..dual.types import DualType, ReaderType, is_dual, level_of_type
from ..llvm.linking import LinkedCompiler, LowerForPython, LowerInlined
from ..llvm.noting import LowerInLoop
from ..numba_internals import (
    CPUDispatcher,
    Dispatcher,
    DUFunc,
    FunctionPass,
    GUFunc,
    InlineClosureLikes,
    IRProcessing,
    NopythonRewrites,
    NumbaError,
    ObjModeLiftedWith,
    TypingError,
    _Intrinsic,
    build_definitions,
    cpu_target,
    ir,
    mk_unique_var,
    postproc,
    register_pass,
)
from .activity import Activity
from .arithmetic import CheckDivisions, IntegerFactors
from .new_memory import gives_new_memory
from .preaccumulation import Preaccumulate
from .promoting import is_unknown, joiner, lifter, may_hold_memory, promoter
from .vectorized import vectorized

REFUSALS: dict[str, type[Exception]] = {}
"""What was refused while compiled code was being compiled, by the message: Numba passes on no more than that."""


@register_pass(mutates_CFG=False, analysis_only=False)
class ReplaceNumPys(FunctionPass):
    """Replaces two functions of NumPy, before Numba makes loops of ``np.array`` of a list, which do not know duals.

    ``$f = getattr(value=$np, attr=array)`` becomes ``$f = global(array)``, our own of that name, and
    ``np.float64(x)``, a conversion, becomes ``float(x)``; as a dtype ``np.float64`` stays.
    """

    _name = "dualdiff_replace_numpys"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        _replace_numpys(state.func_ir)
        state.func_ir._definitions = build_definitions(state.func_ir.blocks)
        return True


@register_pass(mutates_CFG=False, analysis_only=False)
class PrepareForDuals(FunctionPass):
    """Makes a function ready for duals, before types are inferred.

    Every dispatcher that it refers to, or gets as an argument, is replaced by its clone; arrays and
    lists that a dual is stored into are made for duals. Of ::

        $zeros = getattr(value=$np, attr=zeros)
        w = call $zeros($n)
        $helper = global(helper: <dispatcher of helper>)
        $y = call $helper(x)
        w[0] = $y

    with a dual in x it makes ::

        $zeros = getattr(value=$np, attr=zeros)
        $made = call $zeros($n)
        $promoter = global(promote: <function promote>)
        w = call $promoter($made)
        $helper = global(helper: <clone of helper>)
        $y = call $helper(x)
        w[0] = $y

    ``promote`` copies an array of floats into one of duals; LLVM drops the copy of one that was just made.
    """

    _name = "dualdiff_prepare_for_duals"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        func_ir = state.func_ir
        self._clone_callees(func_ir, state.args, state.callees)
        _replace_numpys(func_ir)
        if any(map(is_frozen, state.args)):
            _refuse_what_writes_unseen(func_ir)
        dual = state.everything or _dual_among(state.args)
        if dual is not None:
            active = [i for i, t in enumerate(state.args) if level_of_type(t) > 0]
            activity = Activity(func_ir, active)
            _refuse_writes_into_floats(func_ir, activity, state.args)
            _refuse_what_leaves(activity)
            everything = state.everything is not None
            made = [s for s in activity.assignments if everything or id(s) in activity.made_for_duals]
            new = [s for s in made if gives_new_memory(s.value, activity.callee, activity.method)]
            helpers = [s for s in new if isinstance(activity.called(s.value), Dispatcher)]
            overloaded = [s for s in new if activity.is_overloadable(s.value)]
            others = [s for s in new if s not in helpers and s not in overloaded]
            _insert_after(func_ir, helpers, promoter(dual, may_hold_memory), activity.operands)
            _insert_after(func_ir, overloaded, promoter(dual, is_unknown), activity.operands)
            _insert_after(func_ir, others, promoter(dual))
            _insert_after(func_ir, [s for s in activity.assignments if id(s) in activity.joined], joiner(dual))
            _insert_before(func_ir, activity.added(everything), lifter(dual))
            if everything:  # records made on different ways get one type
                records = [s.value for s in made if _is_named_tuple(activity.called(s.value))]
                _insert_before(func_ir, records, lifter(dual), whole=True)
        func_ir._definitions = build_definitions(func_ir.blocks)
        postproc.PostProcessor(func_ir).run()
        return True

    def _clone_callees(self, func_ir: Any, args: Any, compiler: Any) -> None:
        modules: dict[str, Any] = {}
        for _, block in sorted(func_ir.blocks.items()):
            for assignment in block.find_insts(ir.Assign):
                source, target = assignment.value, assignment.target.name
                if isinstance(source, (ir.Global, ir.FreeVar)):
                    source.value = _cloned(source.value, compiler)
                    modules[target] = source.value
                elif isinstance(source, ir.Arg) and isinstance(args[source.index], types.Dispatcher):
                    called = clone(args[source.index].dispatcher, compiler)
                    assignment.value = ir.Global(source.name, called, source.loc)
                elif isinstance(source, ir.Expr) and source.op == "getattr":
                    module = modules.get(source.value.name)
                    if isinstance(module, ModuleType):
                        modules[target] = found = getattr(module, source.attr, None)
                        if isinstance(found, (Dispatcher, DUFunc)):
                            assignment.value = ir.Global(source.attr, _cloned(found, compiler), source.loc)


def _is_named_tuple(made: Any) -> bool:
    return isinstance(made, type) and issubclass(made, tuple) and hasattr(made, "_fields")


def _cloned(value: Any, compiler: Any) -> Any:
    """A dispatcher's clone, also in tuples, and what a vectorized function does; other values as they are."""
    if isinstance(value, Dispatcher):
        return clone(value, compiler)
    if isinstance(value, DUFunc):
        return vectorized(value)
    if type(value) is tuple and any(isinstance(part, (Dispatcher, tuple)) for part in value):
        return tuple(_cloned(part, compiler) for part in value)
    return value


def _replace_numpys(func_ir: Any) -> None:
    """Functions of NumPy that Numba knows for its own types of numbers only; and dtypes in words."""
    assignments = [s for block in func_ir.blocks.values() for s in block.find_insts(ir.Assign)]
    modules = {
        s.target.name for s in assignments if isinstance(s.value, (ir.Global, ir.FreeVar)) and s.value.value is np
    }
    called = {s.value.func.name for s in assignments if isinstance(s.value, ir.Expr) and s.value.op == "call"}
    for s in assignments:
        is_attribute = isinstance(s.value, ir.Expr) and s.value.op == "getattr" and s.value.value.name in modules
        if is_attribute and s.value.attr == "array":  # of a list: Numba rewrites that call by itself
            s.value = ir.Global("array", array, s.loc)
        elif is_attribute and s.value.attr in _CONVERSIONS and s.target.name in called:  # elsewhere it is a dtype
            s.value = ir.Global(s.value.attr, _CONVERSIONS[s.value.attr], s.loc)
    dtypes = {v.name for s in assignments for name, v in getattr(s.value, "_kws", {}).get("kws", ()) if name == "dtype"}
    for s in assignments:
        if s.target.name in dtypes and isinstance(s.value, ir.Const) and s.value.value in _DTYPES:
            s.value = ir.Global("dtype", _DTYPES[s.value.value], s.loc)


_CONVERSIONS = {"float64": float, "float32": single}
_DTYPES = {name: dtype for dtype in (np.float64, np.float32) for name in (dtype.__name__, np.dtype(dtype).str[1:])}


def _insert_after(func_ir: Any, assignments: list[Any], function: Any, operands: Any = lambda value: []) -> None:
    """After each of these assignments, replace the variable by ``function`` of it, and of its ``operands``."""
    chosen = set(map(id, assignments))
    for block in func_ir.blocks.values():
        body = []
        for statement in block.body:
            body.append(statement)
            if id(statement) in chosen:
                target, value, loc = statement.target, statement.value, statement.loc
                given = operands(value)
                made = ir.Var(block.scope, mk_unique_var("$made"), loc)
                promoter = ir.Var(block.scope, mk_unique_var("$promoter"), loc)
                statement.target = made
                body.append(ir.Assign(ir.Global("promote", function, loc), promoter, loc))
                body.append(ir.Assign(ir.Expr.call(promoter, [made, *given], (), loc), target, loc))
        block.body = body


def _insert_before(func_ir: Any, calls: list[Any], function: Any, whole: bool = False) -> None:
    """In each of these calls, replace the last argument, or the whole of them, by ``function`` of it."""
    added = set(map(id, calls))
    for block in func_ir.blocks.values():
        body: list[Any] = []

        def replaced(variable: Any, loc: Any, body: list[Any] = body, scope: Any = block.scope) -> Any:
            made, maker = (ir.Var(scope, mk_unique_var(name), loc) for name in ("$lifted", "$lifter"))
            body.append(ir.Assign(ir.Global("lift", function, loc), maker, loc))
            body.append(ir.Assign(ir.Expr.call(maker, [variable], (), loc), made, loc))
            return made

        for statement in block.body:
            call: Any = getattr(statement, "value", None)
            if id(call) in added:
                loc = statement.loc
                kept = 0 if whole else len(call.args) - 1
                call.args = [*call.args[:kept], *(replaced(v, loc) for v in call.args[kept:])]
                if whole:
                    call.kws = [(name, replaced(v, loc)) for name, v in call.kws]
            body.append(statement)
        block.body = body


DUALS_INTO_FLOATS = "a dual is written into the argument"


def _refuse_writes_into_floats(func_ir: Any, activity: Activity, argtypes: Any) -> None:
    for i in activity.stored_arguments:
        known = i in activity.places and isinstance(argtypes[i], types.Array)
        if known and isinstance(argtypes[i].dtype, types.Float):
            name = func_ir.arg_names[i]
            message = f"{DUALS_INTO_FLOATS} {name}, an array of floats"
            raise TypingError(message, loc=activity.places[i])


def _refuse_what_leaves(activity: Activity) -> None:
    """Refuse calls with duals of code that is compiled elsewhere, for floats."""
    for s in activity.assignments:
        if isinstance(s.value, ir.Expr) and s.value.op == "call" and s.target.name in activity.active:
            callee = activity.callee(s.value.func)
            if isinstance(callee, GUFunc):
                raise TypingError(f"the vectorized function {callee.__name__} of duals", loc=s.loc)
            block = activity.sources[s.value.func.name][0]
            if isinstance(block, ir.Const) and isinstance(block.value, ObjModeLiftedWith):
                raise TypingError("duals in an objmode block", loc=s.loc)


def _refuse_what_writes_unseen(func_ir: Any) -> None:
    """Refuse what may write to an array whatever its type says."""
    for block in func_ir.blocks.values():
        for s in block.find_insts(ir.Assign):
            value = s.value
            if (isinstance(value, (ir.Global, ir.FreeVar)) and _may_write_unseen(value.value)) or (
                isinstance(value, ir.Expr) and value.op == "getattr" and value.attr in _UNSEEN
            ):
                raise TypingError("what may write to an argument whatever its type says", loc=s.loc)


_UNSEEN = ("nditer", "ctypes", "from_buffer")
"""Attributes by which code comes to the memory of an array, whatever its type says."""


def _may_write_unseen(function: Any) -> bool:
    """Whether it is a function that may write to its arguments, or hand them on, whatever their types say."""
    if isinstance(function, _Intrinsic):
        return function._defn.__module__.partition(".")[0] not in ("numba", "dualdiff")
    return isinstance(function, GUFunc)


def _dual_among(argtypes: Any) -> DualType | None:
    """The type of the duals in the arguments, of the highest level."""
    found: list[DualType] = []

    def visit(ty: Any) -> None:
        if is_dual(ty):
            found.append(ty)
        elif isinstance(ty, types.BaseTuple):
            for part in ty.types:
                visit(part)
        elif isinstance(ty, (types.Array, ReaderType, types.List)):
            visit(ty.dtype)

    for argtype in argtypes:
        visit(argtype)
    if not found:
        return None
    unified = cpu_target.typing_context.unify_types(*found)
    return unified if is_dual(unified) else max(found, key=level_of_type)


class CloneCompiler(LinkedCompiler):
    """The pipeline of clones: with the pass above."""

    is_chunked = True
    """Whether results must not depend on how many tangents there are."""

    goes_on = False
    """Whether it goes on after a division by zero, which is noted."""

    everything: DualType | None = None
    """The duals that all new arrays and lists of floats are made for; None if it is only those that are seen to be."""

    @property
    def callees(self) -> Any:
        """The pipeline of what they call."""
        return promoting(CloneCompiler, self.everything)

    def prepare(self, passes: Any) -> None:
        self.state.callees = self.callees
        self.state.everything = self.everything
        self.state.is_chunked = self.is_chunked
        self.state.goes_on = self.goes_on
        passes.add_pass_after(ReplaceNumPys, IRProcessing)
        passes.add_pass_after(PrepareForDuals, InlineClosureLikes)
        passes.add_pass_after(IntegerFactors, NopythonRewrites)
        passes.add_pass_after(Preaccumulate, IntegerFactors)
        passes.add_pass_after(CheckDivisions, Preaccumulate)


class InlinedCloneCompiler(CloneCompiler):
    """The pipeline of clones that are inlined into the driver that calls them; what they call is called."""

    lowering_pass = LowerInlined


class LoopCloneCompiler(InlinedCloneCompiler):
    """The pipeline of clones that are inlined with all that they call: LLVM vectorises loops without calls only.

    Nor does it vectorise a loop that can stop: a division by zero is noted, and told after the loop.
    """

    is_chunked = False
    goes_on = True
    lowering_pass = LowerInLoop

    @property
    def callees(self) -> Any:
        return promoting(LoopCloneCompiler, self.everything)


class EntryCompiler(CloneCompiler):
    """The pipeline of drivers, which Python calls: their own text is no user's, but what they refer to is cloned."""

    lowering_pass = LowerForPython


@functools.cache
def promoting(compiler: Any, dual: DualType | None) -> Any:
    """A pipeline that makes all new arrays and lists of floats for duals of a type."""
    return compiler if dual is None else type(compiler.__name__, (compiler,), {"everything": dual})


class Clone(CPUDispatcher):
    """A dispatcher that compiles for duals, and is called from compiled code only.

    Which arrays and lists must be made for duals is a guess at first, by ``Activity``. If Numba's types refuse it,
    since a dual is to be stored where none fits, all of them are. So a wrong guess costs time, or is refused: it loses
    nothing.
    """

    def __init__(
        self, function: Any, compiler: Any, error_model: str = "numpy", boundscheck: bool | None = None
    ) -> None:
        options = {
            "nopython": True,
            "nogil": True,
            "error_model": error_model,
            "boundscheck": boundscheck,
            "no_cpython_wrapper": True,
            "no_cfunc_wrapper": True,
            "forceinline": False,
        }
        super().__init__(function, locals={}, targetoptions=options, pipeline_class=compiler)
        self._pipeline = compiler

    def compile(self, sig: Any) -> Any:
        try:
            return super().compile(sig)
        except NumbaError as error:
            argtypes = tuple(sig)
            dual = _dual_among(argtypes)
            if dual is None or self._pipeline.everything is not None:
                raise
            willing = clone(self, promoting(self._pipeline, dual))
            try:
                entry = willing.compile(argtypes)
            except NumbaError:
                raise error from None  # it tells more of what the user wrote
            self.overloads[argtypes] = willing.overloads[argtypes]
            return entry


@kept_by_first
def clone(dispatcher: Any, compiler: Any = CloneCompiler) -> Any:
    """The clone of a dispatcher, compiled by one of the pipelines above."""
    if dispatcher._compiler.py_func is not dispatcher.py_func:
        name = dispatcher.__name__
        message = (
            f"{name} has the attributes of another @njit function, copied by functools.wraps: Numba may run either. "
            f"Wrap that function's py_func: @functools.wraps({name}.py_func)"
        )
        REFUSALS[message] = TypeError
        raise TypeError(message)
    options = dispatcher.targetoptions
    if isinstance(dispatcher, Clone):
        known = compiler.everything is None
        kept = options["error_model"], options["boundscheck"]
        return dispatcher if known else Clone(dispatcher.py_func, compiler, *kept)
    return Clone(dispatcher.py_func, compiler, options.get("error_model", "python"), options.get("boundscheck"))
