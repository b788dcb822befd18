"""A right answer, with everything that wrong ones are compared with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from stepgym.verifiers.molecule.connections import connections, element_of, has_aromatic
from stepgym.verifiers.molecule.molecules import Molecule, canonical, fingerprint
from stepgym.verifiers.molecule.smiles import tokenize

MOST_TOKENS = 4
"""A difference to a spelling of the target is one place of at most so many tokens."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a right answer looks like.

    Attributes:
        molecule: The molecule, its atoms in the order of the first spelling.
        canonical: Its canonical SMILES.
        spellings: The SMILES that are at hand, that of the reference first.
        pieces: The texts of the tokens of each spelling.
        elements: How many atoms of each element the canonical SMILES has.
        rings: How many rings it closes.
        dots: How many dots it has.
        atoms_written: The texts of its atoms, in all spellings.
        connections: See `connections`.
        exact_connections: The same with aromatic atoms and bonds told apart.
        aromatic: Whether it has aromatic atoms.
        fingerprint: Its Morgan fingerprint.
    """

    molecule: Molecule
    canonical: str
    spellings: tuple[str, ...]
    pieces: tuple[tuple[str, ...], ...]
    elements: Counter[str]
    rings: int
    dots: int
    atoms_written: tuple[str, ...]
    connections: int | None
    exact_connections: int | None
    aromatic: bool
    fingerprint: Any

    @classmethod
    def of(cls, molecule: Molecule, smiles: str) -> Target:
        """The target of a sanitised molecule and the SMILES it was read from."""
        text = canonical(molecule)
        spellings = tuple(dict.fromkeys((smiles, text)))
        pieces = tuple(tuple(s[token.start : token.end] for token in tokenize(s)) for s in spellings)
        kinds = Counter(token.kind for token in tokenize(text))
        atoms = tuple(dict.fromkeys(piece for row in pieces for piece in row if element_of(piece)))
        return cls(
            molecule,
            text,
            spellings,
            pieces,
            Counter(element for piece in pieces[-1] if (element := element_of(piece))),
            kinds["ring"] // 2,
            kinds["dot"],
            atoms,
            connections(pieces[-1]),
            connections(pieces[-1], exact=True),
            has_aromatic(pieces[-1]),
            fingerprint(molecule),
        )
