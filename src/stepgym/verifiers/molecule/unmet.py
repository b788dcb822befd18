"""Where a molecule fails a requirement, and where it meets one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from stepgym.verifiers.molecule.candidate import Candidate, Span
from stepgym.verifiers.molecule.groups import find_group
from stepgym.verifiers.molecule.molecules import chem
from stepgym.verifiers.molecule.requirements import Requirement
from stepgym.verifiers.verdict import Finding

MOST_PLACES = 20
"""A surplus in more places than this is fatal: as good as everywhere."""


def unmet(candidate: Candidate, requirement: Requirement, value: float) -> list[Finding]:
    """The findings of a requirement that a valid molecule fails: its surplus, refuted, or the whole of it, fatal."""
    facts: dict[str, Any] = {
        "requirement": [requirement.kind, requirement.name, _bound(requirement.low), _bound(requirement.high)],
        "found": round(value, 6),
        "smiles": candidate.text,
    }
    kind = f"missing-{requirement.kind}" if value < requirement.low else f"surplus-{requirement.kind}"
    message = f"{requirement.describe()} asked for, {value:.4g} found"
    places = _surplus(candidate, requirement, value) if value > requirement.high else []
    if not 0 < len(places) <= MOST_PLACES:
        return [candidate.whole(kind, "fatal", message, facts)]
    return [Finding(*place, kind, "refuted", message, facts) for place in places]


def met(candidate: Candidate, requirements: Iterable[Requirement], refuted: Sequence[Finding]) -> list[Finding]:
    """The atoms of the groups that were asked for and are there, proved, unless something refuted stands on them."""
    findings = []
    seen: set[Span] = set()
    for requirement in requirements:
        if requirement.kind != "group" or requirement.low < 1:
            continue
        facts = {"group": requirement.name, "smiles": candidate.text}
        for atoms in find_group(candidate.molecule, requirement.name):
            for start, end in candidate.places(atoms):
                free = not any(f.start < end and start < f.end for f in refuted)
                if free and (start, end) not in seen and len(seen) < MOST_PLACES:
                    seen.add((start, end))
                    message = f"part of the {requirement.name} asked for"
                    findings.append(Finding(start, end, "group", "proved", message, facts))
    return findings


def _bound(value: float) -> float | None:
    """JSON has no infinity."""
    return value if abs(value) < float("inf") else None


def _surplus(candidate: Candidate, requirement: Requirement, value: float) -> list[Span]:
    """The places of what comes after as much as is allowed, in the order of writing."""
    molecule, allowed = candidate.molecule, int(requirement.high) if requirement.high > 0 else 0
    atoms = [molecule.GetAtomWithIdx(index) for index in range(molecule.GetNumAtoms())]
    if requirement.kind == "group":
        occurrences = sorted(find_group(molecule, requirement.name), key=lambda group: (max(group), group))
        fine = {atom for group in occurrences[:allowed] for atom in group}
        extra = {atom for group in occurrences[allowed:] for atom in group}
        return candidate.places(extra - fine or extra)
    if requirement.kind == "atom" and requirement.name != "H":
        atoms = [
            atom.GetIdx()
            for atom in map(molecule.GetAtomWithIdx, range(molecule.GetNumAtoms()))
            if atom.GetSymbol() == requirement.name
        ]
        return candidate.places(atoms[allowed:])
    if requirement.kind == "heavy_atoms":
        atoms = [
            atom.GetIdx()
            for atom in map(molecule.GetAtomWithIdx, range(molecule.GetNumAtoms()))
            if atom.GetAtomicNum() > 1
        ]
        return candidate.places(atoms[allowed:])
    if requirement.kind == "rings":
        return _closings(candidate, allowed)
    if requirement.kind == "aromatic_rings":
        rings = [ring for ring in molecule.GetRingInfo().AtomRings() if _is_aromatic(molecule, ring)]
        rings.sort(key=max)
        fine = {atom for ring in rings[:allowed] for atom in ring}
        return candidate.places({atom for ring in rings[allowed:] for atom in ring} - fine)
    if requirement.kind == "fragments":
        parts = sorted(chem().GetMolFrags(molecule), key=min)
        return candidate.places(atom for part in parts[allowed:] for atom in part)
    if requirement.kind == "charge":
        return candidate.places(atom.GetIdx() for atom in atoms if atom.GetFormalCharge() > 0)
    return []


def _closings(candidate: Candidate, allowed: int) -> list[Span]:
    """The ring digits that close a ring beyond so many."""
    open_rings: set[str] = set()
    closed = []
    for token in candidate.reading.tokens:
        if token.kind == "ring":
            number = candidate.text[token.start : token.end].strip("%()")
            if number in open_rings:
                open_rings.remove(number)
                closed.append((candidate.start + token.start, candidate.start + token.end))
            else:
                open_rings.add(number)
    return closed[allowed:]


def _is_aromatic(molecule: Any, ring: Sequence[int]) -> bool:
    bonds = zip(ring, [*ring[1:], ring[0]], strict=True)
    return all(molecule.GetBondBetweenAtoms(a, b).GetIsAromatic() for a, b in bonds)
