"""No derivative of an older text is taken from the disk: two versions of a module that differ in one thing each.

One process compiles and keeps the derivatives of the first versions; another, with the second versions in the same
files, must give the second derivatives, and a third finds those of the first again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# By kind of edit: the module (its name is m_KIND), with ~ for what differs; both texts for it; and both slopes at 3.
HEAD = "from numba import njit\nimport numpy as np\n"
EDITS: dict[str, tuple[str, str, str, float, float]] = {
    "constant": (HEAD + "@njit\ndef f(x):\n    return x * ~\n", "2.0", "5.0", 2.0, 5.0),
    "global": (HEAD + "C = ~\n@njit\ndef f(x):\n    return x * C\n", "2.0", "5.0", 2.0, 5.0),
    "helper": (
        HEAD + "@njit\ndef g(x):\n    return x * ~\n@njit\ndef f(x):\n    return g(x)\n",
        *("2.0", "5.0", 2.0, 5.0),
    ),
    "default": (HEAD + "@njit\ndef f(x, c=~):\n    return x * c\n", "2.0", "5.0", 2.0, 5.0),
    "default of a helper": (
        HEAD + "@njit\ndef g(x, c=~):\n    return x * c\n@njit\ndef f(x):\n    return g(x)\n",
        *("2.0", "5.0", 2.0, 5.0),
    ),
    "closure": (
        HEAD + "def make(c):\n    @njit\n    def f(x):\n        return x * c\n    return f\nf = make(~)\n",
        *("2.0", "5.0", 2.0, 5.0),
    ),
    "partial derivative": (
        HEAD + "from dualdiff import custom_derivative\n"
        "@custom_derivative(partials=(lambda x, y: ~,))\ndef g(x):\n    return x\n"
        "@njit\ndef f(x):\n    return g(x)\n",
        *("2.0", "5.0", 2.0, 5.0),
    ),
    "derivative along a direction": (
        HEAD + "from dualdiff import custom_derivative\n@custom_derivative\n@njit\ndef g(x):\n    return x\n"
        "@g.jvp\n@njit\ndef rule(primals, tangents):\n    return primals[0], ~ * tangents[0]\n"
        "@njit\ndef f(x):\n    return g(x)\n",
        *("2.0", "5.0", 2.0, 5.0),
    ),
    "array": (
        HEAD + "W = np.array([1.0, ~])\n@njit\ndef f(x):\n    return x * W[1]\n",
        *("2.0", "5.0", 2.0, 5.0),
    ),
    "attribute of a module": (
        HEAD + "import consts\n@njit\ndef f(x):\n    return x * consts.G\n",
        *("two", "five", 2.0, 5.0),
    ),
    "function of a module": (
        HEAD + "import consts\n@njit\ndef f(x):\n    return consts.g(x)\n",
        *("two", "five", 2.0, 5.0),
    ),
    "nested module": (
        HEAD + "import holder\n@njit\ndef f(x):\n    return x * holder.consts.G\n",
        *("two", "five", 2.0, 5.0),
    ),
    "nested tuples": (
        HEAD + "T = ~\n@njit\ndef f(x):\n    return x * (T[0][0] + 10.0 * len(T))\n",
        *("((1.0, 2.0), (3.0,))", "((1.0,), (2.0,), (3.0,))", 21.0, 31.0),
    ),
    "fields of a named tuple": (
        HEAD + "from collections import namedtuple\nP = namedtuple('P', '~')\n"
        "@njit\ndef f(x):\n    p = P(x, 5.0 * x)\n    return p.a\n",
        *("a b", "b a", 1.0, 5.0),
    ),
    "enumeration": (
        HEAD + "from enum import Enum\nclass E(Enum):\n    A = ~\n@njit\ndef f(x):\n    return x * E.A.value\n",
        *("2", "5", 2.0, 5.0),
    ),
    "overload": (
        HEAD + "from numba.extending import overload\ndef g(x):\n    pass\n"
        "@overload(g)\ndef _g(x):\n    def implementation(x):\n        return x * ~\n    return implementation\n"
        "@njit\ndef f(x):\n    return g(x)\n",
        *("2.0", "5.0", 2.0, 5.0),
    ),
    "register_jitable": (
        HEAD + "from numba.extending import register_jitable\n@register_jitable\ndef g(x):\n    return x * ~\n"
        "@njit\ndef f(x):\n    return g(x)\n",
        *("2.0", "5.0", 2.0, 5.0),
    ),
    "what an alias stands for": (
        HEAD + "@njit\ndef g(x):\n    return 2.0 * x\n@njit\ndef h(x):\n    return 5.0 * x\na, b = ~\n"
        "@njit\ndef f(x):\n    return a(x) + 10.0 * b(x)\n",
        *("g, h", "g, g", 52.0, 22.0),
    ),
    "derivative in f": (
        HEAD + "from dualdiff import derivative\n@njit\ndef g(x):\n    return x * x * ~\n"
        "slope = derivative(g)\n@njit\ndef f(x):\n    return slope(x)\n",
        *("2.0", "5.0", 4.0, 10.0),
    ),
    "try and except": (
        HEAD + "@njit\ndef f(x):\n    y = x\n    try:\n        y = 2.0 * x\n        if x > 0:\n"
        "            raise ValueError\n    except Exception:\n        y = y + ~ * x\n    return y\n",
        *("1.0", "3.0", 3.0, 5.0),
    ),
}

CONSTS = HEAD + "G = ~\n@njit\ndef g(x):\n    return x * ~\n"

PROGRAM = """
import importlib, json, sys
sys.path.insert(0, {folder!r})
from dualdiff import derivative
print(json.dumps([float(derivative(importlib.import_module(name).f)(3.0)) for name in {names}]))
"""


def module_of(kind: str) -> str:
    return "m_" + kind.replace(" ", "_")


@pytest.fixture(scope="module")
def slopes(tmp_path_factory: pytest.TempPathFactory) -> list[list[float]]:
    """The slopes in three processes: of the first texts, of the second, and of the first again."""
    folder = tmp_path_factory.mktemp("edits")
    (folder / "holder.py").write_text("import consts\n")
    found = []
    for version in (0, 1, 0):
        for kind, (text, *versions) in EDITS.items():
            (folder / f"{module_of(kind)}.py").write_text(text.replace("~", str(versions[version])))
        (folder / "consts.py").write_text(CONSTS.replace("~", ("2.0", "5.0")[version]))
        found.append(slopes_of(folder))
    return found


def slopes_of(folder: Path) -> list[float]:
    environment = {**os.environ, "DUALDIFF_CACHE_DIR": str(folder / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    program = PROGRAM.format(folder=str(folder), names=[module_of(kind) for kind in EDITS])
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", EDITS)
def test_an_edit_is_noticed(kind: str, slopes: list[list[float]]) -> None:
    *_, first, second = EDITS[kind]
    place = list(EDITS).index(kind)
    assert [of_process[place] for of_process in slopes] == [first, second, first]
