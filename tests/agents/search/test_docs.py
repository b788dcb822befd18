"""The code of docs/search.md runs as pasted, on a model trained for a moment."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "search.md"


@pytest.mark.slow
def test_the_code_runs_as_pasted(tmp_path: Path) -> None:
    from stepgym.quickstart.model import chain_model
    from stepgym.quickstart.run import Quickstart
    from stepgym.quickstart.settings import QuickstartSettings
    from stepgym.quickstart.tasks import demonstrations
    from stepgym.report.recorder import RunRecorder

    sizes = {"updates": 2, "demonstrations": 16, "train_tasks": 8, "test_tasks": 4}
    folder = tmp_path / "runs" / "quickstart"
    quick = Quickstart(RunRecorder(folder, "docs", "quickstart", ""), QuickstartSettings(**sizes))
    episodes = list(demonstrations(quick.settings, quick.tasks))
    quick.oreo(chain_model(quick.settings, quick.tokenizer), episodes)  # type: ignore[arg-type]
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(r"\d+ \d+\s*$", done.stdout)
