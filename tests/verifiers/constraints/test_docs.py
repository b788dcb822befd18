from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "logic.md"


def test_the_blocks_run_as_pasted_and_print_what_stands_below_them() -> None:
    namespace: dict[str, object] = {}
    page = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", page, re.DOTALL)
    assert len(blocks) == 5
    for number, (block, below) in enumerate(blocks):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, f"{PAGE.name}, block {number}", "exec"), namespace)  # noqa: S102 (our own page)
        said = below or "".join(f"{line}\n" for line in re.findall(r"^print\(.*\)\s+# (.+)$", block, re.MULTILINE))
        assert printed.getvalue() == said, number
