"""Verifiers read a response and say where, what and why: see `Verdict` and `Finding`."""

from stepgym.verifiers.verdict import Finding, Severity, Status, Verdict
from stepgym.verifiers.verifier import Verifier, get_verifier

__all__ = ["Finding", "Severity", "Status", "Verdict", "Verifier", "get_verifier"]
