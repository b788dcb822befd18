from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "sandbox.md"


def test_the_python_blocks_run_as_pasted_and_print_what_their_comments_say(sandbox):
    assert sandbox.name
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, PAGE.name, "exec"), {})  # noqa: S102 (our own page)
        said = re.findall(r"^print\(.*\)\s+# (.+)$", block, re.MULTILINE)
        assert printed.getvalue().splitlines() == said
