"""Policies that write from lists, value functions that are tables, and a small environment that can fork."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from stepgym.agents import Completion, Request, Sampling
from stepgym.envs import TextEnv

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


LETTERS = "abc"


class Walk(TextEnv):
    """Three letters make a word, each word has a worth; "noisy" observations end with a random digit."""

    metadata = TextEnv.metadata

    def __init__(
        self, worth: Callable[[str], float], *, depth: int = 3, noisy: bool = False, limit: int | None = None
    ) -> None:
        super().__init__()
        self.worth, self.depth, self.noisy, self.limit = worth, depth, noisy, limit
        self.word, self.steps = "", 0

    def on_reset(self, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        self.word, self.steps = "", 0
        return "q", {"task": "walk"}

    def on_step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        if action == "F":
            raise ZeroDivisionError("a defect")
        self.word += action
        self.steps += 1
        over = len(self.word) >= self.depth
        cut = not over and self.limit is not None and self.steps >= self.limit
        shown = self.word + (str(self.np_random.integers(10)) if self.noisy else "")
        return shown, self.worth(self.word) if over else 0.0, over, cut, {"task": "walk"}

    def get_state(self) -> dict[str, Any]:
        return {**self.base_state(), "word": self.word, "steps": self.steps}

    def set_state(self, state: dict[str, Any]) -> None:
        self.restore_base_state(state)
        self.word, self.steps = state["word"], state["steps"]


class LetterPolicy:
    """Writes one of some letters and <eos>, repeatable by the request's seed."""

    name = "letters"

    def __init__(self, tokenizer: Any, letters: str = LETTERS) -> None:
        self.tokenizer, self.letters = tokenizer, letters
        self.asked: list[tuple[str, int]] = []

    async def generate(self, request: Request) -> list[Completion]:
        self.asked.append((self.tokenizer.decode(request.prompt_token_ids), request.n))
        rng = random.Random(request.seed)
        return [self._completion(rng.choice(self.letters), request) for _ in range(request.n)]

    def _completion(self, letter: str, request: Request) -> Completion:
        ids = (*self.tokenizer.encode(letter), 1)[: request.sampling.max_tokens]
        logprobs = (-math.log(len(self.letters)), 0.0)[: len(ids)]
        reason = "stop" if len(ids) == 2 else "length"
        return Completion(letter, True, request.prompt_token_ids, ids, logprobs, finish_reason=reason)  # type: ignore[arg-type]


def exact(read: str) -> float:
    """The best that can come after a conversation such as "q?c<eos>=c?a<eos>=ca?b", read from the actions in it."""
    word = "".join(part[:1] for part in read.split("?")[1:])
    return max(w for w in (1.0, 0.8, 0.1) if w == 0.1 or {1.0: "cab", 0.8: "abc"}[w].startswith(word))


@pytest.fixture
def letters(char_tokenizer: Any) -> LetterPolicy:
    return LetterPolicy(char_tokenizer)


@pytest.fixture
def exact_value(char_tokenizer: Any, table_value: Any) -> Any:
    class Value(table_value):  # type: ignore[misc]
        async def value(self, token_ids: Sequence[int]) -> float:
            self.read.append(tuple(token_ids))
            return exact(self.tokenizer.decode(token_ids))

    return Value(char_tokenizer, None)


@pytest.fixture(scope="session")
def tree_policy() -> type[TreePolicy]:
    return TreePolicy


@pytest.fixture(scope="session")
def table_value() -> type[TableValue]:
    return TableValue


@pytest.fixture(scope="session")
def walk() -> type[Walk]:
    return Walk


@pytest.fixture(scope="session")
def letter_policy() -> type[LetterPolicy]:
    return LetterPolicy
