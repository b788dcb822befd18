from __future__ import annotations

import sys
from typing import Any

import gymnasium as gym
import pytest

import stepgym
from stepgym.envs import check_text_env
from stepgym.envs.alfworld import (
    PRESETS,
    TASK_TYPES,
    ALFWorldEnv,
    Engine,
    Planner,
    generate,
    generated_id,
    next_command,
    solve,
)
from stepgym.errors import InvalidInputError, StepgymError, UnknownNameError

ID = "stepgym:stepgym/ALFWorld-v0"
NAME = generated_id(TASK_TYPES[3], 3)
NOTHING = "Nothing happens."


def begin(**settings: Any) -> tuple[ALFWorldEnv, str, dict[str, Any]]:
    env = gym.make(ID, **settings).unwrapped
    assert isinstance(env, ALFWorldEnv)
    return env, *env.reset(seed=0, options={"task": NAME})


@pytest.mark.parametrize(
    "settings",
    [{}, {"preset": "oreo", "difficulty": "easy"}, {"preset": "verl-agent"}, {"preset": "react", "invalid": "nearest"}],
)
def test_it_keeps_every_promise_of_a_text_environment(settings: dict[str, Any]) -> None:
    check_text_env(gym.make(ID, **settings))


def test_an_episode_is_won_once() -> None:
    env, observation, info = begin()
    assert observation.startswith("-= Welcome")
    assert info["task"] == NAME
    assert (info["task_type"], info["won"], info["invalid"], info["progress"]) == (TASK_TYPES[3], False, False, 0.0)
    walkthrough = solve(Engine(generate(NAME)))
    for command in walkthrough:
        assert command in info["admissible_commands"]
        _, reward, terminated, truncated, info = env.step(command)
        assert info["command"] == command
        assert (reward, terminated, truncated) == (float(info["won"]), info["won"], False)
    assert info["won"]
    assert info["progress"] == 1.0


def test_the_step_limit_is_50_as_registered() -> None:
    env = gym.make(ID)
    env.reset(seed=0)
    for number in range(50):
        *_, terminated, truncated, info = env.step("look")
        assert (terminated, truncated) == (False, number == 49)
    assert not info["won"]


def test_generated_games_of_other_splits_and_types_are_others() -> None:
    drawn = {}
    for split in ("train", "valid_unseen"):
        env = gym.make(ID, split=split, task_types=[2, TASK_TYPES[5]])
        drawn[split] = {env.reset(seed=seed)[1]["task"] for seed in range(40)}
        assert {name.split("/")[1] for name in drawn[split]} == {TASK_TYPES[1], TASK_TYPES[5]}
    assert not drawn["train"] & drawn["valid_unseen"]


def test_only_reset_changes_the_game_and_only_as_asked() -> None:
    env, first, _ = begin()
    env.step("look")
    assert env.reset(options={"game": NAME})[0] == first
    assert env.reset(options={"task": NAME, "game": NAME})[0] == first
    with pytest.raises(InvalidInputError, match="mean the same"):
        env.reset(options={"task": NAME, "game": generated_id(TASK_TYPES[0], 1)})
    with pytest.raises(UnknownNameError, match="path="):
        env.reset(options={"task": "valid_seen/x/trial_1"})
    for wrong in (3, ["x"], {"x": 1}, b"x"):
        with pytest.raises(UnknownNameError, match="a text"):
            env.reset(options={"task": wrong})
    with pytest.raises(UnknownNameError, match="No generated game is called ''"):
        env.reset(options={"task": ""})


def test_an_episode_branches() -> None:
    env, _, _ = begin()
    walkthrough = solve(Engine(generate(NAME)))
    env.step(walkthrough[0])
    state = env.get_state()
    ends = []
    for _ in range(2):
        env.reset(seed=9)
        env.set_state(state)
        ends.append([env.step(command) for command in walkthrough[1:]])
    assert ends[0] == ends[1]
    assert ends[0][-1][4]["won"]


def test_planners_read_the_engine_of_the_environment() -> None:
    env, observation, info = begin()
    planner = Planner(env.engine)
    command = planner.start(observation, info["admissible_commands"])
    while not info["won"]:
        observation, *_, info = env.step(command)
        command = planner.act(observation, info["admissible_commands"])


@pytest.mark.parametrize(
    ("rule", "reward", "terminated", "observation"),
    [("message", 0.0, False, NOTHING), ("penalty", -0.5, False, NOTHING), ("end", 0.0, True, NOTHING)],
)
def test_what_impossible_commands_bring(rule: str, reward: float, terminated: bool, observation: str) -> None:
    env, _, _ = begin(invalid=rule, penalty=0.5)
    result = env.step("dance")
    assert result[:3] == (observation, reward, terminated)
    assert result[4]["invalid"]


def test_the_nearest_command_is_taken_instead() -> None:
    env, _, _ = begin(invalid="nearest")
    observation, *_, info = env.step("goto the fridge 1 ")
    assert (info["command"], info["invalid"]) == ("go to fridge 1", True)
    assert observation.startswith("You arrive at fridge 1.")


def test_oreo() -> None:
    env, observation, _ = begin(preset="oreo")
    assert observation.startswith("You are in the middle of a room.")
    observation, *_, info = env.step("Thought: It may be in the fridge.\nAction: go to fridge 1\n")
    assert info["command"] == "go to fridge 1"
    assert observation == "You arrive at fridge 1. The fridge 1 is closed."
    *_, info = env.step("Thought: Both.\nAction: look\nAction: open fridge 1")  # the first one counts
    assert info["command"] == "look"
    assert env.step("Action: open fridge 1\nObservation: It is open.")[4]["invalid"]
    assert env.step("Action: dance")[:3] == (NOTHING, 0.0, False)
    assert env.step("go to fridge 1")[:3] == (NOTHING, 0.0, True)
    env.reset(options={"task": NAME})
    ends = [env.step("Action: look")[2:4] for _ in range(40)]
    assert ends == [(False, False)] * 39 + [(False, True)]


def test_verl_agent() -> None:
    env, _, _ = begin(preset="verl-agent")
    _, reward, *_, info = env.step("<think>Fridge!</think><action>Go to Fridge 1</action>")
    assert (reward, info["invalid"], info["command"]) == (0.0, False, "go to fridge 1")
    _, reward, *_, info = env.step("<action>open fridge 1</action>")
    assert (reward, info["invalid"], info["command"]) == (-0.1, True, "open fridge 1")
    *_, info = env.step("I think that I should now close fridge 1")
    assert info["command"] == "ink that I should now close fridge 1"[-30:].lower()
    assert env.step("<think>\u51b0\u7bb1</think><action>close fridge 1</action>")[4]["invalid"]
    env.reset(options={"task": NAME})
    rewards = [env.step(f"<think></think><action>{command}</action>")[1] for command in solve(Engine(generate(NAME)))]
    assert rewards[-1] == 10.0
    assert not any(rewards[:-1])


def test_react() -> None:
    env, observation, _ = begin(preset="react")
    assert observation.startswith("You are in the middle of a room.")
    assert observation.count("\n") == 1
    assert env.step("> think: first the fridge")[0] == "OK."
    assert env.step("> go to fridge 1")[0] == "You arrive at fridge 1. The fridge 1 is closed."


@pytest.mark.parametrize(
    ("preset", "form"),
    [
        ("plain", "{}"),
        ("oreo", "Thought: I know.\nAction: {}"),
        ("verl-agent", "<think>I know.</think><action>{}</action>"),
        ("react", "> {}"),
    ],
)
def test_the_texts_of_every_preset_are_enough_to_win(preset: str, form: str) -> None:
    env, observation, info = begin(preset=preset)
    observations, commands, truncated = [f"Some instructions.\n\n{observation}"], list[str](), False
    while not info["won"] and not truncated:
        commands.append(next_command(observations, commands))
        observation, _, _, truncated, info = env.step(form.format(commands[-1]))
        assert info["command"] == commands[-1]
        observations.append(observation)
    assert info["won"]


def test_every_preset_says_how_to_answer() -> None:
    for name, preset in PRESETS.items():
        assert preset.name == name
        assert gym.make(ID, preset=name).unwrapped.instructions == preset.instructions  # type: ignore[attr-defined]
    assert gym.make(ID, instructions="Go!").unwrapped.instructions == "Go!"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"split": "test"}, "No split is called 'test'"),
        ({"backend": "c"}, "backend must be one of"),
        ({"preset": "ore"}, "Did you mean 'oreo'"),
        ({"invalid": "ignore"}, "invalid must be one of"),
        ({"difficulty": "brutal"}, "difficulty must be one of"),
        ({"task_types": []}, "at least one"),
        ({"task_types": ["cook"]}, "No task type is called 'cook'"),
        ({"path": "/nowhere/at/all"}, "there is no such folder"),
        ({"path": ""}, "path must name a folder"),
        ({"path": 3}, "path must name a folder"),
        ({"preset": ["oreo"]}, "No preset is called"),
        ({"task_types": 1.0}, "No task type is called '1.0'"),
        ({"penalty": float("nan")}, "penalty must be a finite number"),
        ({"penalty": "much"}, "penalty must be a finite number"),
    ],
)
def test_wrong_arguments_are_explained(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(StepgymError, match=words):
        ALFWorldEnv(**settings)


def test_without_the_original_engine_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from stepgym.envs.alfworld import textworld_backend

    textworld_backend._modules.cache_clear()
    monkeypatch.setitem(sys.modules, "fast_downward", None)
    with pytest.raises(
        stepgym.errors.MissingExtraError, match=r"stepgym\[alfworld\].*compiles fast-downward-textworld"
    ):
        gym.make(ID, backend="textworld")
    textworld_backend._modules.cache_clear()


def test_importing_stepgym_imports_no_world() -> None:
    import subprocess

    code = "import stepgym, sys; sys.exit('stepgym.envs.alfworld' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_many_at_once(mode: Any) -> None:
    envs = stepgym.envs.make_vec("stepgym/ALFWorld-v0", 2, vectorization_mode=mode)
    observations, _ = envs.reset(seed=1, options={"task": NAME})
    assert observations[0] == observations[1]
    envs.close()


@pytest.mark.parametrize("preset", PRESETS)
def test_the_expert_action_leads_to_the_goal_from_any_state(preset: str) -> None:
    env, _, _ = begin(preset=preset)
    with pytest.raises(InvalidInputError, match="reset"):
        gym.make(ID).unwrapped.expert_action()
    for name in [generated_id(kind, seed) for kind in TASK_TYPES for seed in range(3)]:
        _, info = env.reset(options={"task": name})
        for command in ("go to somewhere else", *info["admissible_commands"][:2]):
            env.step(env.rules.write(command))
        for _ in range(30):
            _, reward, terminated, _, info = env.step(env.expert_action())
            assert not info["invalid"]
            if terminated:
                break
        assert info["won"]
        assert reward == PRESETS[preset].reward
