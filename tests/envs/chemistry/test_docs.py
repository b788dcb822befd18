from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

pytest.importorskip("rdkit", reason="RDKit (the extra chem) is not installed")

PAGE = Path(__file__).parents[3] / "docs" / "chemistry_tasks.md"


def test_the_python_blocks_run_as_pasted_and_print_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 4
    for number, (block, output) in enumerate(blocks):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, f"{PAGE.name}, block {number}", "exec"), namespace)  # noqa: S102 (our own page)
        assert output in printed.getvalue()
        for said in re.findall(r"^print\(.*\)\s+# (.+)$", block, re.MULTILINE):
            assert said in printed.getvalue().splitlines(), (number, said, printed.getvalue())
