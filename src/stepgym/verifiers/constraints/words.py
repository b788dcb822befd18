"""The words of an answer's line: names, values, other words and signs, with their places."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from stepgym.verifiers.constraints.puzzle import Puzzle, Value

_FORBIDDEN = frozenset("<>≠!?+±≤≥/×÷^%~&@≈∈∉")
_PIECE = re.compile(
    r"(?P<number>(?<![^\W_])-?[0-9]{1,12}(?![^\W_]|[.:][0-9]))|(?P<latex>\\[A-Za-z]+)"
    r"|(?P<word>[^\W_](?:[^\W_]|['’](?=[^\W_])|(?<=[0-9])[.:](?=[0-9]))*)|(?P<sign>->|=>|==|→|[:=])|(?P<other>\S)"
)
_SMALL_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a am an and are at answer be both boxed come comes equals final gets get has have hence her his in is it its "
        "meets must number on person place pm position seat sit sits so text the then therefore thus was will",
    )
)

TokenKind = Literal["label", "value", "word", "sign"]


class Token(NamedTuple):
    """A piece of a line: a row's label, a possible value, another word, or a sign such as ":"."""

    kind: TokenKind
    what: Value
    start: int
    end: int


class WordFinder:
    """Finds the names and values of one puzzle in a line."""

    def __init__(self, puzzle: Puzzle) -> None:
        names: dict[str, tuple[TokenKind, Value]] = {label: ("label", label) for label in puzzle.rows}
        names |= {v: ("value", v) for u in puzzle.variables for v in u.values if isinstance(v, str)}
        names |= {alias: ("value", value) for alias, value in puzzle.aliases.items()}
        self._beginnings = tuple(name.lower() for name in names)
        # A name may have several pieces ("New York", "truth-teller"); longer ones are tried first.
        self._names: dict[str, list[tuple[list[str], TokenKind, Value]]] = {}
        for name, (kind, what) in sorted(names.items(), key=lambda item: -len(item[0])):
            pieces = [match.group().lower() for match in _PIECE.finditer(name)]
            self._names.setdefault(pieces[0], []).append((pieces, kind, what))

    def begins_like_a_row(self, text: str) -> bool:
        """Whether a text begins with a name, a value, a digit or a sign."""
        return text[:1] in tuple("0123456789:=.-") or text.lower().startswith(self._beginnings)

    def tokens(self, response: str, start: int, end: int) -> list[Token]:
        """The pieces that matter; none if the line holds something that makes it another kind of sentence."""
        tokens: list[Token] = []
        pieces = [match for match in _PIECE.finditer(response, start, end) if match.lastgroup != "latex"]
        place = 0
        while place < len(pieces):
            named = self._named(pieces, place)
            if named is not None:
                token, place = named
                tokens.append(token)
                continue
            match = pieces[place]
            text, kind, span = match.group(), match.lastgroup, match.span()
            place += 1
            if kind == "number":
                tokens.append(Token("value", int(text), *span))
            elif kind == "word" and text.lower() not in _SMALL_WORDS:
                tokens.append(Token("word", text, *span))
            elif kind == "sign":
                tokens.append(Token("sign", text, *span))
            elif text == "<" and response.startswith("</answer>", span[0]):
                break
            elif kind == "other" and text in _FORBIDDEN:
                return []
        return tokens

    def _named(self, pieces: list[re.Match[str]], place: int) -> tuple[Token, int] | None:
        """The label or value that begins at a piece, and the place behind it."""
        for name, kind, what in self._names.get(pieces[place].group().lower(), ()):
            stop = place + len(name)
            if [match.group().lower() for match in pieces[place:stop]] == name:
                return Token(kind, what, pieces[place].start(), pieces[stop - 1].end()), stop
        return None
