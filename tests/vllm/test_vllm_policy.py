"""`VLLMPolicy`: vLLM in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stepgym.agents import Request, Sampling, TransformersPolicy, VLLMPolicy, check_policy, generate_batch
from stepgym.errors import InvalidInputError

PROMPTS = ["3+4=", "12*3+4=?", "a", "the quick brown fox", "né à l'été, 你好"]


@pytest.fixture(scope="module")
def policy(models: SimpleNamespace) -> Iterator[VLLMPolicy]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}.items():
            patch.setenv(name, value)
        engine = {"enforce_eager": True}
        made = VLLMPolicy(models.policy, name="tiny", dtype="float32", adapters=1, batch_size=64, engine=engine)
    yield made
    asyncio.run(made.close())


def requests(tokenizer: Any, *, n: int = 1, **sampling: Any) -> list[Request]:
    return [Request((), tuple(tokenizer.encode(p)), Sampling(**sampling), n=n, seed=i) for i, p in enumerate(PROMPTS)]


def test_the_promises_are_kept(policy: VLLMPolicy) -> None:
    report = check_policy(policy, questions=("3+4=", "1+2+5=", "the quick"))
    assert {promise for promise, _ in report.not_checked} <= {"stop strings end the text and stay in it"}, report


def test_greedy_ids_logprobs_and_scores_are_those_of_transformers(policy: VLLMPolicy, models: SimpleNamespace) -> None:
    reference = TransformersPolicy(models.model, models.tokenizer)
    asks = requests(models.tokenizer, n=2, temperature=0, max_tokens=48)
    for ours, theirs in zip(generate_batch(policy, asks), generate_batch(reference, asks), strict=True):
        assert [c.token_ids for c in ours] == [c.token_ids for c in theirs]
        assert [c.finish_reason for c in ours] == [c.finish_reason for c in theirs]
        np.testing.assert_allclose(ours[0].logprobs, theirs[0].logprobs, atol=1e-3)
        ids = ours[0].prompt_token_ids + ours[0].token_ids
        np.testing.assert_allclose(asyncio.run(policy.score(ids)), asyncio.run(reference.score(ids)), atol=1e-3)


def test_samples_repeat_by_seed_in_any_event_loop(policy: VLLMPolicy, models: SimpleNamespace) -> None:
    asks = requests(models.tokenizer, n=8, temperature=1.2, max_tokens=40, top_k=50, top_p=0.95, stop=("你", "é"))
    first = generate_batch(policy, asks)
    assert [[c.token_ids for c in group] for group in generate_batch(policy, asks)] == [
        [c.token_ids for c in group] for group in first
    ]
    assert len({c.token_ids for group in first for c in group}) > 30
    for completion in (c for group in first for c in group):
        assert completion.logprob_mode == "raw"
        before = models.tokenizer.decode(completion.token_ids[:-1], skip_special_tokens=True)
        assert "你" not in before
        assert "é" not in before


def test_log_probabilities_are_raw_when_sampling(policy: VLLMPolicy, models: SimpleNamespace) -> None:
    ((completion,),) = generate_batch(policy, requests(models.tokenizer, temperature=0.3, top_k=3, max_tokens=20)[:1])
    ids = completion.prompt_token_ids + completion.token_ids
    scores = asyncio.run(policy.score(ids))
    np.testing.assert_allclose(completion.logprobs, scores[-len(completion.token_ids) :], atol=1e-3)


def test_adapters_share_the_engine(policy: VLLMPolicy, models: SimpleNamespace) -> None:
    asks = requests(models.tokenizer, temperature=0, max_tokens=24)
    tuned = policy.with_adapter(models.adapter, name="tuned")
    expected = generate_batch(TransformersPolicy(models.tuned, models.tokenizer), asks)
    found = [c.token_ids for (c,) in generate_batch(tuned, asks)]
    assert found == [c.token_ids for (c,) in expected]
    assert found != [c.token_ids for (c,) in generate_batch(policy, asks)]
    assert (policy.name, tuned.name) == ("tiny", "tuned")
    with pytest.raises(InvalidInputError, match=r"adapter_config\.json"):
        policy.with_adapter(models.policy)


def test_a_full_context_cuts_and_does_not_crash(policy: VLLMPolicy) -> None:
    assert policy.context == 256
    for length, most in ((250, 6), (255, 1), (256, 0), (300, 0)):
        ((completion,),) = generate_batch(policy, [Request((), (20,) * length, Sampling(max_tokens=50), seed=1)])
        assert len(completion.token_ids) <= most
        assert completion.finish_reason == "length" or completion.token_ids


def test_bad_ids_are_refused(policy: VLLMPolicy) -> None:
    for ids, message in (((), "empty"), ((20, 99999), "99999"), (None, "prompt_token_ids")):
        with pytest.raises(InvalidInputError, match=message):
            generate_batch(policy, [Request((), ids)])
    with pytest.raises(InvalidInputError, match="at most 255"):
        asyncio.run(policy.score([20] * 256))
