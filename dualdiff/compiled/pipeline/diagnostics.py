"""What a Numba error means to the author of the function that was to be differentiated."""

from __future__ import annotations

import inspect
import linecache
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba

from ..numba_internals import NumbaError, ir

# What Numba says, and what to write instead; the first that is found counts.
ADVICE: tuple[tuple[str, str], ...] = (
    (
        r"is written into the argument",
        "allocate the array inside the function, or name it as out_argnum",
    ),
    (
        r"of an object that is an argument|an object that is an argument is kept|frozen (array|instance|numba)",
        "every pass must see the same object: return what changes, or pass it as an array; lists, dicts and sets in an "
        "object cannot be read",
    ),
    (
        r"complex(64|128)|^complex\(",
        "derivatives of complex functions are not supported: compute with real and imaginary parts",
    ),
    (
        r"ListType\[|DictType\[|reflected set|[Ss]et\(|types\.containers|typed\.(List|Dict)|_append|Undecided type",
        "typed lists, dicts and sets of floats cannot hold duals: use an array, a tuple or a list literal",
    ),
    (
        r"jitclass\.|in \"\([\w.$]+\)\.\w+ =",
        "the fields of a jitclass or record are floats: keep duals in variables, arrays or a named tuple",
    ),
    (r"[Aa]rray\((bool|u?int)\d*.*Dual", "an array of integers cannot hold duals: make it one of floats"),
    (
        r"setitem\((readonly )?[Aa]rray\(|[Cc]annot cast Dual|convert Dual",
        "store duals only into arrays made in the function, and use np.zeros_like(x) or np.zeros(n) there",
    ),
    (
        r"in numba\.core\.typing\.npydecl",
        "an array of complex numbers or integers takes no duals in place: make it one of floats, in the function",
    ),
    (r"^view\(", "duals are no plain numbers in memory: use astype, or the array itself"),
    (r"objmode|[Oo]bject mode|With\b.*context", "objmode leaves compiled code: keep the computation out of it"),
    (
        r"DUFunc|GUFunc|vectorize",
        "a @guvectorize function has no rule: call an @njit function in a loop, or give it a jvp by custom_derivative",
    ),
    (
        r"ExternalFunction|CFunc|numba\.core\.(ccallback|types\.functions)|mismatch of argument types",
        "a C function takes floats and has no rule: write it as an @njit function, or call what "
        "custom_derivative(f, partials=...) makes of it",
    ),
    (r"unicode_type|Literal\[str\]|StringLiteral", "strings cannot be computed with: pass them as arguments at most"),
    (
        r"[Cc]an(not|'t) unify",
        "a variable or result is of floats on one way and of duals on another: start from a copy, as in y = w.copy()",
    ),
    (
        r"getiter.*Tuple",
        "a loop over arrays of floats and arrays of duals has no one type: write out its passes",
    ),
    (
        r"^(dot|matmul)\(.*array\((?!float64)",
        "Numba multiplies arrays of one type only: make both float64, as in x.astype(np.float64)",
    ),
    (
        r"Untyped global name",
        "compiled code calls @njit functions and derivatives that are made outside of it, as in slope = derivative(f)",
    ),
    (
        r"Function\(<(ufunc|function|built-in function|class)",
        "that function has no derivative here for these arguments: write the line with other functions or with loops, "
        "or give the function a derivative by custom_derivative",
    ),
)
# What is said here when it is refused, wherever it stands in Numba's message.
OWN: tuple[tuple[str, str], ...] = (
    (
        r"\w+ is not to be differentiated by its argument number \d+: its partial derivative is None",
        "give it one in custom_derivative(partials=...), or pass a constant there",
    ),
    (r"\w+ has no derivative yet: enter it by @\w+\.jvp", "its rule is a function of primals and tangents"),
)
OTHERWISE = (
    "write that line with arithmetic, NumPy's elementary functions, and arrays made in the function, or put it into a "
    "function with custom_derivative"
)

_INSTALLED = (str(Path(numba.__file__).parent), str(Path(__file__).parents[2]))
_PLACES = re.compile(r"^\s*During: .* at (.+) \((\d+)\)$", re.MULTILINE)
_SHOWN = re.compile(r'File "([^"]+)", line (\d+)')
_CALL = re.compile(r">>> (.+)$", re.MULTILINE)
_CANDIDATES = re.compile(r"^There are \d+ candidate", re.MULTILINE)
_STATEMENT = re.compile(r'During: lowering ("[^"]+")')
_SHORT = (
    (re.compile(r"Dual\(level=\d+, (?:[^()]|\([^()]*\))*\)"), "Dual"),
    (re.compile(r"<module '([\w.]+)' from '[^']*'>"), r"\1"),
    (re.compile(r"\$[\w.]+"), "..."),
)


def explained(error: Exception, py_func: Any) -> str:
    """Two lines: the user's line and the operation that failed; what to write instead."""
    message = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    filename, line = _place(error, message, py_func)
    source = linecache.getline(filename, line).strip()
    operation = _operation(message) if isinstance(error, NumbaError) else _what_numba_raised(error)
    places = operation, _CANDIDATES.split(message)[0], message
    known = (text for where in places for pattern, text in ADVICE if re.search(pattern, where))
    advice = next(known, OTHERWISE)
    for pattern, text in OWN:
        found = re.search(pattern, message)
        if found:
            operation, advice = found[0], text
    return f"{filename}:{line}: {source}: {py_func.__name__} cannot be compiled for duals: {operation}\n{advice}"


def _place(error: Any, message: str, py_func: Any) -> tuple[str, int]:
    """The line of the user's code that the error is about, in the innermost of the user's functions."""
    here = Path(py_func.__code__.co_filename)
    found = [(name, int(line)) for name, line in _PLACES.findall(message)]
    loc = getattr(error, "loc", None)
    if loc is not None:
        found.append((str(loc.filename), int(loc.line)))
    found += [(name, int(line)) for name, line in _SHOWN.findall(message)]
    found += _under_way(error)
    for name, line in found:
        path = here if Path(name).name == here.name else Path(name).resolve()
        if not str(path).startswith(_INSTALLED) and path.exists():
            return str(path), line
    return str(here), py_func.__code__.co_firstlineno


def _under_way(error: BaseException) -> Iterator[tuple[str, int]]:
    """The lines that Numba was at when it raised, the innermost first: its own errors tell them, others do not."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    for frame in reversed(frames):
        loc = inspect.getattr_static(frame.f_locals.get("self"), "loc", None)  # proxies of Numba's raise KeyError
        if isinstance(loc, ir.Loc):
            yield loc.filename, loc.line


def _what_numba_raised(error: BaseException) -> str:
    """An exception that is none of Numba's own, and the module of Numba that it comes from."""
    modules = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    module = next((name for name in reversed(modules) if name.startswith("numba.")), "numba")
    message = str(error)
    return readable(f"{type(error).__name__}{f' ({message})' if message else ''} in {module}")


def _operation(message: str) -> str:
    """What failed, in Numba's words but without the inside of types."""
    call = _CALL.search(message)
    if call:
        return readable(call.group(1)).strip()
    lines = [line.strip(" -") for line in message.splitlines() if line.strip(" -")]
    what = next((line for line in lines if not line.startswith(("Failed in", "During", "Resolution"))), "unknown")
    statement = _STATEMENT.search(message)
    return readable(what.split(": %")[0] + (f" in {statement.group(1)}" if statement else ""))


def readable(text: Any) -> str:
    """A type or a message of Numba without the inside of types."""
    text = str(text)
    for pattern, short in _SHORT:
        text = pattern.sub(short, text)
    return text
