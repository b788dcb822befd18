"""Checking worked solutions step by step, with certificates."""

from stepgym.verifiers.steps.verifier import MathStepsVerifier, check_steps

__all__ = ["MathStepsVerifier", "check_steps"]
