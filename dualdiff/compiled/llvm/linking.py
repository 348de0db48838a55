"""Functions that are only ever called from compiled code: compiled to LLVM's language, and no further.

Numba optimises each function and makes machine code of it, and then again as part of every function that calls it.
What is here gets both once, as part of the function that Python calls.
"""

from __future__ import annotations

import builtins
import uuid
from typing import Any
from weakref import WeakValueDictionary

from llvmlite import ir
from llvmlite.binding import Linkage, parse_assembly

from ..numba_internals import (
    CompilerBase,
    DefaultPassBuilder,
    NativeLowering,
    _dynfunc,
    codegen,
    lookup_environment,
    register_pass,
)
from .releasing import Releasing

_LIBRARIES: Any = WeakValueDictionary()
"""The libraries below, by the name of their function."""


def calls_by_name(library: Any) -> set[str]:
    """The recursive functions that the code of a library finds by name, when it is loaded."""
    prefix = codegen.RuntimeLinker.PREFIX
    places = (v for v in library._final_module.global_variables if v.is_declaration)
    return {v.name[len(prefix) :] for v in places if v.name.startswith(prefix)}


def _definition(place: str, name: str) -> str:
    """The LLVM code of a module with a variable that holds the address of a function."""
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), []), name)
    variable = ir.GlobalVariable(module, function.type, place)
    variable.initializer = function
    variable.global_constant = True
    return str(module)


class LinkedLibrary(codegen.JITCodeLibrary):
    """Code to be linked into that of other functions."""

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class WholeLibrary(codegen.JITCodeLibrary):
    """The code of a function that Python calls, with all that is linked into it."""

    environments: dict[str, Any]
    """Of the functions in it, by name: its code has their addresses."""

    def _optimize_final_module(self) -> None:
        while self._link_in_recursive():
            pass
        super()._optimize_final_module()
        # The name of a function holds neither the globals nor the closure it refers to: code from another process
        # may have it for another one, and the two must not meet.
        # Internal is not enough: LLVM may have other parameters for such a function, and the loader finds it by name
        # all the same, for code of Numba's own that has it, too.
        mark = uuid.uuid4().hex
        for function in list(self._final_module.functions):
            if function.linkage == Linkage.linkonce_odr and not function.name.startswith("NRT_"):
                function.linkage = Linkage.internal
                function.name = f"{mark}.{function.name}"

    def _link_in_recursive(self) -> bool:
        """Add the recursive functions, and say where they are: Numba would seek them when the code is loaded."""
        module = self._final_module
        missing = [name for name in calls_by_name(self) if name in _LIBRARIES]
        for name in missing:
            place = codegen.RuntimeLinker.PREFIX + name
            module.link_in(parse_assembly(_definition(place, name)))
            module.get_global_variable(place).linkage = Linkage.internal
            module.link_in(_LIBRARIES[name]._get_module_for_linking(), preserve=True)
        return bool(missing)


_NO_GLOBALS = {"__builtins__": builtins}  # without a __name__, so that nobody seeks its module


class Lower(Releasing):
    """Writes functions. Numba knows them for good: what they refer to is not to be held by that."""

    def __init__(self, context: Any, library: Any, fndesc: Any, *rest: Any, **options: Any) -> None:
        if fndesc.global_dict is not None:
            fndesc.global_dict = _NO_GLOBALS
        super().__init__(context, library, fndesc, *rest, **options)


class Inlined(Lower):
    """Writes functions that LLVM must inline."""

    def setup_function(self, fndesc: Any) -> None:
        super().setup_function(fndesc)
        self.function.attributes.add("alwaysinline")


class Apart(Lower):
    """Writes functions that LLVM must not inline, unless Numba's option says that it must."""

    def setup_function(self, fndesc: Any) -> None:
        super().setup_function(fndesc)
        if not fndesc.inline:
            self.function.attributes.add("noinline")


@register_pass(mutates_CFG=True, analysis_only=False)
class LowerForLinking(NativeLowering):
    """Lowers a function that compiled code calls."""

    _name = "dualdiff_lower_for_linking"
    library_class: Any = LinkedLibrary
    lowering_class: Any = Lower

    def run_pass(self, state: Any) -> bool:
        context = state.targetctx
        state.library = self.library_class(context.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        state.type_annotation = None  # it has the function: the result must not hold what it is the result of
        lowered = state["cr"]
        # the object by which Numba knows the function; there is nothing that it could call
        name, address = lowered.fndesc.qualname.split(".")[-1], 0
        handle = _dynfunc.make_function(
            lowered.fndesc.lookup_module(), name, "", address, lowered.env, (state.library,)
        )
        _LIBRARIES[lowered.fndesc.llvm_func_name] = state.library
        context.insert_user_function(handle, lowered.fndesc, [state.library])
        state["cr"] = lowered._replace(cfunc=handle)
        return True


@register_pass(mutates_CFG=True, analysis_only=False)
class LowerInlined(LowerForLinking):
    """The same, for a function that is inlined. Numba's own option for that is handed on to all that it calls."""

    _name = "dualdiff_lower_inlined"
    lowering_class: Any = Inlined


@register_pass(mutates_CFG=True, analysis_only=False)
class LowerApart(LowerForLinking):
    """The same, for a function that is inlined only if its options say so: LLVM takes long over large functions."""

    _name = "dualdiff_lower_apart"
    lowering_class: Any = Apart


@register_pass(mutates_CFG=True, analysis_only=False)
class LowerForPython(NativeLowering):
    """Lowers a function that Python calls, with all that is linked into it."""

    _name = "dualdiff_lower_for_python"
    lowering_class: Any = Lower

    def run_pass(self, state: Any) -> bool:
        state.library = WholeLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        super().run_pass(state)
        state.type_annotation = None
        # some functions refer to objects in an environment: those linked have not got theirs
        names = (variable.name for variable in state.library._final_module.global_variables)
        state.library.environments = {name: lookup_environment(name) for name in names if lookup_environment(name)}
        for name, environment in state.library.environments.items():
            state.targetctx.codegen().set_env(name, environment)
        return True


class LinkedCompiler(CompilerBase):
    """Numba's nopython pipeline, up to LLVM's language."""

    lowering_pass: Any = LowerForLinking

    def define_pipelines(self) -> list[Any]:
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [(self.lowering_pass if p is NativeLowering else p, text) for p, text in passes.passes]
        self.prepare(passes)
        passes.finalize()
        return [passes]

    def prepare(self, passes: Any) -> None:
        """Add passes of one's own."""


class WholeCompiler(LinkedCompiler):
    """Numba's pipeline for a function that Python calls."""

    lowering_pass = LowerForPython


class CalledCompiler(LinkedCompiler):
    """The same for this package's own functions."""

    lowering_pass = LowerApart
