"""Step-level beam search, against the plain algorithm and on small known trees."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents import Request, Sampling, TransformersPolicy
from stepgym.agents.search import SearchBudget, step_beam
from stepgym.errors import InvalidInputError

EOS = 1


def test_step_beam_keeps_the_best_partial_answers(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    """Greedy on V would follow "b"; width 2 also keeps "a", whose end is better."""
    answers = ["a\nx\n9", "a\ny\n8", "b\nx\n1", "b\ny\n2", "c\nz\n100"]
    table = {"a\n": 0.6, "b\n": 0.7, "c\n": 0.1, "a\nx\n": 0.9, "a\ny\n": 0.5, "b\nx\n": 0.4, "b\ny\n": 0.45}
    table |= {"a\nx\n9": 0.95, "a\ny\n8": 0.8, "b\nx\n1": 0.2, "b\ny\n2": 0.3}
    policy, value = tree_policy(char_tokenizer, answers), table_value(char_tokenizer, table.__getitem__)
    found = step_beam(policy, value, "q?", width=2)
    assert (found.text, found.score, found.rounds) == ("a\nx\n9", 0.95, 3)
    assert [len(r.prompt_token_ids or ()) - 2 for r in policy.requests] == [0, 2, 2, 4, 4]
    assert all(r.n == 2 for r in policy.requests)
    assert found.completion.token_ids == (*char_tokenizer.encode("a\nx\n9"), EOS)
    assert found.completion.finish_reason == "stop"
    assert len(found.completion.logprobs or ()) == 6
    assert found.tokens_spent == sum((2 * 2, 4 * 2, 4 * 2))
    assert found.tokens_scored == sum(map(len, value.read))


def brute_force_beam(policy: Any, value: Any, request: Request, width: int, rounds: int) -> tuple[str, float] | None:
    """The algorithm of the paper, one call at a time (seeds as the search derives them); cut answers come last."""
    from stepgym.agents.seeds import derive_seed

    tokenizer, prompt = policy.tokenizer, request.prompt_token_ids or ()
    stop = Sampling(temperature=1.0, max_tokens=request.sampling.max_tokens, stop=("\n",))
    beam: list[tuple[int, ...]] = [()]
    done: list[tuple[bool, float, tuple[int, ...]]] = []
    for number in range(rounds):
        if not beam:
            break
        kept: list[tuple[float, tuple[int, ...]]] = []
        for i, ids in enumerate(beam):
            ask = Request((), prompt + ids, stop, n=width, seed=derive_seed(request.seed or 0, number, i))
            for completion in asyncio.run(policy.generate(ask)):
                whole = ids + completion.token_ids
                v = asyncio.run(value.value(prompt + whole))
                if "\n" in completion.text:
                    kept.append((v, whole))
                else:
                    done.append((completion.finish_reason == "stop", v, whole))
        beam = [ids for _, ids in sorted(kept, key=lambda pair: -pair[0])[:width]]
    if not done:
        return None
    _, v, ids = max(done, key=lambda found: found[:2])
    return tokenizer.decode(ids, skip_special_tokens=True), v


@pytest.mark.parametrize("seed", range(3))
def test_step_beam_equals_the_plain_algorithm(
    char_tokenizer: Any, make_llama: Any, seed: int, table_value: Any
) -> None:
    import torch

    model = make_llama(char_tokenizer, seed=seed)
    with torch.no_grad():
        model.lm_head.weight *= 0.3  # newlines and ends happen
    policy = TransformersPolicy(model, char_tokenizer)
    value = table_value(char_tokenizer, lambda text: (sum(ord(c) * (i + 1) for i, c in enumerate(text)) * 7919) % 1000)
    request = Request((), tuple(char_tokenizer.encode("q?")), Sampling(max_tokens=30), seed=seed)
    expected = brute_force_beam(policy, value, request, width=3, rounds=3)
    found = step_beam(policy, value, request, width=3, budget=SearchBudget(rounds=3))
    assert expected is not None
    assert (found.text, found.score) == expected


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 60), st.integers(1, 4))
def test_the_token_budget_is_never_exceeded(
    char_tokenizer: Any, tree_policy: Any, table_value: Any, tokens: int, width: int
) -> None:
    policy = tree_policy(char_tokenizer, ["a\nx\n9", "b\nyyyyyyyyyy\n1", "c\nz\n100"])
    value = table_value(char_tokenizer, len)
    found = step_beam(policy, value, "q?", width=width, budget=SearchBudget(tokens=tokens))
    assert found.tokens_spent <= tokens
    if not found.finished:
        assert found.completion.finish_reason == "length"


def test_nothing_finished_counts_as_no_answer(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    policy = tree_policy(char_tokenizer, ["a\n" * 30])
    found = step_beam(policy, table_value(char_tokenizer, len), "q?", width=2, budget=SearchBudget(rounds=3))
    assert (found.finished, found.rounds, found.text) == (False, 3, "a\n" * 3)


def test_a_stop_string_of_the_request_ends_the_answer(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    policy = tree_policy(char_tokenizer, ["a\nb:c\nd"])
    found = step_beam(policy, table_value(char_tokenizer, len), "?", width=1, sampling=Sampling(stop=(":",)))
    assert (found.text, found.finished) == ("a\nb:", True)


def test_expand_and_first_spend_where_it_matters(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    answers = ["a\nx\n9", "a\ny\n8", "b\nx\n1", "c\nz\n100"]
    policy, value = tree_policy(char_tokenizer, answers), table_value(char_tokenizer, lambda text: float("c" in text))
    found = step_beam(policy, value, "q?", width=1, expand=2, first=3)
    assert found.text == "c\nz\n100"
    assert [request.n for request in policy.requests] == [3, 2, 2]
    assert found.tokens_spent == 3 * 2 + 2 * 2 + 2 * 4
    with pytest.raises(InvalidInputError, match="expand and first"):
        step_beam(policy, value, "q?", first=0)


def test_equal_members_of_the_beam_are_one(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    policy, value = tree_policy(char_tokenizer, ["a\nb\nc"]), table_value(char_tokenizer, len)
    found = step_beam(policy, value, "q?", width=4)
    assert len(policy.requests) == 3, "one continuation a round, asked for four times"
    assert (found.text, found.tokens_spent) == ("a\nb\nc", 4 * 6)


def test_answers_cut_at_the_step_limit_come_last(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    policy, value = tree_policy(char_tokenizer, ["aaaaaaaaaa", "b"]), table_value(char_tokenizer, len)
    found = step_beam(policy, value, "q?", width=2, sampling=Sampling(max_tokens=4))
    assert (found.text, found.finished) == ("b", True)
