"""Which characters of the text each token covers, and what the learned value does across a span.

Tokens and text need not match to the letter: the tokens may begin with the prompt, hold special tokens without text,
or cut a multi-byte character, which decodes to replacement characters.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from stepgym.report.records import Trace
from stepgym.verifiers.verdict import Finding

# How far ahead in the text a token is looked for when it does not stand where it should.
_RESYNC = 16


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch [start, end) of the text that one token wrote.

    Attributes:
        action: True where the policy wrote the token.
        value: The learned value after the token, None where there is none.
    """

    start: int
    end: int
    action: bool
    value: float | None


@dataclass(frozen=True, slots=True)
class Alignment:
    """The pieces of a trace in order, and the value before the first of them (None when it is not known)."""

    pieces: tuple[Piece, ...]
    before: float | None

    def first_ending_at(self, offset: int) -> int:
        """Index of the first piece that ends at or after `offset`; the number of pieces when none does."""
        return bisect_left(self.pieces, offset, key=lambda piece: piece.end)

    def value_at(self, offset: int) -> float | None:
        """The value once everything before `offset` is written."""
        count = bisect_right(self.pieces, offset, key=lambda piece: piece.end)
        return self.pieces[count - 1].value if count else self.before

    def across(self, finding: Finding) -> tuple[float | None, float | None]:
        """The value before and after the span of a finding."""
        index = min(self.first_ending_at(finding.end), len(self.pieces) - 1)
        after = self.pieces[index].value if index >= 0 else None
        return self.value_at(finding.start), after

    def extent(self, finding: Finding) -> tuple[int, int]:
        """The pieces a finding touches, as a range [first, last) of at least one piece where there are pieces."""
        first = bisect_right(self.pieces, finding.start, key=lambda piece: piece.end)
        first = min(first, max(0, len(self.pieces) - 1))
        last = min(self.first_ending_at(finding.end) + 1, len(self.pieces))
        return first, max(last, min(first + 1, len(self.pieces)))


def align(trace: Trace) -> Alignment:
    """The alignment of a trace; tokens without a place in the text are left out."""
    first, position = _beginning(trace)
    before = trace.values[first - 1] if first > 0 else None
    pieces: list[Piece] = []
    for index in range(first, len(trace.tokens)):
        token = trace.tokens[index]
        place = _place(trace.text, token, position)
        if place is None:
            continue
        start, position = place
        pieces.append(Piece(start, position, trace.action[index], trace.values[index]))
    return Alignment(tuple(pieces), before)


def _place(text: str, token: str, position: int) -> tuple[int, int] | None:
    """Where a token stands in the text at or soon after `position`, None for one without a place."""
    if token and text.startswith(token, position):
        return position, position + len(token)
    # A text whose ends were stripped lacks the space that belongs to its first token.
    for candidate in (token, token.strip()):
        found = text.find(candidate, position, position + len(candidate) + _RESYNC) if candidate.strip() else -1
        if found >= 0:
            return found, found + len(candidate)
    return None


def decisive(trace: Trace) -> tuple[Finding, ...]:
    """The findings that refute something, in order of their spans."""
    refuting = [finding for finding in trace.findings if finding.severity in ("refuted", "fatal")]
    return tuple(sorted(refuting, key=lambda finding: (finding.start, finding.end)))


def _beginning(trace: Trace) -> tuple[int, int]:
    """The first token of the text, and the offset into the text at which it stands."""
    own = trace.action.index(True) if True in trace.action else 0
    for first in (own, 0):
        written = "".join(trace.tokens[first:])
        if trace.text and (written.startswith(trace.text) or trace.text.startswith(written)):
            return first, 0
    # The text may begin inside the tokens, for example after a prompt that is not marked by the action flags.
    joined = "".join(trace.tokens)
    found = joined.find(trace.text) if trace.text else -1
    if found > 0:
        passed = 0
        for index, token in enumerate(trace.tokens):
            if passed == found:
                return index, 0
            passed += len(token)
    return own, 0
