"""Searches that choose actions in environments: best of K, and lookahead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from stepgym.agents import PlainPrompt, ScriptedPolicy
from stepgym.agents.exporters.preference_pairs import logged_ids
from stepgym.agents.search import BestOfNPolicy, SearchBudget, SearchedEpisode, best_of_k_actions, lookahead
from stepgym.errors import InvalidInputError

LETTERS = "abc"
PROMPT = PlainPrompt(suffix="?", separator="=")


def worth_of(word: str) -> float:
    return {"cab": 1.0, "abc": 0.8}.get(word, 0.1)


def shown(value: Any) -> list[str]:
    return [value.tokenizer.decode(ids) for ids in value.read]


def word_of(found: SearchedEpisode) -> str:
    return "".join(step.action for step in found.episode.steps)


def test_best_of_k_reads_v_after_the_action(letters: Any, exact_value: Any, walk: Any) -> None:
    env = walk(worth_of)
    found = best_of_k_actions(letters, exact_value, env, 20, prompt=PROMPT, seed=3)
    assert (word_of(found), found.episode.outcome, found.episode.end) == ("cab", 1.0, "terminated")
    assert found.tokens_spent == 3 * 20 * 2
    assert sorted(shown(exact_value)[:3]) == ["q?a", "q?b", "q?c"]  # before <eos>, equal ones once
    assert found.tokens_scored == sum(map(len, exact_value.read))
    assert found.episode.seed == 3
    assert found.episode.policy == "best-of-20-by-value(letters)"
    assert env.word == "cab", "the environment stays open where the episode ended"
    assert logged_ids(found.episode) is not None


def test_best_of_k_is_best_of_n_in_turn(char_tokenizer: Any, exact_value: Any, walk: Any, letter_policy: Any) -> None:
    from stepgym.agents import Agent, collect

    found = best_of_k_actions(letter_policy(char_tokenizer), exact_value, walk(worth_of), 2, prompt=PROMPT, seed=5)
    agent = Agent(BestOfNPolicy(letter_policy(char_tokenizer), exact_value, 2), PROMPT)
    (episode,) = collect(lambda: walk(worth_of), agent, episodes=1, progress=False).episodes
    assert len(episode.steps) == len(found.episode.steps) == 3
    again = best_of_k_actions(
        letter_policy(char_tokenizer), exact_value, walk(worth_of), 2, prompt=PROMPT, seed=found.episode.seed
    )
    assert again.episode == found.episode


def test_actions_may_vote(letters: Any, walk: Any, letter_policy: Any) -> None:
    policy = letter_policy(letters.tokenizer, "aab")
    found = best_of_k_actions(policy, None, walk(worth_of), 25, choose="majority", prompt=PROMPT, seed=0)
    assert word_of(found) == "aaa"
    assert found.tokens_scored == 0
    plain = best_of_k_actions(ScriptedPolicy(["a", "b", "c"]), None, walk(worth_of), 2, choose="majority", seed=0)
    assert (word_of(plain), plain.tokens_spent) == ("abc", 0)


def test_lookahead_sees_what_an_action_leads_to(char_tokenizer: Any, letters: Any, table_value: Any, walk: Any) -> None:
    """V knows observations only: before them all actions look the same."""
    value = table_value(char_tokenizer, None)
    ranks = {"c": 1.0, "ca": 1.0, "cab": 0.5}

    async def read(token_ids: Sequence[int]) -> float:
        value.read.append(tuple(token_ids))
        text = char_tokenizer.decode(token_ids)
        return ranks.get(text.rpartition("=")[2].rstrip("?"), 0.0) if text.endswith("?") else 0.2

    value.value = read
    env = walk(worth_of)
    found = lookahead(letters, value, env, 12, prompt=PROMPT, seed=1)
    assert word_of(found)[:2] == "ca"
    assert sorted(shown(value)[:3]) == ["q?a<eos>=a?", "q?b<eos>=b?", "q?c<eos>=c?"]
    before = "q?c<eos>=c?a<eos>=ca?"
    assert sorted(shown(value)[-3:]) == [before + letter for letter in LETTERS]  # the end: before <eos>
    assert found.tokens_spent == 3 * 12 * 2
    assert found.episode.policy == "lookahead-12x1(letters)"
    assert logged_ids(found.episode) is not None
    blind = best_of_k_actions(letters, value, walk(worth_of), 12, prompt=PROMPT, seed=1)
    assert word_of(blind)[:2] != "ca"


def test_lookahead_plays_on(letters: Any, exact_value: Any, walk: Any) -> None:
    found = lookahead(letters, exact_value, walk(worth_of), 6, depth=3, prompt=PROMPT, seed=2, use_outcome=True)
    assert found.tokens_spent <= 3 * (6 + 3 * 2) * 2
    assert all(len(step.action) == 1 for step in found.episode.steps)
    deeper = [text for text in shown(exact_value) if text.count("?") == 3 and text.startswith("q?a")]
    assert deeper, "the policy played on to the end of the fork"
    assert letters.asked[1][1] == 1


def test_lookahead_keeps_its_budget(letters: Any, exact_value: Any, walk: Any) -> None:
    budget = SearchBudget(tokens=15)
    found = lookahead(letters, exact_value, walk(worth_of), 6, depth=3, prompt=PROMPT, seed=2, budget=budget)
    assert found.episode.end == "terminated"
    assert found.tokens_spent <= 3 * 15
    cut = lookahead(letters, exact_value, walk(worth_of), 6, prompt=PROMPT, seed=2, budget=SearchBudget(tokens=6))
    assert (cut.episode.end, cut.tokens_spent) == ("context", 6)  # one token is no action
    with pytest.raises(InvalidInputError, match="6 actions"):
        lookahead(letters, exact_value, walk(worth_of), 6, prompt=PROMPT, budget=SearchBudget(tokens=5))
