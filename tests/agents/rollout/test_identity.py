"""A resumed collection takes no episodes of other settings for its own; ids of logs from before stay."""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from stepgym.agents import (
    Agent,
    Completion,
    PlainPrompt,
    RandomPolicy,
    Request,
    Sampling,
    ScriptedPolicy,
    collect,
    policy_id,
)
from stepgym.agents.rollout.plan import Plan
from stepgym.agents.rollout.source import environment_source
from stepgym.agents.search import BestOfNPolicy, MCTSPolicy, SearchBudget, StepBeamPolicy
from stepgym.errors import InvalidInputError

CHAIN = "stepgym/ArithmeticChain-v0"


class Plain:
    """A policy without settings."""

    name = "plain"

    async def generate(self, request: Request) -> list[Completion]:
        return [Completion("answer 1")] * request.n


class Value:
    """V, with the settings that are given."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def value(self, token_ids: Any) -> float:
        return 0.0


class Weights:
    """V of a model."""

    def __init__(self, number: float) -> None:
        torch = pytest.importorskip("torch")
        self.model = torch.nn.Linear(40, 2)
        torch.nn.init.constant_(self.model.weight, number)
        torch.nn.init.zeros_(self.model.bias)

    async def value(self, token_ids: Any) -> float:
        return 0.0


def run_id(policy: Any, prompt: Any = None) -> str:
    return Plan(seed=3, episodes=1).run_id(Agent(policy, prompt), environment_source(CHAIN, None))


def ids(*policies: Any) -> int:
    """How many different ids they have, the same for episodes and for roll-outs."""
    found = len({run_id(policy) for policy in policies})
    assert len({policy_id(Agent(policy)) for policy in policies}) == found
    return found


def test_a_policy_without_settings_keeps_the_id_it_had() -> None:
    source = environment_source(CHAIN, None)
    for policy in (Plain(), ScriptedPolicy(str.upper, name="plain")):
        parts = (source.id, source.kwargs, "plain", "", Sampling().to_dict(), 3)
        assert run_id(policy) == blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=5).hexdigest()
    text = json.dumps((Sampling().to_dict(), ""), sort_keys=True)
    assert policy_id(Agent(Plain())) == f"plain@{blake2b(text.encode(), digest_size=4).hexdigest()}"


def test_a_policy_with_a_tokenizer_keeps_its_id_with_any_prompt(char_policy: Any) -> None:
    agent = Agent(char_policy, PlainPrompt(prefix="Q: "))
    source = environment_source(CHAIN, None)
    parts = (source.id, source.kwargs, agent.name, agent.template_hash, agent.sampling.to_dict(), 3)
    expected = blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=5).hexdigest()
    assert run_id(char_policy, PlainPrompt(prefix="Q: ")) == expected


def test_answers_are_part_of_the_id() -> None:
    assert ids(RandomPolicy(["a"]), RandomPolicy(["b"]), RandomPolicy(["a", "b"]), RandomPolicy(("a",))) == 3
    assert ids(ScriptedPolicy(["a"]), ScriptedPolicy(["b"]), ScriptedPolicy({"q": "a"}), ScriptedPolicy(("a",))) == 3
    assert ids(ScriptedPolicy(str.upper, name="up"), ScriptedPolicy(str.lower), ScriptedPolicy(str.lower)) == 2


def test_the_prompt_is_part_of_the_id_without_a_tokenizer() -> None:
    assert len({run_id(Plain(), PlainPrompt(prefix=p)) for p in ("", "Q: ", "A: ")}) == 3
    assert run_id(Plain(), PlainPrompt()) == run_id(Plain())


def test_each_setting_of_a_search_is_part_of_the_id() -> None:
    v, w, two = Value("v"), Value("w"), SearchBudget(rounds=2)
    under = RandomPolicy(["a"])
    beams: list[dict[str, Any]] = [{}, {"delimiter": "."}, {"budget": two}, {"first": 4}, {"expand": 4}]
    assert ids(*(StepBeamPolicy(under, v, **more) for more in beams), StepBeamPolicy(under, w)) == 6
    trees: list[dict[str, Any]] = [{}, {"enough": 0.9}, {"explore": 2.0}, {"delimiter": ["\n", "."]}, {"budget": two}]
    assert ids(*(MCTSPolicy(under, v, **more) for more in trees), MCTSPolicy(RandomPolicy(["b"]), v)) == 6
    votes = [BestOfNPolicy(under, v, 3), BestOfNPolicy(under, w, 3), BestOfNPolicy(under, v, 3, after_end=True)]
    assert ids(*votes, BestOfNPolicy(under, Value("v"), 3)) == 3


def test_value_functions_are_told_apart_by_their_weights() -> None:
    assert ids(*(MCTSPolicy(Plain(), Weights(number)) for number in (1.0, 1.0, 2.0))) == 2


def test_a_log_is_resumed_with_the_same_answers_only(tmp_path: Path) -> None:
    def played(choice: str) -> tuple[int, int]:
        done = collect(CHAIN, RandomPolicy([choice]), episodes=4, out=tmp_path, progress=False)
        return done.finished, done.skipped

    assert [played("answer 1"), played("answer 2"), played("answer 1")] == [(4, 0), (4, 0), (0, 4)]


def test_settings_that_are_no_json_are_refused() -> None:
    policy = Plain()
    policy.settings = {"model": object()}  # type: ignore[attr-defined]
    with pytest.raises(InvalidInputError, match="plain: settings must be a mapping of JSON values"):
        run_id(policy)
