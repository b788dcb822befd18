"""`--policy http://...` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from fault_server import serving

from stepgym.agents import Agent, ChatPrompt, EpisodeLog, OpenAIPolicy, PlainPrompt, ScriptedPolicy, collect
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


def test_a_model_that_takes_messages_is_told_the_instructions(tmp_path: Path) -> None:
    with serving() as server:
        assert main([*COLLECT, "--policy", server.url, "--out", str(tmp_path / "log")]) == 0
        assert main(["play", COLLECT[1], "--policy", server.url]) == 0
        collect(COLLECT[1], OpenAIPolicy("tiny", server.url), episodes=2, progress=False)
    assert len(server.bodies) == 8
    for body in server.bodies:
        system, user = body["messages"]
        assert (system["role"], user["role"]) == ("system", "user")
        assert "End with a line 'answer N'" in system["content"]


def test_the_default_prompt_depends_on_what_the_policy_takes(char_tokenizer: object) -> None:
    assert Agent(OpenAIPolicy("tiny")).prompt == ChatPrompt()
    assert Agent(OpenAIPolicy("tiny"), PlainPrompt(prefix="Q: ")).prompt == PlainPrompt(prefix="Q: ")
    assert Agent(OpenAIPolicy("tiny", tokenizer=char_tokenizer)).prompt == PlainPrompt()
    assert Agent(ScriptedPolicy(["42"])).prompt == PlainPrompt()


def test_plain_is_the_bare_turns_and_takes_no_prefix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*COLLECT, "--prompt", "plain", "--out", str(tmp_path / "log")]
    with serving() as server:
        for option in ("--prompt-prefix", "--prompt-suffix"):
            assert main([*words, "--policy", server.url, option, "Q: "]) == 2
            assert "this one sends chat messages" in capsys.readouterr().err
        assert not server.bodies
        assert main([*words, "--policy", server.url]) == 0
    assert {message["role"] for body in server.bodies for message in body["messages"]} == {"user"}


def test_a_budget_of_tokens_counts_what_the_server_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"content": "answer 1"}}
    answer = {"choices": [choice], "usage": {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100}}
    words = ["collect", COLLECT[1], "--episodes", "20", "--budget-tokens", "30", "--concurrency", "1"]
    with serving(fixed=(200, answer)) as server:
        main([*words, "--policy", server.url, "--out", str(tmp_path / "log")])
    assert len(server.bodies) == 3
    assert "the budget of 30 tokens" in capsys.readouterr().err
