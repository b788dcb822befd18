"""Where V of a completion is read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from stepgym.agents.conversation import Conversation, PromptEncoder
from stepgym.agents.policy import Completion, Policy, Request, Sampling, ValueFunction
from stepgym.agents.prompts import PlainPrompt, PromptFormat
from stepgym.errors import InvalidInputError


class Scorer:
    """V of completions, read after their last token: the delimiter of a step, the end-of-turn token of an answer.

    Reading one token earlier would give candidates that differ only in their last token equal scores. After a step the
    agent goes on to write, so V was trained at such positions. After an end-of-turn token it writes nothing more: V
    extrapolates there by one token. `after_end=False` reads finished answers before that token, after all they say;
    on the quickstart's log both choose equally well.

    Args:
        value: The value function; None scores nothing.
        tokenizer: Knows which tokens are special.
        after_end: Whether V of a finished answer is read after its end-of-turn token, or before it.
    """

    def __init__(self, value: ValueFunction | None, tokenizer: Any, *, after_end: bool = True) -> None:
        self._value = value
        self._special = frozenset(() if tokenizer is None or after_end else tokenizer.all_special_ids)
        self.tokens = 0

    def position(self, prompt: tuple[int, ...], written: tuple[int, ...]) -> tuple[int, ...]:
        """The ids up to the position at which V speaks about `written`."""
        if written and written[-1] in self._special:
            written = written[:-1]
        return prompt + written

    async def score(self, rows: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> list[float | None]:
        """V of each `(prompt ids, written ids)`, asked for together."""
        if self._value is None:
            return [None] * len(rows)
        read = [self.position(prompt, written) for prompt, written in rows]
        self.tokens += sum(map(len, read))
        return list(await asyncio.gather(*(self._value.value(ids) for ids in read)))


def as_request(
    policy: Policy,
    question: str | Request,
    *,
    prompt: PromptFormat | None,
    instructions: str,
    sampling: Sampling | None,
    seed: int | None,
) -> Request:
    """The request a search begins with: the one given, or the question rendered for the policy."""
    if isinstance(question, Request):
        return question
    if not isinstance(question, str):
        raise InvalidInputError(f"expected a question (str) or a Request, got {type(question).__name__}")
    prompt = prompt or PlainPrompt()
    tokenizer = getattr(policy, "tokenizer", None)
    encoder = None if tokenizer is None else PromptEncoder(prompt, tokenizer)
    asked = Conversation(prompt, encoder, instructions=instructions).ask(question)
    return Request(asked.messages, asked.token_ids, sampling or Sampling(), seed=seed)


def ids_of(completion: Completion) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Prompt and written ids; raises where the policy gave none."""
    if completion.token_ids is None or completion.prompt_token_ids is None:
        raise InvalidInputError("search by value needs a policy that returns token ids (one with a tokenizer)")
    return completion.prompt_token_ids, completion.token_ids
