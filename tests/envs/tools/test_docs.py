"""Every Python block of the page runs as pasted and prints what the page says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "tools.md"
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```\n)?", re.DOTALL | re.MULTILINE)
BLOCKS = list(BLOCK.finditer(PAGE.read_text(encoding="utf-8")))


def test_the_page_has_examples():
    assert len(BLOCKS) >= 4


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_prints_what_the_page_says(number):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(BLOCKS[number]["code"], f"{PAGE.name}, block {number}", "exec"), {})  # noqa: S102 (our own page)
    assert printed.getvalue() == (BLOCKS[number]["output"] or "")
