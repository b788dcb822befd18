"""Every Python block of the page runs as pasted, in order, and prints what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import stepgym

PAGE = Path(__file__).parents[2] / "docs" / "environments.md"
SOURCE = Path(stepgym.__file__).parents[1]
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```\n)?", re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_every_block_runs_as_pasted(tmp_path: Path) -> None:
    blocks = list(BLOCK.finditer(PAGE.read_text(encoding="utf-8")))
    assert len(blocks) >= 8
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "error"}
    for number, block in enumerate(blocks):
        named = re.match(r"# (\w+\.py)\n", block["code"])
        script = tmp_path / (named[1] if named else f"block_{number}.py")
        script.write_text(block["code"], encoding="utf-8")
        command = [sys.executable, script.name]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=120
        )
        assert done.returncode == 0, f"block {number} ({script.name}):\n{block['code']}\n{done.stderr}"
        assert done.stdout == (block["output"] or ""), f"block {number} ({script.name}) prints something else"
