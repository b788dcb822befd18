"""Searches in a real environment: the Game of 24, line by line, with a policy that guesses and an exact value."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import gymnasium
import pytest

import stepgym
from stepgym.agents import Completion, PlainPrompt, Request
from stepgym.agents.search import SearchedEpisode, best_of_k_actions, lookahead, mcts

gymnasium.register_envs(stepgym)
PROMPT = PlainPrompt(suffix="\n> ", separator="\n")
TASK = "game24/2,3,10"  # 2 * (10 + ...) leads nowhere: only (10 - 2) * 3 makes 24


def results(a: Fraction, b: Fraction) -> dict[str, Fraction]:
    found = {f"{a} + {b}": a + b, f"{a} * {b}": a * b, f"{a} - {b}": a - b, f"{b} - {a}": b - a}
    return found | ({f"{a} / {b}": a / b} if b else {}) | ({f"{b} / {a}": b / a} if a else {})


def reachable(left: Sequence[Fraction]) -> bool:
    if len(left) == 1:
        return left[0] == 24
    for i, a in enumerate(left):
        for j, b in enumerate(left[:i]):
            rest = [x for k, x in enumerate(left) if k not in (i, j)]
            if any(reachable([*rest, c]) for c in results(a, b).values()):
                return True
    return False


def numbers(text: str) -> list[Fraction]:
    return [Fraction(number) for number in text.split()]


class Guesser:
    """Puts two of the numbers left together, at random."""

    name = "guesser"

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    async def generate(self, request: Request) -> list[Completion]:
        rng = random.Random(request.seed)
        return [self._line(rng, request) for _ in range(request.n)]

    def _line(self, rng: random.Random, request: Request) -> Completion:
        left = numbers(re.findall(r"Left: (.*)", request.messages[-1]["content"])[-1])
        a, b = rng.sample(left, 2)
        text, result = rng.choice(list(results(a, b).items()))
        ids = (*self.tokenizer.encode(f"{text} = {result}", add_special_tokens=False), self.tokenizer.eos_token_id)
        return Completion(f"{text} = {result}", True, request.prompt_token_ids, ids)


class Exact:
    """Whether 24 can still be made, read off the text after which it is asked."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    async def value(self, token_ids: Sequence[int]) -> float:
        text = self.tokenizer.decode(token_ids)
        before, _, action = text.rpartition("\n> ")
        left = numbers(re.findall(r"Left: (.*)", before)[-1])
        if action:
            *used, result = numbers(re.sub(r" [-+*/] | = ", " ", action))
            for number in used:
                left.remove(number)
            left.append(result)
        return float(reachable(left))


@pytest.mark.parametrize("search", ["best of k", "lookahead", "tree"])
def test_an_exact_value_solves_puzzles(chat_tokenizer: Any, search: str) -> None:
    env = gymnasium.make("stepgym/Game24-v0", mode="lines", numbers=3, end_at_dead_end=False)
    policy, value = Guesser(chat_tokenizer), Exact(chat_tokenizer)
    found: SearchedEpisode
    if search == "best of k":
        found = best_of_k_actions(policy, value, env, 60, task=TASK, prompt=PROMPT, seed=0)
    elif search == "lookahead":
        found = lookahead(policy, value, env, 60, task=TASK, prompt=PROMPT, seed=0)
    else:
        found = mcts(policy, value, env, expand=8, task=TASK, prompt=PROMPT, seed=0)
        assert {branch.task_id for branch in found.branches} <= {TASK}
    assert found.episode.success
    assert (found.episode.env_id, found.episode.task_id) == ("stepgym/Game24-v0", TASK)
    assert found.episode.env_kwargs["mode"] == "lines"
    assert len(found.episode.steps) == 2
