"""The tokens of a C++ program, as far as they are needed to point at one."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import NamedTuple


class Token(NamedTuple):
    """One token: its text and its characters `[start, end)` in the program."""

    text: str
    start: int
    end: int


_TOKEN = re.compile(
    r"""
      (?P<space>\s+|//[^\n]*|/\*.*?(?:\*/|\Z)|\\\r?\n)
    | (?:(?<=include)|(?<=include[ ]))<[^>\n]*>?
    | (?:u8|[uUL])?R"(?P<mark>[^()\\\s"]{0,16})\(.*?(?:\)(?P=mark)"|\Z)
    | (?:u8|[uUL])?"(?:[^"\\\n]|\\.)*(?:"|(?=\n)|\Z|(?=\\\Z))
    | [uUL]?'(?:[^'\\\n]|\\.)*(?:'|(?=\n)|\Z|(?=\\\Z))
    | \.?[0-9](?:[eEpP][+-]|[\w.]|'(?=\w))*
    | \w+
    | <<=|>>=|\.\.\.|->\*|<=>|::|\+\+|--|->|\.\*|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|\#\#
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
IDENTIFIER = re.compile(r"[^\W\d]\w*")


def tokenize(program: str) -> list[Token]:
    """The tokens of `program` in order, without white space and comments; linear in its length."""
    matches = _TOKEN.finditer(program)
    return [Token(match.group(), match.start(), match.end()) for match in matches if match.lastgroup != "space"]


class TokenIndex:
    """Finds tokens by their place."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.tokens = tokenize(program)
        self._starts = [token.start for token in self.tokens]
        self._ends = [token.end for token in self.tokens]

    def at(self, place: int) -> Token | None:
        """The token that covers the character at `place`, else the last one before it, else the first."""
        if not self.tokens:
            return None
        return self.tokens[max(0, bisect_right(self._starts, place) - 1)]

    def ending_at(self, place: int) -> Token | None:
        """The token whose end is `place`."""
        found = bisect_left(self._ends, place)
        return self.tokens[found] if found < len(self._ends) and self._ends[found] == place else None

    def before(self, place: int) -> Token | None:
        """The last token that ends at or before `place`."""
        found = bisect_right(self._ends, place)
        return self.tokens[found - 1] if found else None

    def within(self, start: int, end: int) -> list[Token]:
        """The tokens that overlap `[start, end)`."""
        return self.tokens[bisect_right(self._ends, start) : bisect_left(self._starts, end)]
