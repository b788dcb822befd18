"""What the three verifiers of molecules have in common: reading, limits, re-checks and pictures."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from stepgym.verifiers.molecule.candidate import Candidate, find_answer
from stepgym.verifiers.molecule.limits import judge_elsewhere
from stepgym.verifiers.molecule.molecules import MAX_ATOMS, chem, is_large
from stepgym.verifiers.molecule.picture import draw
from stepgym.verifiers.molecule.references import ReferenceCache
from stepgym.verifiers.verdict import Finding, Verdict

Parsed = TypeVar("Parsed")


class SmilesVerifier(ABC, Generic[Parsed]):
    """Judges the SMILES of a response; see `find_smiles` for where it is looked for.

    No SMILES, and one of more than `MAX_CHARACTERS` characters, is wrong. Long ones and those with many rings are
    judged in a worker process and undecided when that takes too long.

    Raises:
        MissingExtraError: RDKit (extra `chem`) is not installed.
    """

    name: str
    _registered: str
    _settings: Mapping[str, Any] = {}

    def __init__(self) -> None:
        chem()
        self._references = ReferenceCache(self._parse)

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        """The verdict on `response`; see the class."""
        started = time.perf_counter()
        known = self._references.get(reference)
        span = find_answer(response)
        if isinstance(span, Verdict):
            verdict = span
        elif is_large(response[slice(*span)]):
            # A fault of the syntax is found without RDKit, and so is too large a molecule.
            candidate = Candidate(span[0], response[slice(*span)], readable=False)
            if candidate.reading.problems or len(candidate.reading.atoms) > MAX_ATOMS:
                verdict = self._judge(candidate, known)
            else:
                verdict = judge_elsewhere(self._registered, dict(self._settings), response, reference)
        else:
            verdict = self._judge(Candidate(span[0], response[slice(*span)]), known)
        return verdict.signed(self.name, time.perf_counter() - started)

    def verify_here(self, response: str, reference: Any) -> Verdict:
        """As `verify`, in this process however large the molecule."""
        span = find_answer(response)
        return (
            span
            if isinstance(span, Verdict)
            else self._decide(Candidate(span[0], response[slice(*span)]), self._parse(reference))
        )

    def check_finding(self, finding: Finding, response: str, reference: Any, *, context: str = "") -> bool:
        """Whether a finding holds, looked at again by a second, simpler route."""
        from stepgym.verifiers.molecule.recheck import holds

        return holds(finding, response, reference)

    def picture(self, response: str, verdict: Verdict) -> str:
        """An SVG of the molecule with the refuted atoms marked; of the valid beginning if it has none, else ""."""
        span = find_answer(response)
        if isinstance(span, Verdict) or is_large(response[slice(*span)]):
            return ""
        return draw(Candidate(span[0], response[slice(*span)]), verdict)

    def _judge(self, candidate: Candidate, known: Parsed) -> Verdict:
        try:
            return self._decide(candidate, known)
        except RuntimeError as error:  # A broken invariant inside RDKit says nothing about the answer.
            return Verdict.undecided(f"RDKit fails on this molecule: {error!s:.80}")

    @abstractmethod
    def _parse(self, reference: Any) -> Parsed:
        """What is needed of a reference; `InvalidInputError` if it is broken."""

    @abstractmethod
    def _decide(self, candidate: Candidate, known: Parsed) -> Verdict:
        """The verdict on a candidate."""
