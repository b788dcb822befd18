"""The formats of text: whole, last line, ReAct, behind thoughts, inside tags."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stepgym.envs.actions.reading import Reading, Span
from stepgym.errors import InvalidInputError

_LABEL = r"\*{{0,2}}{}(?: ?\d{{1,4}})?\*{{0,2}}:\*{{0,2}}"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,40}")


@dataclass(frozen=True, slots=True)
class WholeText:
    """The whole text is the action."""

    @property
    def instructions(self) -> str:
        """Nothing."""
        return ""

    def read(self, text: str) -> Reading:
        """All of it."""
        return Reading(text, ((0, len(text)),))

    def write(self, action: str, thought: str = "") -> str:
        """The action alone."""
        return action


@dataclass(frozen=True, slots=True)
class LastLine:
    """The last line with something in it is the action, without the white space around it."""

    @property
    def instructions(self) -> str:
        """What to write."""
        return "Reason as you like; the last line alone is your action."

    def read(self, text: str) -> Reading:
        """The last line."""
        end = len(text.rstrip())
        start = max(text.rfind("\n", 0, end), text.rfind("\r", 0, end)) + 1
        return _stripped(text, start, end) if end else Reading.failed("nothing was written")

    def write(self, action: str, thought: str = "") -> str:
        """The thought and, on the last line, the action."""
        return f"{thought}\n{action}" if thought else action


@dataclass(frozen=True, slots=True)
class ReAct:
    """The words "Thought: ..." and "Action: ...", in any case, numbered or not (Yao et al. 2023; AgentBench).

    The action begins after the first label "Action:" that begins a line, or after the first at all where none does. It
    ends where a line begins with the label of a thought, an observation or a further action: what a model dreams up
    beyond its turn is not done.

    Attributes:
        label: The label of the action.
    """

    label: str = "Action"

    def __post_init__(self) -> None:
        _check_name("label", self.label)

    @property
    def instructions(self) -> str:
        """What to write."""
        return f"Write 'Thought: your reasoning', then on a new line '{self.label}: your action'."

    def read(self, text: str) -> Reading:
        """What stands after the label."""
        label = _LABEL.format(re.escape(self.label))
        found = re.search(rf"^[ \t]*{label}", text, re.IGNORECASE | re.MULTILINE)
        found = found or re.search(rf"(?<!\w){label}", text, re.IGNORECASE)
        if found is None:
            return Reading.failed(f"there is no '{self.label}:'")
        others = "|".join(_LABEL.format(name) for name in ("thought", "observation", re.escape(self.label)))
        after = re.compile(rf"^[ \t]*(?:{others})", re.IGNORECASE | re.MULTILINE).search(text, found.end())
        reading = _stripped(text, found.end(), len(text) if after is None else after.start())
        return reading if reading.text else Reading.failed(f"there is nothing after '{self.label}:'")

    def write(self, action: str, thought: str = "") -> str:
        """Thought, on one line, and action."""
        told = f"Thought: {' '.join(thought.split())}\n" if thought else ""
        return f"{told}{self.label}: {action}"


@dataclass(frozen=True, slots=True)
class Thinking:
    """Thoughts inside <think> </think> are left out; the rest is the action.

    A closing tag without an opening one ends thoughts that the chat template had opened. Thoughts that are not closed
    leave nothing of what follows them.

    Attributes:
        tag: The name of the tag.
    """

    tag: str = "think"

    def __post_init__(self) -> None:
        _check_name("tag", self.tag)

    @property
    def instructions(self) -> str:
        """What to write."""
        return f"You may reason inside <{self.tag}> </{self.tag}> first; what follows is your action."

    def read(self, text: str) -> Reading:
        """What is said outside of the thoughts."""
        spans, closed = said(text, self.tag)
        reading = Reading.of(text, spans)
        if reading.text.strip() or reading.problem:
            return reading
        return Reading.failed("there is nothing besides thoughts" if closed else f"there is no </{self.tag}>")

    def write(self, action: str, thought: str = "") -> str:
        """The thought inside its tags, and the action."""
        return f"<{self.tag}>\n{thought}\n</{self.tag}>\n\n{action}" if thought else action


@dataclass(frozen=True, slots=True)
class Tagged:
    """The action stands inside <action> </action>, of which the first pair counts.

    Attributes:
        tag: The name of the tag.
    """

    tag: str = "action"

    def __post_init__(self) -> None:
        _check_name("tag", self.tag)

    @property
    def instructions(self) -> str:
        """What to write."""
        return f"Write your action inside <{self.tag}> </{self.tag}>."

    def read(self, text: str) -> Reading:
        """What stands inside the tags, without the white space around it."""
        opening, closing = f"<{self.tag}>", f"</{self.tag}>"
        start = text.find(opening)
        if start < 0:
            return Reading.failed(f"there is no {opening}")
        start += len(opening)
        end = text.find(closing, start)
        return Reading.failed(f"there is no {closing}") if end < 0 else _stripped(text, start, end)

    def write(self, action: str, thought: str = "") -> str:
        """The thought, and the action inside its tags."""
        acted = f"<{self.tag}>{action}</{self.tag}>"
        return f"{thought}\n{acted}" if thought else acted


def said(text: str, tag: str = "think") -> tuple[list[Span], bool]:
    """The parts of `text` outside of thoughts, without the white space after them; and whether all are closed."""
    opening, closing = f"<{tag}>", f"</{tag}>"
    spans: list[Span] = []
    here, end = 0, len(text)
    next_open, next_close = text.find(opening), text.find(closing)
    while True:
        if next_close >= 0 and (next_open < 0 or next_close < next_open):
            spans = []  # the template opened these thoughts
        elif next_open >= 0:
            spans.append((here, next_open))
            if next_close < 0:
                return spans, False
        else:
            spans.append((here, end))
            return spans, True
        here = next_close + len(closing)
        while here < end and text[here].isspace():
            here += 1
        # What was not found is not looked for again: many tags of one kind would take time squared.
        next_open = text.find(opening, here) if 0 <= next_open < here else next_open
        next_close = text.find(closing, here)


def _stripped(text: str, start: int, end: int) -> Reading:
    """The part of `text` without the white space around it."""
    part = text[start:end]
    start += len(part) - len(part.lstrip())
    return Reading.of(text, [(start, start + len(part.strip()))])


def _check_name(what: str, name: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidInputError(f"{what} must be a word of ASCII letters and digits, got {name!r:.80}")
