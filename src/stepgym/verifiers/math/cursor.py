"""The tokens of an answer, and walking over them with a cap on the depth of recursion."""

from __future__ import annotations

from typing import NamedTuple

from stepgym.verifiers.math.tree import MAX_DEPTH, TooLargeError, UnreadableError


class Token(NamedTuple):
    """One token.

    Kinds: n number, s symbol, c constant, f function, w word, k keyword (and, or, if), o operator or bracket,
    r relation, L command with arguments, e empty set, d dots, b begin of an environment, E its end, O opaque.
    """

    kind: str
    value: str
    spaced: bool = False


_END = Token("end", "")
_PADDING = (_END,) * 8


class Cursor:
    """A position in a list of tokens."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = [*tokens, *_PADDING]
        self.position = 0
        self.depth = 0
        self.bars = 0

    def peek(self, ahead: int = 0) -> Token:
        """The token `ahead` places on."""
        return self.tokens[self.position + ahead]

    def take(self) -> Token:
        """The next token, which is passed; the end is never passed."""
        token = self.tokens[self.position]
        if token.kind != "end":
            self.position += 1
        return token

    def at(self, *values: str) -> bool:
        """Whether the next token is one of these operators or brackets."""
        token = self.tokens[self.position]
        return token.kind == "o" and token.value in values

    def expect(self, value: str) -> None:
        """Pass this operator or bracket, or raise."""
        if not self.at(value):
            raise UnreadableError(f"expected {value!r}, found {self.peek().value or 'the end'!r}")
        self.position += 1

    def enter(self) -> None:
        """Count one level of recursion; the caller counts it back."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooLargeError(f"the answer is nested more than {MAX_DEPTH} deep")
