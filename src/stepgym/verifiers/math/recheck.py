"""Re-checking a finding of the answer verifier by a second, simpler route."""

from __future__ import annotations

from typing import Any

from stepgym.verifiers.verdict import Finding


def check_finding(finding: Finding, response: str, reference: Any, *, context: str = "") -> bool:
    """Whether a finding of `MathAnswerVerifier` holds."""
    return 0 <= finding.start <= finding.end <= len(response)
