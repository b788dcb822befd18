"""Verifiers read a response and say where, what and why: see `Verdict` and `Finding`.

The names below are loaded when first used, so that `import stepgym.verifiers` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from stepgym.verifiers.verdict import Finding, Severity, Status, Verdict
from stepgym.verifiers.verifier import Draws, Rechecks, Verifier, get_verifier, list_verifiers

if TYPE_CHECKING:
    from stepgym.verifiers.arithmetic_chain import ArithmeticChainVerifier as ArithmeticChainVerifier
    from stepgym.verifiers.batch import verify_many as verify_many
    from stepgym.verifiers.cases import Case as Case
    from stepgym.verifiers.cases import load_cases as load_cases
    from stepgym.verifiers.combine import AllOf as AllOf
    from stepgym.verifiers.combine import AnyOf as AnyOf
    from stepgym.verifiers.combine import Weighted as Weighted
    from stepgym.verifiers.conformance import check_verifier as check_verifier
    from stepgym.verifiers.constraints import ConstraintsVerifier as ConstraintsVerifier
    from stepgym.verifiers.cpp.verifier import CppVerifier as CppVerifier
    from stepgym.verifiers.exact import ExactMatchVerifier as ExactMatchVerifier
    from stepgym.verifiers.function import from_function as from_function
    from stepgym.verifiers.game24 import Game24Verifier as Game24Verifier
    from stepgym.verifiers.math.answer import MathAnswerVerifier as MathAnswerVerifier
    from stepgym.verifiers.math.conventions import AnswerConventions as AnswerConventions
    from stepgym.verifiers.math.symbolic import warm_up as warm_up
    from stepgym.verifiers.molecule.molecule_verifier import MoleculeVerifier as MoleculeVerifier
    from stepgym.verifiers.molecule.reactants import ReactantsVerifier as ReactantsVerifier
    from stepgym.verifiers.molecule.reaction_product import ReactionProductVerifier as ReactionProductVerifier
    from stepgym.verifiers.pictures import picture_of as picture_of
    from stepgym.verifiers.rechecking import check_finding as check_finding
    from stepgym.verifiers.scorecard import Scorecard as Scorecard
    from stepgym.verifiers.short_answer import ShortAnswerVerifier as ShortAnswerVerifier
    from stepgym.verifiers.steps.verifier import MathStepsVerifier as MathStepsVerifier
    from stepgym.verifiers.trl_reward import as_trl_reward as as_trl_reward

_LAZY = {
    # built-in verifiers
    "ArithmeticChainVerifier": "stepgym.verifiers.arithmetic_chain",
    "ConstraintsVerifier": "stepgym.verifiers.constraints",
    "CppVerifier": "stepgym.verifiers.cpp.verifier",
    "ExactMatchVerifier": "stepgym.verifiers.exact",
    "Game24Verifier": "stepgym.verifiers.game24",
    "MathAnswerVerifier": "stepgym.verifiers.math.answer",
    "MathStepsVerifier": "stepgym.verifiers.steps.verifier",
    "ShortAnswerVerifier": "stepgym.verifiers.short_answer",
    "MoleculeVerifier": "stepgym.verifiers.molecule.molecule_verifier",
    "ReactantsVerifier": "stepgym.verifiers.molecule.reactants",
    "ReactionProductVerifier": "stepgym.verifiers.molecule.reaction_product",
    # making and combining verifiers
    "AllOf": "stepgym.verifiers.combine",
    "AnyOf": "stepgym.verifiers.combine",
    "Weighted": "stepgym.verifiers.combine",
    "from_function": "stepgym.verifiers.function",
    # using them
    "AnswerConventions": "stepgym.verifiers.math.conventions",
    "as_trl_reward": "stepgym.verifiers.trl_reward",
    "picture_of": "stepgym.verifiers.pictures",
    "verify_many": "stepgym.verifiers.batch",
    "warm_up": "stepgym.verifiers.math.symbolic",
    # checking them
    "Case": "stepgym.verifiers.cases",
    "Scorecard": "stepgym.verifiers.scorecard",
    "check_finding": "stepgym.verifiers.rechecking",
    "check_verifier": "stepgym.verifiers.conformance",
    "load_cases": "stepgym.verifiers.cases",
}

__all__ = [
    "AllOf",
    "AnswerConventions",
    "AnyOf",
    "ArithmeticChainVerifier",
    "Case",
    "ConstraintsVerifier",
    "CppVerifier",
    "Draws",
    "ExactMatchVerifier",
    "Finding",
    "Game24Verifier",
    "MathAnswerVerifier",
    "MathStepsVerifier",
    "MoleculeVerifier",
    "ReactantsVerifier",
    "ReactionProductVerifier",
    "Rechecks",
    "Scorecard",
    "Severity",
    "ShortAnswerVerifier",
    "Status",
    "Verdict",
    "Verifier",
    "Weighted",
    "as_trl_reward",
    "check_finding",
    "check_verifier",
    "from_function",
    "get_verifier",
    "list_verifiers",
    "load_cases",
    "picture_of",
    "verify_many",
    "warm_up",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'stepgym.verifiers' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
