from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

pytest.importorskip("rdkit", reason="needs the extra chem")

PAGE = Path(__file__).parents[3] / "docs" / "chemistry.md"


def test_the_python_blocks_run_as_pasted_and_print_what_their_comments_say():
    page = PAGE.read_text(encoding="utf-8")
    namespace: dict[str, object] = {}
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page, re.DOTALL)):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, f"{PAGE.name}, block {number}", "exec"), namespace)  # noqa: S102 (our own page)
        output = printed.getvalue()
        for said in re.findall(r"^print\(.*\)\s+# (.+)$", block, re.MULTILINE):
            if said == "the same with the place underlined":
                assert output.strip().partition("\n")[2] in page
            else:
                assert said in output.splitlines(), (number, said, output)
