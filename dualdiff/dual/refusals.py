"""What is said where a dual would have to become a plain number: the user's line, and what to write there instead."""

from __future__ import annotations

import linecache
import os
import re
import sys
from types import FrameType
from typing import Any

import numpy as np

from ..rules.scipy_special import ELSEWHERE

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

_LIBRARIES = ("numpy", "scipy", "statistics")

# What stands in the user's line, and what to write instead; the first that is found counts.
_ADVICE: tuple[tuple[str, str], ...] = (
    (r"\bmath\.(hypot|dist)\(", "use np.hypot(x, y) or np.linalg.norm(x - y)"),
    (
        r"\b(math\.(fsum|sumprod)|statistics\.\w+|fsum|fmean)\(",
        "use sum, np.sum, np.mean or another of NumPy's functions",
    ),
    (r"\bnp\.\w+\(.*\binitial=", "combine the dual with the result instead: np.sum(x) + start"),
    (r"\bnp\.interp\(.*\b(?:left|right)=", "choose afterwards: np.where(x < xp[0], left, np.interp(x, xp, fp))"),
    (r"\bmath\.(\w+)\(", "use np.{0}, which takes duals"),
    (
        r"\]\s*(?:[-+*/@%]|//|\*\*)?=(?!=)",
        "an array that duals are stored into is made by np.zeros(n, like=x) or np.zeros_like(x), x being the argument",
    ),
    (
        r"\bnp\.(?:as)?array\(|\bnumpy\.(?:as)?array\(",
        "an array of duals is made by np.array(..., like=x), x being the argument, or by np.stack([x, y])",
    ),
    (r"\bnp\.full\(", "use np.full(n, number, like=x), x being the argument"),
    (r"\b(?:float|np\.float64)\(", "leave the conversion out, or use x.value for the number alone"),
)
_SPECIAL = {name: f"call dualdiff.special.{name}" for name in ELSEWHERE}
_SPECIAL |= {name: f"call dualdiff.{name}" for name in ("polygamma", "logsumexp", "softmax", "log_softmax")}
_SPECIAL["comb"] = "call scipy.special.binom"
_OTHERWISE = (
    "keep to functions that take duals, make arrays that are to hold duals by np.zeros(n, like=x), give the function a "
    "derivative by dualdiff.custom_derivative, or use x.value for the number alone"
)


def refused(what: str, plain: str) -> TypeError:
    """The error for a dual, ``what``, that would have to become ``plain``, a number or an array without derivative."""
    frame: FrameType | None = sys._getframe(1)
    packages: list[str] = []
    functions: list[str] = []
    while frame is not None and (_package(frame) in _LIBRARIES or _is_ours(frame)):
        packages.append(frame.f_globals.get("__name__", ""))
        functions.append(frame.f_code.co_name)
        frame = frame.f_back
    lost = f"{what} does not become {plain}: that would lose its derivative"
    if frame is None:
        return TypeError(f"{lost}. {_OTHERWISE[0].upper()}{_OTHERWISE[1:]}")
    line = _line(frame.f_code.co_filename, frame.f_lineno)
    place = f"{frame.f_code.co_filename}:{frame.f_lineno}: {line}: "
    scipy = next((name for name in packages if name.startswith("scipy.")), None)
    return TypeError(f"{place}{lost}. {_in_scipy(scipy, functions) if scipy else _advice(line)}")


def objects_refused(error: Exception) -> TypeError:
    """The error where NumPy or SciPy met an array of objects, with duals in it, that it does not compute with."""
    user: Any = None
    packages: list[str] = []
    functions: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if _package(frame) in _LIBRARIES or _is_ours(frame):
            packages.append(frame.f_globals.get("__name__", ""))
            functions.append(frame.f_code.co_name)
        else:
            user = frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    place = "" if user is None else f"{user[0]}:{user[1]}: {_line(*user)}: "
    scipy = next((name for name in packages if name.startswith("scipy.")), None)
    if scipy is not None:
        return TypeError(f"{place}{_in_scipy(scipy, functions)}")
    return TypeError(
        f"{place}NumPy made an array of objects of duals, and does not compute with it here ({error}). An array of "
        f"duals is made by np.array(..., like=x), x being the argument, or by np.stack([x, y])"
    )


def _line(filename: str, number: int) -> str:
    return linecache.getline(filename, number).strip()


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _is_ours(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_OURS)


def _in_scipy(module: str, functions: list[str]) -> str:
    folder = ".".join(module.split(".")[:2])
    if folder == "scipy.special":
        found = next((name for name in functions if name in _SPECIAL), None)
        if found:
            return f"scipy.special.{found} computes with plain numbers: {_SPECIAL[found]}"
    if folder == "scipy.stats":
        return (
            f"{folder} computes with plain numbers: write the density or the distribution function with the special "
            f"functions that it is made of, as norm.cdf(x) = scipy.special.ndtr(x) (see README)"
        )
    if folder == "scipy.optimize":
        return (
            f"{folder} computes with plain numbers: make the solver f = dualdiff.implicit(f, residual), and call that"
        )
    return (
        f"{folder} computes with plain numbers: give the call a derivative by dualdiff.custom_derivative (see README)"
    )


def _advice(line: str) -> str:
    for pattern, text in _ADVICE:
        found = re.search(pattern, line)
        if found:
            name = found[1] if found.groups() else ""
            if "{0}" in text and not hasattr(np, _NUMPYS.get(name, name)):
                return _sentence("use a function of NumPy, or give this one a derivative by dualdiff.custom_derivative")
            return _sentence(text.format(_NUMPYS.get(name, name)))
    return _sentence(_OTHERWISE)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


_NUMPYS = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "pow": "power"}
_NUMPYS |= {"asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh"}
