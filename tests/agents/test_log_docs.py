"""Every Python block of docs/logs.md runs as pasted, in order, and prints what the page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import stepgym
from stepgym.agents import Episode

PAGE = Path(__file__).parents[2] / "docs" / "logs.md"
SOURCE = Path(stepgym.__file__).parents[1]
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```\n)?", re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_every_block_runs_as_pasted(tmp_path: Path) -> None:
    blocks = list(BLOCK.finditer(PAGE.read_text(encoding="utf-8")))
    assert len(blocks) == 7
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONIOENCODING": "utf-8", "OMP_NUM_THREADS": "1"}
    for number, block in enumerate(blocks):
        named = re.match(r"# (\w+\.py)\n", block["code"])
        script = tmp_path / (named[1] if named else f"block_{number}.py")
        script.write_text(block["code"], encoding="utf-8")
        done = subprocess.run(
            [sys.executable, script.name],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
        )
        assert done.returncode == 0, f"block {number} ({script.name}):\n{block['code']}\n{done.stderr}"
        if block["output"] is not None:
            assert done.stdout == block["output"], f"block {number} ({script.name}) prints something else"


def test_the_episode_that_is_shown_is_an_episode() -> None:
    (shown,) = re.findall(r"^```json\n(.*?)^```\n", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    episode = Episode.from_dict(json.loads(shown))
    assert episode.to_dict() == json.loads(shown)
    assert list(episode.to_dict()) == list(json.loads(shown))
