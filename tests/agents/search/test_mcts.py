"""Tree search over the steps of an answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents import (
    Agent,
    Completion,
    PlainPrompt,
    Request,
    Sampling,
    ScriptedPolicy,
    TransformersPolicy,
    collect,
)
from stepgym.agents.exporters.preference_pairs import logged_ids, step_pairs
from stepgym.agents.search import MCTSPolicy, SearchBudget, SearchResult, mcts
from stepgym.errors import InvalidInputError
from stepgym.verifiers import Verdict

ANSWERS = ["a\nx\n1", "a\nx\n2", "a\ny\n3", "b\nx\n4", "b\ny\n5", "b\nz\n6", "c\n7"]
WORTH = dict(zip(ANSWERS, (0.1, 0.3, 0.0, 0.2, 0.9, 0.4, 0.6), strict=True))


def exact(text: str) -> float:
    """The best that can come after `text`."""
    return max(worth for answer, worth in WORTH.items() if answer.startswith(text))


class IsFive:
    def __init__(self) -> None:
        self.judged: list[str] = []

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        self.judged.append(response)
        right = response.endswith(str(reference))
        return Verdict.correct(reason=context) if right else Verdict.wrong(reason="no")


def test_the_optimum_of_a_known_tree_is_found(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    policy, value = tree_policy(char_tokenizer, ANSWERS), table_value(char_tokenizer, exact)
    found = mcts(policy, value, "q?", expand=3, explore=0.5)
    assert (found.text, found.score, found.finished, found.rounds) == ("b\ny\n5", 0.9, True, 64)
    assert found.completion.token_ids == (*char_tokenizer.encode("b\ny\n5"), 1)
    assert len(found.completion.logprobs or ()) == 6
    assert found.tokens_scored == sum(map(len, value.read))
    assert found.tree is not None
    assert max(found.tree.children, key=lambda child: child.visits).action == "b\n"


def test_v_is_read_after_delimiters_and_before_the_end(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    value = table_value(char_tokenizer, exact)
    mcts(tree_policy(char_tokenizer, ANSWERS), value, "q?", expand=3, budget=SearchBudget(rounds=20))
    read = {char_tokenizer.decode(ids) for ids in value.read}
    assert {"q?", "q?a\n", "q?b\n", "q?c\n", "q?b\ny\n", "q?b\ny\n5"} <= read
    assert not any("<eos>" in text for text in read)
    assert len(read) == len(value.read), "the same position is read twice"


def test_enough_is_enough(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    value = table_value(char_tokenizer, exact)
    whole, early = (
        mcts(tree_policy(char_tokenizer, ANSWERS), value, "q?", expand=3, enough=enough) for enough in (None, 0.9)
    )
    assert early.text == whole.text == "b\ny\n5"
    assert early.tokens_spent < whole.tokens_spent
    assert early.rounds < 20 < whole.rounds


def test_a_sure_policy_costs_one_answer(char_tokenizer: Any, table_value: Any) -> None:
    class Sure:
        tokenizer = char_tokenizer

        async def generate(self, request: Request) -> list[Completion]:
            done = self.tokenizer.decode(request.prompt_token_ids).partition("?")[2]
            step = "a\nb\nc"[len(done) :].partition("\n")
            ids = tuple(self.tokenizer.encode("".join(step[:2]))) + (() if step[1] else (1,))
            text = "".join(step[:2])
            return [Completion(text, True, request.prompt_token_ids, ids, (0.0,) * len(ids))] * request.n

    found = mcts(Sure(), table_value(char_tokenizer, len), "q?", expand=1, explore=3.0)
    assert (found.text, found.tokens_spent) == ("a\nb\nc", 6)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 80), st.integers(1, 4), st.sampled_from([1, 2, 30]))
def test_the_budget_is_never_exceeded(
    char_tokenizer: Any, tree_policy: Any, table_value: Any, tokens: int, expand: int, most: int
) -> None:
    policy, value = tree_policy(char_tokenizer, ANSWERS), table_value(char_tokenizer, len)
    sampling = Sampling(max_tokens=most)
    found = mcts(policy, value, "q?", expand=expand, sampling=sampling, budget=SearchBudget(tokens=tokens))
    assert found.tokens_spent <= tokens
    assert found.tokens_spent == written(policy)
    assert found.finished == (found.completion.finish_reason == "stop")


def written(policy: Any) -> int:
    """Tokens the policy wrote, by asking it again."""
    answers = [asyncio.run(policy.generate(request)) for request in list(policy.requests)]
    return sum(len(completion.token_ids) for answer in answers for completion in answer)


@pytest.mark.parametrize("seed", range(3))
def test_equal_seeds_give_equal_trees(char_tokenizer: Any, make_llama: Any, table_value: Any, seed: int) -> None:
    import torch

    model = make_llama(char_tokenizer, seed=seed)
    with torch.no_grad():
        model.lm_head.weight *= 0.3  # newlines and ends happen
    value = table_value(char_tokenizer, lambda text: (sum(map(ord, text)) * 7919) % 1000 / 1000)
    request = Request((), tuple(char_tokenizer.encode("q?")), Sampling(max_tokens=12), seed=seed)

    def search() -> SearchResult:
        return mcts(TransformersPolicy(model, char_tokenizer), value, request, budget=SearchBudget(tokens=200))

    one, two = search(), search()
    assert one.completion == two.completion
    assert one.tokens_spent == two.tokens_spent <= 200
    assert one.episodes == two.episodes
    assert one.tree is not None
    assert two.tree is not None
    assert [(n.action, n.visits, n.total) for n in one.tree] == [(n.action, n.visits, n.total) for n in two.tree]
    with_ids = sum(len(node.state[1].token_ids) * node.times for node in one.tree if node.parent)
    assert with_ids == one.tokens_spent


def test_outcomes_are_seen_only_if_allowed(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    value = table_value(char_tokenizer, lambda text: 0.5 + len(text) / 100)

    def search(use_outcome: bool, verifier: Any) -> SearchResult:
        policy = tree_policy(char_tokenizer, ANSWERS)
        return mcts(
            policy,
            value,
            "q?",
            expand=3,
            explore=2.0,
            use_outcome=use_outcome,
            verifier=verifier,
            reference=3 if verifier else None,
        )

    blind, judged, seeing = search(False, None), search(False, IsFive()), search(True, IsFive())
    assert blind.text == judged.text != "a\ny\n3"
    assert blind.tree is not None
    assert judged.tree is not None
    assert [(n.action, n.total) for n in blind.tree] == [(n.action, n.total) for n in judged.tree]
    assert (seeing.text, seeing.score) == ("a\ny\n3", 1.0)
    assert {e.outcome for e in blind.episodes} == {None}
    assert {e.outcome for e in judged.episodes} == {0.0, 1.0}
    with pytest.raises(InvalidInputError, match="verifier"):
        search(True, None)


def test_the_tree_is_a_log_with_sibling_pairs(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    policy, value = tree_policy(char_tokenizer, ANSWERS), table_value(char_tokenizer, exact)
    found = mcts(policy, value, "q?", expand=4, explore=5.0, verifier=IsFive(), reference=5, seed=1)
    texts = ["".join(step.action for step in e.steps) for e in found.episodes]
    assert sorted(texts) == sorted(ANSWERS)
    assert len({e.id for e in found.episodes}) == len(ANSWERS)
    by_id = {e.id: e for e in found.episodes}
    for episode in found.episodes:
        ids = logged_ids(episode)
        assert ids is not None
        assert ids.prompt == tuple(char_tokenizer.encode("q?"))
        assert char_tokenizer.decode(ids.completion, skip_special_tokens=True) in ANSWERS
        assert all(ids.written)
        if episode.parent is not None:
            parent = by_id[episode.parent].steps[: episode.forked_at]
            assert [s.action for s in parent] == [s.action for s in episode.steps[: episode.forked_at]]
    pairs = [(p.chosen.steps[p.step].action, p.rejected.steps[p.step].action) for p in step_pairs(found.episodes)]
    assert ("y\n", "x\n") in pairs
    from stepgym.train.tokenize import tokenize_episodes

    tokenized, report = tokenize_episodes(found.episodes, char_tokenizer)
    assert len(tokenized) == len(ANSWERS)
    assert all(len(t.segments) == 1 for t in tokenized), report


class Hostile:
    """Always writes the same, whatever is asked."""

    def __init__(self, tokenizer: Any, text: str, reason: str = "stop") -> None:
        self.tokenizer, self.text, self.reason = tokenizer, text, reason

    async def generate(self, request: Request) -> list[Completion]:
        ids = tuple(self.tokenizer.encode(self.text))[: request.sampling.max_tokens]
        cut = self.reason == "length" or len(ids) < len(self.text)
        text = self.tokenizer.decode(ids)
        return [Completion(text, True, request.prompt_token_ids, ids, finish_reason="length" if cut else "stop")] * (
            request.n
        )


@pytest.mark.parametrize(
    ("text", "reason", "answer", "finished"),
    [
        ("", "stop", "", True),  # says nothing
        ("", "length", "", False),  # has no room
        ("a" * 500, "length", "a" * 7, False),  # never ends
        ("\n", "stop", None, False),  # never comes to an answer
        ("abc", "stop", "abc", True),  # never a delimiter
    ],
)
def test_hostile_policies(
    char_tokenizer: Any, table_value: Any, text: str, reason: str, answer: str | None, finished: bool
) -> None:
    value = table_value(char_tokenizer, len)
    policy = Hostile(char_tokenizer, text, reason)
    found = mcts(policy, value, "q?", sampling=Sampling(max_tokens=7), budget=SearchBudget(tokens=50, rounds=30))
    assert found.finished == finished
    assert found.tokens_spent <= 50
    assert found.text == answer if answer is not None else set(found.text) == {"\n"}
    assert len(found.episodes) == int(finished)


def test_a_new_node_gets_one_draw_and_more_later(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    policy, value = tree_policy(char_tokenizer, ANSWERS), table_value(char_tokenizer, exact)
    mcts(policy, value, "q?", expand=4, explore=2.0, budget=SearchBudget(rounds=12))
    seen = set[Any]()
    for request in policy.requests:
        assert request.n == (4 if request.prompt_token_ids in seen else 1)
        seen.add(request.prompt_token_ids)
    assert len(seen) < len(policy.requests)


def test_a_budget_for_next_to_nothing(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    policy, value = tree_policy(char_tokenizer, ANSWERS), table_value(char_tokenizer, len)
    found = mcts(policy, value, "q?", expand=4, budget=SearchBudget(tokens=3))
    assert (found.text, found.tokens_spent, found.finished) == ("a\nx", 3, False)


def test_it_acts_in_environments(char_tokenizer: Any, tree_policy: Any, table_value: Any, echo_env: Any) -> None:
    value = table_value(char_tokenizer, lambda text: float(text.endswith("3")))
    search = MCTSPolicy(tree_policy(char_tokenizer, ["1", "2", "3"]), value, expand=3, budget=SearchBudget(rounds=4))
    done = collect(echo_env, Agent(search, PlainPrompt(suffix="?")), tasks=["3"], samples_per_task=2, progress=False)
    assert done.successes == 2
    assert done.episodes[0].policy == "mcts-3(TreePolicy)"
    assert search.tokens_spent == 2 * (1 + 3) * 2
    assert search.tokens_scored > 0


def test_bad_settings(char_tokenizer: Any, tree_policy: Any, table_value: Any) -> None:
    policy, value = tree_policy(char_tokenizer, ANSWERS), table_value(char_tokenizer, len)
    with pytest.raises(InvalidInputError, match="tokenizer"):
        mcts(ScriptedPolicy(["a"]), value, "q?")
    with pytest.raises(InvalidInputError, match="expand"):
        mcts(policy, value, "q?", expand=0)
    with pytest.raises(InvalidInputError, match="delimiters"):
        mcts(policy, value, "q?", delimiter="")
    with pytest.raises(InvalidInputError, match="finite"):
        mcts(policy, table_value(char_tokenizer, lambda text: float("nan")), "q?")
