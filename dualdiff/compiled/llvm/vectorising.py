"""The compilation of loops over samples, with vector functions in the place of scalar ones.

What those are is asked for when the first loop is compiled, not before: it takes a tenth of a second.
"""

from __future__ import annotations

from typing import Any

from ..numba_internals import NativeLowering, codegen, register_pass
from .linking import LinkedCompiler, LinkedLibrary, LowerForLinking

STRIDE = 64
"""Numbers per step of a loop: a multiple of what LLVM takes at a time, which is a few vectors."""


def _vectorise(library: Any) -> None:
    """Optimise the code of a library, with vector functions in the place of scalar ones."""
    from .vectormath import vectorisable

    library._final_module = vectorisable(library._final_module)
    codegen.JITCodeLibrary._optimize_final_module(library)


class VectorisedLibrary(LinkedLibrary):
    """Code with loops, to be linked into that of other functions: optimised, as ``LinkedLibrary`` is not."""

    def _optimize_final_module(self) -> None:
        _vectorise(self)


class VectorisedCLibrary(codegen.JITCodeLibrary):
    """Code with loops that is called by its address."""

    def _optimize_final_module(self) -> None:
        _vectorise(self)


@register_pass(mutates_CFG=True, analysis_only=False)
class LowerVectorised(LowerForLinking):
    """Lowers a loop that compiled code calls, and vectorises it."""

    _name = "dualdiff_lower_vectorised"
    library_class = VectorisedLibrary


@register_pass(mutates_CFG=True, analysis_only=False)
class LowerVectorisedC(NativeLowering):
    """Lowers a loop that is called by its address, and vectorises it."""

    _name = "dualdiff_lower_vectorised_c"

    def run_pass(self, state: Any) -> bool:
        state.library = VectorisedCLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        return bool(super().run_pass(state))


class VectorisedCCompiler(LinkedCompiler):
    """The pipeline of loops that are called by their addresses."""

    lowering_pass = LowerVectorisedC
