"""``derivative`` of ``@njit`` functions: by a number, or by each number of an array, which is a loop over samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numba import types

from ...calls.threads import number_of_threads
from ...kept import kept_by_first
from ..dual.types import is_dual, is_number, level_of_type
from ..pipeline.clone import Clone, CloneCompiler, LoopCloneCompiler, clone
from ..pipeline.cost import must_stop
from ..transforms import seeding
from ..transforms.dense import CompiledTransform, with_copies
from ..transforms.driver import described, object_mode, without_omitted
from ..transforms.source import Given, Text
from .batch import batch
from .source import Argument, ScalarSamples

MANY = 1 << 14
"""For arrays with more numbers Python is asked whether their derivatives, one by one, are worth threads."""


class CompiledDerivative(CompiledTransform):
    """The derivative of a function by a number, or by each number of an array."""

    _reach = MANY
    _only_read: list[int] = []  # noqa: RUF012 (f gets a number)

    def __init__(self, f: Any, argnum: int, with_value: bool) -> None:
        super().__init__("derivative", f, argnum, None, with_value)

    def __reduce__(self) -> Any:
        return compiled_derivative, (self._f, self._argnums, self._with_value)

    def passes(self, text: Text) -> str:
        return text.elementwise(self._with_value) if text.is_array[0] else text.derivative(self._with_value)

    def scope(self, argtypes: Sequence[types.Type], strict: bool) -> dict[str, Any]:
        if not isinstance(argtypes[self.indices[0]], types.Array):
            return super().scope(argtypes, strict)
        level = 1 + max(map(level_of_type, argtypes))
        arguments = [
            Argument(t.dtype, True, True)
            if i in self.indices
            else Argument(t, False, False, self._starred and i == len(argtypes) - 1)
            for i, t in enumerate(argtypes)
        ]
        y = seeding.dual_type(arguments[self.indices[0]].type, types.literal(level), 1, strict)
        given = self.given(argtypes, 1, strict)
        copied = given.copied if given.frozen or self._starred else self.others(argtypes)
        called = with_copies(self._f, copied) if copied else self._f
        f = clone(called, CloneCompiler if must_stop(self._f) else LoopCloneCompiler)
        loop = ScalarSamples("derivative", f, arguments, self.indices, y, level, strict)
        return {"loop": Clone(loop.written(True, self._with_value).function(), CloneCompiler)}

    def wide_entry(self, argtypes: tuple[types.Type, ...]) -> Any:
        return object_mode(self._of_many, len(argtypes))

    def _of_many(self, *args: Any) -> Any:
        """The derivatives by each number of a long array."""
        i = self.indices[0]
        arguments = without_omitted(args)
        x = arguments[i]
        arguments[i] = x.reshape(x.size)
        if self._starred:
            arguments[-1:] = arguments[-1]
        batched = [k == i for k in range(len(arguments))]
        result = batch(self).evaluated(arguments, batched, x.size, number_of_threads())
        slopes = result[1] if self._with_value else result
        if isinstance(slopes, tuple):
            raise self._not_elementwise(f"a tuple of {len(slopes)}")
        return tuple(part.reshape(x.shape) for part in result) if self._with_value else slopes.reshape(x.shape)

    def lanes_for(self, size: int) -> int:
        return 1

    def _lanes(self, argtypes: Sequence[types.Type], strict: bool, wide: bool) -> int:
        return 1

    def check_ndim(self, i: int, ndim: int) -> None:
        """Any number of dimensions will do."""

    def result_type(self, argtypes: Sequence[types.Type], n: int, strict: bool) -> types.Type:
        result = super().result_type(argtypes, n, strict)
        if isinstance(argtypes[self.indices[0]], types.Array) and not (is_dual(result) or is_number(result)):
            raise self._not_elementwise(described(result))
        return result

    def _not_elementwise(self, result: str) -> ValueError:
        name = self.__name__
        return ValueError(
            f"derivative by an array expects that {name} maps a number to a number, not to {result}: "
            f"perhaps you want jacobian({name})"
        )

    def _lifted(self, argtypes: Sequence[types.Type], n: int, strict: bool, given: Given) -> list[types.Type]:
        i = self.indices[0]
        of_one = [t.dtype if k == i and isinstance(t, types.Array) else t for k, t in enumerate(argtypes)]
        return super()._lifted(of_one, n, strict, given)


@kept_by_first
def compiled_derivative(f: Any, argnum: int, with_value: bool) -> CompiledDerivative:
    """The derivative of an ``@njit`` function by one argument; one object, and so one compilation, for all that ask."""
    return CompiledDerivative(f, argnum, with_value)
