"""Retrosynthesis: reactants that give a product, by the reference or by running a named reaction."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from stepgym.errors import InvalidInputError
from stepgym.verifiers.molecule.candidate import Candidate
from stepgym.verifiers.molecule.findings import different, invalid, right, wrong
from stepgym.verifiers.molecule.molecules import Molecule, canonical, chem, parse, reference_molecule
from stepgym.verifiers.molecule.reactions import possible_reactions, run_molecules
from stepgym.verifiers.molecule.references import mapping
from stepgym.verifiers.molecule.smiles_verifier import SmilesVerifier
from stepgym.verifiers.molecule.target import Target
from stepgym.verifiers.verdict import Finding, Verdict

_COPIED = "this is the product, not a reactant"


@dataclass(frozen=True, slots=True)
class ReactantsReference:
    """The parsed reference: the reactants, the product they give, the name of the reaction or ""."""

    target: Target
    product: Molecule
    product_text: str
    reaction: str


class ReactantsVerifier(SmilesVerifier[ReactantsReference]):
    """Judges reactants for a given product.

    The reference is `{"product": "C", "reactants": "A.B", "reaction": name}`; the name may be missing. The answer is
    right if it has the same molecules as the reference, in any order, or if a named reaction (`REACTIONS`) turns them
    into the product; the evidence says which. Otherwise the findings mark the fragments, and in them the atoms, that
    are not those of the reference; a copy of the product is refuted as a whole.

    Args:
        round_trip: Whether other reactants than those of the reference may be right.
    """

    name = "reactants/1"
    _registered = "reactants"

    def __init__(self, *, round_trip: bool = True) -> None:
        super().__init__()
        self.round_trip = round_trip
        self._settings = {"round_trip": round_trip}

    def _parse(self, reference: Any) -> ReactantsReference:
        fields = mapping(reference, self._registered, required=("product", "reactants"), optional=("reaction",))
        reactants = reference_molecule(fields["reactants"], f"{self._registered}: reactants")
        product = reference_molecule(fields["product"], f"{self._registered}: product")
        name = fields.get("reaction") or ""
        if not isinstance(name, str):
            raise InvalidInputError(f"{self._registered}: reaction must be a name, got {name!r:.80}")
        return ReactantsReference(Target.of(reactants, fields["reactants"]), product, canonical(product), name)

    def _decide(self, candidate: Candidate, known: ReactantsReference) -> Verdict:
        target = known.target
        if candidate.is_target(target):
            return right(candidate, target, "the reactants of the reference", {"canonical": target.canonical})
        if candidate.molecule is None:
            return wrong(candidate, target, invalid(candidate, target))
        reaction = self._reaction_to(known, candidate.molecule) if self.round_trip else ""
        if reaction:
            message = f"{reaction} turns these into the product"
            return right(candidate, target, message, {"reaction": reaction, "product": known.product_text})
        return wrong(candidate, target, _by_fragment(candidate, target, known.product_text))

    def _reaction_to(self, known: ReactantsReference, molecule: Molecule) -> str:
        """The first named reaction that makes the product of these molecules, the one of the reference first."""
        parts = chem().GetMolFrags(molecule, asMols=True)
        change = known.product.GetNumAtoms() - molecule.GetNumAtoms()
        single = "." not in known.product_text
        names = possible_reactions(len(parts), change, known.product_text.count(".") + 1)
        for name in sorted(names, key=lambda name: name != known.reaction):
            for product in run_molecules(name, parts):
                if product == known.product_text or (single and known.product_text in product.split(".")):
                    return name
        return ""


def _by_fragment(candidate: Candidate, target: Target, product: str) -> list[Finding]:
    """Fragments that the reference has are proved; each other one is compared with one that is left of it.

    The product itself is refuted, though most of its atoms come from the reactants.
    """
    texts = candidate.text.split(".")
    wanted, written = Counter(target.canonical.split(".")), Counter(candidate.canonical.split("."))
    copied = (set(product.split(".")) - set(wanted)) & set(written)
    if not copied and (len(texts) < 2 or not wanted & written):
        return different(candidate, target)
    if any(parse(text) is None for text in texts):
        # Rings that close across a dot.
        fatal = candidate.whole("fragment", "fatal", _COPIED, {"smiles": candidate.text})
        return [fatal] if copied else different(candidate, target)
    places, at = [], candidate.start
    for text in texts:
        places.append(at)
        at += len(text) + 1
    findings: list[Finding] = []
    others = []
    for text, start in zip(texts, places, strict=True):
        whole = Candidate(start, text)
        if wanted[whole.canonical] > 0:
            wanted[whole.canonical] -= 1
            findings.append(whole.whole("fragment", "proved", "one of the reactants", {"smiles": text}))
        elif whole.canonical in copied:
            findings.append(whole.whole("fragment", "refuted", _COPIED, {"smiles": text, "copied": True}))
        else:
            others.append(whole)
    left = list(wanted.elements())
    for whole in others:
        size = whole.molecule.GetNumAtoms()
        # The nearest by size is compared: exact for the usual case that one fragment is wrong.
        left.sort(key=lambda text: abs(len(text) - len(whole.text)))
        if not left:
            facts = {"smiles": whole.text, "atoms": size}
            findings.append(whole.whole("fragment", "refuted", "not one of the reactants", facts))
            continue
        mate = left.pop(0)
        findings.extend(different(whole, Target.of(parse(mate), mate)))
    if left:
        facts = {"missing": left, "smiles": candidate.text}
        findings.append(candidate.whole("fragment", "fatal", f"{len(left)} reactants are missing", facts))
    return findings
