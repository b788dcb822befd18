"""What an agent is told about the step it has just written."""

from __future__ import annotations

import json
from typing import Literal

from stepgym.verifiers.verdict import Finding, Verdict, printable

StepFeedback = Literal["hidden", "message", "certificate"]

_MAX_SHOWN = 20
_MAX_LINE = 1_000


def step_message(action: str, step: Verdict, feedback: StepFeedback, steps_left: int) -> str:
    """The observation after `action`: what was found in it, if that is to be told, and how many steps are left.

    Args:
        action: The step.
        step: The verdict on it; spans of findings are offsets into `action`.
        feedback: "hidden" tells nothing, "message" what is refuted or doubtful, "certificate" every finding with what
            it is about and its evidence. At most 20 findings are told, each cut at 1,000 characters.
        steps_left: How many steps may follow.
    """
    turns = f"Steps left: {steps_left}"
    if feedback == "hidden":
        return turns
    if feedback == "message":
        found = [f for f in step.findings if f.severity in ("refuted", "fatal", "warning")]
        texts = [_cut(f"{f.severity}: {f.message}") for f in found] or [_cut(str(step))]
    else:
        texts = [_certificate(action, finding) for finding in step.findings] or [_cut(str(step))]
    more = [f"and {len(texts) - _MAX_SHOWN} more"] if len(texts) > _MAX_SHOWN else []
    return "\n".join([*texts[:_MAX_SHOWN], *more, turns])


def _certificate(action: str, finding: Finding) -> str:
    quoted = _cut(action[finding.start : finding.end])
    return _cut(f"{finding.severity}: {quoted!r}: {finding.message} {json.dumps(dict(finding.evidence))}")


def _cut(text: str) -> str:
    return printable(text if len(text) <= _MAX_LINE else f"{text[:_MAX_LINE]}...").replace("\n", " ")
