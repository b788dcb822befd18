"""Parts of the ALFWorld learning benchmark: what the tiny model reads, and V of commands read turn by turn."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from learning.alfworld_ceiling import one_a_game  # noqa: E402
from learning.alfworld_judge import TurnValue, game_auc, with_step_cost  # noqa: E402
from learning.alfworld_language import GoalPrompt, word_model, word_tokenizer  # noqa: E402

from stepgym.agents import Episode, Step, collect  # noqa: E402
from stepgym.agents.engines.admissible_policy import AdmissiblePolicy  # noqa: E402
from stepgym.agents.running import run_sync  # noqa: E402
from stepgym.envs.alfworld import Engine, Explorer, generate  # noqa: E402
from stepgym.train.tokenize import tokenize_episodes  # noqa: E402
from stepgym.train.value_model import ValueModel  # noqa: E402

TASKS = [f"generated/pick_heat_then_place_in_recep/{i}-easy" for i in range(4)]
SIZE = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    texts: set[str] = set()
    for seed, task in enumerate(TASKS):
        engine, player = Engine(generate(task)), Explorer(seed=seed, strategy="wanders")
        command = player.start(engine.intro, engine.admissible())
        texts.add(engine.intro)
        for _ in range(300):
            answer = engine.step(command)
            texts |= {answer, *engine.admissible()}
            command = player.act(answer, engine.admissible())
    return word_tokenizer(texts)


def test_a_numbered_thing_is_one_token_and_commands_can_be_read_back(tokenizer: Any) -> None:
    for command in ("go to fridge 1", "examine microwave 1", "look"):
        ids = tokenizer.encode(command)
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids) == command
    assert tokenizer.tokenize("You arrive at fridge 1. The fridge 1 is closed.") == ["fridge 1", "closed"]


def test_roll_outs_are_logged_in_one_segment_with_the_goal_in_each_turn(tokenizer: Any) -> None:
    policy = AdmissiblePolicy(word_model(tokenizer, seed=0, size=SIZE), tokenizer, ignored=("help",))
    episodes = collect(
        "stepgym/ALFWorld-v0",
        policy,
        tasks=TASKS,
        prompt=GoalPrompt(),
        env_kwargs={"difficulty": "easy", "max_episode_steps": 6},
        progress=False,
    ).episodes
    tokenized, report = tokenize_episodes(episodes, tokenizer)
    assert report.kept == len(TASKS)
    assert report.retokenized == 0
    for episode, found in zip(episodes, tokenized, strict=True):
        assert [step.completion.new_segment for step in episode.steps if step.completion] == [True] + [False] * 5
        goal = tokenizer.tokenize(episode.steps[0].observation.partition("Your task is to:")[2])
        text = tokenizer.decode(found.segments[0].token_ids)
        assert text.count(" ".join(goal) + " >") == len(episode.steps)


@pytest.mark.parametrize("slots", [4, 64])
def test_v_read_turn_by_turn_is_v_of_the_whole(tokenizer: Any, slots: int) -> None:
    model = ValueModel(word_model(tokenizer, seed=1, size=SIZE).base_model)
    torch.nn.init.normal_(model.head.weight)
    value = TurnValue(model, tokenizer, slots=slots)
    end, prompt = tokenizer.eos_token_id, [5, 6, 7]
    for turn in range(4):
        candidates = [[8 + k, 9 + k] for k in range(3)] + [[10]]
        rows = [prompt + candidate for candidate in candidates]

        async def ask(rows: list[list[int]] = rows) -> list[float]:
            return list(await asyncio.gather(*(value.value(row) for row in rows)))

        with torch.no_grad():
            expected = [float(model(torch.tensor([row]))[0, -1]) for row in rows]
        assert run_sync(ask()) == pytest.approx(expected, abs=1e-4)
        prompt = [*rows[turn], end, 11, 12 + turn]


def test_what_knowing_the_game_is_worth() -> None:
    def episode(task: str, outcome: float) -> Episode:
        return Episode(task, "e", task, (Step("o", "a", reward=outcome),) * 1, outcome)

    assert game_auc([episode("a", 1.0), episode("a", 1.0), episode("b", 0.0), episode("b", 0.0)]) == 1.0
    assert game_auc([episode("a", 1.0), episode("a", 0.0), episode("b", 1.0), episode("b", 0.0)]) == 0.0
    assert with_step_cost([episode("a", 1.0)], 0.25)[0].outcome == 0.75


def test_states_are_not_those_of_the_roll_outs_that_ended_first() -> None:
    """A log has the quick wins first."""
    log = [
        Episode(f"run/{game}/{sample}", "e", game, (Step("?", "!"),), float(sample))
        for game, sample in (("b", 1), ("a", 1), ("a", 0), ("b", 0), ("c", 0))
    ]
    assert [e.id for e in one_a_game(log, ["a", "b"])] == ["run/a/0", "run/b/0"]
