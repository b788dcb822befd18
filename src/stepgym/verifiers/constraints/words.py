"""The words of an answer's line: names, values, other words and signs, with their places."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from stepgym.verifiers.constraints.puzzle import Puzzle, Value

_FORBIDDEN = frozenset("<>≠!?+±≤≥/×÷^%~&@≈∈∉")
_PIECE = re.compile(
    r"(?P<time>(?<![^\W_])(?P<hour>[01]?[0-9]|2[0-3])(?:[:.](?P<minute>[0-5][0-9]))?(?![.:]?[0-9])"
    r"(?:[ \t]?(?P<half>[AaPp])(?:\.[Mm]\.|[Mm]\b)|(?<=[:.][0-9][0-9])(?![^\W_])))"
    r"|(?P<number>(?<![^\W_])-?[0-9]{1,12}(?:\.0{1,12})?(?![^\W_]|[.:][0-9]))|(?P<latex>\\[A-Za-z]+)"
    r"|(?P<word>[^\W_](?:[^\W_]|['’](?=[^\W_])|(?<=[0-9])[.:](?=[0-9]))*)|(?P<sign>->|=>|==|→|[:=])|(?P<other>\S)"
)
_UP_TO_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
_NUMBER_WORDS = {word: number for number, word in enumerate(_UP_TO_TWENTY.split())}
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
        matches = {name: list(_PIECE.finditer(name)) for name in names}
        hours = [_hour(match) for found in matches.values() for match in found if match["time"]]
        # Where some times are after noon, "9 pm" is 21:00; else it may also stand for 9:00.
        self._whole_day = any(hour > 12 for hour in hours)
        for name, (kind, what) in sorted(names.items(), key=lambda item: -len(item[0])):
            pieces = [self._keys(match)[0] for match in matches[name]]
            self._names.setdefault(pieces[0], []).append((pieces, kind, what))
        self._numbers = frozenset(v for u in puzzle.variables for v in u.values if isinstance(v, int))

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
            number = self._number(match)
            if number is None and kind == "word" and not response.startswith("-", span[1]):
                beside = (tokens[-1:] and tokens[-1].kind in ("label", "sign")) or (
                    place < len(pieces) and pieces[place].lastgroup == "sign"
                )
                number = _NUMBER_WORDS.get(text.lower()) if beside else None
                number = number if number in self._numbers else None
            if number is not None:
                tokens.append(Token("value", number, *span))
            elif kind == "time" or (kind == "word" and text.lower() not in _SMALL_WORDS):
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
        for first in self._keys(pieces[place]):
            for name, kind, what in self._names.get(first, ()):
                stop = place + len(name)
                parts = zip(name, pieces[place:stop], strict=False)
                if stop <= len(pieces) and all(key in self._keys(match) for key, match in parts):
                    return Token(kind, what, pieces[place].start(), pieces[stop - 1].end()), stop
        return None

    def _keys(self, match: re.Match[str]) -> tuple[str, ...]:
        """Under what a piece is looked up, the likeliest first: times as "14:00", all else in lower case."""
        if not match["time"]:
            return (match.group().lower(),)
        minute = match["minute"] or "00"
        keys = f"{_hour(match)}:{minute}", f"{int(match['hour'])}:{minute}"
        return keys[:1] if self._whole_day or not match["half"] else keys

    def _number(self, match: re.Match[str]) -> int | None:
        """The whole number that a piece writes: 3, 3.0, or the hour of `9 am`."""
        text = match.group()
        if match.lastgroup == "number" or (match["time"] and text.endswith(".00")):
            return int(text.partition(".")[0])
        if not match["time"] or match["minute"]:
            return None
        return _hour(match) if _hour(match) in self._numbers else int(match["hour"])


def _hour(match: re.Match[str]) -> int:
    """The hour of a time, from 0 to 23."""
    hour = int(match["hour"])
    if not match["half"] or not 1 <= hour <= 12:
        return hour
    return hour % 12 + (12 if match["half"] in "pP" else 0)
