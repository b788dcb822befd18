"""`Conversation`: one episode's dialogue, as text and as the very ids the policy read and wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from inspect import isawaitable
from typing import Any

from stepgym.agents.history import WithHistory
from stepgym.agents.policy import Completion, Message
from stepgym.agents.prompts import PromptFormat, Turn
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


class PromptEncoder:
    """Renders and encodes prompts of one format with one tokenizer; remembers what it encoded last."""

    def __init__(self, prompt: PromptFormat, tokenizer: Any) -> None:
        self.prompt = prompt
        self.tokenizer = tokenizer
        self.specials = dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
        # Several samples of a task begin with the same text.
        self.encode = lru_cache(maxsize=4096)(self._encode)

    def encode_after(self, text: str, previous: int) -> tuple[int, ...]:
        """The ids of `text` as it follows the token `previous`.

        Encoded behind a special token: some tokenizers mark the beginning of a text, and some special tokens swallow
        the white space after them.
        """
        anchor = previous if previous in self.specials else self.tokenizer.eos_token_id
        if anchor in self.specials:
            ids = self._plain(self.specials[anchor] + text)
            if ids[:1] == (anchor,):
                return ids[1:]
        return self._plain(text)

    def action_ids(self, text: str) -> tuple[int, ...]:
        """Ids for an action that nobody sampled: its text and the end-of-turn token."""
        end = self.tokenizer.eos_token_id
        ids = self._plain(text) if end is None else self.encode_after(text, end)
        return ids if end is None else (*ids, end)

    def decode(self, token_ids: tuple[int, ...]) -> str:
        """The text of `token_ids` with special tokens."""
        text: str = self.tokenizer.decode(token_ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text

    def _encode(self, text: str) -> tuple[int, ...]:
        if not self.prompt.adds_special_tokens:
            return self._plain(text)
        ids = tuple(self.tokenizer.encode(text))
        # Some tokenizers close every text; a prompt stays open.
        closed = len(ids) > 1 and ids[-1] == self.tokenizer.eos_token_id
        return ids[:-1] if closed and ids[-1] not in self._plain(text)[-1:] else ids

    def _plain(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))


class Conversation:
    """One episode's dialogue; `ask` (or `ask_async`) and `record` alternate.

    Earlier turns are never encoded again: when the text of the grown conversation begins with the previous prompt and
    completion, only what follows is encoded and the segment goes on; otherwise (a template that rewrites history, turns
    that are no longer shown) a new segment begins with the whole prompt. An end-of-turn token that the policy sampled
    is not repeated where the template writes it too; where the policy was stopped before it, the template's own is part
    of what follows.

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
        start = self._history.history.start(now, before, tokens=self._length, room=self._room)
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
        if self._encoder is None:
            return "", Prompt(messages)
        text = self._prompt.render(messages, self._encoder.tokenizer)
        read = next((past for past in self._read if text.startswith(past)), None) if self._ids else None
        if read is not None:
            new_ids = self._encoder.encode_after(text[len(read) :], self._ids[-1])
            return text, Prompt(messages, self._ids + new_ids, False, new_ids)
        new_ids = self._encoder.encode(text)
        return text, Prompt(messages, new_ids, True, new_ids)

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
        self._read = self._past_texts(self._encoder, completion)
        return completion

    def _past_texts(self, encoder: PromptEncoder, completion: Completion) -> tuple[str, ...]:
        ids = completion.token_ids or ()
        written = encoder.decode(ids)
        if ids and ids[-1] in encoder.specials and encoder.decode(ids[:-1]) == completion.text:
            return (self._text + written, self._text + completion.text)
        return (self._text + written,)

    def force(self, action: str) -> Completion:
        """A completion for an `action` that was not sampled (imported text, a demonstration), encoded once."""
        if self._asked is None:
            raise RuntimeError("force() follows ask()")
        ids = None if self._encoder is None else self._encoder.action_ids(action)
        return self.record(Completion(action, prompt_token_ids=self._asked.token_ids, token_ids=ids))


def _summary_error(error: Exception) -> SummaryError:
    return SummaryError(f"no summary of earlier turns: {type(error).__name__}: {error}")
