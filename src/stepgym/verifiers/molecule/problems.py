"""What chemistry says against a SMILES that is well formed: too many bonds, and aromatic rings that are none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from stepgym.verifiers.molecule.molecules import chem, quiet
from stepgym.verifiers.molecule.smiles import BRACKET, Bond, Problem, Reading

WIDEST = 12
"""A finding covers at most one token or this many characters."""

_ORDERS = {"=": 2.0, "#": 3.0, "$": 4.0, ":": 1.5}
_VALENCE = re.compile(r"# [0-9]+ ([A-Za-z]+), ([0-9]+),")
_MAX_HYDROGENS_TRIED = 6


def find_problems(reading: Reading) -> list[Problem]:
    """What is wrong with a SMILES that RDKit refuses, in order of places: faults of the syntax, else of the chemistry.

    The list is empty only where RDKit refuses for a reason of its own.
    """
    if reading.problems:
        return reading.problems
    found: list[Problem] = []
    with quiet():
        for complaint in _complaints(reading.text, len(reading.atoms)):
            if complaint.GetType() == "AtomValenceException":
                found.extend(_valence(reading, complaint))
            elif complaint.GetType() == "AtomKekulizeException":
                found.append(_not_in_a_ring(reading, complaint.GetAtomIdx()))
            elif complaint.GetType() == "KekulizeException":
                found.extend(_kekulization(reading, list(complaint.GetAtomIndices())))
    return sorted(found, key=lambda problem: (problem.start, problem.end))


def _complaints(text: str, atoms: int) -> Sequence[Any]:
    try:
        molecule = chem().MolFromSmiles(text, sanitize=False)
        if molecule is None or molecule.GetNumAtoms() != atoms:
            return ()
        return list(chem().DetectChemistryProblems(molecule))
    except RuntimeError:  # A broken invariant inside RDKit, for example an element beyond its table.
        return ()


def _valence(reading: Reading, complaint: Any) -> list[Problem]:
    """The atom, and the bond with which it first had too many when read from left to right."""
    atom = complaint.GetAtomIdx()
    said = _VALENCE.search(complaint.Message())
    element, valence = (said[1], int(said[2])) if said else (reading.symbol(atom), 0)
    token = reading.atoms[atom]
    facts = {"atom": atom, "element": element, "valence": valence}
    message = f"{element} has {valence} bonds here, more than it can have"
    found = [Problem("valence", token.start, token.end, message, facts)]
    bond = _overflow(reading, atom, element)
    if bond is not None and not (bond.start <= token.start and token.end <= bond.end):
        end = bond.end if bond.end - bond.start <= WIDEST else bond.start + 1
        found.append(Problem("valence", bond.start, end, f"with this bond {element} has too many", facts))
    return found


def _overflow(reading: Reading, atom: int, element: str) -> Bond | None:
    """The bond, in order of writing, with which an atom first exceeds what its element can have."""
    token = reading.atoms[atom]
    match = BRACKET.fullmatch(reading.text[token.start : token.end])
    hydrogens, charge = 0, 0
    if match:
        hydrogens = int((match["hydrogens"] or "H0")[1:] or 1)
        sign = match["charge"] or "0"
        charge = int(sign) if sign[-1].isdigit() else (1 if sign[0] == "+" else -1) * len(sign)
    table = chem().GetPeriodicTable()
    number = table.GetAtomicNumber(element) - charge
    allowed = max(table.GetValenceList(number)) if 0 < number < 119 else -1
    total = float(hydrogens)
    for bond in reading.bonds:
        if atom in (bond.first, bond.second):
            total += _ORDERS.get(bond.symbol, 1.0)
            if 0 <= allowed < total:
                return bond
    return None


def _not_in_a_ring(reading: Reading, atom: int) -> Problem:
    token = reading.atoms[atom]
    symbol = reading.symbol(atom)
    return Problem("aromaticity", token.start, token.end, f"{symbol} is in no ring, so not aromatic", {"atom": atom})


def _kekulization(reading: Reading, atoms: list[int]) -> list[Problem]:
    """The aromatic atoms that no alternation of bonds fits; a nitrogen alone where all it lacks is a hydrogen."""
    nitrogens = [a for a in atoms if reading.text[reading.atoms[a].start : reading.atoms[a].end] == "n"]
    for atom in nitrogens[:_MAX_HYDROGENS_TRIED]:
        token = reading.atoms[atom]
        repaired = reading.text[: token.start] + "[nH]" + reading.text[token.end :]
        if chem().MolFromSmiles(repaired) is not None:
            facts = {"atoms": atoms, "replace": "n", "by": "[nH]"}
            message = "this ring is not aromatic with n here; it would be with [nH]"
            return [Problem("kekulization", token.start, token.end, message, facts)]
    message = "these aromatic atoms have no alternating single and double bonds"
    spans = [(reading.atoms[atom].start, reading.atoms[atom].end) for atom in sorted(atoms)]
    return [Problem("kekulization", start, end, message, {"atoms": atoms}) for start, end in runs(reading.text, spans)]


def runs(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans put together where nothing but digits and signs lies between them, none wider than `WIDEST`."""
    if not spans:
        return []
    merged = [spans[0]]
    for (_, _), (start, end) in pairwise(spans):
        first, last = merged[-1]
        between = text[last:start]
        if end - first <= WIDEST and not any(c.isalpha() or c in "[]." for c in between):
            merged[-1] = (first, end)
        else:
            merged.append((start, end))
    return merged
