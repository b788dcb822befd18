from __future__ import annotations

import io
import signal
import sys
from pathlib import Path

import pytest

from .conftest import ENV, lines, start, stop_when

SCRIPT = """
import time

def answer(observation):
    time.sleep(0.02)
    return "answer 1"

def hostile(observation):
    return "\\x1b[31m<script>alert(1)</script>\\x07 answer 1"

def broken(observation):
    raise ZeroDivisionError("a defect of the script")

NOT_A_POLICY = 3

class Full:
    context = 3

    async def generate(self, request):
        from stepgym.agents import Completion
        return [Completion("", finish_reason="length")]

full = Full()
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with scripted policies; Python forgets their module afterwards."""
    (tmp_path / "my_script.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("my_script", None)


def test_the_expert_shows_how_it_is_done(cli):
    result = cli("play", ENV, "--policy", "expert", "--env-arg", "operands=3", "--task", "chain/7/3+4+1")
    assert result.code == 0
    assert "> 3+4=0\n> 0+1=1\n> answer 1\n" in result.out
    assert "reward 1" in result.out


@pytest.mark.parametrize("words", [("--preset", "tool-call"), ("--env-arg", "actions=react")])
def test_the_expert_writes_as_the_environment_reads(cli, words):
    result = cli("play", ENV, "--policy", "expert", *words)
    assert result.code == 0
    assert "reward 1" in result.out
    assert "no action was read" not in result.out


def test_why_a_text_was_not_read_is_shown(cli, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("answer 1\n"))
    result = cli("play", ENV, "--env-arg", "actions=react")
    assert result.code == 0
    assert "no action was read: " in result.out
    assert "reward 0" in result.out


def test_a_full_context_ends_the_game_and_is_named(cli, here):
    result = cli("play", ENV, "--policy", "scripted:my_script:full")
    assert result.code == 0
    assert "cut (context): " in result.out
    assert "the prompt fills the context" in result.out


def test_a_person_plays_and_sees_what_is_wrong(cli, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("3+4=1\\\n1+1=2\\\nanswer 2\n"))
    result = cli("play", ENV, "--task", "chain/7/3+4+1")
    assert result.code == 0
    assert "^^^^^ 3+4 mod 7 is 0, not 1" in result.out
    assert "reward 0" in result.out


def test_the_end_of_the_input_ends_the_game(cli, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    result = cli("play", ENV)
    assert result.code == 0
    assert "input has ended" in result.out


def test_escape_codes_are_shown_not_sent(cli, here):
    result = cli("play", ENV, "--policy", "scripted:my_script:hostile")
    assert "\x1b" not in result.out + result.err
    assert "\x07" not in result.out
    assert "\\x1b[31m<script>" in result.out


def test_episodes_are_collected_once_whatever_happens(cli, here):
    words = ("collect", ENV, "--policy", "random", "--choice", "answer 1", "--choice", "answer 2", "--out", "log")
    first = cli(*words, "--episodes", "20")
    assert (first.code, first.out) == (0, "log\n")
    episodes = lines(here / "log" / "episodes.jsonl")
    assert len({e["id"] for e in episodes}) == 20
    assert {e["steps"][0]["action"] for e in episodes} == {"answer 1", "answer 2"}
    again = cli(*words, "--episodes", "20")
    assert again.code == 2
    assert "--resume" in again.err
    assert cli(*words, "--episodes", "25", "--resume").code == 0
    assert len({e["id"] for e in lines(here / "log" / "episodes.jsonl")}) == 25
    assert cli(*words, "--episodes", "5", "--overwrite").code == 0
    assert len(lines(here / "log" / "episodes.jsonl")) == 5


def test_the_saved_settings_do_the_same_again(cli, here):
    words = ("collect", ENV, "--policy", "random", "--choice", "answer 3", "--episodes", "6", "--temperature", "0.7")
    assert cli(*words, "--seed", "5", "--env-arg", "operands=3", "--out", "a").code == 0
    assert cli("collect", "--config", "a/config.json", "--out", "b").code == 0
    a, b = (sorted(lines(here / x / "episodes.jsonl"), key=lambda e: e["id"]) for x in "ab")
    for episode in (*a, *b):
        for step in episode["steps"]:
            for verdict in step["verdicts"]:
                verdict.pop("seconds")
    assert a == b
    assert a[0]["sampling"]["temperature"] == 0.7


def test_tasks_come_from_a_file(cli, here):
    (here / "tasks.txt").write_text("chain/7/1+2+3\n\nchain/5/4+4\n")
    words = ("collect", ENV, "--policy", "random", "--choice", "answer 6", "--tasks", "tasks.txt", "--samples", "3")
    assert cli(*words, "--out", "log").code == 0
    tasks = [e["task_id"] for e in lines(here / "log" / "episodes.jsonl")]
    assert sorted(tasks) == ["chain/5/4+4"] * 3 + ["chain/7/1+2+3"] * 3
    (here / "empty.txt").write_text("\n")
    assert "names no task" in cli(*words[:-4], "--tasks", "empty.txt", "--out", "x").err


def test_a_folder_that_is_no_run_is_never_removed(cli, here):
    (here / "mine").mkdir()
    (here / "mine" / "thesis.tex").write_text("all of it")
    words = ("collect", ENV, "--policy", "random", "--episodes", "2", "--out", "mine")
    assert cli(*words, "--overwrite").code == 2
    assert (here / "mine" / "thesis.tex").read_text() == "all of it"
    assert cli(*words, "--overwrite", "--resume").code == 2


def test_what_is_read_is_not_overwritten(cli, here):
    words = ("collect", ENV, "--policy", "random", "--choice", "answer 1", "--episodes", "2")
    assert cli(*words, "--out", "log").code == 0
    (here / "log" / "ids.txt").write_text("chain/7/1+2\n")
    result = cli("collect", ENV, "--policy", "random", "--tasks", "log/ids.txt", "--out", "log", "--overwrite")
    assert result.code == 2
    assert "lies in log" in result.err
    assert (here / "log" / "episodes.jsonl").exists()


def test_a_script_that_fails_ends_its_episodes_as_errors(cli, here):
    result = cli("collect", ENV, "--policy", "scripted:my_script:broken", "--episodes", "3", "--out", "log")
    assert (result.code, result.out) == (1, "")
    assert "error: all 3 episodes ended in an error, 3 of them in: scripted:my_script:broken: Zero" in result.err
    assert "3 x scripted:my_script:broken: ZeroDivisionError: a defect of the script" in result.err
    assert {e["end"] for e in lines(here / "log" / "episodes.jsonl")} == {"error"}
    assert "NO_SUCH_THING" in cli("play", ENV, "--policy", "scripted:my_script:NO_SUCH_THING").err
    assert cli("play", ENV, "--policy", "scripted:my_script:NOT_A_POLICY").code == 2


@pytest.mark.parametrize("command", ["play", "collect", "evaluate"])
def test_an_environment_without_text_and_a_negative_seed_are_refused(cli, here, command):
    words = () if command == "play" else ("--episodes", "2", "--out", "log")
    result = cli(command, "CartPole-v1", "--policy", "random", *words)
    assert result.code == 2
    assert "CartPole-v1 is no text environment: its observations are Box" in result.err
    assert "its actions are Discrete(2)" in result.err
    result = cli(command, ENV, "--policy", "random", "--seed", "-1", *words)
    assert result.code == 2
    assert "--seed must be 0 or more, got -1" in result.err
    assert not (here / "log").exists()


def test_a_collection_is_resumed_with_its_environment_only(cli, here):
    words = ("collect", ENV, "--policy", "random", "--choice", "answer 1", "--episodes", "2", "--out", "log")
    assert cli(*words, "--env-arg", "operands=3").code == 0
    before = (here / "log" / "config.json").read_bytes()
    other = cli(*words, "--env-arg", "operands=4", "--resume")
    assert other.code == 2
    assert "begun with env_arg = {'operands': 3}, now it is {'operands': 4}" in other.err
    game = cli("collect", "stepgym/Game24-v0", *words[2:], "--resume")
    assert game.code == 2
    assert f"begun with env = '{ENV}', now it is 'stepgym/Game24-v0'" in game.err
    assert (here / "log" / "config.json").read_bytes() == before
    assert cli(*words, "--env-arg", "operands=3", "--resume").code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_and_resumed_no_episode_is_lost_or_doubled(here, number, code):
    words = ["collect", ENV, "--policy", "scripted:my_script:answer", "--concurrency", "4", "--out", "log"]
    words += ["--episodes", "400"]
    log = here / "log" / "episodes.jsonl"
    stopped = stop_when(start(*words, cwd=here), lambda: log.exists() and log.read_bytes().count(b"\n") > 10, number)
    assert stopped.code == code
    (message,) = stopped.err.splitlines()
    kept = [e["id"] for e in lines(log)]
    assert 10 < len(kept) < 400
    assert f"{len(kept)} episodes are kept in log, {400 - len(kept)} are missing" in message
    assert message.endswith(f"stepgym {' '.join(words)} --resume")
    resumed = start(*words[:-1], len(kept) + 20, "--resume", cwd=here)
    assert resumed.wait(60) == 0
    after = [e["id"] for e in lines(log)]
    assert after[: len(kept)] == kept
    assert len(set(after)) == len(after) == len(kept) + 20
