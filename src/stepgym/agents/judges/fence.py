"""Text under judgement is hostile: how it is shown to a judge, and how the judge's verdict is told from it."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from stepgym.agents.judges.judge import StepState
from stepgym.verifiers.verdict import printable

# Special tokens of chat templates: a server may read them as such wherever they stand.
_SPECIAL = re.compile(
    r"<\|[^\n]{0,60}?\|>|<[|｜]|[|｜]>|</?(?:s|bos|eos|pad|unk|start_of_turn|end_of_turn|think)>|\[/?(?:INST|SYSTEM_PROMPT)\]"
    r"|<</?SYS>>",
    re.IGNORECASE,
)
_VERDICT_WORD = re.compile(r"verdict", re.IGNORECASE)


def _nonce() -> str:
    return secrets.token_hex(4)


@dataclass(frozen=True, slots=True)
class Fence:
    """One call's boundary around what others wrote.

    * The text stands between two lines that hold a number drawn for this call, which its author cannot have known.
    * Each of its lines begins with "| ": no line of it can look like a line of the prompt. Control characters, other
      line ends and invisible characters become escapes first.
    * Special tokens of chat templates are broken up, and the word of the verdict too.
    * The verdict counts only behind the last marker with the number.

    Attributes:
        nonce: The number, 8 hexadecimal digits; drawn if not given.
    """

    nonce: str = field(default_factory=_nonce)

    @property
    def marker(self) -> str:
        """What the judge writes before its verdict."""
        return f"VERDICT-{self.nonce}:"

    def around(self, text: str, label: str) -> str:
        """`text` inside the fence; `label` is ours, for the judge to know what it is."""
        lines = [f"| {line}" for line in harmless(text).split("\n")]
        return "\n".join([f"<<<{self.nonce} {label}", *lines, f"{self.nonce}>>>"])

    def conversation(self, state: StepState) -> str:
        """The turns of a state, each one in a fence of its own: a text cannot invent a turn."""
        parts = [self.around(state.observations[0], "the task")]
        for number, (action, observation) in enumerate(
            zip(state.actions, state.observations[1:], strict=True), start=1
        ):
            parts.append(self.around(action, f"message {number} of the assistant"))
            parts.append(self.around(observation, f"what came back after message {number}"))
        return "\n".join(parts)

    def verdict(self, text: str) -> bool | None:
        """True for GOOD, False for BAD behind the judge's last marker; None if there is neither, or more than that."""
        found = text.rpartition(self.marker)
        if not found[1]:
            return None
        word = found[2].strip().split("\n", 1)[0].strip(" \t\r*_`'\".!()[]<>").upper()
        return {"GOOD": True, "BAD": False}.get(word)


def harmless(text: str) -> str:
    """`text` for the eyes of a judge: without control characters, special tokens and the word of the verdict."""
    text = printable(text.replace("\r\n", "\n"))
    text = _SPECIAL.sub(lambda match: " ".join(match[0]), text)
    return _VERDICT_WORD.sub(lambda match: "-".join(match[0]), text)
