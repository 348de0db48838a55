"""Divisions by zero in loops that LLVM vectorises, which cannot stop: they are noted, and told after the loop.

Every function of Numba's gets a pointer to a place where it says what it raises. Within such a loop, all functions
get the same one, a variable of the loop: what divides writes there whether it is by zero, and goes on. Once all are
inlined, LLVM keeps the variable in a register.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..numba_internals import CPUCallConv, CPUContext, NumpyErrorModel, PythonErrorModel, cgutils, register_pass
from .linking import Inlined, Lower, LowerInlined
from .releasing import with_context

_NOTE = cgutils.intp_t


class Noting(NumpyErrorModel):
    """Numba's error model "numpy", where a division by zero can be noted."""

    def note(self, builder: Any, is_zero: Any) -> None:
        """Note a division by zero, if it is one; without a branch, which could keep LLVM from vectorising."""
        place = builder.bitcast(self.call_conv.place(builder), _NOTE.as_pointer())
        builder.store(builder.or_(builder.load(place), builder.zext(is_zero, _NOTE)), place)


class _CallConv(CPUCallConv):
    """Calls with the same place for all."""

    def place(self, builder: Any) -> Any:
        """Where the function that is written notes divisions by zero."""
        return self._get_excinfo_argument(builder.function)

    def call_function(
        self, builder: Any, callee: Any, resty: types.Type, argtys: Any, args: Any, attrs: Any = ()
    ) -> tuple[Any, Any]:
        result = cgutils.alloca_once_value(builder, cgutils.get_null_value(self.get_return_type(resty).pointee))
        place = self.place(builder)
        given = self._get_arg_packer(argtys).as_arguments(builder, args)
        code = builder.call(callee, [result, place, *given], attrs=attrs or ())
        status = self._get_return_status(builder, code, builder.load(place))
        return status, self.context.get_returned_value(builder, resty, builder.load(result))


class _CallConvOfLoop(_CallConv):
    """The same for the loop: the place is a variable."""

    def place(self, builder: Any) -> Any:
        if self.context.place is None:
            self.context.place = cgutils.alloca_once(builder, _NOTE)  # which is 0 to begin with
        kind = self._get_excinfo_argument(builder.function).type
        return builder.bitcast(self.context.place, kind)


class _Context(CPUContext):
    """What functions in such loops are written with."""

    convention: type[_CallConv] = _CallConv

    @property
    def call_conv(self) -> _CallConv:
        return self.convention(self)


class _ContextOfLoop(_Context):
    convention = _CallConvOfLoop
    place = None


def _noting(kind: type[_Context], context: Any) -> Any:
    is_noting = isinstance(context.error_model, PythonErrorModel)
    made = with_context(kind, context)
    if is_noting:
        made.error_model = Noting(made.call_conv)
    return made


class InLoop(Inlined):
    """Writes functions that such loops call."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.context = _noting(_Context, self.context)


class LoopItself(Lower):
    """Writes such loops."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.context = _noting(_ContextOfLoop, self.context)


@register_pass(mutates_CFG=True, analysis_only=False)
class LowerInLoop(LowerInlined):
    """Lowers a function that such loops call."""

    _name = "dualdiff_lower_in_loop"
    lowering_class: Any = InLoop


@intrinsic
def divided_by_zero(typingctx: Any) -> Any:
    """For such a loop: whether there was a division by zero."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        noted = builder.load(context.place)
        return builder.icmp_unsigned("!=", noted, ir.Constant(_NOTE, 0))

    return types.boolean(), codegen
