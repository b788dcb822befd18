"""Atoms that RDKit reads and no description means: wildcards, radicals, absurd charges, isotopes there are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from stepgym.verifiers.molecule.candidate import Candidate
from stepgym.verifiers.molecule.molecules import Molecule, chem
from stepgym.verifiers.verdict import Finding

MOST_CHARGE = 2
"""No atom of a molecule made to a description has a greater charge; the cation of a metal in a salt may have 4."""

_METAL_CATION = 4
_MOST_PLACES = 20
# Metals have partly filled shells that RDKit counts as radicals, and are no radicals for that.
_NO_METALS = frozenset({1, 2, *range(5, 11), *range(14, 19), *range(32, 37), *range(52, 55), 85, 86})
_WORDS = {
    "wildcard": "a wildcard is no atom",
    "radical": "unpaired electrons on {element}, {amount} of them: a bond or a hydrogen is missing",
    "charge": "{element} cannot have a charge of {amount:+d} here",
    "isotope": "there is no isotope {amount} of {element}",
}


class Oddity(NamedTuple):
    """What is unsound about an atom: its index, "wildcard", "radical", "charge" or "isotope", and how much of it."""

    atom: int
    kind: str
    amount: int


def unsound_atoms(molecule: Molecule) -> list[Oddity]:
    """The unsound atoms of a sanitised molecule; charges that neighbours balance, as in nitro groups, are sound."""
    found = []
    for atom in map(molecule.GetAtomWithIdx, range(molecule.GetNumAtoms())):
        index, number, charge = atom.GetIdx(), atom.GetAtomicNum(), atom.GetFormalCharge()
        if number == 0:
            found.append(Oddity(index, "wildcard", 1))
            continue
        if number in _NO_METALS and atom.GetNumRadicalElectrons():
            found.append(Oddity(index, "radical", atom.GetNumRadicalElectrons()))
        if not _charge_fits(atom, number, charge):
            found.append(Oddity(index, "charge", charge))
        isotope = atom.GetIsotope()
        if isotope and not chem().GetPeriodicTable().GetMassForIsotope(number, isotope):
            found.append(Oddity(index, "isotope", isotope))
    return found


def unsound(candidate: Candidate, example: Molecule | None) -> list[Finding]:
    """The findings on the unsound atoms of a valid molecule, save for as many of a sort as the example has itself."""
    if "[" not in candidate.text and "*" not in candidate.text:
        return []  # Without a bracket an atom has its usual valence, no charge and no isotope.
    odd = unsound_atoms(candidate.molecule)
    if not odd:
        return []
    asked = Counter(each[1:] for each in unsound_atoms(example)) if example is not None else Counter()
    counts = Counter(each[1:] for each in odd)
    odd = [each for each in odd if counts[each[1:]] > asked[each[1:]]]
    return list(_findings(candidate, odd))


def _findings(candidate: Candidate, odd: Iterable[Oddity]) -> Iterable[Finding]:
    for each in list(odd)[:_MOST_PLACES]:
        element = candidate.molecule.GetAtomWithIdx(each.atom).GetSymbol()
        message = _WORDS[each.kind].format(element=element, amount=each.amount)
        facts = {"atom": each.atom, "amount": each.amount, "smiles": candidate.text}
        places = candidate.places([each.atom])
        if places:
            yield Finding(*places[0], each.kind, "refuted", message, facts)
        else:
            yield candidate.whole(each.kind, "fatal", message, facts)


def _charge_fits(atom: Any, number: int, charge: int) -> bool:
    alone = atom.GetDegree() + atom.GetTotalNumHs() == 0
    if alone and number not in _NO_METALS:
        return 0 <= charge <= _METAL_CATION
    if alone or number not in _NO_METALS:
        return abs(charge) <= MOST_CHARGE
    # Perchlorate and its kin: RDKit writes [Cl+3] with an [O-] for each double bond.
    balance = charge + sum(n.GetFormalCharge() for n in atom.GetNeighbors() if n.GetFormalCharge() * charge < 0)
    return abs(charge) <= 1 or abs(balance) <= 1
