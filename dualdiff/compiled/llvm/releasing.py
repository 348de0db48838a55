"""Functions that release what they hold when they are left by an exception, which Numba's do not.

A variable of Numba's that is not alive is null, and to release null does nothing. So a function that is left early goes
by a block where all its variables that refer to memory are released.
"""

from __future__ import annotations

from typing import Any

from ..numba_internals import CPUCallConv, CPUContext, callconv, cgutils, ir, lowering


class _CallConv(CPUCallConv):
    def _return_errcode_raw(self, builder: Any, code: Any) -> None:
        if code in (callconv.RETCODE_OK, callconv.RETCODE_NONE) or not self.context.leave(builder, code):
            super()._return_errcode_raw(builder, code)


class _Context(CPUContext):
    """What such functions are written with."""

    leave: Any = None

    @property
    def call_conv(self) -> CPUCallConv:
        return _CallConv(self)


def with_context(kind: type[CPUContext], context: Any) -> Any:
    """The context as one of a kind."""
    made: Any = object.__new__(kind)
    made.__dict__.update(context.__dict__)
    made.error_model = type(context.error_model)(made.call_conv)
    return made


class Releasing(lowering.Lower):
    """Writes such functions."""

    context: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._holders: list[str] = []
        self._exit: Any = None
        self.context = with_context(_Context, self.context)
        self.context.leave = self._leave

    def pre_lower(self) -> None:
        super().pre_lower()
        if self.generator_info is None:
            self.loc = self.defn_loc
            models = self.context.data_model_manager
            names = {s.target.name for block in self.blocks.values() for s in block.find_insts(ir.Assign)}
            self._holders = sorted(name for name in names if models[self.typeof(name)].contains_nrt_meminfo())
            for name in self._holders:  # they need a place, from the beginning
                self._singly_assigned_vars.discard(name)
                self._alloca_var(name, self.typeof(name))

    def _leave(self, builder: Any, code: Any) -> bool:
        """Leave the function by way of that block; False if it is not this one that is written."""
        if builder.function is not self.function or self.generator_info is not None:
            return False
        if self._exit is None:
            self._exit = builder.append_basic_block("exit"), cgutils.alloca_once(builder, code.type)
        block, place = self._exit
        builder.store(code, place)
        builder.branch(block)
        return True

    def post_lower(self) -> None:
        if self._exit is not None:
            block, place = self._exit
            self.builder.position_at_end(block)
            for name in self._holders:
                self.decref(self.typeof(name), self.builder.load(self.varmap[name]))
            self.builder.ret(self.builder.load(place))
        super().post_lower()
