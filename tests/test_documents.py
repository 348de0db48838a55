"""What the documents show is what happens: the README's sessions, and the examples in docstrings."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import dualdiff

README = Path(__file__).parent.parent / "README.md"


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
