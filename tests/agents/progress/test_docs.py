"""The page about progress does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "progress.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```\n\n```text\n(?P<output>.*?)^```\n", re.DOTALL | re.MULTILINE)


def test_the_code_prints_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = list(BLOCK.finditer(PAGE))
    assert len(blocks) == PAGE.count("```python") == 3
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block["code"], "progress.md", "exec"), namespace)  # noqa: S102 (our own page)
        printed = "".join(line.rstrip() + "\n" for line in capsys.readouterr().out.splitlines())
        assert printed == block["output"]
