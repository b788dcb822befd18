from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest

import stepgym
from stepgym.envs import QuestionEnv, make_vec
from stepgym.errors import InvalidInputError, UnknownNameError

ROWS = [{"id": f"∈/{i}", "prompt": f"Ist {i} ∈ ℕ?\nAntworte „ja“ 🙂 {i}", "reference": f"jä{i}"} for i in range(4)]
ID = "test-vector/Unicode-v0"

stepgym.register(ID, tasks=ROWS, verifier="exact", max_turns=2)


@pytest.mark.parametrize(
    ("mode", "context"),
    [("sync", None), ("async", "spawn")],
)
def test_texts_arrive_unchanged(mode: Any, context: str | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        envs = make_vec(ID, 2, vectorization_mode=mode, context=context)
        try:
            observations, infos = envs.reset(seed=[1, 2])
            alone = [gymnasium.make(ID).reset(seed=seed) for seed in (1, 2)]
            assert observations == tuple(observation for observation, _ in alone)
            assert infos["task"].tolist() == [info["task"] for _, info in alone]
            answers = tuple(f"jä{task[-1]}" for task in infos["task"])
            observations, rewards, terminations, truncations, infos = envs.step((answers[0], "∉"))
            assert observations == ("", "That is not right. Try again (1 try left).")
            assert rewards.tolist() == [1.0, 0.0]
            assert terminations.tolist() == [True, False]
            assert truncations.tolist() == [False, False]
            assert [verdict.status for verdict in infos["verdict"]] == ["correct", "wrong"]
            # the first one is over: this step resets it and ignores its action
            observations, rewards, terminations, _, infos = envs.step(("ignored", answers[1]))
            assert observations[0] in {row["prompt"] for row in ROWS}
            assert rewards.tolist() == [0.0, 1.0]
            assert terminations.tolist() == [False, True]
            assert [verdict.status for verdict in infos["verdict"]] == ["undecided", "correct"]
            assert infos["_verdict"].dtype == np.bool_
        finally:
            envs.close()


def test_the_same_step_mode_returns_the_last_info() -> None:
    envs = make_vec(ID, 2, autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP)
    envs.reset(seed=1, options={"task": "∈/3"})
    observations, rewards, _, _, infos = envs.step(("jä3", "jä3"))
    assert rewards.tolist() == [1.0, 1.0]
    assert set(observations) <= {row["prompt"] for row in ROWS}
    assert list(infos["final_obs"]) == ["", ""]
    assert [v.status for v in infos["final_info"]["verdict"]] == ["correct", "correct"]


def test_shared_memory_is_refused_instead_of_returning_garbage() -> None:
    with pytest.raises(ValueError, match="shared_memory=False"):
        gymnasium.make_vec(ID, 2, "async")


def test_arguments_reach_every_environment() -> None:
    envs = make_vec("stepgym/ArithmeticChain-v0", 3, modulus=5, operands=2)
    observations, _ = envs.reset(seed=1)
    assert all(observation.endswith("mod 5 =") for observation in observations)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("stepgym/ArithmeticChain-v0", 0, {}), "num_envs must be"),
        (("stepgym/ArithmeticChain-v0", 2, {"vectorization_mode": "threads"}), "must be 'sync' or 'async'"),
        (("stepgym/ArithmeticChian-v0", 2, {}), "Did you mean"),
        (("stepgym/ArithmeticChain-v0", 2, {"modulo": 5}), "Did you mean 'modulus'"),
    ],
)
def test_bad_arguments(arguments: tuple[str, int, dict[str, Any]], message: str) -> None:
    id, number, rest = arguments
    with pytest.raises((InvalidInputError, UnknownNameError), match=message):
        make_vec(id, number, **rest)


def test_gymnasiums_own_wrappers_work() -> None:
    env = gymnasium.wrappers.RecordEpisodeStatistics(gymnasium.make(ID, max_episode_steps=1))
    env.reset(options={"task": "∈/1"})
    _, reward, terminated, truncated, info = env.step("nein")
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert info["episode"]["l"] == 1
    assert isinstance(env.unwrapped, QuestionEnv)
