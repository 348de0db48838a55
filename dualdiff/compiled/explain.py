"""What a Numba error means to the author of the function that was to be differentiated."""

from __future__ import annotations

import linecache
import re
from pathlib import Path
from typing import Any

import numba

# What Numba says, and what to write instead; the first that is found counts.
ADVICE: tuple[tuple[str, str], ...] = (
    (
        r"is written into the argument",
        "allocate the array inside the function, or name it as out_argnum",
    ),
    (
        r"setitem\(Array\(float|setitem\(array\(float|[Cc]annot cast Dual|convert Dual",
        "store duals only into arrays made in the function, and use np.zeros_like(x) or np.zeros(n) there",
    ),
    (
        r"ListType\[|DictType\[|reflected set|Set\(|typed\.(List|Dict)|_append|Undecided type",
        "typed lists, dicts and sets of floats cannot hold duals: use an array, a tuple or a list literal",
    ),
    (r"instance\.jitclass|jitclass", "pass the numbers of a jitclass as arguments, arrays or a named tuple"),
    (r"objmode|[Oo]bject mode|With\b.*context", "objmode leaves compiled code: keep the computation out of it"),
    (
        r"DUFunc|GUFunc|vectorize",
        "a @vectorize or @guvectorize function has no rule: call an @njit function of one element in a loop",
    ),
    (r"complex(64|128)", "derivatives of complex functions are not supported: compute with real and imaginary parts"),
    (r"unicode_type|Literal\[str\]|StringLiteral", "strings cannot be computed with: pass them as arguments at most"),
    (
        r"Function\(<(ufunc|function|built-in function|class)",
        "that function has no derivative here for these arguments: write the line with functions that dualdiff.rules "
        "knows or with loops",
    ),
)
OTHERWISE = "write that line with arithmetic, the functions in dualdiff.rules, and arrays made in the function"

_INSTALLED = (str(Path(numba.__file__).parent), str(Path(__file__).parent.parent))
_PLACE = re.compile(r'File "([^"]+)", line (\d+)')
_CALL = re.compile(r">>> (.+)$", re.MULTILINE)
_DUAL = re.compile(r"Dual\(level=\d+, (?:[^()]|\([^()]*\))*\)")


def explained(error: Exception, py_func: Any) -> str:
    """Two lines: the user's line and the operation that failed; what to write instead."""
    message = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    filename, line = _place(error, message, py_func)
    source = linecache.getline(filename, line).strip()
    operation = _operation(message)
    known = (text for where in (operation, message) for pattern, text in ADVICE if re.search(pattern, where))
    advice = next(known, OTHERWISE)
    return f"{filename}:{line}: {source}: {py_func.__name__} cannot be compiled for duals: {operation}\n{advice}"


def _place(error: Any, message: str, py_func: Any) -> tuple[str, int]:
    """The line of the user's code that the error is about."""
    here = Path(py_func.__code__.co_filename)
    found = []
    loc = getattr(error, "loc", None)
    if loc is not None:
        found.append((str(loc.filename), int(loc.line)))
    found += [(name, int(line)) for name, line in _PLACE.findall(message)]
    for name, line in found:
        path = here if Path(name).name == here.name else Path(name).resolve()
        if not str(path).startswith(_INSTALLED) and path.exists():
            return str(path), line
    return str(here), py_func.__code__.co_firstlineno


def _operation(message: str) -> str:
    """What failed, in Numba's words but without the inside of types."""
    call = _CALL.search(message)
    if call:
        return _DUAL.sub("Dual", call.group(1)).strip()
    lines = [line.strip(" -") for line in message.splitlines() if line.strip(" -")]
    what = next((line for line in lines if not line.startswith(("Failed in", "During", "Resolution"))), "unknown")
    return _DUAL.sub("Dual", what).split(": %")[0]
