"""Every Python block of docs/agents.md runs as pasted and prints what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import stepgym

PAGE = Path(__file__).parents[3] / "docs" / "agents.md"
SOURCE = Path(stepgym.__file__).parents[1]
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```\n\n```text\n(?P<output>.*?)^```\n", re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_every_block_runs_as_pasted(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == text.count("```python\n") >= 3
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "error"}
    for number, block in enumerate(blocks):
        command = [sys.executable, "-c", block["code"]]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=120
        )
        assert done.returncode == 0, f"block {number}:\n{done.stderr}"
        assert done.stdout == block["output"], f"block {number} prints something else"
