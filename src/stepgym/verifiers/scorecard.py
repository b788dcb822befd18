"""How well and how fast a verifier judged labelled cases."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stepgym.verifiers.cases import Case
from stepgym.verifiers.verdict import Verdict, printable


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A case that the verifier judged otherwise than its label.

    Attributes:
        case: Its position among the cases, from 0.
        expected: The label.
        got: The status of the verdict.
        response: The beginning of the response.
        reason: What the verifier said.
    """

    case: int
    expected: str
    got: str
    response: str
    reason: str


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The figures of one verifier on one set of labelled cases; `print` shows them as a table.

    Attributes:
        verifier: Who was measured.
        cases: How many labelled cases.
        agreed: Cases judged as labelled.
        false_accepts: Called correct, though the label says otherwise.
        false_rejects: Called wrong, though the label says otherwise.
        undecided: Called undecided, though the label says otherwise.
        median_ms: Median wall time of a call, milliseconds.
        p99_ms: 99th percentile of the wall time.
        slowest_ms: Longest call, hostile responses included.
        hostile: How many malformed and hostile responses were tried.
        hostile_accepted: Names of those that were called correct; right for a checker of form, seldom otherwise.
        disagreements: The cases behind the three error counts.
    """

    verifier: str
    cases: int
    agreed: int
    false_accepts: int
    false_rejects: int
    undecided: int
    median_ms: float
    p99_ms: float
    slowest_ms: float = 0.0
    hostile: int = 0
    hostile_accepted: tuple[str, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()

    @property
    def accuracy(self) -> float:
        """Share of the cases judged as labelled, nan without cases."""
        return self.agreed / self.cases if self.cases else math.nan

    @classmethod
    def of(
        cls,
        verifier: str,
        cases: Sequence[Case],
        verdicts: Sequence[Verdict],
        seconds: Sequence[float],
        *,
        hostile: Mapping[str, Verdict] | None = None,
        slowest: float = 0.0,
    ) -> Scorecard:
        """The figures of `verdicts` on `cases`, which took `seconds` each."""
        pairs = list(zip(cases, verdicts, strict=True))
        wrong = [
            Disagreement(i, c.expected, v.status, c.response[:200], v.reason)
            for i, (c, v) in enumerate(pairs)
            if c.expected != v.status
        ]
        got = [d.got for d in wrong]
        hostile = hostile or {}
        return cls(
            verifier=verifier,
            cases=len(pairs),
            agreed=len(pairs) - len(wrong),
            false_accepts=got.count("correct"),
            false_rejects=got.count("wrong"),
            undecided=got.count("undecided"),
            median_ms=1000 * _quantile(seconds, 0.5),
            p99_ms=1000 * _quantile(seconds, 0.99),
            slowest_ms=1000 * max([slowest, *seconds], default=0.0),
            hostile=len(hostile),
            hostile_accepted=tuple(name for name, v in hostile.items() if v.status == "correct"),
            disagreements=tuple(wrong),
        )

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain JSON values."""
        return {**asdict(self), "accuracy": self.accuracy}

    def __str__(self) -> str:
        share = f"{100 * self.accuracy:.2f} %" if self.cases else "no cases"
        rows = [
            ("cases", f"{self.cases}"),
            ("judged as labelled", f"{self.agreed} ({share})"),
            ("false accepts", f"{self.false_accepts}"),
            ("false rejects", f"{self.false_rejects}"),
            ("undecided", f"{self.undecided}"),
            ("median latency", f"{self.median_ms:.3f} ms"),
            ("p99 latency", f"{self.p99_ms:.3f} ms"),
            ("slowest call", f"{self.slowest_ms:.1f} ms"),
            ("hostile responses", f"{self.hostile}, accepted: {', '.join(self.hostile_accepted) or 'none'}"),
        ]
        lines = [self.verifier, *(f"  {label:<20}{value}" for label, value in rows)]
        for d in self.disagreements[:10]:
            shown = printable(d.response).replace("\n", " ")[-60:]
            lines.append(f"  case {d.case}: {d.expected} judged {d.got}: ...{shown!r} {printable(d.reason)[:80]}")
        if len(self.disagreements) > 10:
            lines.append(f"  and {len(self.disagreements) - 10} more in .disagreements")
        return "\n".join(lines)


def _quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed; nan without values."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
