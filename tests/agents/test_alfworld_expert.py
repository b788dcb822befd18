from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stepgym.agents import ALFWorldExpertPolicy, Episode, EpisodeLog, Request, Sampling, check_policy, collect
from stepgym.agents.policy import generate_batch, registry
from stepgym.agents.scripted.alfworld_expert import load_alfworld_expert
from stepgym.envs.alfworld import PRESETS, Engine, generate, generated_id
from stepgym.errors import InvalidInputError, UnknownNameError

ENV = "stepgym/ALFWorld-v0"
INTRO = Engine(generate(generated_id("pick_heat_then_place_in_recep", 4, difficulty="easy"))).intro


def episodes(folder: Path, policy: ALFWorldExpertPolicy, *, count: int = 5, **settings: Any) -> list[Episode]:
    arguments = {"difficulty": "easy", **settings.pop("env_kwargs", {})}
    with EpisodeLog(folder, mode="x") as log:
        collect(ENV, policy, episodes=count, out=log, env_kwargs=arguments, **{"seed": 1, **settings})
    return sorted(EpisodeLog(folder), key=lambda episode: episode.id)


def actions(played: list[Episode]) -> list[list[str]]:
    return [[step.action for step in episode.steps] for episode in played]


def ask(policy: ALFWorldExpertPolicy, *contents: str, **settings: Any) -> list[str]:
    roles = ["user", "assistant"] * len(contents)
    messages = tuple({"role": role, "content": text} for role, text in zip(roles, contents, strict=False))
    request = Request(messages, **settings)  # type: ignore[arg-type]
    return [completion.text for completion in generate_batch(policy, [request])[0]]


def test_generated_games_are_won(tmp_path: Path) -> None:
    assert [episode.success for episode in episodes(tmp_path, ALFWorldExpertPolicy())] == [True] * 5


def test_noise_and_weaker_strategies_lose_some_and_the_seed_repeats_them(tmp_path: Path) -> None:
    noisy = ALFWorldExpertPolicy(noise=0.8)
    first = episodes(tmp_path / "a", noisy)
    assert {episode.success for episode in first} >= {False}
    assert actions(first) == actions(episodes(tmp_path / "b", noisy))
    assert actions(first) != actions(episodes(tmp_path / "c", noisy, seed=2))
    greedy = episodes(tmp_path / "d", noisy, sampling=Sampling(temperature=0))
    assert actions(greedy) == actions(episodes(tmp_path / "e", ALFWorldExpertPolicy()))
    assert not any(e.success for e in episodes(tmp_path / "f", ALFWorldExpertPolicy(strategy="wrong object"), count=2))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_spoken(tmp_path: Path, preset: str) -> None:
    policy = ALFWorldExpertPolicy(preset=preset)
    played = episodes(tmp_path, policy, count=2, env_kwargs={"preset": preset})
    for episode in played:  # no penalty for the format
        assert episode.success
        assert sum(step.reward for step in episode.steps) == PRESETS[preset].reward


def test_samples_of_one_turn_differ_by_noise_alone() -> None:
    noisy = ask(ALFWorldExpertPolicy(noise=1), INTRO, n=20, seed=3)
    assert len(set(noisy)) > 3
    assert noisy == ask(ALFWorldExpertPolicy(noise=1), INTRO, n=20, seed=3)
    assert len(set(ask(ALFWorldExpertPolicy(), INTRO, n=20))) == 1
    assert len(set(ask(ALFWorldExpertPolicy(strategy="wanders"), INTRO, n=20))) > 3


def test_what_somebody_else_did_is_taken_into_account() -> None:
    engine = Engine(generate(generated_id("pick_heat_then_place_in_recep", 4, difficulty="easy")))
    policy = ALFWorldExpertPolicy(preset="oreo")
    talk = [engine.intro]
    for command in ("go to fridge 1", "open fridge 1"):
        talk += [f"Thought: hm.\nAction: {command}", engine.step(command)]
    while not engine.won and len(talk) < 60:
        (action,) = ask(policy, *talk)
        talk += [action, engine.step(action.removeprefix("Action: "))]
    assert engine.won
    assert "Action: open fridge 1" not in talk[5:]


def test_it_keeps_the_promises_of_a_policy() -> None:
    report = check_policy(ALFWorldExpertPolicy(noise=0.5), questions=[INTRO, INTRO.replace("bread", "apple")])
    assert report.kept
    with pytest.raises(InvalidInputError, match="its task"):
        ask(ALFWorldExpertPolicy(), "What is 2 + 2?")
    with pytest.raises(InvalidInputError, match="one after the other"):
        ask(ALFWorldExpertPolicy(), INTRO, "look")


def test_it_is_made_by_name() -> None:
    make = registry.get("alfworld-expert")
    assert make().name == "alfworld-explorer(noise=0)"
    made = make("noise=0.25, strategy=wrong-object,preset=oreo")
    assert (made.noise, made.strategy, made.preset.name) == (0.25, "wrong object", "oreo")
    assert made.name == "alfworld-explorer(noise=0.25, wrong object)"
    for wrong in ("noise", "noises=1", "noise=much", "noise=2", "strategy=lazy", "noise=nan"):
        with pytest.raises(InvalidInputError):
            load_alfworld_expert(wrong)
    with pytest.raises(UnknownNameError, match="Did you mean 'oreo'"):
        load_alfworld_expert("preset=orea")
