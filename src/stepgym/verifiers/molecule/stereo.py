"""Molecules that are the same but for handedness or the sides of double bonds, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from stepgym.verifiers.molecule.candidate import Candidate
from stepgym.verifiers.molecule.molecules import Molecule, canonical, chem, parse
from stepgym.verifiers.molecule.repair import Repair, text_repair
from stepgym.verifiers.molecule.smiles import BRACKET
from stepgym.verifiers.molecule.target import Target

_MOST_MATCHES = 64
_MOST_TRIED = 16


class StereoDifference(NamedTuple):
    """Where two molecules differ in stereo: the atoms, in words what, and the one token that mends it or None."""

    atoms: tuple[int, ...]
    what: str
    repair: Repair | None


def stereo_difference(candidate: Candidate, target: Target) -> StereoDifference | None:
    """How a valid molecule, not the target, differs from it in stereo alone; None if it differs in more."""
    if candidate.molecule.GetNumAtoms() != target.molecule.GetNumAtoms():
        return None
    if not any(sign in text for sign in "@/\\" for text in (candidate.text, target.spellings[0])):
        return None
    mine, other = _flat(candidate.molecule), _flat(target.molecule)
    if canonical(mine) != canonical(other):
        return None
    matches = mine.GetSubstructMatches(other, uniquify=False, maxMatches=_MOST_MATCHES)
    differences = [_differing(candidate.molecule, target.molecule, match) for match in matches]
    centres, ends = min(differences, key=lambda found: len(found[0]) + len(found[1]), default=((), ()))
    if not centres and not ends:
        centres = tuple(_tagged(candidate.molecule))
    what = "handedness" if not ends else "sides of a double bond" if not centres else "handedness and double bonds"
    atoms = tuple(sorted({*centres, *ends}))
    tried = islice(_edits(candidate, target, centres, bonds=bool(ends)), _MOST_TRIED)
    repair = next((edit for edit in tried if _mends(edit, candidate, target)), None)
    return StereoDifference(atoms, what, repair)


def _flat(molecule: Molecule) -> Molecule:
    flat = chem().Mol(molecule)
    chem().RemoveStereochemistry(flat)
    return flat


def _differing(mine: Molecule, other: Molecule, match: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The centres and the ends of double bonds that are not alike; `match` holds my partner of each other atom."""
    centres = tuple(
        index
        for partner, index in enumerate(match)
        if _label(mine.GetAtomWithIdx(index)) != _label(other.GetAtomWithIdx(partner))
    )
    ends: set[int] = set()
    for theirs in map(other.GetBondWithIdx, range(other.GetNumBonds())):
        pair = match[theirs.GetBeginAtomIdx()], match[theirs.GetEndAtomIdx()]
        bond = mine.GetBondBetweenAtoms(*pair)
        if bond is not None and bond.GetStereo() != theirs.GetStereo():
            ends.update(pair)
    return centres, tuple(sorted(ends))


def _label(atom: Molecule) -> str:
    return str(atom.GetProp("_CIPCode")) if atom.HasProp("_CIPCode") else ""


def _tagged(molecule: Molecule) -> Iterator[int]:
    """All centres: where no label tells two molecules apart, any of them may be the one."""
    for atom in map(molecule.GetAtomWithIdx, range(molecule.GetNumAtoms())):
        if atom.GetChiralTag() != chem().ChiralType.CHI_UNSPECIFIED:
            yield atom.GetIdx()


def _edits(candidate: Candidate, target: Target, centres: tuple[int, ...], *, bonds: bool) -> Iterator[Repair]:
    """The other ways to write each centre, and the signs of double bonds the other way round; as spelled first."""
    spelled = text_repair(candidate.text, candidate.tokens, target)
    if spelled is not None:
        signs = candidate.text[spelled.start : spelled.end] + spelled.by
        if set(signs) <= {"/", "\\"} or (spelled.start, spelled.end) in candidate.atom_spans:
            yield spelled
    for index in centres if candidate.atom_spans else ():
        start, end = candidate.atom_spans[index]
        match = BRACKET.fullmatch(candidate.text[start:end])
        atom = candidate.molecule.GetAtomWithIdx(index)
        hydrogens = f"H{atom.GetTotalNumHs()}".replace("H0", "").replace("H1", "H")
        symbol = match["symbol"] if match else candidate.text[start:end]
        rest = (match["hydrogens"] or "") + (match["charge"] or "") if match else hydrogens
        for chiral in ("@", "@@", ""):
            written = f"[{(match['isotope'] or '') if match else ''}{symbol}{chiral}{rest}]"
            if written != candidate.text[start:end]:
                yield Repair(start, end, written)
    if bonds:
        for token in candidate.tokens:
            sign = candidate.text[token.start : token.end]
            if sign in ("/", "\\"):
                yield Repair(token.start, token.end, "\\" if sign == "/" else "/")


def _mends(repair: Repair, candidate: Candidate, target: Target) -> bool:
    molecule = parse(candidate.text[: repair.start] + repair.by + candidate.text[repair.end :])
    return molecule is not None and canonical(molecule) == target.canonical
