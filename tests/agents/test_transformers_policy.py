from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from stepgym.agents import Completion, Request, Sampling, TransformersPolicy, generate_batch, load_transformers_policy
from stepgym.agents.engines.running_batch import RunningBatch
from stepgym.errors import InvalidInputError

PROMPTS = ["3+4=", "12*3+4=?", "a", "the quick brown fox"]


def request(policy: TransformersPolicy, text: str, *, n: int = 1, seed: int | None = 0, **sampling: Any) -> Request:
    ids = tuple(policy.tokenizer.encode(text, add_special_tokens=False))
    return Request((), ids, Sampling(**sampling), n=n, seed=seed)


def one(policy: TransformersPolicy, text: str, **settings: Any) -> Completion:
    return generate_batch(policy, [request(policy, text, **settings)])[0][0]


def test_greedy_equals_transformers_generate_whatever_the_padding(char_policy: TransformersPolicy) -> None:
    model, tokenizer = char_policy.model, char_policy.tokenizer
    together = generate_batch(char_policy, [request(char_policy, p, temperature=0, max_tokens=20) for p in PROMPTS])
    for text, (completion,) in zip(PROMPTS, together, strict=True):
        ids = torch.tensor([tokenizer.encode(text)])
        expected = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=20)
        assert list(completion.token_ids or ()) == expected[0, ids.shape[1] :].tolist()
        assert completion.prompt_token_ids == tuple(ids[0].tolist())
        assert completion.new_segment
        assert completion == one(char_policy, text, temperature=0, max_tokens=20) or np.allclose(
            completion.logprobs, one(char_policy, text, temperature=0, max_tokens=20).logprobs, atol=1e-5
        )


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 3.0])
def test_logprobs_are_raw(char_policy: TransformersPolicy, temperature: float) -> None:
    completions = generate_batch(
        char_policy, [request(char_policy, p, temperature=temperature, max_tokens=15, top_k=5) for p in PROMPTS]
    )
    for (completion,) in completions:
        ids = torch.tensor([[*completion.prompt_token_ids, *completion.token_ids]])
        with torch.no_grad():
            expected = char_policy.model(ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
        written = len(completion.token_ids)
        np.testing.assert_allclose(completion.logprobs, expected[-written:].numpy(), atol=2e-5)
        assert completion.logprob_mode == "raw"


def test_score_equals_forward(char_policy: TransformersPolicy) -> None:
    rows = [char_policy.tokenizer.encode(p) for p in PROMPTS]

    async def scores() -> list[list[float]]:
        return list(await asyncio.gather(*(char_policy.score(row) for row in rows)))

    for row, found in zip(rows, asyncio.run(scores()), strict=True):
        ids = torch.tensor([row])
        with torch.no_grad():
            expected = char_policy.model(ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
        np.testing.assert_allclose(found, expected.numpy(), atol=2e-5)
    assert asyncio.run(char_policy.score(rows[0][:1])) == []


def test_a_sample_does_not_depend_on_its_batch(char_policy: TransformersPolicy) -> None:
    alone = [one(char_policy, p, seed=i, max_tokens=25) for i, p in enumerate(PROMPTS)]
    crowd = [request(char_policy, "9" * (i % 7 + 1), seed=100 + i, max_tokens=5 + i) for i in range(30)]
    mixed = crowd[:15] + [request(char_policy, p, seed=i, max_tokens=25) for i, p in enumerate(PROMPTS)] + crowd[15:]
    found = generate_batch(char_policy, mixed)[15:19]
    assert [c.token_ids for c in alone] == [c[0].token_ids for c in found]


def test_samples_of_one_request_differ_and_repeat(char_policy: TransformersPolicy) -> None:
    ask = request(char_policy, "3+4=", n=8, max_tokens=12)
    first, second = generate_batch(char_policy, [ask, ask])
    assert len(first) == 8
    assert [c.token_ids for c in first] == [c.token_ids for c in second]
    assert len({c.token_ids for c in first}) > 4
    other = generate_batch(char_policy, [replace(ask, seed=1)])[0]
    assert [c.token_ids for c in first] != [c.token_ids for c in other]
    fresh = generate_batch(char_policy, [replace(ask, seed=None)])[0]
    assert [c.token_ids for c in first] != [c.token_ids for c in fresh]


def test_a_request_larger_than_the_batch_is_answered(char_policy: TransformersPolicy) -> None:
    small = TransformersPolicy(char_policy.model, char_policy.tokenizer, batch_size=3)
    ask = request(char_policy, "3+4=", n=8, max_tokens=12)
    assert [c.token_ids for c in generate_batch(small, [ask])[0]] == [
        c.token_ids for c in generate_batch(char_policy, [ask])[0]
    ]


def test_sampling_follows_the_distribution(char_policy: TransformersPolicy) -> None:
    """The share of each first token among many samples equals the model's probability."""
    n = 4000
    completions = generate_batch(char_policy, [request(char_policy, "3+4=", n=n, max_tokens=1, temperature=1.5)])[0]
    counts = np.bincount([c.token_ids[0] for c in completions], minlength=len(char_policy.tokenizer))
    with torch.no_grad():
        logits = char_policy.model(torch.tensor([char_policy.tokenizer.encode("3+4=")])).logits[0, -1]
    expected = torch.softmax(logits.double() / 1.5, -1).numpy()
    error = np.abs(counts / n - expected)
    assert (error < 5 * np.sqrt(expected * (1 - expected) / n) + 1e-3).all()


def test_top_k_and_top_p_cut_the_tail(char_policy: TransformersPolicy) -> None:
    with torch.no_grad():
        logits = char_policy.model(torch.tensor([char_policy.tokenizer.encode("a")])).logits[0, -1].double()
    best = set(logits.topk(2).indices.tolist())
    drawn = generate_batch(char_policy, [request(char_policy, "a", n=200, max_tokens=1, top_k=2, temperature=5.0)])[0]
    assert {c.token_ids[0] for c in drawn} == best
    ordered = torch.softmax(logits / 4, -1).sort(descending=True)
    size = int((ordered.values.cumsum(0) < 0.6).sum()) + 1
    drawn = generate_batch(char_policy, [request(char_policy, "a", n=400, max_tokens=1, top_p=0.6, temperature=4.0)])[0]
    assert {c.token_ids[0] for c in drawn} <= set(ordered.indices[:size].tolist())
    assert len({c.token_ids[0] for c in drawn}) > 1


def test_stop_string_is_kept_and_ends_the_text(char_policy: TransformersPolicy) -> None:
    endless = TransformersPolicy(char_policy.model, char_policy.tokenizer, end_ids=())
    free = one(endless, "3+4=", seed=1, temperature=3.0, max_tokens=30)
    stop = free.text[6:9]
    assert len(stop) == 3
    cut = one(endless, "3+4=", seed=1, temperature=3.0, max_tokens=30, stop=("never", stop))
    assert cut.text == free.text[: free.text.index(stop) + 3]
    assert cut.finish_reason == "stop"
    assert cut.token_ids == free.token_ids[: len(cut.token_ids)]


def test_stop_string_over_tokens_and_inside_characters(chat_policy: TransformersPolicy) -> None:
    """Byte-level tokens: a character outside ASCII is several tokens, the stop string ends at its last byte."""
    endless = TransformersPolicy(chat_policy.model, chat_policy.tokenizer, end_ids=())
    free = generate_batch(endless, [request(endless, "look", n=40, max_tokens=40, temperature=3.0)])[0]
    asks, expected, several_bytes = [], [], 0
    for sample, completion in enumerate(free):
        # Every text the completion shows after some token.
        partial = [endless.tokenizer.decode(completion.token_ids[:i], skip_special_tokens=True) for i in range(41)]
        for i in range(4, min(len(completion.text), 24), 5):
            stop = completion.text[i : i + 1 + i % 3]
            if stop and "\ufffd" not in stop:
                asks.append(
                    request(endless, "look", n=sample + 1, max_tokens=40, temperature=3.0, stop=("never there", stop))
                )
                expected.append((sample, next(k for k, text in enumerate(partial) if stop in text)))
                several_bytes += not stop.isascii()
    assert several_bytes
    for (sample, length), completions in zip(expected, generate_batch(endless, asks[:60]), strict=False):
        assert completions[sample].token_ids == free[sample].token_ids[:length]
        assert completions[sample].finish_reason == "stop"


def test_a_special_token_as_stop_string_stops_at_the_token(chat_policy: TransformersPolicy) -> None:
    ask = request(chat_policy, "look", n=60, max_tokens=60, temperature=3.0, stop=("<|endoftext|>",))
    special = chat_policy.tokenizer.convert_tokens_to_ids("<|endoftext|>")
    stopped = [c for c in generate_batch(chat_policy, [ask])[0] if special in c.token_ids]
    assert stopped
    for completion in stopped:
        assert completion.token_ids.index(special) == len(completion.token_ids) - 1
        assert completion.finish_reason == "stop"
        assert "<|endoftext|>" not in completion.text


def test_end_token_is_sampled_kept_and_not_shown(char_policy: TransformersPolicy) -> None:
    completions = generate_batch(char_policy, [request(char_policy, "3", n=200, max_tokens=40, temperature=2.0)])[0]
    ended = [c for c in completions if c.finish_reason == "stop"]
    assert ended
    assert len(ended) < 200
    for completion in completions:
        assert (completion.token_ids[-1] == 1) == (completion.finish_reason == "stop")
        assert 1 not in completion.token_ids[:-1]
        assert len(completion.token_ids) == len(completion.logprobs)
        assert completion.text == char_policy.tokenizer.decode(completion.token_ids, skip_special_tokens=True)
        assert len(completion.token_ids) == 40 or completion.finish_reason == "stop"


def test_the_context_limits_prompt_and_completion(char_policy: TransformersPolicy) -> None:
    small = TransformersPolicy(char_policy.model, char_policy.tokenizer, context=10)
    cut = one(small, "3+4+5", temperature=0, max_tokens=30)
    assert (len(cut.token_ids), cut.finish_reason) == (5, "length")
    assert cut.token_ids == one(char_policy, "3+4+5", temperature=0, max_tokens=5).token_ids
    full, short = generate_batch(small, [request(small, "3" * 10), request(small, "3", max_tokens=2, temperature=0)])
    assert (full[0].text, full[0].token_ids, full[0].finish_reason) == ("", (), "length")
    assert len(short[0].token_ids) == 2


def test_the_model_and_torch_are_left_as_they_were(char_tokenizer: Any, make_llama: Any) -> None:
    model = make_llama(char_tokenizer)
    model.train()
    model.model.layers[0].eval()
    before = torch.get_rng_state()
    modes = [module.training for module in model.modules()]
    policy = TransformersPolicy(model, char_tokenizer)
    one(policy, "3+4", max_tokens=5)
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(before, torch.get_rng_state())
    assert model(torch.tensor([[3, 4]]), labels=torch.tensor([[3, 4]])).loss.requires_grad


def test_wrong_requests_are_refused(char_policy: TransformersPolicy) -> None:
    for bad in (Request((), None), Request((), ()), Request((), (10_000,)), Request((), (-1,))):
        with pytest.raises(InvalidInputError):
            generate_batch(char_policy, [bad])
    with pytest.raises(InvalidInputError, match="at most 256"):
        asyncio.run(char_policy.score([3] * 257))


def test_a_diverged_model_is_named(char_tokenizer: Any, make_llama: Any) -> None:
    model = make_llama(char_tokenizer)
    with torch.no_grad():
        model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(Exception, match="not finite"):
        one(TransformersPolicy(model, char_tokenizer), "3+4", max_tokens=5)


def test_cancelled_requests_do_not_hold_up_others(char_policy: TransformersPolicy) -> None:
    async def main() -> Completion:
        slow = asyncio.create_task(char_policy.generate(request(char_policy, "3", max_tokens=250, temperature=0)))
        await asyncio.sleep(0.02)
        slow.cancel()
        return (await char_policy.generate(request(char_policy, "3+4=", temperature=0, max_tokens=4)))[0]

    assert asyncio.run(main()).token_ids == one(char_policy, "3+4=", temperature=0, max_tokens=4).token_ids


def test_saved_models_load(char_policy: TransformersPolicy, tmp_path: Any) -> None:
    char_policy.model.save_pretrained(tmp_path)
    char_policy.tokenizer.save_pretrained(tmp_path)
    loaded = load_transformers_policy(tmp_path, batch_size=2)
    assert loaded.name == str(tmp_path)
    assert one(loaded, "3+4=", seed=5).token_ids == one(char_policy, "3+4=", seed=5).token_ids
    with pytest.raises(InvalidInputError, match="nowhere"):
        load_transformers_policy(tmp_path / "nowhere")


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_requests_join_a_running_batch_and_change_nothing(char_policy: TransformersPolicy, temperature: float) -> None:
    """Conversations of different lengths come and go; every answer is the one that the request gets alone."""
    joined: list[int] = []
    policy = TransformersPolicy(char_policy.model, char_policy.tokenizer, batch_size=6)
    grow = RunningBatch.join

    def counted(self: RunningBatch, other: RunningBatch) -> None:
        joined.append(len(other.rows))
        grow(self, other)

    def ask(talk: int, turn: int) -> Request:
        text = "7" * (1 + (5 * talk + 3 * turn) % 23) + "+="
        limits = {"max_tokens": 1 + (7 * talk + 11 * turn) % 40, "temperature": temperature}
        return request(char_policy, text, seed=100 * talk + turn, **limits)

    async def converse(talk: int) -> list[Any]:
        return [(await policy.generate(ask(talk, turn)))[0] for turn in range(3)]

    async def main() -> list[list[Any]]:
        return list(await asyncio.gather(*(converse(talk) for talk in range(10))))

    RunningBatch.join = counted  # type: ignore[method-assign]
    try:
        found = asyncio.run(main())
    finally:
        RunningBatch.join = grow  # type: ignore[method-assign]
    assert len(joined) >= 5
    for talk, completions in enumerate(found):
        for turn, completion in enumerate(completions):
            (alone,) = generate_batch(char_policy, [ask(talk, turn)])[0]
            assert (completion.token_ids, completion.text) == (alone.token_ids, alone.text)
            assert completion.finish_reason == alone.finish_reason
            np.testing.assert_allclose(completion.logprobs, alone.logprobs, atol=1e-4)


def test_requests_for_a_model_with_other_layers_wait_for_the_next_batch(
    char_policy: TransformersPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: RunningBatch, other: RunningBatch) -> None:
        raise AssertionError("these layers cannot be joined")

    monkeypatch.setattr(RunningBatch, "can_grow", False)
    monkeypatch.setattr(RunningBatch, "join", refused)
    policy = TransformersPolicy(char_policy.model, char_policy.tokenizer, batch_size=3)
    asks = [request(char_policy, "3+4=", seed=i, max_tokens=3 + 5 * i) for i in range(9)]
    expected = generate_batch(char_policy, asks)
    assert [c[0].token_ids for c in generate_batch(policy, asks)] == [c[0].token_ids for c in expected]
