from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from .conftest import SMALL
from .test_alfworld import official_games
from .test_logs import solutions

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ stepgym (.*)$", PAGE, re.MULTILINE)


def test_every_command_has_its_place_in_the_page():
    from stepgym.cli.commands import COMMANDS as KNOWN

    for command in KNOWN:
        assert f"| `{command.name}` |" in PAGE
        assert any(line.split()[0] == command.name for line in COMMANDS)


@pytest.mark.slow
def test_the_page_runs_as_written(cli, tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    for name, text in re.findall(r"Save this as `([^`]+)`:\n\n```jsonl\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    solutions(tmp_path / "example_model_solutions.jsonl.gz")
    has_games = official_games(tmp_path / "alfworld")
    printed = ""
    for line in COMMANDS:
        words = shlex.split(line)
        if words[0] == "quickstart":
            words += [*SMALL, "--candidates", "2", "--demonstrations", "300"]  # the whole one takes minutes
        if words[0] == "alfworld" and not has_games:
            continue  # nobody else may hand out the official games
        result = cli(*words)
        assert result.code == 0, f"{line}\n{result.err}"
        printed += result.out
    for block in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL):
        assert block in printed
