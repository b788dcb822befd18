"""`PromptEncoder`: texts of one prompt format into the ids of one tokenizer, and back."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from stepgym.agents.conversation.prompts import PromptFormat


class PromptEncoder:
    """Renders and encodes prompts of one format with one tokenizer; remembers what it encoded last."""

    def __init__(self, prompt: PromptFormat, tokenizer: Any) -> None:
        self.prompt = prompt
        self.tokenizer = tokenizer
        self.specials = dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
        # Several samples of a task begin with the same text.
        self.encode = lru_cache(maxsize=4096)(self._encode)
        probe = "a  b\nc"
        self._keeps_space = self.decode(self._plain(probe)).strip() == probe

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

    def decode_after(self, token_ids: tuple[int, ...], previous: int) -> str:
        """The text of `token_ids` behind the token `previous`; some tokenizers drop a space at the beginning.

        A tokenizer that does not keep white space puts its own between any two tokens; that one says nothing.
        """
        if not self._keeps_space:
            return self.decode(token_ids)
        before, both = self.decode((previous,)), self.decode((previous, *token_ids))
        return both[len(before) :] if both.startswith(before) else self.decode(token_ids)

    def _encode(self, text: str) -> tuple[int, ...]:
        if not self.prompt.adds_special_tokens:
            return self._plain(text)
        ids = tuple(self.tokenizer.encode(text))
        # Some tokenizers close every text; a prompt stays open.
        closed = len(ids) > 1 and ids[-1] == self.tokenizer.eos_token_id
        return ids[:-1] if closed and ids[-1] not in self._plain(text)[-1:] else ids

    def _plain(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))
