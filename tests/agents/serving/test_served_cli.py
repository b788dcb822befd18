"""`--policy http://...` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from fault_server import serving

from stepgym.agents import EpisodeLog
from stepgym.cli import main

COLLECT = ("collect", "stepgym/ArithmeticChain-v0", "--episodes", "5")


def test_episodes_are_collected_from_a_server(tmp_path: Path) -> None:
    with serving() as server:
        code = main([*COLLECT, "--policy", server.url, "--out", str(tmp_path / "log")])
    assert code == 0
    with EpisodeLog(tmp_path / "log") as log:
        episodes = list(log)
    assert [episode.policy for episode in episodes] == ["tiny"] * 5
    assert {step.action for episode in episodes for step in episode.steps} == {"42"}


@pytest.mark.parametrize(
    ("cards", "wanted"), [([{"id": "a"}, {"id": "b"}], "URL#NAME from: a, b"), ([], "serves 0 models")]
)
def test_which_model_must_be_clear(
    cards: list[dict[str, str]], wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(cards=cards) as server:
        assert main([*COLLECT, "--policy", server.url, "--out", str(tmp_path / "log")]) == 2
    assert wanted in capsys.readouterr().err


def test_nobody_there_is_one_line_and_no_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as server:
        url = server.url
    assert main([*COLLECT, "--policy", url, "--out", str(tmp_path / "log")]) == 2
    error = capsys.readouterr().err
    assert url in error
    assert "is a server running there" in error
    assert not (tmp_path / "log").exists()
