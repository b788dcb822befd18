"""`OpenAIPolicy` and `ServedValue` against real vLLM servers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from stepgym.agents import (
    Agent,
    ChatPrompt,
    OpenAIPolicy,
    Request,
    Sampling,
    ServedValue,
    ServingError,
    TransformersPolicy,
    check_policy,
    check_value,
    collect,
    generate_batch,
    load_openai_policy,
)
from stepgym.agents.search import best_of_n
from stepgym.errors import InvalidInputError
from stepgym.train.value_function import TransformersValueFunction

PROMPTS = ["3+4=", "12*3+4=?", "a", "the quick brown fox", "né à l'été, 你好", "look, take apple 1 from desk 2"]


@pytest.fixture(scope="module")
def served(servers: SimpleNamespace) -> OpenAIPolicy:
    return load_openai_policy(f"{servers.policy}#tiny")


@pytest.fixture(scope="module")
def reference(models: SimpleNamespace) -> TransformersPolicy:
    return TransformersPolicy(models.model, models.tokenizer)


def requests(tokenizer: Any, *, n: int = 1, **sampling: Any) -> list[Request]:
    return [
        Request(({"role": "user", "content": p},), tuple(tokenizer.encode(p)), Sampling(**sampling), n=n, seed=i)
        for i, p in enumerate(PROMPTS)
    ]


def test_the_promises_are_kept(served: OpenAIPolicy) -> None:
    assert served.tokenizer is not None, "the tokenizer of a vLLM server beside us is found"
    report = check_policy(served, questions=("3+4=", "1+2+5=", "the quick"))
    assert {promise for promise, _ in report.not_checked} <= {"stop strings end the text and stay in it"}, report
    assert not served.failures


def test_greedy_ids_and_logprobs_are_those_of_transformers(
    served: OpenAIPolicy, reference: TransformersPolicy, models: SimpleNamespace
) -> None:
    """The defaults saved with the model (repetition penalty 3) would change them."""
    asks = requests(models.tokenizer, temperature=0, max_tokens=48)
    for (ours,), (theirs,) in zip(generate_batch(served, asks), generate_batch(reference, asks), strict=True):
        assert ours.token_ids == theirs.token_ids
        assert (ours.text, ours.finish_reason) == (theirs.text, theirs.finish_reason)
        np.testing.assert_allclose(ours.logprobs, theirs.logprobs, atol=1e-3)


def test_ids_that_text_cannot_give_back_are_exact(served: OpenAIPolicy, models: SimpleNamespace) -> None:
    """Hot samples are full of broken characters; the policy compares ids and text of every one."""
    found = generate_batch(served, requests(models.tokenizer, n=32, temperature=1.5, max_tokens=60))
    drawn = [completion for group in found for completion in group]
    again = [tuple(models.tokenizer.encode(c.text, add_special_tokens=False)) for c in drawn]
    assert sum(ids != c.token_ids for ids, c in zip(again, drawn, strict=True)) > len(drawn) // 2
    assert len({c.token_ids for c in drawn}) > 0.9 * len(drawn), "top_k=1, saved with the model, is not in force"
    for completion in drawn:
        assert completion.text == models.tokenizer.decode(completion.token_ids, skip_special_tokens=True)
    assert generate_batch(served, requests(models.tokenizer, n=32, temperature=1.5, max_tokens=60)) == found


def test_a_stop_string_inside_multi_byte_characters(served: OpenAIPolicy, models: SimpleNamespace) -> None:
    free = generate_batch(served, requests(models.tokenizer, n=16, temperature=1.2, max_tokens=60))
    stops = ("你", "é", "<|im_end|>")
    cut = generate_batch(served, requests(models.tokenizer, n=16, temperature=1.2, max_tokens=60, stop=stops))
    ended = 0
    for ours, theirs in zip(*([c for group in groups for c in group] for groups in (cut, free)), strict=True):
        assert theirs.token_ids[: len(ours.token_ids)] == ours.token_ids
        before = models.tokenizer.decode(ours.token_ids[:-1], skip_special_tokens=True)
        assert not any(s in before for s in stops)
        if any(s in ours.text for s in stops):
            assert ours.finish_reason == "stop"
            ended += 1
    assert ended > 5


def test_text_comes_with_the_ids_that_the_server_used(servers: SimpleNamespace, models: SimpleNamespace) -> None:
    plain = OpenAIPolicy("tiny", servers.policy)
    asks = [replace(ask, prompt_token_ids=None) for ask in requests(models.tokenizer, max_tokens=20)]
    for ask, (completion,) in zip(asks, generate_batch(plain, asks), strict=True):
        rendered = models.tokenizer.apply_chat_template(list(ask.messages), add_generation_prompt=True, tokenize=False)
        expected = models.tokenizer.encode(rendered, add_special_tokens=False)
        assert list(completion.prompt_token_ids) == expected
        assert len(completion.logprobs) == len(completion.token_ids)
    report = check_policy(plain, prompt=ChatPrompt(), sampled=True)
    assert len(report.kept) >= 4, report


class Turns(gymnasium.Env[str, str]):
    """Four observations, whatever is answered."""

    instructions = "Repeat the number."

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.left = 4
        return f"take apple {self.left}", {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.left -= 1
        return f"look, desk {self.left}, 你们好", 0.0, self.left == 0, False, {}


def test_token_in_token_out_over_many_turns(served: OpenAIPolicy, models: SimpleNamespace) -> None:
    agent = Agent(served, ChatPrompt(), Sampling(temperature=1.3, max_tokens=40, stop=("e", "t", "a", "o")))
    episodes = [e for e in collect(Turns, agent, episodes=48, progress=False).episodes if e.end == "terminated"]
    assert len(episodes) >= 24
    assert sum([step.completion.new_segment for step in e.steps] == [True, False, False, False] for e in episodes) >= 12
    for episode in episodes:
        ids: tuple[int, ...] = ()
        shown = [{"role": "system", "content": Turns.instructions}]
        for step in episode.steps:
            shown.append({"role": "user", "content": step.observation})
            # A special token inside an answer is not in its text, so the next turn begins a segment.
            ids = (
                step.completion.prompt_token_ids
                if step.completion.new_segment
                else ids + step.completion.prompt_token_ids
            )
            # Re-decoded, the ids the server read are the whole conversation as the template shows it.
            text = models.tokenizer.apply_chat_template(shown, add_generation_prompt=True, tokenize=False)
            assert models.tokenizer.decode(ids, skip_special_tokens=False) == text
            ids += step.completion.token_ids
            shown.append({"role": "assistant", "content": step.completion.text})


def test_an_adapter_is_a_model_of_its_own(servers: SimpleNamespace, models: SimpleNamespace) -> None:
    asks = requests(models.tokenizer, temperature=0, max_tokens=24)
    tuned = OpenAIPolicy("tuned", servers.policy, models.tokenizer)
    expected = generate_batch(TransformersPolicy(models.tuned, models.tokenizer), asks)
    base = generate_batch(TransformersPolicy(models.model, models.tokenizer), asks)
    found = [c.token_ids for (c,) in generate_batch(tuned, asks)]
    assert found == [c.token_ids for (c,) in expected] != [c.token_ids for (c,) in base]
    assert tuned.context == 256


def test_a_full_context_cuts_and_does_not_crash(servers: SimpleNamespace, models: SimpleNamespace) -> None:
    by_ids = OpenAIPolicy("tiny", servers.policy, models.tokenizer)
    by_text = OpenAIPolicy("tiny", servers.policy)
    for length in (250, 255, 256, 300):
        ask = Request(({"role": "user", "content": "~" * length},), (20,) * length, Sampling(max_tokens=400), seed=0)
        for asking in (by_ids, by_text):
            ((completion,),) = generate_batch(asking, [ask])
            assert completion.finish_reason in ("length", "stop")
            if asking is by_ids:
                assert len(completion.token_ids) <= max(0, 256 - length)


def test_what_is_wrong_is_said(servers: SimpleNamespace, served: OpenAIPolicy) -> None:
    with pytest.raises(ServingError, match="serves no model 'nope'; it serves: tiny, tuned"):
        generate_batch(OpenAIPolicy("nope", servers.policy), [Request(({"role": "user", "content": "a"},))])
    with pytest.raises(ServingError, match="out of vocabulary") as caught:
        generate_batch(served, [Request((), (20, 99999))])
    assert caught.value.kind == "rejected"
    many = Request((), (20,), Sampling(stop=tuple("abcde")))
    with pytest.raises(ServingError, match="5 stop strings were asked for"):
        generate_batch(served, [many])


def test_served_values_are_those_of_the_process(servers: SimpleNamespace, models: SimpleNamespace) -> None:
    served = ServedValue("value", servers.value)
    ids = models.tokenizer.encode("the quick brown fox 12 * 3? né 你好 answer 7")
    with torch.no_grad():
        expected = models.value_model(torch.tensor([ids]))[0].tolist()
    found = asyncio.run(served.values(ids))
    assert max(map(abs, expected)) > 1.5, "beyond what a sigmoid would leave"
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert len(check_value(served, ids).kept) == 3
    with pytest.raises(InvalidInputError, match="does not read 300 tokens"):
        asyncio.run(served.value([20] * 300))
    with pytest.raises(ServingError, match="serves no model"):
        asyncio.run(ServedValue("other", servers.value).value(ids))


def test_search_scores_alike_through_the_server(
    servers: SimpleNamespace, served: OpenAIPolicy, models: SimpleNamespace
) -> None:
    near = TransformersValueFunction(models.value_model, models.tokenizer)
    settings: dict[str, Any] = {"n": 8, "sampling": Sampling(max_tokens=12), "seed": 3, "prompt": ChatPrompt()}
    ours, theirs = (
        best_of_n(served, value, "3+4=", **settings) for value in (ServedValue("value", servers.value), near)
    )
    scores = [[candidate.score for candidate in result.candidates] for result in (ours, theirs)]
    np.testing.assert_allclose(*scores, atol=1e-3)
