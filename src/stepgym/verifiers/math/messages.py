"""The verdict on one answer in words: what it equals, how it differs, why it was not decided."""

from __future__ import annotations

from stepgym.verifiers.math.candidates import Candidate
from stepgym.verifiers.math.kinds import kind
from stepgym.verifiers.math.outcome import Outcome
from stepgym.verifiers.math.read import Reading
from stepgym.verifiers.math.tree import symbols
from stepgym.verifiers.math.words import declines
from stepgym.verifiers.verdict import Finding, Verdict


def verdict_on(candidate: Candidate, found: Reading, expected: Reading, outcome: Outcome | None) -> Verdict:
    """The verdict on one candidate, with a finding that names both answers and how they were compared."""
    span = candidate.start, candidate.end
    shown = {"expected": expected.text, "found": found.text}
    if outcome is None:
        if found.too_large:
            return Verdict.undecided(f"the answer was not read: {found.problem}")
        if found.text and declines(found.text):
            return _declined(span, found)
        message = f"no mathematical answer can be read: {found.problem}"
        return Verdict.wrong(Finding(*span, "unreadable", "refuted", message, shown))
    evidence = {**shown, "method": outcome.method, **outcome.evidence}
    if outcome.equal is None:
        reason = str(outcome.evidence.get("problem", outcome.method))
        return Verdict.undecided(f"not decided: {reason}", Finding(*span, "final-answer", "note", reason, evidence))
    if outcome.equal:
        message = f"equals the reference {expected.text}"
        return Verdict.correct(Finding(*span, "final-answer", "proved", message, evidence))
    if declines(found.text):
        return _declined(span, found)
    return Verdict.wrong(Finding(*span, "final-answer", "refuted", _difference(found, expected, outcome), evidence))


def _declined(span: tuple[int, int], found: Reading) -> Verdict:
    return Verdict.wrong(Finding(*span, "no-answer", "fatal", f"the response gives no answer: {found.text[:60]!r}"))


def _difference(found: Reading, expected: Reading, outcome: Outcome) -> str:
    """What differs, in one sentence."""
    one, other = found.readings[0], expected.readings[0]
    point, problem = outcome.evidence.get("point"), outcome.evidence.get("problem")
    if outcome.method == "point" and point and symbols(one) == symbols(other):
        where = ", ".join(f"{k} = {v}" for k, v in point.items())
        return f"differs at {where}: {outcome.evidence['left']} instead of {outcome.evidence['right']}"
    instead = f"{found.text[:80]} instead of {expected.text[:80]}"
    if outcome.method == "kind" and kind(one) != kind(other):
        wanted = f"{kind(other)} {'were' if other.op in ('text', 'system', 'all') else 'was'} expected"
        return f"{'the words ' + repr(found.text[:60]) if found.is_text else kind(one)} where {wanted}"
    return f"{problem}: {instead}" if problem else instead
