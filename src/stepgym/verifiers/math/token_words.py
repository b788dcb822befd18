"""Cutting letters into tokens: words, functions, names of constants, products of variables."""

from __future__ import annotations

import re

from stepgym.verifiers.math.cursor import Token
from stepgym.verifiers.math.tree import MAX_TOKENS, TooLargeError
from stepgym.verifiers.math.unit_names import UNIT_WORDS
from stepgym.verifiers.math.vocabulary import (
    FUNCTION_ALIASES,
    FUNCTIONS,
    NUMBER_WORDS,
    ORDINALS,
    SHORT_WORDS,
)

_KEYWORDS = frozenset({"and", "or", "if", "where", "with", "in", "for", "otherwise"})


class WordCutter:
    """The tokens so far, and the rules for letters."""

    def __init__(self, text: str, *, commas: bool) -> None:
        self.text = text
        self.commas = commas
        self.out: list[Token] = []
        self.spaced = False
        self.depth = 0

    def add(self, kind: str, value: str) -> None:
        """Append a token."""
        self.out.append(Token(kind, value, self.spaced))
        self.spaced = False
        if len(self.out) > MAX_TOKENS:
            raise TooLargeError(f"the answer has more than {MAX_TOKENS} tokens")

    def word(self, piece: str, words: bool) -> None:
        """Cut a run of letters."""
        lower = piece.lower()
        if lower == "mod":
            self.add("o", "bmod")
        elif lower in _KEYWORDS:
            self.add("k", lower)
        elif words:
            self.add("w", piece)
        elif piece == "U" and self.out and self.out[-1].value in (")", "]", "\\}"):
            self.add("o", "cup")
        elif len(piece) == 1:
            self.add(*(("c", piece) if piece in ("e", "i") else ("s", piece)))
        elif piece in FUNCTIONS:
            self.function(piece)
        elif piece == "pi":
            self.add("c", "pi")
        elif lower in ("inf", "infinity", "oo", "infty"):
            self.add("c", "inf")
        elif (
            lower in SHORT_WORDS
            or lower in ORDINALS
            or lower in UNIT_WORDS
            or lower in NUMBER_WORDS
            or len(piece) > 3
            or "-" in piece
        ):
            self.long_word(piece)
        elif piece.isupper():
            self.add("s", piece)
        elif not self.split_function(piece):
            if piece.islower():
                for letter in piece:
                    self.add(*(("c", letter) if letter in ("e", "i") else ("s", letter)))
            else:
                self.add("w", piece)

    def long_word(self, piece: str) -> None:
        """Append a word that is no product of variables."""
        if not (piece.islower() and self.split_function(piece)):
            self.add("w", piece)

    def split_function(self, piece: str) -> bool:
        """Whether `piece` is a function written against its argument: `sinx`, `cosb`, `lnx`, `sqrtx`."""
        if piece[:-1] in FUNCTIONS and piece[-1] in "abctuvwxyz" and len(piece) > 2:
            self.function(piece[:-1])
            self.add("s", piece[-1])
            return True
        if piece[1:] in ("pi", "sin", "cos", "tan", "ln", "log", "sqrt") and piece[0] not in "ha":
            self.add("s", piece[0])
            self.word(piece[1:], False)
            return True
        return False

    def identifier(self, piece: str) -> None:
        """Cut letters with digits among them."""
        m = re.fullmatch(r"([a-z]+)(\d+)([a-z]?)", piece)
        if m is not None and m.group(1) in FUNCTIONS | {"pi"}:
            self.word(m.group(1), False)
            self.add("n", m.group(2))
            if m.group(3):
                self.word(m.group(3), False)
        else:
            self.add("w", piece)

    def function(self, name: str) -> None:
        """Append the name of a function."""
        name = FUNCTION_ALIASES.get(name, name)
        if name == "mod":
            self.add("o", "bmod")
        else:
            self.add("L" if name == "sqrt" else "f", name)
