"""Which earlier turns a policy still reads: all, the last few, what fits into its context, or a summary of the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.agents.policy import Message
from stepgym.envs.actions.formats import said
from stepgym.errors import InvalidInputError

Summarize = Callable[[str, Sequence[Message]], str | Awaitable[str]]
"""Makes the new summary of the old one ("" at first) and of the messages that are no longer shown from now on."""


@runtime_checkable
class History(Protocol):
    """Decides, turn by turn, where the shown part of a conversation begins.

    A turn is an observation with the answer to it. The first observation, which tells the task, and the present one are
    always shown.
    """

    def start(self, turn: int, start: int, *, tokens: Callable[[int], int], room: int | None) -> int:
        """Number of the first turn that is shown in full.

        Args:
            turn: Number of the present turn, from 0.
            start: What was said at the turn before; what is dropped stays dropped.
            tokens: The length of the prompt that would begin with a turn; an estimate for policies without a tokenizer.
            room: Tokens that the policy's context has for a prompt; None if that is not known.
        """
        ...

    def settings(self) -> dict[str, Any]:
        """What makes this policy differ from others, as JSON values."""
        ...


@dataclass(frozen=True, slots=True)
class FullHistory:
    """Every turn."""

    def start(self, turn: int, start: int, *, tokens: Callable[[int], int], room: int | None) -> int:
        """Nothing is dropped."""
        return start

    def settings(self) -> dict[str, Any]:
        """The name."""
        return {"history": "full"}


@dataclass(frozen=True, slots=True)
class LastTurns:
    """The last turns before the present one.

    Once older turns are dropped, each turn begins a segment of its own, so that episodes of many turns take more memory
    and time in training than with `FitContext`.

    Attributes:
        turns: How many, at least 0.
    """

    turns: int

    def __post_init__(self) -> None:
        if self.turns < 0:
            raise InvalidInputError(f"turns must be >= 0, got {self.turns}")

    def start(self, turn: int, start: int, *, tokens: Callable[[int], int], room: int | None) -> int:
        """So many before the present turn."""
        return max(start, turn - self.turns)

    def settings(self) -> dict[str, Any]:
        """Name and number."""
        return {"history": "last", "turns": self.turns}


@dataclass(frozen=True, slots=True)
class FitContext:
    """All turns as long as they fit; then the oldest are dropped until a share of the room is filled.

    A share below 1 drops many turns at once and then none for a while, so that a segment lasts for several turns.

    Attributes:
        tokens: Longest prompt; None takes the policy's context less the tokens of one answer.
        share: How much of that a prompt fills after turns were dropped, in (0, 1].
    """

    tokens: int | None = None
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.tokens is not None and self.tokens < 1:
            raise InvalidInputError(f"tokens must be >= 1, got {self.tokens}")
        if not 0 < self.share <= 1:
            raise InvalidInputError(f"share must be in (0, 1], got {self.share}")

    def start(self, turn: int, start: int, *, tokens: Callable[[int], int], room: int | None) -> int:
        """The earliest turn from which on the prompt fits; the present turn if none does."""
        limit = room if self.tokens is None else self.tokens
        if limit is None or start >= turn or tokens(start) <= limit:
            return start
        low, high = start + 1, turn
        while low < high:
            middle = (low + high) // 2
            if tokens(middle) <= limit * self.share:
                high = middle
            else:
                low = middle + 1
        return low

    def settings(self) -> dict[str, Any]:
        """Name and fields."""
        return {"history": "fit", "tokens": self.tokens, "share": self.share}


@dataclass(frozen=True, slots=True)
class WithHistory:
    """A prompt format that shows part of the earlier turns.

    In place of what is dropped stands a note or a summary, in one message with the first observation and the first
    that is shown again, so that roles keep alternating.

    Attributes:
        prompt: The prompt format.
        history: Which turns are shown.
        summarize: Makes a summary of what is dropped; a coroutine function may ask a model.
        note: What stands there without a summary; `{count}` is the number of turns. "" for nothing.
        keep_thoughts: Whether earlier answers are shown with what they have inside <think> </think>, or before a
            </think> whose beginning the chat template wrote.
    """

    prompt: PromptFormat
    history: History = FullHistory()
    summarize: Summarize | None = None
    note: str = "[Earlier turns that are not shown: {count}]"
    keep_thoughts: bool = True

    def __post_init__(self) -> None:
        if hasattr(self.prompt, "history"):
            raise InvalidInputError(
                f"{type(self.prompt).__name__} has a history of its own: change that, {self.prompt.settings()!r:.120}"
            )

    @property
    def adds_special_tokens(self) -> bool:
        """As the prompt format does."""
        return self.prompt.adds_special_tokens

    @property
    def info_keys(self) -> tuple[str, ...]:
        """What the prompt format wants of `info`."""
        return tuple(getattr(self.prompt, "info_keys", ()))

    def shown(self, turns: Sequence[Message], start: int, summary: str = "") -> tuple[Message, ...]:
        """The conversation with the turns before `start` left out."""
        shown = list(turns)
        if start > 0:
            first, resumed = turns[0], turns[2 * start]
            gap = summary or self.note.replace("{count}", str(start))
            parts = (first["content"], gap, resumed["content"])
            shown = [_with(resumed, "\n\n".join(part for part in parts if part)), *turns[2 * start + 1 :]]
        if not self.keep_thoughts:
            shown = [_with(m, _without_thoughts(m["content"])) if m["role"] == "assistant" else m for m in shown]
        return tuple(shown)

    def messages(self, turns: Sequence[Message], *, instructions: str = "") -> tuple[Message, ...]:
        """As the prompt format does."""
        return self.prompt.messages(turns, instructions=instructions)

    def render(self, messages: Sequence[Message], tokenizer: Any) -> str:
        """As the prompt format does."""
        return self.prompt.render(messages, tokenizer)

    def settings(self) -> dict[str, Any]:
        """Those of the prompt format and of the history."""
        return {
            "format": "with history",
            "prompt": self.prompt.settings(),
            **self.history.settings(),
            "summarize": None if self.summarize is None else _name(self.summarize),
            "note": self.note,
            "keep_thoughts": self.keep_thoughts,
        }


def _without_thoughts(text: str) -> str:
    spans, _ = said(text)
    return "".join(text[start:end] for start, end in spans)


def _with(message: Message, content: str) -> Message:
    changed: Message = {**message, "content": content}
    return changed


def _name(function: Any) -> Any:
    if callable(settings := getattr(function, "settings", None)):
        return settings()
    owner: Mapping[str, Any] | Any = getattr(function, "__module__", "")
    return f"{owner}:{getattr(function, '__qualname__', type(function).__qualname__)}"
