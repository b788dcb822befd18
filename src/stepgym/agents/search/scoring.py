"""Where V of a completion is read."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

from stepgym.agents.agent import default_prompt
from stepgym.agents.conversation.conversation import Conversation, PromptEncoder
from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.agents.policy import Completion, Policy, Request, Sampling, ValueFunction
from stepgym.errors import InvalidInputError


class Scorer:
    """V of completions, read at the last position at which V was trained.

    For a step that is the position after its last token, delimiter included: an action follows, so it is a state. One
    token earlier, candidates that differ only in their last token would get equal scores. For a finished answer it is
    the position after everything it says, right before its end-of-turn token: that token is the last action, and after
    it V is 0 by definition and whatever the network extrapolates in practice (docs/oreo.md has the figures).

    Args:
        value: The value function; None scores nothing.
        tokenizer: Knows which tokens are special.
        after_end: Read finished answers after their end-of-turn token all the same, for value functions trained there.

    Attributes:
        tokens: Tokens read so far.
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
        """V of each `(prompt ids, written ids)`, asked for together; equal ones are read once.

        Raises:
            InvalidInputError: V of something is not a finite number.
        """
        if self._value is None:
            return [None] * len(rows)
        read = [self.position(prompt, written) for prompt, written in rows]
        different = list(dict.fromkeys(read))
        self.tokens += sum(map(len, different))
        scores = await asyncio.gather(*(self._value.value(ids) for ids in different))
        if not all(map(math.isfinite, scores)):
            raise InvalidInputError(f"the value function must return finite numbers, got {scores}: it cannot rank")
        found = dict(zip(different, scores, strict=True))
        return [found[ids] for ids in read]


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
    prompt = prompt or default_prompt(policy)
    tokenizer = getattr(policy, "tokenizer", None)
    encoder = None if tokenizer is None else PromptEncoder(prompt, tokenizer)
    asked = Conversation(prompt, encoder, instructions=instructions).ask(question)
    return Request(asked.messages, asked.token_ids, sampling or Sampling(), seed=seed)


def ids_of(completion: Completion) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Prompt and written ids; raises where the policy gave none."""
    if completion.token_ids is None or completion.prompt_token_ids is None:
        raise InvalidInputError("search by value needs a policy that returns token ids (one with a tokenizer)")
    return completion.prompt_token_ids, completion.token_ids


def check_tokenizer(policy: Policy) -> None:
    """Raise `InvalidInputError` for a policy whose conversations no value function can read."""
    if getattr(policy, "tokenizer", None) is None:
        raise InvalidInputError("search by value needs a policy with a tokenizer: V reads token ids")
