"""The verdict of a verifier and the findings it rests on.

A verdict is three-valued: "undecided" is neither right nor wrong, is never rewarded and never trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast, get_args

from stepgym.errors import InvalidInputError

Status = Literal["correct", "wrong", "undecided"]
Severity = Literal["proved", "note", "warning", "refuted", "fatal"]
_STATUSES = get_args(Status)
_SEVERITIES = get_args(Severity)


@dataclass(frozen=True, slots=True)
class Finding:
    """One item of a certificate: what was found, where, and evidence anyone can check.

    Attributes:
        start: First character of the span, an offset into the whole response.
        end: One past its last character, `0 <= start <= end`.
        kind: A short word for grouping, for example "arithmetic", "final-answer", "unit".
        severity: "proved" and "refuted" are claims with evidence, "fatal" refutes the whole response,
            "warning" and "note" claim nothing. Characters no finding covers are unknown.
        message: One sentence for people.
        evidence: JSON-able facts that allow a re-check, for example `{"x": 2, "left": 3, "right": 4}`.
    """

    start: int
    end: int
    kind: str
    severity: Severity = "refuted"
    message: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise InvalidInputError(f"a finding's span must satisfy 0 <= start <= end, got [{self.start}, {self.end})")
        if self.severity not in _SEVERITIES:
            raise InvalidInputError(f"severity must be one of {_SEVERITIES}, got {self.severity!r}")

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain JSON values."""
        return {
            "start": self.start,
            "end": self.end,
            "kind": self.kind,
            "severity": self.severity,
            "message": self.message,
            "evidence": dict(self.evidence),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """The inverse of `to_dict`."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verifier says about one response.

    Attributes:
        status: "correct", "wrong" or "undecided".
        score: In [0, 1]; 1 for correct, 0 for wrong unless the verifier gives partial credit, 0 for undecided.
        findings: The certificate, in order of `start`.
        reason: One sentence for people.
        verifier: Name and version of who said it, for example "math-answer/1".
        seconds: Wall time spent; not compared.
    """

    status: Status
    score: float = 0.0
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    verifier: str = ""
    seconds: float = field(default=0.0, compare=False)

    def __post_init__(self) -> None:
        if self.status not in _STATUSES:
            raise InvalidInputError(f"status must be one of {_STATUSES}, got {self.status!r}")
        if not 0.0 <= self.score <= 1.0:
            raise InvalidInputError(f"score must be in [0, 1], got {self.score!r}")

    @classmethod
    def correct(cls, *findings: Finding, reason: str = "", verifier: str = "") -> Verdict:
        """A verdict that the response is right, score 1."""
        return cls("correct", 1.0, findings, reason or _first_message(findings), verifier)

    @classmethod
    def wrong(cls, *findings: Finding, reason: str = "", score: float = 0.0, verifier: str = "") -> Verdict:
        """A verdict that the response is wrong, score 0 unless partial credit is given."""
        return cls("wrong", score, findings, reason or _first_message(findings), verifier)

    @classmethod
    def undecided(cls, reason: str, *findings: Finding, verifier: str = "") -> Verdict:
        """A verdict that nothing could be decided, with the reason."""
        return cls("undecided", 0.0, findings, reason, verifier)

    def signed(self, verifier: str, seconds: float = 0.0) -> Verdict:
        """The same verdict with the name of the verifier and the time it took."""
        return replace(self, verifier=verifier, seconds=seconds)

    def explain(self, response: str, *, width: int = 100) -> str:
        """The reason and, below the lines of `response` they are about, the marked spans.

        Control characters of the response are shown escaped, so the text is safe to print to a terminal.
        """
        parts = [str(self)]
        for finding in self.findings:
            if finding.severity in ("refuted", "fatal", "warning"):
                parts.append(_underline(response, finding, width))
        return "\n".join(parts)

    def __str__(self) -> str:
        return f"{self.status}: {self.reason}" if self.reason else self.status

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain JSON values."""
        return {
            "status": self.status,
            "score": self.score,
            "findings": [f.to_dict() for f in self.findings],
            "reason": self.reason,
            "verifier": self.verifier,
            "seconds": self.seconds,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Verdict:
        """The inverse of `to_dict`."""
        values = dict(data)
        values["findings"] = tuple(Finding.from_dict(f) for f in values.get("findings", ()))
        return cls(**cast(Any, values))


def printable(text: str) -> str:
    """`text` with control characters (escape codes, carriage returns, ...) shown as escapes; newlines stay."""
    return "".join(c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _first_message(findings: tuple[Finding, ...]) -> str:
    decisive = [f for f in findings if f.severity in ("refuted", "fatal")] or list(findings)
    return decisive[0].message if decisive else ""


def _underline(response: str, finding: Finding, width: int) -> str:
    line_start = response.rfind("\n", 0, finding.start) + 1
    line_end = response.find("\n", finding.start)
    line_end = len(response) if line_end < 0 else line_end
    # A long line is cut to a window around the span.
    left = max(line_start, finding.start - width // 2)
    right = min(line_end, left + width)
    before = printable(response[left : finding.start])
    marked = printable(response[finding.start : min(finding.end, right)])
    after = printable(response[min(finding.end, right) : right])
    marks = " " * len(before) + "^" * max(1, len(marked))
    return f"  {before}{marked}{after}\n  {marks} {finding.message}"
