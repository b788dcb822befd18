"""Where V is read: at the positions it was trained at."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from stepgym.agents.conversation import Conversation, PromptEncoder
from stepgym.agents.policy import Completion, Policy, Request, Sampling, ValueFunction
from stepgym.agents.prompts import PlainPrompt, PromptFormat
from stepgym.errors import InvalidInputError


class Scorer:
    """V of completions.

    A value function is trained where the agent is about to write a token. After a step and its delimiter that is the
    position of the last token. After an end-of-turn token the agent writes nothing: V was never trained there, so an
    answer that ended itself is scored at the position before that token, after everything it says.

    Args:
        value: The value function; None scores nothing.
        tokenizer: Knows which tokens are special.
        after_end: Read V after the end-of-turn token all the same.
    """

    def __init__(self, value: ValueFunction | None, tokenizer: Any, *, after_end: bool = False) -> None:
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
