from __future__ import annotations

import json

import pytest

from stepgym.agents import EpisodeLog

ENV = "stepgym/ALFWorld-v0"
WORDS = ("--policy", "alfworld-expert", "--episodes", "3", "--env-arg", "difficulty=easy")


@pytest.mark.parametrize(
    ("name", "action"), [("oreo", "Action: "), ("verl-agent", "<think></think><action>"), ("react", "go to")]
)
def test_one_name_sets_environment_prompt_and_sampling(cli, tmp_path, name, action):
    out = tmp_path / "log"
    result = cli("collect", ENV, "--preset", name, *WORDS, "--out", out)
    assert result.code == 0, result.err
    episodes = list(EpisodeLog(out))
    assert all(e.success and e.env_kwargs == {"preset": name, "difficulty": "easy"} for e in episodes)
    assert all(e.steps[0].action.startswith(action) for e in episodes)
    sampling = episodes[0].sampling
    assert sampling.stop == (("\n",) if name == "react" else ())
    config = json.loads((out / "config.json").read_text())
    assert config["preset"] == name
    again = cli("collect", "--config", out / "config.json", "--out", tmp_path / "again")
    assert again.code == 0, again.err
    assert [e.id for e in EpisodeLog(tmp_path / "again")] == [e.id for e in episodes]
    resumed = cli("collect", ENV, "--preset", name, *WORDS, "--out", out, "--resume")
    assert "3 were there already" in resumed.err


def test_flags_win_over_the_sampling_of_a_preset(cli, tmp_path):
    words = ("--temperature", "0.7", "--max-tokens", "33")
    assert cli("collect", ENV, "--preset", "react", *WORDS, *words, "--out", tmp_path / "log").code == 0
    sampling = next(iter(EpisodeLog(tmp_path / "log"))).sampling
    assert (sampling.temperature, sampling.max_tokens, sampling.stop) == (0.7, 33, ("\n",))


@pytest.mark.parametrize(
    ("env", "words", "hint"),
    [
        (ENV, ("--preset", "orea"), "Did you mean 'oreo'"),
        (
            "stepgym/ArithmeticChain-v0",
            ("--preset", "oreo"),
            "ArithmeticChain-v0 is called 'oreo'",
        ),
        (ENV, ("--preset", "oreo", "--prompt", "chat"), "leave out --prompt"),
        (ENV, ("--preset", "oreo", "--env-arg", "preset=react"), "leave out one of them"),
    ],
)
def test_what_cannot_be_is_one_line(cli, tmp_path, env, words, hint):
    result = cli("collect", env, *words, "--policy", "random", "--episodes", "1", "--out", tmp_path / "log")
    assert result.code == 2
    assert hint in result.err
    assert not (tmp_path / "log").exists()


def seen(observation: str) -> str:
    SEEN.append(observation)
    return "1"


SEEN: list[str] = []


def test_a_history_is_chosen_by_a_flag(cli, tmp_path):
    env = ("stepgym/MathSteps-v0", "--env-arg", "source=tasks")
    rows = '{"id": "a", "prompt": "1 + 1?", "reference": "2"}\n'
    (tmp_path / "tasks.jsonl").write_text(rows)
    words = (*env, "--env-arg", f"path={tmp_path / 'tasks.jsonl'}", "--policy", f"scripted:{__name__}:seen")
    SEEN.clear()
    result = cli("collect", *words, "--episodes", "1", "--history", "last:0", "--out", tmp_path / "log")
    assert result.code == 0, result.err
    assert len(SEEN) > 2
    assert SEEN[2].startswith(f"{SEEN[0]}\n\n[Earlier turns that are not shown: 2]")
    for wrong in ("last", "last:-1", "fit:", "fit:0", "all", "last:1e3"):
        result = cli("collect", *words, "--episodes", "1", "--history", wrong, "--out", tmp_path / "wrong")
        assert result.code == 2
        assert "--history is" in result.err
