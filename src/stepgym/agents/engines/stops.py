"""Stop strings on sampled tokens: which tokens can complete one, and whether the text so far holds one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

REPLACEMENT = "�"  # what decoders show for a part of a multi-byte character


def decode(tokenizer: Any, token_ids: Sequence[int]) -> str:
    """The text of `token_ids` without special tokens, nothing cleaned up."""
    text: str = tokenizer.decode(token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text


class StopStrings:
    """The stop strings of one request for one tokenizer.

    A stop string is found in the decoded text, so it may span tokens and begin or end inside a token or a multi-byte
    character. Decoding every row at every token would be slow; `candidates` marks the tokens after which a stop string
    can be complete, and only then the end of the text is decoded and searched.

    Attributes:
        candidates: (vocabulary,) bool, True for every token that may complete a stop string.
        end_ids: Ids of special tokens whose text was given as a stop string; special tokens never appear in the text.
    """

    def __init__(self, stop: Iterable[str], pieces: TokenPieces) -> None:
        self._tokenizer = pieces.tokenizer
        self.end_ids = frozenset(pieces.special[s] for s in stop if s in pieces.special)
        self._strings = tuple(s for s in stop if s not in pieces.special)
        # A token stands for at least one byte, a character for at most four.
        self._window = 4 * max((len(s) for s in self._strings), default=0) + 16
        self.candidates = np.array([self._may_complete(*pair) for pair in pieces.pieces], dtype=bool)

    def found(self, token_ids: Sequence[int]) -> bool:
        """Whether the text of `token_ids` holds a stop string that its last tokens completed."""
        text = decode(self._tokenizer, token_ids[-self._window :])
        return any(s in text for s in self._strings)

    def _may_complete(self, piece: str | None, first_piece: str) -> bool:
        if piece is None:
            return bool(self._strings)
        return any(_may_end_in(stop, p) for stop in self._strings for p in (piece, first_piece))


class TokenPieces:
    """The text each token id adds, for one tokenizer; computed once.

    Attributes:
        tokenizer: The tokenizer.
        special: Text and id of the special tokens.
        pieces: For each id the text it adds after another token (None where that depends on more than the token) and
            the text it makes on its own; decoders treat the first token of a text differently.
    """

    def __init__(self, tokenizer: Any, vocabulary: int) -> None:
        self.tokenizer = tokenizer
        self.special = {
            token: i
            for token, i in zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True)
            if i is not None
        }
        alone = [decode(tokenizer, [i]) for i in range(vocabulary)]
        special_ids = set(self.special.values())
        anchor = next(
            (i for i, text in enumerate(alone) if len(text) == 1 and text.isascii() and text.isalnum()),
            next((i for i, text in enumerate(alone) if text.isascii() and text.isalnum()), None),
        )
        self.pieces: list[tuple[str | None, str]] = []
        for i, text in enumerate(alone):
            if i in special_ids:
                self.pieces.append(("", ""))
                continue
            after = None if anchor is None else decode(tokenizer, [anchor, i])
            known = after is not None and anchor is not None and after.startswith(alone[anchor])
            self.pieces.append((after[len(alone[anchor]) :] if known else None, text))  # type: ignore[index]


class StopTable:
    """The stop strings of a batch: row by row, which sampled token may end which row."""

    def __init__(self, pieces: TokenPieces | None, vocabulary: int) -> None:
        self._pieces = pieces
        self._vocabulary = vocabulary
        self._known: dict[tuple[str, ...], StopStrings] = {}

    def get(self, tokenizer: Any, stop: tuple[str, ...]) -> StopStrings | None:
        """The (cached) stop strings `stop`; None for an empty tuple."""
        if not stop:
            return None
        if self._pieces is None:
            self._pieces = TokenPieces(tokenizer, self._vocabulary)
        if stop not in self._known:
            self._known[stop] = StopStrings(stop, self._pieces)
        return self._known[stop]

    @staticmethod
    def stack(stops: Sequence[StopStrings | None], vocabulary: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """For rows with these stop strings: the table of each row (rows,), and the tables (tables, vocabulary)."""
        distinct: dict[int, int] = {}
        tables = [np.zeros(vocabulary, dtype=bool)]
        index = np.zeros(len(stops), dtype=np.intp)
        for row, stop in enumerate(stops):
            if stop is not None:
                if id(stop) not in distinct:
                    distinct[id(stop)] = len(tables)
                    tables.append(stop.candidates)
                index[row] = distinct[id(stop)]
        return index, np.stack(tables)


def _may_end_in(stop: str, piece: str) -> bool:
    """Whether `stop` can end inside `piece`, with its beginning in earlier tokens or in the piece."""
    if REPLACEMENT in piece and not stop.isascii():
        return True
    return stop in piece or any(stop.endswith(piece[:n]) for n in range(1, min(len(piece), len(stop)) + 1))
