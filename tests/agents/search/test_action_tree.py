"""Tree search over the actions of an episode, and what all searches in forks promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gymnasium
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents import Completion, Episode, PlainPrompt, Request, Sampling, ScriptedPolicy
from stepgym.agents.exporters.preference_pairs import logged_ids, step_pairs
from stepgym.agents.search import SearchBudget, SearchedEpisode, best_of_k_actions, lookahead, mcts
from stepgym.errors import InvalidInputError

LETTERS = "abc"
PROMPT = PlainPrompt(suffix="?", separator="=")


def worth_of(word: str) -> float:
    return {"cab": 1.0, "abc": 0.8}.get(word, 0.1)


def shown(value: Any) -> list[str]:
    return [value.tokenizer.decode(ids) for ids in value.read]


def word_of(found: SearchedEpisode) -> str:
    return "".join(step.action for step in found.episode.steps)


def test_rewards_are_seen_only_if_allowed(char_tokenizer: Any, table_value: Any, walk: Any, letter_policy: Any) -> None:
    value = table_value(char_tokenizer, len)

    def play(search: Any, worth: Callable[[str], float], use_outcome: bool, **settings: Any) -> str:
        policy = letter_policy(char_tokenizer)
        return word_of(search(policy, value, walk(worth), prompt=PROMPT, seed=4, use_outcome=use_outcome, **settings))

    for search, options in ((lookahead, {"k": 9, "depth": 3}), (mcts, {"expand": 3, "explore": 2.0})):
        words = {play(search, lambda word, r=r: float(word.endswith(r)), False, **options) for r in LETTERS}
        assert len(words) == 1
        for last in LETTERS:
            seen = play(search, lambda word, r=last: 50 * float(word.endswith(r)), True, **options)
            assert seen.endswith(last)


def test_tree_search_finds_the_optimum(letters: Any, exact_value: Any, walk: Any) -> None:
    found = mcts(letters, exact_value, walk(worth_of), expand=4, explore=0.5, prompt=PROMPT, seed=0)
    assert (word_of(found), found.episode.outcome) == ("cab", 1.0)
    assert found.tree is not None
    assert found.tokens_spent == sum(2 * node.draws for node in found.tree)
    for node in found.tree:
        assert node.visits == 1 + sum(c.visits for c in node.children) or node.ended
    read = shown(exact_value)
    assert read[0] == "q?"
    assert {"q?c<eos>=c?", "q?c<eos>=c?a<eos>=ca?", "q?c<eos>=c?a<eos>=ca?b"} <= set(read)
    assert len(read) == len(set(read)), "a node is read once, also where a later turn begins there"


def test_branches_are_episodes_with_sibling_pairs(letters: Any, exact_value: Any, walk: Any) -> None:
    found = mcts(letters, exact_value, walk(worth_of), expand=4, explore=3.0, prompt=PROMPT, seed=0)
    log = [found.episode, *found.branches]
    by_id = {e.id: e for e in log}
    assert len(by_id) == len(log) > 3
    for branch in found.branches:
        assert (branch.end, branch.outcome) == ("terminated", worth_of("".join(s.action for s in branch.steps)))
        assert branch.parent is not None
        assert branch.forked_at is not None
        shared = [(s.observation, s.action) for s in by_id[branch.parent].steps[: branch.forked_at]]
        assert [(s.observation, s.action) for s in branch.steps[: branch.forked_at]] == shared
        assert branch.steps[branch.forked_at].action != by_id[branch.parent].steps[branch.forked_at].action
        assert logged_ids(branch) is not None
        assert Episode.from_dict(branch.to_dict()) == branch
    pairs = [(p.chosen.steps[p.step].action, p.step) for p in step_pairs(log)]
    assert ("b", 2) in pairs


@pytest.mark.parametrize("search", ["lookahead", "mcts"])
def test_equal_seeds_give_equal_episodes_in_noisy_environments(
    char_tokenizer: Any, exact_value: Any, search: str, walk: Any, letter_policy: Any
) -> None:
    """Forks hold the environment's generator: what a fork shows is what comes."""

    def play() -> SearchedEpisode:
        policy, env = letter_policy(char_tokenizer), walk(worth_of, noisy=True)
        if search == "mcts":
            return mcts(policy, exact_value, env, prompt=PROMPT, seed=11, budget=SearchBudget(tokens=40))
        return lookahead(policy, exact_value, env, 4, depth=2, prompt=PROMPT, seed=11)

    one, two = play(), play()
    assert one.episode == two.episode
    assert (one.tokens_spent, one.branches) == (two.tokens_spent, two.branches)
    env = walk(worth_of, noisy=True)
    observations = [env.reset(seed=11)[0]] + [env.step(step.action)[0] for step in one.episode.steps]
    assert observations[:-1] == [step.observation for step in one.episode.steps]


def test_an_environment_that_answers_otherwise_than_in_the_fork(letters: Any, exact_value: Any, walk: Any) -> None:
    class Forgetful(walk):
        def set_state(self, state: dict[str, Any]) -> None:
            rng = self.np_random.bit_generator.state
            super().set_state(state)
            self.np_random.bit_generator.state = rng

    found = mcts(letters, exact_value, Forgetful(worth_of, noisy=True), expand=4, prompt=PROMPT, seed=0)
    assert found.episode.end == "terminated"
    assert len(found.episode.steps) == 3


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 60), st.integers(1, 4), st.integers(0, 3))
def test_the_budget_of_a_turn_is_never_exceeded(
    char_tokenizer: Any, table_value: Any, walk: Any, letter_policy: Any, tokens: int, expand: int, seed: int
) -> None:
    env, value = walk(worth_of, depth=1), table_value(char_tokenizer, len)
    policy = letter_policy(char_tokenizer)
    found = mcts(policy, value, env, expand=expand, prompt=PROMPT, seed=seed, budget=SearchBudget(tokens=tokens))
    assert found.tokens_spent <= tokens
    assert found.episode.end == ("terminated" if tokens >= 2 else "context")


def test_step_limits_are_ends(letters: Any, exact_value: Any, walk: Any) -> None:
    found = mcts(letters, exact_value, walk(worth_of, limit=2), expand=4, prompt=PROMPT, seed=0)
    assert (found.episode.end, found.episode.outcome, len(found.episode.steps)) == ("step_limit", 0.0, 2)
    assert {branch.end for branch in found.branches} == {"step_limit"}


def test_only_environments_that_can_fork(letters: Any, exact_value: Any, echo_env: Any, walk: Any) -> None:
    for search in (lambda env: lookahead(letters, exact_value, env, 2), lambda env: mcts(letters, exact_value, env)):
        with pytest.raises(InvalidInputError, match="EchoEnv cannot fork"):
            search(echo_env())
        with pytest.raises(InvalidInputError, match="wrapper TimeLimit"):
            search(gymnasium.wrappers.TimeLimit(walk(worth_of), 5))
    wrapped = gymnasium.wrappers.OrderEnforcing(walk(worth_of))
    assert mcts(letters, exact_value, wrapped, prompt=PROMPT, seed=0).episode.outcome == 1.0
    with pytest.raises(InvalidInputError, match="environment"):
        best_of_k_actions(letters, exact_value, "stepgym/Game24-v0", 2)  # type: ignore[arg-type]


def test_defects_in_forks_are_raised(char_tokenizer: Any, exact_value: Any, walk: Any, letter_policy: Any) -> None:
    policy = letter_policy(char_tokenizer, "F")
    for search in (mcts, lambda *a, **k: lookahead(*a, 2, **k)):
        with pytest.raises(ZeroDivisionError):
            search(policy, exact_value, walk(worth_of), prompt=PROMPT, seed=0)


def test_a_failing_policy_ends_it(char_tokenizer: Any, exact_value: Any, walk: Any, letter_policy: Any) -> None:
    class Failing(letter_policy):
        async def generate(self, request: Request) -> list[Completion]:
            if len(self.asked) > 2:
                raise RuntimeError("out of order")
            return await super().generate(request)

    found = lookahead(Failing(char_tokenizer), exact_value, walk(worth_of, depth=9), 3, prompt=PROMPT, seed=0)
    assert (found.episode.end, len(found.episode.steps)) == ("error", 4)
    assert "out of order" in found.episode.steps[-1].verdicts[0].reason
    tree = mcts(Failing(char_tokenizer), exact_value, walk(worth_of, depth=9), prompt=PROMPT, seed=0)
    assert tree.episode.end == "error"


def test_a_full_context_ends_the_episode(char_tokenizer: Any, exact_value: Any, walk: Any, letter_policy: Any) -> None:
    policy = letter_policy(char_tokenizer)
    policy.context = 9  # type: ignore[attr-defined]
    found = mcts(policy, exact_value, walk(worth_of, depth=9), prompt=PROMPT, seed=0, sampling=Sampling(max_tokens=4))
    assert found.episode.end == "context"


def test_searches_by_value_need_ids(exact_value: Any, walk: Any) -> None:
    policy = ScriptedPolicy(["a", "b", "c"])
    for search in (
        lambda: best_of_k_actions(policy, exact_value, walk(worth_of), 2),
        lambda: lookahead(policy, exact_value, walk(worth_of), 2),
        lambda: mcts(policy, exact_value, walk(worth_of)),
    ):
        with pytest.raises(InvalidInputError, match="tokenizer"):
            search()


def test_an_action_cut_before_its_end_does_not_stand_for_the_whole_one(
    char_tokenizer: Any, exact_value: Any, walk: Any, letter_policy: Any
) -> None:
    class Cut(letter_policy):  # type: ignore[misc]
        """Its first action is cut right before the end-of-turn token."""

        async def generate(self, request: Request) -> list[Completion]:
            whole = await super().generate(request)
            if len(self.asked) > 1:
                return whole
            return [replace(c, token_ids=c.token_ids[:1], logprobs=None, finish_reason="length") for c in whole]

    found = mcts(Cut(char_tokenizer, "c"), exact_value, walk(worth_of), prompt=PROMPT, seed=0)
    assert (found.episode.end, word_of(found)) == ("terminated", "ccc")
    assert found.tree is not None
    assert [child.cut for child in found.tree.children] == [True, False]
