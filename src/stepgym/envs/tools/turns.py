"""`read_turn`: what one text asks for: a tool call, the answer, or neither."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from stepgym.envs.actions.formats import Tagged
from stepgym.envs.actions.reading import Reading

ANSWER = "answer"
"""The tag that ends an episode."""

Kind = Literal["call", "answer", "nothing"]

_SOME_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9_-]{0,40})>")
_HARMLESS = frozenset({"think", "thought", "reasoning"})


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn, as it was read.

    Attributes:
        kind: "call", "answer", or "nothing" that could be read.
        reading: What stands inside the tags, with its place in the text; empty for "nothing".
        problem: Why nothing was read; "" otherwise.
        note: What was written and did not count; "" if all of it did.
    """

    kind: Kind
    reading: Reading
    problem: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        """The argument of the call, or the answer."""
        return self.reading.text


def read_turn(text: str, tool: str, *, longest: int) -> Turn:
    """The first call `<tool>...</tool>` or answer `<answer>...</answer>` in `text`; whatever comes first counts.

    What else was written in these tags is not done, and `note` says so: a model that goes on behind its call has
    invented the result. Time is proportional to the length of the text.

    Args:
        text: What a model wrote, thoughts included.
        tool: The name of the tool's tag.
        longest: Most characters of an argument; a longer one is not read.
    """
    call, answer = Tagged(tool).read(text), Tagged(ANSWER).read(text)
    places = {ANSWER: text.find(f"<{ANSWER}>"), tool: text.find(f"<{tool}>")}
    open_tags = sorted((place, name) for name, place in places.items() if place >= 0)
    if not open_tags:
        return Turn("nothing", Reading(""), _no_tag(text, tool))
    first = open_tags[0][1]
    reading = call if first == tool else answer
    if reading.problem:
        return Turn("nothing", Reading(""), f"<{first}> is never closed")
    if first == tool and not reading.text:
        return Turn("nothing", Reading(""), f"there is nothing inside <{tool}> </{tool}>")
    if len(reading.text) > longest:
        problem = (
            f"there are {len(reading.text):,} characters inside <{first}>, more than the {longest:,} that are read"
        )
        return Turn("nothing", Reading(""), problem)
    if first == ANSWER:
        return Turn("answer", reading)
    if len(open_tags) == 2:
        return Turn("call", reading, note="a call or an answer, never both: only the call was read")
    several = text.find(f"<{tool}>", places[tool] + 1) >= 0
    return Turn("call", reading, note="one call per turn: only the first was read" if several else "")


def _no_tag(text: str, tool: str) -> str:
    """Why there is neither a call nor an answer."""
    if not text or text.isspace():
        return "nothing was written"
    other = next((name for name in _SOME_TAG.findall(text[:10_000]) if name not in _HARMLESS), None)
    if other is not None:
        return f"<{other}> is no tag here; there are <{tool}> and <{ANSWER}>"
    return f"there is neither <{tool}> nor <{ANSWER}>"
