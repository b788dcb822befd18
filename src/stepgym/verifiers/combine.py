"""Verifiers made of verifiers, in three-valued (strong Kleene) logic.

| a         | b         | AllOf     | AnyOf     |
|-----------|-----------|-----------|-----------|
| correct   | correct   | correct   | correct   |
| correct   | undecided | undecided | correct   |
| correct   | wrong     | wrong     | correct   |
| undecided | undecided | undecided | undecided |
| undecided | wrong     | wrong     | undecided |
| wrong     | wrong     | wrong     | wrong     |

An undecided part never counts as right or wrong: it leaves the whole undecided exactly when it could tip it.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from stepgym.errors import InvalidInputError
from stepgym.verifiers.verdict import Finding, Status, Verdict
from stepgym.verifiers.verifier import Verifier


class _Combined(ABC):
    """Positional parts share the reference; keyword parts each get the item of that name from a mapping."""

    def __init__(self, parts: tuple[Verifier, ...], named: Mapping[str, Verifier]) -> None:
        kind = type(self).__name__
        if bool(parts) == bool(named):
            raise InvalidInputError(f"{kind} takes verifiers, all positional or all by keyword, and at least one")
        self.parts: dict[str, Verifier] = dict(named) or {str(i): part for i, part in enumerate(parts)}
        self._named = bool(named)
        for key, part in self.parts.items():
            if not isinstance(part, Verifier):
                raise InvalidInputError(f"{kind}: part {key} has no verify method, got {part!r:.80}")

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        """The combined verdict; see the table above."""
        started = time.perf_counter()
        references = self._references(reference)
        verdicts = {key: part.verify(response, references[key], context=context) for key, part in self.parts.items()}
        return self._combine(verdicts).signed(self.name, time.perf_counter() - started)

    @abstractmethod
    def _combine(self, verdicts: Mapping[str, Verdict]) -> Verdict: ...

    def _references(self, reference: Any) -> dict[str, Any]:
        if not self._named:
            return dict.fromkeys(self.parts, reference)
        if not isinstance(reference, Mapping) or not set(self.parts) <= set(reference):
            raise InvalidInputError(
                f"{type(self).__name__}: the reference must be a mapping with the keys {sorted(self.parts)}, "
                f"got {reference!r:.80}"
            )
        return {key: reference[key] for key in self.parts}

    @property
    def name(self) -> str:
        """The kind of combination and the names of its parts."""
        return repr(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(_name(part) for part in self.parts.values())})"


class AllOf(_Combined):
    """Correct when every part says correct, wrong when one says wrong.

    Every part is asked and all findings are kept. A wrong verdict scores the least of the parts' scores.

    Args:
        parts: Verifiers that share one reference.
        named: Or verifiers by name, each with its own item of the reference:
            `AllOf(answer=MathAnswerVerifier(), unit=UnitVerifier())` takes `{"answer": "3", "unit": "m"}`.
    """

    def __init__(self, *parts: Verifier, **named: Verifier) -> None:
        super().__init__(parts, named)

    def _combine(self, verdicts: Mapping[str, Verdict]) -> Verdict:
        status = _all(verdicts)
        decisive = [v for v in verdicts.values() if v.status == status]
        score = {"correct": 1.0, "undecided": 0.0, "wrong": min(v.score for v in decisive)}[status]
        return Verdict(status, score, _merged(list(verdicts.values())), _reason(decisive))


class AnyOf(_Combined):
    """Correct when one part says correct, wrong when every part says wrong.

    The parts are asked in order until one says correct; put the cheap ones first. The findings are those of the parts
    that decided: what another part disliked about an accepted response is not held against it. A wrong verdict scores
    the best of the parts' scores.
    """

    def __init__(self, *parts: Verifier, **named: Verifier) -> None:
        super().__init__(parts, named)

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        """The combined verdict; see the table above."""
        started = time.perf_counter()
        verdicts: dict[str, Verdict] = {}
        for key, item in self._references(reference).items():
            verdicts[key] = self.parts[key].verify(response, item, context=context)
            if verdicts[key].status == "correct":
                break
        return self._combine(verdicts).signed(self.name, time.perf_counter() - started)

    def _combine(self, verdicts: Mapping[str, Verdict]) -> Verdict:
        statuses = {v.status for v in verdicts.values()}
        status: Status = "correct" if "correct" in statuses else "undecided" if "undecided" in statuses else "wrong"
        decisive = [v for v in verdicts.values() if v.status == status]
        score = {"correct": 1.0, "undecided": 0.0, "wrong": max(v.score for v in decisive)}[status]
        return Verdict(status, score, _merged(decisive), _reason(decisive))


class Weighted(_Combined):
    """Partial credit: the weighted mean of the parts' scores.

    The verdict is correct when the mean reaches `threshold` whatever the undecided parts might have scored, wrong
    when it stays below whatever they might have scored, and else undecided. A decided verdict scores the mean, in
    which an undecided part counts 0. With the default threshold the status is that of `AllOf`.

    Args:
        parts: Verifiers that share one reference; or `named`: each with its own item of it, see `AllOf`.
        weights: One positive weight per part, in order; they need not sum to 1.
        threshold: In (0, 1], the mean from which a response counts as correct.
    """

    def __init__(
        self, *parts: Verifier, weights: tuple[float, ...] | list[float], threshold: float = 1.0, **named: Verifier
    ) -> None:
        super().__init__(parts, named)
        if len(weights) != len(self.parts) or not all(w > 0 and math.isfinite(w) for w in weights):
            raise InvalidInputError(f"Weighted needs {len(self.parts)} positive weights, got {list(weights)}")
        if not 0.0 < threshold <= 1.0:
            raise InvalidInputError(f"threshold must be in (0, 1], got {threshold}")
        self.weights = dict(zip(self.parts, weights, strict=True))
        self.threshold = threshold

    def _combine(self, verdicts: Mapping[str, Verdict]) -> Verdict:
        total = math.fsum(self.weights.values())
        open_share = math.fsum(self.weights[k] for k, v in verdicts.items() if v.status == "undecided") / total
        mean = math.fsum(self.weights[k] * v.score for k, v in verdicts.items()) / total
        # The sum of all weights over itself may miss 1 by a rounding error.
        lowest, highest = mean + 1e-12, mean + open_share + 1e-12
        status: Status
        if lowest >= self.threshold:
            status = "correct"
        elif highest < self.threshold:
            status = "wrong"
        else:
            status = "undecided"
        reason = "; ".join(f"{_name(self.parts[k])}: {v.status}" for k, v in verdicts.items())
        score = 0.0 if status == "undecided" else min(1.0, mean)
        return Verdict(status, score, _merged(list(verdicts.values())), reason)


def _all(verdicts: Mapping[str, Verdict]) -> Status:
    statuses = {v.status for v in verdicts.values()}
    return "wrong" if "wrong" in statuses else "undecided" if "undecided" in statuses else "correct"


def _merged(verdicts: list[Verdict]) -> tuple[Finding, ...]:
    findings = [finding for verdict in verdicts for finding in verdict.findings]
    return tuple(sorted(findings, key=lambda finding: (finding.start, finding.end)))


def _reason(verdicts: list[Verdict]) -> str:
    return "; ".join(dict.fromkeys(v.reason for v in verdicts if v.reason))


def _name(part: Verifier) -> str:
    return str(getattr(part, "name", "")) or type(part).__name__
