"""Forward synthesis: the product of a reaction, exact."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from stepgym.errors import InvalidInputError
from stepgym.verifiers.molecule.candidate import Candidate
from stepgym.verifiers.molecule.findings import different, invalid, right, wrong
from stepgym.verifiers.molecule.molecules import canonical, chem, reference_molecule
from stepgym.verifiers.molecule.references import mapping
from stepgym.verifiers.molecule.smiles_verifier import SmilesVerifier
from stepgym.verifiers.molecule.target import Target
from stepgym.verifiers.verdict import Verdict

_MOST_REACTANTS = 6


@dataclass(frozen=True, slots=True)
class ProductReference:
    """The parsed reference: the product, what went in, and how many atoms some of that have together."""

    target: Target
    reactants: frozenset[str]
    sizes: frozenset[int]


class ReactionProductVerifier(SmilesVerifier[ProductReference]):
    """Judges the product of a reaction.

    The reference is `{"reactants": "A.B", "product": "C", "reaction": name}`; reactants and name may be missing. The
    answer is right if it is the same molecule: by canonical SMILES, stereo and isotopes included, several fragments in
    any order. Otherwise the findings mark the one token whose replacement makes it right, or the atoms beyond the part
    that both have in common.
    """

    name = "reaction-product/1"
    _registered = "reaction-product"

    def _parse(self, reference: Any) -> ProductReference:
        fields = mapping(reference, self._registered, required=("product",), optional=("reactants", "reaction"))
        product = reference_molecule(fields["product"], f"{self._registered}: product")
        reactants: frozenset[str] = frozenset()
        sizes: frozenset[int] = frozenset()
        if fields.get("reactants") is not None:
            molecule = reference_molecule(fields["reactants"], f"{self._registered}: reactants")
            reactants = frozenset(canonical(molecule).split("."))
            parts = [len(atoms) for atoms in chem().GetMolFrags(molecule)][:_MOST_REACTANTS]
            choices = (itertools.combinations(parts, count) for count in range(1, len(parts) + 1))
            sizes = frozenset(sum(choice) for choice in itertools.chain(*choices))
        if not isinstance(fields.get("reaction", ""), str | None):
            raise InvalidInputError(f"{self._registered}: reaction must be a name, got {fields['reaction']!r:.80}")
        return ProductReference(Target.of(product, fields["product"]), reactants, sizes)

    def _decide(self, candidate: Candidate, known: ProductReference) -> Verdict:
        target = known.target
        if candidate.is_target(target):
            return right(candidate, target, "the product", {"canonical": target.canonical})
        if candidate.molecule is None:
            return wrong(candidate, target, invalid(candidate, target))
        findings = different(candidate, target)
        if candidate.molecule.GetNumAtoms() in known.sizes and set(candidate.canonical.split(".")) <= known.reactants:
            return wrong(candidate, target, findings, "this is what went in, not the product")
        return wrong(candidate, target, findings)
