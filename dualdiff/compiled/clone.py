"""A user's ``@njit`` function, compiled for duals as a clone of its own."""

from __future__ import annotations

import functools
from typing import Any

from numba.core import ir
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.dispatcher import Dispatcher
from numba.core.registry import CPUDispatcher
from numba.core.untyped_passes import IRProcessing


@register_pass(mutates_CFG=False, analysis_only=False)
class CloneCallees(FunctionPass):
    """Replaces every dispatcher that the function refers to by its clone."""

    _name = "dualdiff_clone_callees"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        changed = False
        for block in state.func_ir.blocks.values():
            for assignment in block.find_insts(ir.Assign):
                source = assignment.value
                if isinstance(source, (ir.Global, ir.FreeVar)) and isinstance(source.value, Dispatcher):
                    source.value = clone(source.value)
                    changed = True
        return changed


class CloneCompiler(CompilerBase):
    """Numba's nopython pipeline with the pass above."""

    def define_pipelines(self) -> list[Any]:
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(CloneCallees, IRProcessing)
        passes.finalize()
        return [passes]


class Clone(CPUDispatcher):
    """A dispatcher that compiles for duals, and only to be called from compiled code.

    Numba cannot hand an array of duals to Python, so no wrapper for calls from Python is compiled.
    """

    def __init__(self, function: Any, inlined: bool) -> None:
        options = {
            "nopython": True,
            "nogil": True,
            "error_model": "numpy",
            "no_cpython_wrapper": True,
            "no_cfunc_wrapper": True,
            "forceinline": inlined,
        }
        super().__init__(function, locals={}, targetoptions=options, pipeline_class=CloneCompiler)


@functools.cache
def clone(dispatcher: Any, inlined: bool = False) -> Any:
    """The clone of a dispatcher, if wanted one that is inlined where it is called; the dispatcher stays untouched."""
    return dispatcher if isinstance(dispatcher, Clone) else Clone(dispatcher.py_func, inlined)
