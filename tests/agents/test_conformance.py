from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from stepgym.agents import (
    ChatPrompt,
    Completion,
    RandomPolicy,
    Request,
    ScriptedPolicy,
    TransformersPolicy,
    check_policy,
    check_value,
)
from stepgym.agents.search import BestOfNPolicy
from stepgym.errors import ConformanceError, InvalidInputError

Bend = Callable[[Request, list[Completion]], list[Completion]]


class Bent:
    """A good policy with one habit changed."""

    name = "bent"

    def __init__(
        self, policy: TransformersPolicy, bend: Callable[[Request, list[Completion]], list[Completion]]
    ) -> None:
        self.policy, self.bend, self.tokenizer = policy, bend, policy.tokenizer

    async def generate(self, request: Request) -> list[Completion]:
        return self.bend(request, await self.policy.generate(request))


class BentRequest(Bent):
    async def generate(self, request: Request) -> list[Completion]:
        return await self.policy.generate(self.bend(request, []))  # type: ignore[arg-type]


def each(change: Callable[[Completion], Completion]) -> Bend:
    return lambda request, completions: [change(completion) for completion in completions]


def test_our_policies_conform(char_policy: TransformersPolicy, chat_policy: TransformersPolicy) -> None:
    questions = ("3+4=", "a", "look at desk", "b12")
    report = check_policy(char_policy, questions=questions)
    assert len(report.kept) + len(report.not_checked) == 7
    assert "score agrees" in str(report)
    check_policy(chat_policy, prompt=ChatPrompt(), questions=questions)
    check_policy(ScriptedPolicy(lambda observation: f"answer {observation}"))
    check_policy(RandomPolicy([str(i) for i in range(100)]), sampled=True)
    check_policy(BestOfNPolicy(char_policy, None, 3, choose="majority"), questions=questions)


@pytest.mark.parametrize(
    ("bend", "message"),
    [
        (lambda r, cs: cs[:1], "3 completions for n=3"),
        (lambda r, cs: tuple(cs), "a list"),
        (each(lambda c: replace(c, logprobs=c.logprobs[:-1])), "log-probabilities for as many ids"),
        (each(lambda c: replace(c, logprobs=tuple(-x + 1 for x in c.logprobs))), "at most 0"),
        (each(lambda c: replace(c, text=c.text + " ")), "decoded ids"),
        (each(lambda c: replace(c, prompt_token_ids=c.prompt_token_ids[1:])), "prompt ids as sent"),
        (each(lambda c: replace(c, new_segment=False)), "new_segment"),
        (each(lambda c: replace(c, finish_reason="eos")), "finish_reason"),
        (each(lambda c: replace(c, finish_reason="stop")), "finish_reason 'length'"),
    ],
)
def test_broken_answers_are_named(char_policy: TransformersPolicy, bend: Any, message: str) -> None:
    with pytest.raises(ConformanceError, match=f"bent: expected .*{message}"):
        check_policy(Bent(char_policy, bend), questions=("3+4=", "a"))


@pytest.mark.parametrize(
    ("bend", "message"),
    [
        (lambda r, _: replace(r, seed=None), "same samples"),
        (lambda r, _: replace(r, seed=7), "another seed"),
        (lambda r, _: replace(r, sampling=replace(r.sampling, stop=())), "stop"),
        (lambda r, _: replace(r, sampling=replace(r.sampling, temperature=1.0)), "greedy"),
    ],
)
def test_requests_that_are_not_followed_are_named(char_policy: TransformersPolicy, bend: Any, message: str) -> None:
    endless = TransformersPolicy(char_policy.model, char_policy.tokenizer, end_ids=())
    with pytest.raises(ConformanceError, match=message):
        check_policy(BentRequest(endless, bend), questions=("3+4=", "a"))


def test_mixed_up_requests_are_named() -> None:
    class Mixed:
        name, last = "mixed", ""

        async def generate(self, request: Request) -> list[Completion]:
            self.last = request.messages[-1]["content"]
            await asyncio.sleep(0)
            return await ScriptedPolicy(lambda _: f"answer {self.last}").generate(request)

    with pytest.raises(ConformanceError, match="as when asked alone"):
        check_policy(Mixed())
    with pytest.raises(InvalidInputError, match="two different"):
        check_policy(Mixed(), questions=["a"])


def test_value_functions() -> None:
    class Value:
        def __init__(self, read: Callable[[Sequence[int]], Any]) -> None:
            self.read = read

        async def value(self, token_ids: Sequence[int]) -> Any:
            return self.read(token_ids)

    assert check_value(Value(lambda ids: float(ids[-1])), [1, 2, 3]).kept
    counter = iter(range(1000))
    for read, message in (
        (lambda ids: float(sum(ids[:-1])), "one token too early"),
        (lambda ids: 0.5, "one token too early"),
        (lambda ids: float("nan"), "finite"),
        (lambda ids: 1, "finite float"),
        (lambda ids: float(next(counter)), "beside others"),
    ):
        with pytest.raises(ConformanceError, match=message):
            check_value(Value(read), [1, 2, 3])
    with pytest.raises(InvalidInputError, match="other_id"):
        check_value(Value(lambda ids: 0.0), [1, 1])
