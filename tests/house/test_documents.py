"""What the documents show is what happens: the README's sessions, and the examples in docstrings."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest
from numba import njit, typeof

import dualdiff
from dualdiff import derivative, gradient, vmap
from dualdiff.compiled.batches import source as batch_source
from dualdiff.compiled.transforms import source as driver_source

README = Path(__file__).parents[2] / "README.md"


def test_readme():
    text = README.read_text(encoding="utf-8")
    session = "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    example = doctest.DocTestParser().get_doctest(session, {}, "README.md", str(README), 0)
    assert len(example.examples) > 10
    result = doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF).run(example)
    assert result.failed == 0


MODULES = [m.name for m in pkgutil.walk_packages(dualdiff.__path__, "dualdiff.") if not m.name.endswith("__main__")]


@pytest.mark.parametrize("name", ["dualdiff", *MODULES])
def test_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def shown_in(module):
    """The functions that a docstring shows, without their indentation."""
    blocks = re.findall(r"(?:^    .*\n)+", module.__doc__, re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in blocks]


def test_the_driver_in_the_docstring_is_the_one_that_is_written():
    @njit
    def f(x):
        return np.log(x[0]) + x[0] * x[1] - np.sin(x[1])

    assert shown_in(driver_source) == [gradient(f).text((typeof(np.ones(2)),), strict=False)]


def test_the_batch_in_the_docstring_is_the_one_that_is_written(monkeypatch):
    written = []
    function_from = batch_source.function_from
    monkeypatch.setattr(
        batch_source, "function_from", lambda text, scope: (written.append(text), function_from(text, scope))[1]
    )
    f = njit(lambda x, k: np.sin(k * x))
    assert vmap(derivative(f), in_axes=(0, None))(np.zeros(3), 2.0).tolist() == [2.0, 2.0, 2.0]
    assert shown_in(batch_source) == written


def test_the_page_is_told_by_help():
    page = dualdiff.__doc__
    for folder in ("transforms", "calls", "dual", "arrays", "rules", "compiled", "training"):
        assert f"``{folder}``" in page
        assert importlib.import_module(f"dualdiff.{folder}").__doc__
