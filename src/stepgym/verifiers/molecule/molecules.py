"""RDKit at arm's length: molecules from SMILES, their canonical form, and silence while RDKit works."""

from __future__ import annotations

import functools
import threading
from typing import Any, TypeAlias

from stepgym.errors import InvalidInputError, require

Molecule: TypeAlias = Any
"""An `rdkit.Chem.Mol`; RDKit is optional, so its types are not known here."""

MAX_CHARACTERS = 2_000
MAX_ATOMS = 400
# Below these RDKit's slowest steps (rings, aromaticity, canonical order) take milliseconds.
_QUICK_CHARACTERS = 240
_QUICK_RING_DIGITS = 40


@functools.cache
def chem() -> Any:
    """The module `rdkit.Chem`, or a `MissingExtraError` that names the extra."""
    return require("rdkit.Chem", extra="chem")


@functools.cache
def rdkit(module: str) -> Any:
    """A module of RDKit by its full name, such as "rdkit.Chem.rdFMCS"."""
    return require(module, extra="chem")


_lock = threading.Lock()
_blocks: list[Any] = []
_users = 0


class quiet:  # noqa: N801 (reads as a statement)
    """A context in which RDKit logs nothing; the logs that were on come back when the last thread has left."""

    def __enter__(self) -> None:
        global _users
        with _lock:
            if _users == 0:
                _blocks.append(rdkit("rdkit.rdBase").BlockLogs())
            _users += 1

    def __exit__(self, *error: object) -> None:
        global _users
        with _lock:
            _users -= 1
            if _users == 0:
                _blocks.clear()


def parse(smiles: str) -> Molecule | None:
    """The sanitised molecule of a SMILES, without explicit hydrogens and atom-map numbers; None if it has none.

    Empty, longer than `MAX_CHARACTERS` or larger than `MAX_ATOMS`: None as well.
    """
    # RDKit takes what follows a white space for a name, and an escape sequence in C++ text for its end.
    if not smiles or len(smiles) > MAX_CHARACTERS or not smiles.isascii() or not smiles.isprintable() or " " in smiles:
        return None
    try:
        with quiet():
            molecule = chem().MolFromSmiles(smiles)
    except RuntimeError:  # A broken invariant inside RDKit, for example an element beyond its table.
        return None
    if molecule is None or not 0 < molecule.GetNumAtoms() <= MAX_ATOMS:
        return None
    if ":" in smiles:
        clear_maps(molecule)
    return molecule


def is_large(text: str) -> bool:
    """Whether a SMILES is large enough that RDKit may need long for it."""
    return len(text) > _QUICK_CHARACTERS or (
        len(text) > _QUICK_RING_DIGITS and sum(map(text.count, "0123456789")) > _QUICK_RING_DIGITS
    )


def clear_maps(molecule: Molecule) -> None:
    """Takes the atom-map numbers off, in place."""
    for atom in molecule.GetAtoms():
        atom.SetAtomMapNum(0)


def canonical(molecule: Molecule) -> str:
    """The canonical SMILES, with stereo and isotopes."""
    return str(chem().MolToSmiles(molecule))


def canonical_smiles(smiles: str) -> str | None:
    """The canonical form of a SMILES (stereo and isotopes kept, fragments in order), None if it is not valid."""
    molecule = parse(smiles)
    return None if molecule is None else canonical(molecule)


def fingerprint(molecule: Molecule) -> Any:
    """The Morgan fingerprint of radius 2, 2,048 bits."""
    return _generator().GetFingerprint(molecule)


@functools.cache
def _generator() -> Any:
    return rdkit("rdkit.Chem.rdFingerprintGenerator").GetMorganGenerator(radius=2, fpSize=2048)


def reference_molecule(smiles: Any, what: str) -> Molecule:
    """The molecule of a SMILES in a reference; raises `InvalidInputError` naming `what` it should have been."""
    molecule = parse(smiles) if isinstance(smiles, str) else None
    if molecule is None:
        raise InvalidInputError(f"{what} must be a valid SMILES of at most {MAX_ATOMS} atoms, got {smiles!r:.120}")
    return molecule
