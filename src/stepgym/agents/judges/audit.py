"""`audit_judge`: how often a judge is wrong, against labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from stepgym.agents.judges.judge import Judge, StepState, judge_all
from stepgym.agents.statistics import Interval, wilson_interval
from stepgym.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class JudgeAudit:
    """What a judge said of labelled steps.

    Attributes:
        good, bad: Steps of either label that the judge decided.
        false_negatives: Good steps it called bad.
        false_positives: Bad steps it called good.
        undecided: Steps without a verdict.
        confidence: Level of the intervals.
    """

    good: int
    bad: int
    false_negatives: int
    false_positives: int
    undecided: int = 0
    confidence: float = 0.95

    @property
    def false_positive_rate(self) -> Interval | None:
        """Share of bad steps called good, with Wilson's interval; None without a bad step."""
        return wilson_interval(self.false_positives, self.bad, confidence=self.confidence) if self.bad else None

    @property
    def false_negative_rate(self) -> Interval | None:
        """Share of good steps called bad, with Wilson's interval; None without a good step."""
        return wilson_interval(self.false_negatives, self.good, confidence=self.confidence) if self.good else None

    @property
    def steers(self) -> bool | None:
        """Whether reward by this judge makes good steps likelier: `1 - FNR > FPR`; None if a rate is missing.

        In a state where one action is good and one is bad the expected rewards are `1 - FNR` and `FPR`.
        """
        fpr, fnr = self.false_positive_rate, self.false_negative_rate
        return None if fpr is None or fnr is None else 1 - fnr.value > fpr.value

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        rates = {"false_positive_rate": self.false_positive_rate, "false_negative_rate": self.false_negative_rate}
        return {
            "good": self.good,
            "bad": self.bad,
            "false_negatives": self.false_negatives,
            "false_positives": self.false_positives,
            "undecided": self.undecided,
            **{name: None if rate is None else rate.to_dict() for name, rate in rates.items()},
        }

    def __str__(self) -> str:
        fpr, fnr = self.false_positive_rate, self.false_negative_rate
        parts = [
            f"false positives {'-' if fpr is None else fpr} of {self.bad:,} bad steps",
            f"false negatives {'-' if fnr is None else fnr} of {self.good:,} good steps",
        ]
        return "; ".join([*parts, f"{self.undecided:,} undecided"])


def audit_judge(
    judge: Judge, labelled: Iterable[tuple[StepState, str, bool]], *, confidence: float = 0.95, concurrency: int = 64
) -> JudgeAudit:
    """How often `judge` is wrong on steps with labels.

    Args:
        judge: Any judge.
        labelled: State, action, and whether the action is good; labels by hand, or by the rules of an environment.
        confidence: Level of the intervals.
        concurrency: Most steps under judgement at once.
    """
    examples = list(labelled)
    if not examples:
        raise InvalidInputError("an audit needs at least one labelled step, got none")
    found = judge_all(judge, [(state, action) for state, action, _ in examples], concurrency=concurrency)
    pairs = [(label, one.good) for (_, _, label), one in zip(examples, found, strict=True) if one.good is not None]
    return JudgeAudit(
        good=sum(label for label, _ in pairs),
        bad=sum(not label for label, _ in pairs),
        false_negatives=sum(label and not said for label, said in pairs),
        false_positives=sum(said and not label for label, said in pairs),
        undecided=len(examples) - len(pairs),
        confidence=confidence,
    )
