"""The verifier protocol, and finding a verifier by name."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from stepgym.plugins import Plugin, PluginRegistry
from stepgym.verifiers.verdict import Finding, Verdict


@runtime_checkable
class Verifier(Protocol):
    """Anything that judges a response.

    A verifier is deterministic, bounded in time and memory whatever the response holds, usable from several threads
    at once, and raises only for a `reference` that is not of its form (`InvalidInputError`), never for a response.
    """

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        """The verdict on `response`.

        Args:
            response: The whole text the model wrote; findings refer to its characters.
            reference: What the task holds for this verifier, any JSON value.
            context: The question or observation the response answers, where the verifier needs it.
        """
        ...


@runtime_checkable
class Rechecks(Protocol):
    """A verifier that can look at its findings again; `check_verifier` then does so for every case."""

    def check_finding(self, finding: Finding, response: str, reference: Any, *, context: str = "") -> bool:
        """Whether a finding that claims something (not a warning or a note) holds, by a second, simpler route."""
        ...


@runtime_checkable
class Draws(Protocol):
    """A verifier that can show what it judged, for the report."""

    def picture(self, response: str, verdict: Verdict) -> str:
        """An SVG document for people, with what `verdict` refutes marked; "" where there is nothing to show."""
        ...


registry = PluginRegistry("verifier", "stepgym.verifiers")
registry.add(
    "math-answer",
    "stepgym.verifiers.math.answer:MathAnswerVerifier",
    summary="final answers of mathematics problems, compared by meaning",
)
registry.add(
    "math-steps",
    "stepgym.verifiers.steps.verifier:MathStepsVerifier",
    summary="every calculation in a worked solution, with exact spans",
)
registry.add(
    "arithmetic-chain",
    "stepgym.verifiers.arithmetic_chain:ArithmeticChainVerifier",
    summary="chains of modular arithmetic, step by step or answer only",
)
registry.add(
    "game24",
    "stepgym.verifiers.game24:Game24Verifier",
    summary="Game of 24 and Countdown, exact",
)
registry.add(
    "constraints",
    "stepgym.verifiers.constraints.verifier:ConstraintsVerifier",
    summary="logic puzzles, value by value, with the clues a wrong one contradicts",
)
registry.add(
    "cpp",
    "stepgym.verifiers.cpp.verifier:CppVerifier",
    summary="C++ programs, compiled and tested in a sandbox, with the wrong tokens",
)
registry.add(
    "exact",
    "stepgym.verifiers.exact:ExactMatchVerifier",
    summary="the response is the reference, text for text",
)
registry.add(
    "molecule",
    "stepgym.verifiers.molecule.molecule_verifier:MoleculeVerifier",
    summary="molecules as SMILES, made to a description or exact (extra chem)",
)
registry.add(
    "reaction-product",
    "stepgym.verifiers.molecule.reaction_product:ReactionProductVerifier",
    summary="the product of a reaction as SMILES (extra chem)",
)
registry.add(
    "reactants",
    "stepgym.verifiers.molecule.reactants:ReactantsVerifier",
    summary="reactants that give a product, by the reference or by running named reactions (extra chem)",
)

registry.add(
    "short-answer",
    "stepgym.verifiers.short_answer:ShortAnswerVerifier",
    summary="short answers in words: exact match after normalisation, and F1",
)


def get_verifier(name: str, **kwargs: Any) -> Verifier:
    """A new verifier: a registered name such as "math-answer", or "module:Class"; `kwargs` go to its constructor."""
    return registry.get(name)(**kwargs)  # type: ignore[no-any-return]


def list_verifiers() -> list[Plugin]:
    """All verifiers that `get_verifier` knows, built in and installed, by name; nothing is imported."""
    return registry.plugins()
