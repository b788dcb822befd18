from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.agents import Agent, Completion, Request, Sampling, ScriptedPolicy, TransformersPolicy, collect
from stepgym.agents.search import (
    BestOfNPolicy,
    SearchBudget,
    StepBeamPolicy,
    best_of_n,
    last_number,
    step_beam,
)
from stepgym.errors import InvalidInputError

EOS = 1


class TreePolicy:
    """Writes, character by character, whole answers from a list; ids are real, sample i takes the i-th fitting one."""

    def __init__(self, tokenizer: Any, answers: Sequence[str], *, end: bool = True) -> None:
        self.tokenizer, self.answers, self.end = tokenizer, answers, end
        self.requests: list[Request] = []

    async def generate(self, request: Request) -> list[Completion]:
        self.requests.append(request)
        prompt = request.prompt_token_ids or ()
        written = self.tokenizer.decode(prompt).partition("?")[2]
        rest = [a[len(written) :] for a in self.answers if a.startswith(written)]
        steps = list(dict.fromkeys(self._cut(r, request.sampling.stop) for r in rest))
        return [self._completion(prompt, *steps[i % len(steps)], request.sampling) for i in range(request.n)]

    def _cut(self, text: str, stops: Sequence[str]) -> tuple[str, bool]:
        ends = [text.index(s) + len(s) for s in stops if s in text]
        return (text[: min(ends)], False) if ends else (text, True)

    def _completion(self, prompt: tuple[int, ...], text: str, ended: bool, sampling: Sampling) -> Completion:
        ids = tuple(self.tokenizer.encode(text)) + ((EOS,) if ended and self.end else ())
        cut = ids[: sampling.max_tokens]
        shown = self.tokenizer.decode(cut, skip_special_tokens=True)
        reason = "stop" if len(cut) == len(ids) else "length"
        return Completion(shown, True, prompt, cut, (-0.5,) * len(cut), finish_reason=reason)  # type: ignore[arg-type]


class TableValue:
    """V looked up by the text read so far."""

    def __init__(self, tokenizer: Any, table: Any) -> None:
        self.tokenizer, self.table, self.read = tokenizer, table, list[tuple[int, ...]]()

    async def value(self, token_ids: Sequence[int]) -> float:
        self.read.append(tuple(token_ids))
        return float(self.table(self.tokenizer.decode(token_ids, skip_special_tokens=True).partition("?")[2]))


def test_best_of_n_takes_the_highest_value(char_tokenizer: Any) -> None:
    policy = TreePolicy(char_tokenizer, ["1", "2", "3"])
    value = TableValue(char_tokenizer, lambda text: {"1": 0.1, "2": 0.9, "3": 0.5}[text])
    found = best_of_n(policy, value, "q?", 3)
    assert (found.text, found.score, found.tokens_spent) == ("2", 0.9, 6)
    assert [c.score for c in found.candidates] == [0.1, 0.9, 0.5]
    assert found.finished
    assert str(found) == "2"


def test_value_is_read_after_the_last_token(char_tokenizer: Any) -> None:
    prompt = tuple(char_tokenizer.encode("q?"))
    for after_end, end in ((True, (EOS,)), (False, ())):
        value = TableValue(char_tokenizer, lambda text: 0.0)
        best_of_n(TreePolicy(char_tokenizer, ["12", "13"]), value, "q?", 2, after_end=after_end)
        stopped = best_of_n(TreePolicy(char_tokenizer, ["12"], end=False), value, "q?", 1, after_end=after_end)
        assert value.read.pop() == stopped.completion.prompt_token_ids + stopped.completion.token_ids
        assert value.read == [(*prompt, *char_tokenizer.encode(t), *end) for t in ("12", "13")]


def test_candidates_that_differ_in_their_last_token_are_told_apart(char_tokenizer: Any) -> None:
    policy = TreePolicy(char_tokenizer, ["take apple 1", "take apple 2"])
    value = TableValue(char_tokenizer, lambda text: float(text[-1] == "2"))
    assert best_of_n(policy, value, "?", 2).text == "take apple 2"
    stepwise = TreePolicy(char_tokenizer, ["go 1\nx", "go 2\nx"])
    value = TableValue(char_tokenizer, lambda text: float("2" in text))
    found = step_beam(stepwise, value, "?", width=2)
    assert found.text == "go 2\nx"
    prompt = tuple(char_tokenizer.encode("?"))
    assert (*prompt, *char_tokenizer.encode("go 1\n")) in value.read  # with the delimiter


def test_majority_and_weighted_majority(char_tokenizer: Any) -> None:
    policy = TreePolicy(char_tokenizer, ["is 5", "no 7", "so 7.0", "b 5", "c 7"])
    value = TableValue(char_tokenizer, lambda text: 0.9 if "5" in text else 0.1)
    assert best_of_n(policy, None, "?", 5, choose="majority").text == "no 7"
    assert best_of_n(policy, value, "?", 5, choose="weighted_majority").text == "is 5"
    by_text = best_of_n(policy, None, "?", 5, choose="majority", answer_of=lambda t: t[:1])
    assert by_text.text == "is 5"  # all differ: the first
    with pytest.raises(InvalidInputError, match="value function"):
        best_of_n(policy, None, "?", 5)


def test_cut_answers_are_chosen_last(char_tokenizer: Any) -> None:
    policy = TreePolicy(char_tokenizer, ["11111111", "2"])
    value = TableValue(char_tokenizer, lambda text: len(text))
    found = best_of_n(policy, value, "?", 2, sampling=Sampling(max_tokens=4))
    assert (found.text, found.tokens_spent) == ("2", 6)
    all_cut = best_of_n(policy, value, "?", 1, sampling=Sampling(max_tokens=4))
    assert (all_cut.text, all_cut.finished) == ("1111", False)
    bounded = best_of_n(policy, value, "?", 4, budget=SearchBudget(tokens=11))
    assert bounded.tokens_spent <= 11
    with pytest.raises(InvalidInputError, match="budget"):
        best_of_n(policy, value, "?", 4, budget=SearchBudget(tokens=3))


def test_step_beam_keeps_the_best_partial_answers(char_tokenizer: Any) -> None:
    """Greedy on V would follow "b"; width 2 also keeps "a", whose end is better."""
    answers = ["a\nx\n9", "a\ny\n8", "b\nx\n1", "b\ny\n2", "c\nz\n100"]
    table = {"a\n": 0.6, "b\n": 0.7, "c\n": 0.1, "a\nx\n": 0.9, "a\ny\n": 0.5, "b\nx\n": 0.4, "b\ny\n": 0.45}
    table |= {"a\nx\n9": 0.95, "a\ny\n8": 0.8, "b\nx\n1": 0.2, "b\ny\n2": 0.3}
    policy, value = TreePolicy(char_tokenizer, answers), TableValue(char_tokenizer, table.__getitem__)
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
    """The algorithm as written in the paper's code, one call at a time (seeds as the search derives them)."""
    from stepgym.agents.seeds import derive_seed

    tokenizer, prompt = policy.tokenizer, request.prompt_token_ids or ()
    stop = Sampling(temperature=1.0, max_tokens=request.sampling.max_tokens, stop=("\n",))
    beam: list[tuple[int, ...]] = [()]
    done: list[tuple[float, tuple[int, ...]]] = []
    for number in range(rounds):
        if not beam:
            break
        kept: list[tuple[float, tuple[int, ...]]] = []
        for i, ids in enumerate(beam):
            ask = Request((), prompt + ids, stop, n=width, seed=derive_seed(request.seed or 0, number, i))
            for completion in asyncio.run(policy.generate(ask)):
                whole = ids + completion.token_ids
                v = asyncio.run(value.value(prompt + whole))
                (kept if "\n" in completion.text else done).append((v, whole))
        beam = [ids for _, ids in sorted(kept, key=lambda pair: -pair[0])[:width]]
    if not done:
        return None
    v, ids = max(done, key=lambda pair: pair[0])
    return tokenizer.decode(ids, skip_special_tokens=True), v


@pytest.mark.parametrize("seed", range(3))
def test_step_beam_equals_the_plain_algorithm(char_tokenizer: Any, make_llama: Any, seed: int) -> None:
    import torch

    model = make_llama(char_tokenizer, seed=seed)
    with torch.no_grad():
        model.lm_head.weight *= 0.3  # newlines and ends happen
    policy = TransformersPolicy(model, char_tokenizer)
    value = TableValue(char_tokenizer, lambda text: (sum(ord(c) * (i + 1) for i, c in enumerate(text)) * 7919) % 1000)
    request = Request((), tuple(char_tokenizer.encode("q?")), Sampling(max_tokens=30), seed=seed)
    expected = brute_force_beam(policy, value, request, width=3, rounds=3)
    found = step_beam(policy, value, request, width=3, budget=SearchBudget(rounds=3))
    assert expected is not None
    assert (found.text, found.score) == expected


@given(st.integers(1, 60), st.integers(1, 4))
def test_the_token_budget_is_never_exceeded(char_tokenizer: Any, tokens: int, width: int) -> None:
    policy = TreePolicy(char_tokenizer, ["a\nx\n9", "b\nyyyyyyyyyy\n1", "c\nz\n100"])
    value = TableValue(char_tokenizer, len)
    found = step_beam(policy, value, "q?", width=width, budget=SearchBudget(tokens=tokens))
    assert found.tokens_spent <= tokens
    if not found.finished:
        assert found.completion.finish_reason == "length"


def test_nothing_finished_counts_as_no_answer(char_tokenizer: Any) -> None:
    policy = TreePolicy(char_tokenizer, ["a\n" * 30])
    found = step_beam(policy, TableValue(char_tokenizer, len), "q?", width=2, budget=SearchBudget(rounds=3))
    assert (found.finished, found.rounds, found.text) == (False, 3, "a\n" * 3)


def test_a_stop_string_of_the_request_ends_the_answer(char_tokenizer: Any) -> None:
    policy = TreePolicy(char_tokenizer, ["a\nb:c\nd"])
    found = step_beam(policy, TableValue(char_tokenizer, len), "?", width=1, sampling=Sampling(stop=(":",)))
    assert (found.text, found.finished) == ("a\nb:", True)


def test_searches_act_in_environments(char_tokenizer: Any, echo_env: Any) -> None:
    value = TableValue(char_tokenizer, lambda text: float(text.endswith("3")))
    policy = TreePolicy(char_tokenizer, ["1", "2", "3"])
    from stepgym.agents import PlainPrompt

    for search in (BestOfNPolicy(policy, value, 3), StepBeamPolicy(policy, value, width=3)):
        done = collect(
            echo_env, Agent(search, PlainPrompt(suffix="?")), tasks=["3"], samples_per_task=4, progress=False
        )
        assert done.successes == 4
        assert done.episodes[0].policy == f"{search.name}"
        assert search.tokens_spent == 4 * 3 * 2


def test_search_needs_ids(char_tokenizer: Any) -> None:
    value = TableValue(char_tokenizer, len)
    with pytest.raises(InvalidInputError, match="ids"):
        best_of_n(ScriptedPolicy(["a"]), value, "?", 2)
    with pytest.raises(InvalidInputError, match="tokenizer"):
        step_beam(ScriptedPolicy(["a"]), value, "?")
    assert best_of_n(ScriptedPolicy(["7"]), None, "?", 2, choose="majority").text == "7"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("so 1,234 apples", "1234"),
        ("= 2.50", "2.5"),
        ("x = -3", "-3"),
        ("3-4", "4"),
        ("it is 007.", "7"),
        ("-0", "0"),
        ("0.50", "0.5"),
        ("1/2", "1/2"),
        ("  Paris \n", "Paris"),
        ("", ""),
        ("10", "10"),
        ("100.00", "100"),
        ("−5", "-5"),
    ],
)
def test_last_number(text: str, answer: str) -> None:
    assert last_number(text) == answer


@given(st.text(max_size=200))
def test_last_number_reads_anything(text: str) -> None:
    assert isinstance(last_number(text), str)
