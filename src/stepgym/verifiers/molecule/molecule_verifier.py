"""Molecules made to a description: functional groups, rings, atoms, properties; or one molecule, exact."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from stepgym.verifiers.molecule.candidate import Candidate
from stepgym.verifiers.molecule.findings import different, invalid, mended, near_miss, right, wrong
from stepgym.verifiers.molecule.molecules import reference_molecule
from stepgym.verifiers.molecule.references import mapping
from stepgym.verifiers.molecule.requirements import Requirement, parse_requirements
from stepgym.verifiers.molecule.smiles_verifier import SmilesVerifier
from stepgym.verifiers.molecule.target import Target
from stepgym.verifiers.molecule.unmet import met, unmet
from stepgym.verifiers.molecule.unsound import unsound
from stepgym.verifiers.verdict import Verdict


@dataclass(frozen=True, slots=True)
class MoleculeReference:
    """The parsed reference: what is required, and an example or the only right answer."""

    requirements: tuple[Requirement, ...]
    words: tuple[str, ...]
    target: Target | None
    example_meets: bool


class MoleculeVerifier(SmilesVerifier[MoleculeReference]):
    """Judges a molecule made to a description.

    The reference is `{"requirements": [...], "smiles": example}`: any molecule that meets the requirements (see
    `stepgym.verifiers.molecule.requirements`) is right, the example may be missing; or `{"smiles": "..."}` alone: only
    this molecule is right, by canonical SMILES, stereo and isotopes included.

    A requirement that asks for more than there is, such as a missing functional group, is fatal: it refutes the whole
    molecule. Of what there is too much of, the surplus atoms are refuted. Where the example is at hand and one token
    away, that token is refuted instead. Wildcards, radicals and absurd charges are refuted whatever the requirements,
    unless the example has them too.
    """

    name = "molecule/1"
    _registered = "molecule"

    def _parse(self, reference: Any) -> MoleculeReference:
        keys = ("requirements", "smiles")
        fields = mapping(reference, self._registered, required=(), optional=keys)
        target = None
        if fields.get("smiles") is not None or "requirements" not in fields:
            smiles: Any = fields.get("smiles")
            target = Target.of(reference_molecule(smiles, f"{self._registered}: smiles"), smiles)
        requirements = parse_requirements(fields["requirements"]) if "requirements" in fields else ()
        meets = target is not None and all(item.holds(item.measure(target.molecule)) for item in requirements)
        return MoleculeReference(requirements, tuple(item.describe() for item in requirements), target, meets)

    def _decide(self, candidate: Candidate, known: MoleculeReference) -> Verdict:
        target = known.target
        if target is not None and known.example_meets and candidate.is_target(target):
            return right(candidate, target, "the molecule asked for", {"canonical": target.canonical})
        if candidate.molecule is None:
            return wrong(candidate, target, invalid(candidate, target))
        if target is not None and not known.requirements:
            return wrong(candidate, target, different(candidate, target))
        values = [requirement.measure(candidate.molecule) for requirement in known.requirements]
        pairs = list(zip(known.requirements, values, strict=True))
        failed = [(requirement, value) for requirement, value in pairs if not requirement.holds(value)]
        odd = unsound(candidate, None if target is None else target.molecule)
        if not failed and not odd:
            measured = [list(pair) for pair in zip(known.words, values, strict=True)]
            return right(candidate, target, f"meets all {len(pairs)} requirements", {"requirements": measured})
        findings = [finding for requirement, value in failed for finding in unmet(candidate, requirement, value)]
        reason = [*odd, *findings][0].message
        repair = target and near_miss(candidate, target)
        if repair and target:
            # A surplus is counted from the left: it need not lie where the repair is.
            findings = [replace(f, severity="note") if f.kind.startswith("surplus-") else f for f in findings]
            findings += mended(candidate, repair, target, reason, besides=[(f.start, f.end) for f in odd])
        else:
            refuted = [finding for finding in (*odd, *findings) if finding.severity == "refuted"]
            kept = [requirement for requirement, value in pairs if requirement.holds(value)]
            findings.extend(met(candidate, kept, refuted))
        return wrong(candidate, target, [*odd, *findings], reason)
