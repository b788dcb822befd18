"""`Conversation`: one episode's dialogue, as text and as the very ids the policy read and wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import Any

from stepgym.agents.conversation.history import WithHistory
from stepgym.agents.conversation.prompt_encoder import PromptEncoder as PromptEncoder
from stepgym.agents.conversation.prompts import PromptFormat, Turn
from stepgym.agents.policy import Completion, Message
from stepgym.errors import InvalidInputError, StepgymError

_BYTES_PER_TOKEN = 3  # of a policy whose tokenizer is not at hand; English text has more


class SummaryError(StepgymError):
    """The summary of a history could not be made; the cause is what its function raised."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the policy reads before one turn.

    Attributes:
        messages: The conversation so far.
        token_ids: All ids of the current segment, the whole prompt; None without a tokenizer.
        new_segment: Whether `new_ids` begin a segment.
        new_ids: The ids that follow the previous prompt and completion, or the whole prompt of a new segment.
    """

    messages: tuple[Message, ...]
    token_ids: tuple[int, ...] | None = None
    new_segment: bool = True
    new_ids: tuple[int, ...] | None = None


class Conversation:
    """One episode's dialogue; `ask` (or `ask_async`) and `record` alternate.

    Earlier turns are never encoded again: when the text of the grown conversation begins with the previous prompt and
    completion, only what follows is encoded and the segment goes on; otherwise (a template that rewrites history, turns
    that are no longer shown) a new segment begins with the whole prompt. An end-of-turn token that the policy sampled
    is not repeated where the template writes it too, and stays where the template has none; where the policy was
    stopped before it, the template's own is part of what follows.

    Args:
        prompt: The prompt format, maybe `WithHistory`.
        encoder: Encodes for the policy's tokenizer; None for policies that take text.
        instructions: The environment's instructions.
        seed: Seed of the policy's randomness in this episode.
        room: Tokens that the policy's context has for a prompt; None if that is not known.
    """

    def __init__(
        self,
        prompt: PromptFormat,
        encoder: PromptEncoder | None = None,
        *,
        instructions: str = "",
        seed: int | None = None,
        room: int | None = None,
    ) -> None:
        self.seed = seed
        self.turns: list[Message] = []
        self.summary = ""
        self.overflow = ""  # why the last prompt was not sent to the policy
        self._prompt = prompt
        self._history = prompt if isinstance(prompt, WithHistory) else None
        self._info_keys = tuple(getattr(prompt, "info_keys", ()))
        self._room = room
        self._start = 0  # the first turn that is shown in full
        self._encoder = encoder
        self._instructions = instructions
        self._asked: Prompt | None = None
        self._text = ""  # text of the last prompt
        self._read: tuple[str, ...] = ()  # the same with the completion: with special tokens, without the last one
        self._ids: tuple[int, ...] = ()  # ids of the segment so far

    def ask(self, observation: str, info: Mapping[str, Any] | None = None) -> Prompt:
        """What the policy reads now that the environment shows `observation`.

        Args:
            observation: The observation.
            info: What the environment said with it; read by prompt formats that name `info_keys`.

        Raises:
            SummaryError: The summary of the history could not be made.
            InvalidInputError: It is made by a coroutine function: use `ask_async`.
        """
        if dropped := self._observe(observation, info):
            summary = self._summarized(dropped)
            if isawaitable(summary):
                getattr(summary, "close", bool)()  # it would warn that nobody awaited it
                raise InvalidInputError("the summary is made by a coroutine function: use ask_async, or an Agent")
            self._keep(summary)
        return self._posed()

    async def ask_async(self, observation: str, info: Mapping[str, Any] | None = None) -> Prompt:
        """`ask`, for histories whose summary is made by a coroutine function too."""
        if dropped := self._observe(observation, info):
            summary = self._summarized(dropped)
            if isawaitable(summary):
                try:
                    summary = await summary
                except Exception as error:
                    raise _summary_error(error) from error
            self._keep(summary)
        return self._posed()

    def _observe(self, observation: str, info: Mapping[str, Any] | None) -> Sequence[Message]:
        """Take the observation in; returns the messages that are no longer shown, if they are to be summarized."""
        turn: Turn = {"role": "user", "content": observation}
        if self._info_keys:
            turn["info"] = {key: info[key] for key in self._info_keys if key in info} if info else {}
        self.turns.append(turn)
        if self._history is None:
            return ()
        before, now = self._start, len(self.turns) // 2
        start: Any = self._history.history.start(now, before, tokens=self._length, room=self._room)
        if not isinstance(start, int):
            name = type(self._history.history).__name__
            raise InvalidInputError(
                f"{name}.start must return the number of the first turn that is shown, 0 to {now}, got {start!r:.80}"
            )
        self._start = min(max(start, before), now)
        return self.turns[2 * before : 2 * self._start] if self._history.summarize is not None else ()

    def _summarized(self, dropped: Sequence[Message]) -> Any:
        summarize = None if self._history is None else self._history.summarize
        try:
            return self.summary if summarize is None else summarize(self.summary, dropped)
        except Exception as error:
            raise _summary_error(error) from error

    def _keep(self, summary: Any) -> None:
        if not isinstance(summary, str):
            raise SummaryError(f"the summary must be a text, got {summary!r:.80}")
        self.summary = summary

    def _posed(self) -> Prompt:
        self._text, self._asked = self._built(self._start)
        return self._asked

    def _length(self, start: int) -> int:
        """Tokens of the prompt that shows the turns from `start` on."""
        _, prompt = self._built(start)
        if prompt.token_ids is not None:
            return len(prompt.token_ids)
        return (
            sum(len(message["content"].encode("utf-8", "replace")) for message in prompt.messages) // _BYTES_PER_TOKEN
        )

    def _built(self, start: int) -> tuple[str, Prompt]:
        """Text and prompt with the turns from `start` on."""
        turns = self.turns if self._history is None else self._history.shown(self.turns, start, self.summary)
        messages = self._prompt.messages(turns, instructions=self._instructions)
        if not messages:
            raise InvalidInputError(
                f"{type(self._prompt).__name__}.messages must return at least one message, got none"
            )
        if self._encoder is None:
            return "", Prompt(messages)
        text = self._prompt.render(messages, self._encoder.tokenizer)
        following = self._following(text, self._encoder)
        if following is not None:
            new_ids = self._encoder.encode_after(following, self._ids[-1])
            return text, Prompt(messages, self._ids + new_ids, False, new_ids)
        new_ids = self._encoder.encode(text)
        return text, Prompt(messages, new_ids, True, new_ids)

    def _following(self, text: str, encoder: PromptEncoder) -> str | None:
        """What follows the segment so far in the text of a prompt; None if the text does not begin with the segment."""
        if not self._ids:
            return None
        for unseen_end, past in enumerate(self._read):
            if text.startswith(past):
                following = text[len(past) :]
                # The template ends the turn in its own way: both ends would be a text that it never writes.
                if unseen_end and following.lstrip().startswith(tuple(encoder.specials.values())):
                    return None
                return following
        return None

    def record(self, completion: Completion) -> Completion:
        """The policy's answer as it goes into the log: with only the new prompt ids where the segment goes on."""
        if self._asked is None:
            raise RuntimeError("record() follows ask()")
        asked, self._asked = self._asked, None
        self.turns.append({"role": "assistant", "content": completion.text})
        written, read = completion.token_ids, completion.prompt_token_ids
        if self._encoder is None or written is None or read is None:
            self._ids = ()  # unknown ids: the next prompt begins a segment
            return completion
        # Where the policy read other ids than were sent, what it read counts.
        self._ids = read + written
        if read == asked.token_ids:
            completion = replace(completion, new_segment=asked.new_segment, prompt_token_ids=asked.new_ids)
        self._read = self._past_texts(self._encoder, read, completion)
        return completion

    def _past_texts(self, encoder: PromptEncoder, read: tuple[int, ...], completion: Completion) -> tuple[str, ...]:
        ids = completion.token_ids or ()

        def decode(ids: tuple[int, ...]) -> str:
            return encoder.decode_after(ids, read[-1]) if read else encoder.decode(ids)

        whole = self._text + decode(ids)
        if ids and ids[-1] in encoder.specials and completion.text in (encoder.decode(ids[:-1]), decode(ids[:-1])):
            return (whole, self._text + decode(ids[:-1]))
        return (whole,)

    def force(self, action: str) -> Completion:
        """A completion for an `action` that was not sampled (imported text, a demonstration), encoded once."""
        if self._asked is None:
            raise RuntimeError("force() follows ask()")
        ids = None if self._encoder is None else self._encoder.action_ids(action)
        return self.record(Completion(action, prompt_token_ids=self._asked.token_ids, token_ids=ids))


def _summary_error(error: Exception) -> SummaryError:
    return SummaryError(f"no summary of earlier turns: {type(error).__name__}: {error}")
