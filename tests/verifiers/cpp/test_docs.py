from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "code.md"


def test_the_first_example_prints_what_its_comments_say(verifier):
    block = re.search(r"```python\n(.*?)\n```\n", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block, PAGE.name, "exec"), {})  # noqa: S102 (our own page)
    said = re.findall(r"^print\(.*\)\s+# (.+)$", block, re.MULTILINE)
    assert printed.getvalue().splitlines() == said
    assert len(said) == 5


def test_the_blocks_about_tasks_print_what_stands_below_them():
    text = PAGE.read_text(encoding="utf-8").partition("## Tasks")[2]
    pairs = re.findall(r"```python\n(.*?)\n```\n\n```text\n(.*?)\n```\n", text, re.DOTALL)
    assert len(pairs) == 2
    for block, shown in pairs:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, PAGE.name, "exec"), {})  # noqa: S102 (our own page)
        assert printed.getvalue().strip() == shown.strip()
