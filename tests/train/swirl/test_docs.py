from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "swirl.md"


def test_the_python_blocks_run_as_pasted_and_print_what_their_comments_say():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    namespace: dict[str, object] = {}
    for number, block in enumerate(blocks):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, f"{PAGE.name}, block {number}", "exec"), namespace)  # noqa: S102 (our own page)
        said = re.findall(r"^(?:print\(.*\)  )?# (.+)$", block, re.MULTILINE)
        assert printed.getvalue().splitlines() == said
        assert said
