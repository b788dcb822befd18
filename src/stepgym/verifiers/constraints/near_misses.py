"""Lines that almost are an answer's, with the place that is most likely wrong; none of them says an assignment."""

from __future__ import annotations

import re

from stepgym.verifiers.constraints.puzzle import Puzzle
from stepgym.verifiers.constraints.statements import Misfit, Reading
from stepgym.verifiers.constraints.words import Token, WordFinder

_LONGEST = 40
_LONGEST_SPAN = 12
_MOST_PIECES = 6
_LEAD = re.compile(r"[\s>#*|•\-]*")
# The colon of a time is no sign.
_SIGN = re.compile(r"(?:->|=>|→|=+|(?<![0-9]):|:(?![0-9]))[\s*_`]*(?=\S)")


class NearMisses:
    """Reads such lines for one puzzle."""

    def __init__(self, puzzle: Puzzle, words: WordFinder) -> None:
        self._puzzle = puzzle
        self._words = words

    def read(self, response: str, start: int, end: int, *, marked: bool = False) -> Reading | None:
        """A line that cannot be read but gives two values for one variable, or is short and begins like a row.

        Args:
            response: The text.
            start: Where the line begins.
            end: Where it ends.
            marked: Whether it stands behind "Answer:"; if it begins with a name and a sign, it need not be short then.
        """
        lead = _LEAD.match(response, start, end)
        start, end = _stripped(response, lead.end() if lead else start, end)
        begins = self._words.begins_like_a_row(response[start:end])
        if start == end or (end - start > _LONGEST and not begins):
            return None
        tokens = self._words.tokens(response, start, end)
        rowed = len(tokens) > 2 and tokens[0].kind == "label" and tokens[1].kind == "sign"
        if rowed and (twice := self._two_values(tokens)) is not None:
            return Reading(misfits=[twice], lines=1)
        ends = bool(tokens) and tokens[-1].kind in ("label", "value")
        if not (marked and rowed) and (
            end - start > _LONGEST
            or len(tokens) > (_MOST_PIECES if begins else _MOST_PIECES // 2)
            or not (begins or ends)
        ):
            return None
        start, end = _doubtful(response, start, end, tokens)
        return Reading(misfits=[Misfit("unreadable", "", start, end)], lines=1)

    def _two_values(self, tokens: list[Token]) -> Misfit | None:
        """`Bob: milk; no wait, Bob: tea`: the second value."""
        given: dict[int, Token] = {}
        for name, sign, value in zip(tokens, tokens[1:], tokens[2:], strict=False):
            if (name.kind, sign.kind, value.kind) != ("label", "sign", "value"):
                continue
            label = str(name.what)
            variables = [v for v in self._puzzle.rows[label] if value.what in self._puzzle.variables[v].values]
            for variable in variables[:1]:
                if given.setdefault(variable, value).what != value.what:
                    return Misfit("two-values", label, value.start, value.end)
        return None


def _doubtful(response: str, start: int, end: int, tokens: list[Token]) -> tuple[int, int]:
    """The short line, else a word that belongs to no answer, else what stands behind the sign; always whole words."""
    if end - start <= _LONGEST_SPAN:
        return start, end
    odd = [token for token in tokens if token.kind == "word"] or tokens[-1:]
    if odd:
        return odd[0].start, odd[0].end
    sign = _SIGN.search(response, start, end)
    start = sign.end() if sign else start
    for place in range(max(start, end - _LONGEST_SPAN), end):
        if place == start or response[place - 1].isspace():
            return place, end
    return start, end


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
