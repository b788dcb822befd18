"""Findings about molecules looked at again, by a second and simpler route than the one that found them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stepgym.errors import InvalidInputError
from stepgym.verifiers.molecule.groups import GROUPS
from stepgym.verifiers.molecule.molecules import MAX_ATOMS, Molecule, chem, parse, rdkit
from stepgym.verifiers.molecule.reactions import run
from stepgym.verifiers.molecule.requirements import PROPERTIES, parse_requirements
from stepgym.verifiers.molecule.smiles import tokenize
from stepgym.verifiers.verdict import Finding

_SYNTAX = frozenset({"branch", "ring", "bond", "bracket", "element", "character", "dot", "tail"})
_CHEMISTRY = frozenset({"valence", "aromaticity", "kekulization", "unreadable"})
_ODD = frozenset({"wildcard", "radical", "charge", "isotope"})
_WRITTEN = re.compile(r"\[(?P<isotope>[0-9]*)(?P<symbol>\*|#[0-9]{1,3}|[A-Z][a-z]?|[a-z][a-z]?)[^\]]*\]")
_SMALL = 1e-6
# What evidence that is no evidence of ours leads to: facts that lack, of the wrong type, or out of range.
_FORGED = (LookupError, TypeError, ValueError, OverflowError, AttributeError, RuntimeError, InvalidInputError)
_MAX_PIECES = 3


def holds(finding: Finding, response: str, reference: Any) -> bool:
    """Whether the span lies in the response, what the evidence quotes stands there, and the claim comes out again."""
    if finding.end > len(response):
        return False
    if finding.severity in ("warning", "note"):
        return True
    try:
        return _holds(finding, response, reference)
    except _FORGED:
        return False


def _holds(finding: Finding, response: str, reference: Any) -> bool:
    facts, kind = finding.evidence, finding.kind
    if kind == "length":
        return bool(finding.end - finding.start == facts["characters"] > MAX_ATOMS)
    if facts["smiles"] not in response:
        return False
    written = _plain(facts["smiles"])
    if kind in _SYNTAX or kind in _CHEMISTRY:
        # One route found the place; that RDKit refuses the whole is the other.
        tail = kind != "tail" or response[finding.start].isspace()
        return written is None and finding.start < finding.end and tail
    if kind in _ODD:
        return written is not None and _odd(finding, response, written)
    if kind in ("repair", "matching") and "becomes" in facts:
        return _repair(finding, response, reference)
    if kind in ("difference", "matching") and "pairs" in facts:
        alike = written is not None and _pairs(facts, written) and not _same(written, _plain(facts["target"]))
        return alike and (finding.severity != "proved" or _paired(finding, response, len(facts["pairs"])))
    if kind == "stereo":
        return _stereo(written, _plain(facts["target"]))
    if kind == "product":
        return written is not None and not _same(written, _plain(facts["target"]))
    if kind.startswith(("missing-", "surplus-")):
        return written is not None and _requirement(facts, written, kind.startswith("missing-"))
    if kind == "group":
        return written is not None and written.HasSubstructMatch(_smarts(facts["group"])) is True
    if kind == "fragment":
        return _fragment(finding, written, reference)
    return kind == "molecule" and written is not None and _right(facts, written, reference)


def _plain(smiles: str) -> Molecule | None:
    # Not RDKit alone: it takes what follows a white space for a name.
    return parse(smiles)


def _smarts(group: str) -> Molecule:
    return chem().MolFromSmarts(GROUPS[group].smarts)


def _same(first: Molecule | None, second: Molecule | None) -> bool:
    """Whether each molecule is a substructure of the other, stereo included: no canonical SMILES needed."""
    if first is None or second is None or first.GetNumAtoms() != second.GetNumAtoms():
        return False
    totals = [
        (chem().GetFormalCharge(m), m.GetNumBonds(), rdkit("rdkit.Chem.rdMolDescriptors").CalcMolFormula(m, True))
        for m in (first, second)
    ]
    return totals[0] == totals[1] and all(
        a.HasSubstructMatch(b, useChirality=True) for a, b in ((first, second), (second, first))
    )


def _repair(finding: Finding, response: str, reference: Any) -> bool:
    """The replacement is made in the response itself; what comes out is what the reference holds."""
    facts = finding.evidence
    at, replace = facts["at"], facts["replace"]
    if response[at : at + len(replace)] != replace:
        return False
    inside = range(at, at + max(1, len(replace)))
    touches = finding.start <= at <= finding.end
    if finding.severity == "proved" and replace and any(finding.start <= i < finding.end for i in inside):
        return False
    if finding.severity != "proved" and not touches:
        return False
    start = response.rfind(facts["smiles"], 0, at + len(facts["smiles"]) + 1)
    if start < 0:
        return False
    mended = response[start:at] + facts["by"] + response[at + len(replace) : start + len(facts["smiles"])]
    wanted = _plain(facts["becomes"])
    held = [_plain(text) for text in _held(reference)]
    parts = [part for text in _held(reference) for part in map(_plain, text.split("."))]
    return _same(_plain(mended), wanted) and any(_same(wanted, other) for other in (*held, *parts))


def _held(reference: Any) -> list[str]:
    """The SMILES of a reference that an answer may be compared with."""
    if not isinstance(reference, Mapping):
        return []
    names = ("reactants",) if "reactants" in reference and "product" in reference else ("smiles", "product")
    both = [reference[name] for name in ("smiles", "product", "reactants") if isinstance(reference.get(name), str)]
    return [reference[name] for name in names if isinstance(reference.get(name), str)] + both


def _pairs(facts: Mapping[str, Any], written: Molecule) -> bool:
    """Each pair is of one element, and bonds between paired atoms that both have are of one kind."""
    target = _plain(facts["target"])
    if target is None:
        return False
    pairs = dict(facts["pairs"])
    if len(set(pairs.values())) != len(pairs):
        return False
    equal = all(written.GetAtomWithIdx(a).GetSymbol() == target.GetAtomWithIdx(b).GetSymbol() for a, b in pairs.items())
    shared = 0
    for bond in written.GetBonds():
        ends = pairs.get(bond.GetBeginAtomIdx()), pairs.get(bond.GetEndAtomIdx())
        partner = None if None in ends else target.GetBondBetweenAtoms(*ends)
        shared += partner is not None and partner.GetBondType() == bond.GetBondType()
    # A tree has one bond less than atoms, and the part may come in a few pieces.
    return equal and shared >= len(pairs) - _MAX_PIECES


def _paired(finding: Finding, response: str, known: int) -> bool:
    """All atoms written in a proved span are of the part in common."""
    facts = finding.evidence
    at, text = facts["at"], facts["smiles"]
    if not isinstance(at, int) or response[at : at + len(text)] != text:
        return False
    atoms = [t for t in tokenize(text) if t.kind in ("atom", "bracket")]
    pairs = dict(facts["pairs"])
    inside = [i for i, t in enumerate(atoms) if t.start < finding.end - at and finding.start - at < t.end]
    written: Any = _plain(text)
    if len(atoms) != written.GetNumAtoms():
        # Hydrogens are written out: no index of an atom is known for sure, but how many there may be is.
        return len(inside) <= known
    return all(index in pairs for index in inside)


def _stereo(written: Molecule | None, target: Molecule | None) -> bool:
    """The same without stereo, another with it."""
    if written is None or target is None or _same(written, target):
        return False
    flat = [chem().Mol(molecule) for molecule in (written, target)]
    for molecule in flat:
        chem().RemoveStereochemistry(molecule)
    return _same(*flat)


def _odd(finding: Finding, response: str, written: Molecule) -> bool:
    """Charge and isotope as the characters say; a radical by its bonds, which are none of its element's valences."""
    facts = finding.evidence
    atom, amount = written.GetAtomWithIdx(facts["atom"]), facts["amount"]
    shown = _WRITTEN.fullmatch(response[finding.start : finding.end])
    if finding.kind == "wildcard":
        symbol = shown["symbol"] if shown else response[finding.start : finding.end]
        return atom.GetAtomicNum() == 0 and (finding.severity == "fatal" or symbol in ("*", "#0"))
    if shown is None and finding.severity != "fatal":
        return False
    if shown is not None and shown["symbol"].capitalize() not in (atom.GetSymbol(), f"#{atom.GetAtomicNum()}"):
        return False
    if finding.kind == "charge":
        return bool(atom.GetFormalCharge() == amount and abs(amount) > 1)
    if finding.kind == "isotope":
        return bool(atom.GetIsotope() == amount and (shown is None or shown["isotope"] == str(amount)))
    chem().Kekulize(written, clearAromaticFlags=True)
    bonds = sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds()) + atom.GetTotalNumHs()
    like = atom.GetAtomicNum() - atom.GetFormalCharge()
    return like <= 0 or bonds not in list(chem().GetPeriodicTable().GetValenceList(like))


def _requirement(facts: Mapping[str, Any], written: Molecule, too_few: bool) -> bool:
    kind, name, low, high = facts["requirement"]
    value = _measured(kind, name, written)
    if abs(value - facts["found"]) > 10 * _SMALL:
        return False
    return bool(value < low + _SMALL if too_few else value > high - _SMALL)


def _measured(kind: str, name: str, written: Molecule) -> float:
    """A quantity of a molecule, counted in another way than by `Requirement.measure`."""
    # Written anew first, so that nothing depends on the order of the atoms.
    molecule: Any = _plain(chem().MolToSmiles(written))
    atoms = list(molecule.GetAtoms())
    if kind == "group":
        return float(len(molecule.GetSubstructMatches(_smarts(name))))
    if kind == "property":
        return PROPERTIES[name](molecule)
    if kind == "atom":
        hidden = sum(atom.GetTotalNumHs() for atom in atoms) if name == "H" else 0
        return float(hidden + sum(atom.GetSymbol() == name for atom in atoms))
    if kind == "rings":
        digits = [token for token in tokenize(chem().MolToSmiles(molecule)) if token.kind == "ring"]
        return len(digits) / 2
    if kind == "aromatic_rings":
        rings = molecule.GetRingInfo().BondRings()
        return float(sum(all(molecule.GetBondWithIdx(b).GetIsAromatic() for b in ring) for ring in rings))
    if kind == "heavy_atoms":
        return float(sum(atom.GetAtomicNum() > 1 for atom in atoms))
    if kind == "fragments":
        return float(chem().MolToSmiles(molecule).count(".") + 1)
    return float(sum(atom.GetFormalCharge() for atom in atoms))


def _fragment(finding: Finding, written: Molecule | None, reference: Any) -> bool:
    parts = [_plain(text) for name in ("reactants",) for text in str(reference[name]).split(".")]
    is_one = any(_same(written, part) for part in parts)
    if finding.severity == "fatal":
        return not _same(written, _plain(reference["reactants"]))
    if finding.severity == "proved":
        return is_one
    product = [_plain(text) for text in str(reference["product"]).split(".")]
    return "copied" not in finding.evidence or (not is_one and any(_same(written, part) for part in product))


def _right(facts: Mapping[str, Any], written: Molecule, reference: Any) -> bool:
    if "canonical" in facts:
        return any(_same(written, _plain(text)) for text in _held(reference))
    if "reaction" in facts:
        made = [_plain(text) for text in run(facts["reaction"], facts["smiles"])]
        wanted = _plain(reference["product"])
        texts = [part for text in run(facts["reaction"], facts["smiles"]) for part in text.split(".")]
        return any(_same(product, wanted) for product in [*made, *map(_plain, texts)])
    required = parse_requirements(reference["requirements"])
    return all(item.holds(_measured(item.kind, item.name, written)) for item in required)
