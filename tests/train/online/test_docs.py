"""The code of docs/online.md runs as pasted, on a model trained for a moment."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "online.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def run(code: str, folder: Path, start: Path) -> str:
    shutil.copytree(start, folder / "runs" / "quickstart" / "sft")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_verifier_search_and_training_run_as_pasted(tmp_path: Path, chain_start: Path) -> None:
    printed = run(BLOCKS[0], tmp_path, chain_start)
    assert re.search(r"^0 [\d.]+ [-\d.e]+$", printed, re.MULTILINE)
    assert (tmp_path / "runs" / "online" / "policy" / "config.json").is_file()
    assert (tmp_path / "runs" / "verifier" / "value" / "config.json").is_file()


@pytest.mark.slow
def test_the_bridge_to_trl_runs_as_pasted(tmp_path: Path, chain_start: Path) -> None:
    pytest.importorskip("trl")
    pytest.importorskip("datasets")
    load = next(line for line in BLOCKS[0].splitlines() if line.startswith("model, tokenizer"))
    names = "from transformers import AutoModelForCausalLM, AutoTokenizer\nstart = 'runs/quickstart/sft'\n"
    assert run(names + load + "\n" + BLOCKS[1], tmp_path, chain_start).split()[-1] == "1"
