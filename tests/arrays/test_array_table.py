"""The table of NumPy's array functions: both ways follow it, and what is missing is named."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from dualdiff.arrays.registry import implementations
from dualdiff.arrays.ufuncs import COMPOSED
from dualdiff.compiled.arrays import linalg, ufuncs  # noqa: F401 (they teach their functions)
from dualdiff.compiled.arrays.teaching import TAUGHT
from dualdiff.compiled.numba_internals import cpu_target
from dualdiff.compiled.pipeline import new_memory
from dualdiff.rules.array_functions import ARRAY_FUNCTIONS
from dualdiff.rules.table import FLAT, RULES, VALUE_ONLY

from . import test_array_functions, test_array_linalg
from . import test_dual_array as test_array


def name_of(function: Any) -> str:
    module = getattr(function, "__module__", None) or "numpy"
    return f"{module.replace('numpy', 'np')}.{function.__name__}"


every = pytest.mark.parametrize("function", ARRAY_FUNCTIONS, ids=name_of)


@every
def test_python_has_it(function: Any) -> None:
    if ARRAY_FUNCTIONS[function].kind == "unasked":
        assert function not in implementations()
    else:
        assert function in implementations() or function in COMPOSED


@every
def test_compiled_code_has_it_as_the_table_says(function: Any) -> None:
    context = cpu_target.typing_context
    context.refresh()
    try:
        known = context._lookup_global(function) is not None
    except KeyError:
        known = False
    compiled = ARRAY_FUNCTIONS[function].compiled
    assert (function in TAUGHT) == (compiled == "taught")
    assert known or compiled == "none"


def test_what_may_give_a_view_is_not_taken_for_new_memory() -> None:
    assert {f for f, entry in ARRAY_FUNCTIONS.items() if entry.is_view}.isdisjoint(new_memory._FUNCTIONS)


def test_whatever_is_implemented_is_in_the_table() -> None:
    elementary = {*RULES, *FLAT, *VALUE_ONLY}
    numpys = {f for f in {*implementations(), *COMPOSED, *TAUGHT} if name_of(f).startswith("np.") and callable(f)}
    strange = {f for f in numpys - set(ARRAY_FUNCTIONS) - elementary if not inspect.isclass(f)}
    assert sorted(map(name_of, strange)) == []


SAMPLED = test_array, test_array_functions, test_array_linalg
SAMPLES = "".join(Path(module.__file__).read_text(encoding="utf-8") for module in SAMPLED)
COMPILED_SAMPLES = "".join(
    (Path(__file__).parents[1] / "compiled" / f"{name}.py").read_text(encoding="utf-8")
    for name in ("test_compiled_arrays", "test_compiled_linalg")
)


@every
def test_there_is_a_sample_for_each_way(function: Any) -> None:
    entry = ARRAY_FUNCTIONS[function]
    called = re.compile(rf"[.\"]{function.__name__}\b")
    if entry.kind != "unasked":
        assert called.search(SAMPLES), f"no sample of {function.__name__} in test_array_functions"
    if entry.compiled != "none":
        assert called.search(COMPILED_SAMPLES), f"no sample of {function.__name__} in test_compiled_arrays"
