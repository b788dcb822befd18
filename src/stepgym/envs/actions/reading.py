"""`Reading`: an action as it was read out of a text, which remembers where in the text it stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from stepgym.verifiers.verdict import Verdict

LONGEST = 1 << 20
"""Characters of a text that is read; longer ones hold no action."""

Span = tuple[int, int]

_MOST_SPANS = 1_000


@dataclass(frozen=True, slots=True)
class Reading:
    """An action, and the place of each of its characters in the text it was read out of.

    Attributes:
        text: The action; "" if there is none.
        spans: The parts `[start, end)` of the text that it was made of, in order.
        verbatim: Whether the parts one after the other are the action; else it was decoded from them, and whatever is
            said about it is about all of them.
        problem: Why no action could be read; "" if one was.
    """

    text: str
    spans: tuple[Span, ...] = ()
    verbatim: bool = True
    problem: str = ""

    @classmethod
    def of(cls, text: str, spans: Iterable[Span]) -> Reading:
        """The action that the parts `spans` of `text` make, one after the other."""
        kept = tuple((start, end) for start, end in spans if start < end)
        if len(kept) > _MOST_SPANS:
            return cls.failed(f"the action is in more than {_MOST_SPANS:,} pieces")
        return cls("".join(text[start:end] for start, end in kept), kept)

    @classmethod
    def failed(cls, problem: str) -> Reading:
        """No action, and why."""
        return cls("", problem=problem)

    def place(self, start: int, end: int) -> Span:
        """Where in the text the characters `[start, end)` of the action stand; it may take in what lies between."""
        if not self.spans:
            return 0, 0
        if not self.verbatim:
            return self.spans[0][0], self.spans[-1][1]
        first = self._position(start)
        return first, max(first, self._position(end - 1) + 1 if end > start else first)

    def placed(self, verdict: Verdict) -> Verdict:
        """A verdict on the action, with offsets into the text."""
        findings = []
        for finding in verdict.findings:
            start, end = self.place(finding.start, finding.end)
            findings.append(replace(finding, start=start, end=end))
        return replace(verdict, findings=tuple(findings))

    def parts(self, start: int, end: int) -> list[Span]:
        """The parts of the text that make the characters `[start, end)` of the action."""
        found, before = [], 0
        for left, right in self.spans:
            begin, stop = max(start - before, 0), min(end - before, right - left)
            if begin < stop:
                found.append((left + begin, left + stop))
            before += right - left
        return found

    def _position(self, offset: int) -> int:
        for start, end in self.spans:
            if offset < end - start:
                return start + max(offset, 0)
            offset -= end - start
        return self.spans[-1][1]


@runtime_checkable
class ActionFormat(Protocol):
    """Reads the action out of what a model wrote.

    The text is hostile: reading takes time in proportion to its length, and never raises because of it.
    """

    @property
    def instructions(self) -> str:
        """What a model is told to write; also the reminder when it did not. "" for nothing."""
        ...

    def read(self, text: str) -> Reading:
        """The action in `text`, of at most `LONGEST` characters."""
        ...

    def write(self, action: str, thought: str = "") -> str:
        """A text that reads as `action`, for demonstrations; with the `thought` where the format has a place for it."""
        ...


@dataclass(frozen=True, slots=True)
class Chain:
    """Formats one after the other: each reads what the one before found.

    Attributes:
        formats: At least one.
    """

    formats: tuple[ActionFormat, ...]

    @property
    def instructions(self) -> str:
        """Those of all formats."""
        return " ".join(found for one in self.formats if (found := one.instructions))

    def read(self, text: str) -> Reading:
        """What the last format reads; the first problem on the way."""
        reading = Reading(text, ((0, len(text)),))
        for one in self.formats:
            inner = one.read(reading.text)
            if inner.problem:
                return inner
            reading = _within(reading, inner)
        return reading

    def write(self, action: str, thought: str = "") -> str:
        """What each format writes of what the one after it wrote; the thought is the first one's."""
        text = action
        for number in reversed(range(len(self.formats))):
            text = self.formats[number].write(text, "" if number else thought)
        return text


def read_action(format: ActionFormat, text: str) -> Reading:
    """What `format` reads in `text`; a text beyond `LONGEST` characters is not read."""
    if len(text) > LONGEST:
        return Reading.failed(f"the text has {len(text):,} characters, more than the {LONGEST:,} that are read")
    return format.read(text)


def _within(outer: Reading, inner: Reading) -> Reading:
    """`inner`, which was read out of the action of `outer`, with places in the text of `outer`."""
    spans: Sequence[Span] = outer.spans
    if outer.verbatim:
        spans = [part for span in inner.spans for part in outer.parts(*span)]
        if len(spans) > _MOST_SPANS:
            return Reading.failed(f"the action is in more than {_MOST_SPANS:,} pieces")
    return Reading(inner.text, tuple(spans), outer.verbatim and inner.verbatim)
