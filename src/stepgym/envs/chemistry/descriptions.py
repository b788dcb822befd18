"""`describe`: what a molecule is, as requirements for the verifier "molecule" and in English.

The requirements are measured on the molecule, so it always meets them; others may meet them too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from stepgym.verifiers.molecule.groups import GROUPS, count_group
from stepgym.verifiers.molecule.molecules import Molecule, rdkit
from stepgym.verifiers.molecule.requirements import PROPERTIES, count_atoms

ELEMENTS = ("C", "N", "O", "S", "F", "Cl", "Br", "I", "P", "B")

# Groups that most molecules have, and pairs of words of which one implies the other: one of each pair is enough.
_LEFT_OUT = {
    "methyl group", "methoxy group", "tert-butyl group", "hydroxyl group", "carbonyl group", "amine", "alkyl halide",
    "aryl halide", "primary alcohol", "secondary alcohol", "tertiary alcohol", "aniline", "terminal alkyne", "lactone",
    "lactam", "primary amide", "secondary amide", "tertiary amide",
}  # fmt: skip
_EASY = (
    "alcohol", "phenol", "carboxylic acid", "ester", "aldehyde", "ketone", "ether", "primary amine", "secondary amine",
    "amide", "nitrile", "thiol", "sulfide", "fluoro group", "chloro group", "bromo group", "alkene", "alkyne",
    "benzene ring", "cyclohexane ring",
)  # fmt: skip
_ALL = tuple(name for name in GROUPS if name not in _LEFT_OUT)
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six")
_PHRASES = (
    "Write a molecule with {}.",
    "Give a molecule that has {}.",
    "Design a molecule with {}.",
    "A molecule has {}. What could it be?",
    "Find a molecule that contains {}.",
)


@dataclass(frozen=True, slots=True)
class _Level:
    """What a description of a difficulty tells: how many groups at most, out of which, and which other facts."""

    groups: int
    words: tuple[str, ...]
    facts: tuple[str, ...]
    properties: int = 0
    width: float = 1.0
    phrases: int = len(_PHRASES)


_LEVELS = {
    1: _Level(1, _EASY, ("carbons",), phrases=2),
    2: _Level(2, _EASY, ("carbons", "rings")),
    3: _Level(3, _ALL, ("heavy_atoms", "rings")),
    4: _Level(4, _ALL, ("heavy_atom_range", "aromatic_rings"), properties=1),
    5: _Level(6, _ALL, ("formula", "aromatic_rings"), properties=2, width=0.5),
}

# Half the width of a range in the unit of the property, and the digits of its bounds; counts are whole and exact.
_RANGES = {"logp": (0.6, 1), "weight": (25.0, 0), "tpsa": (12.0, 0)}
_RANGE_WORDS = {
    "logp": "a Crippen logP from {} to {}",
    "weight": "a molecular weight from {} to {}",
    "tpsa": "a polar surface area from {} to {}",
}
_COUNTED = {
    "h_donors": ("hydrogen-bond donor", "hydrogen-bond donors"),
    "h_acceptors": ("hydrogen-bond acceptor", "hydrogen-bond acceptors"),
    "rotatable_bonds": ("rotatable bond", "rotatable bonds"),
}


@dataclass(frozen=True, slots=True)
class Description:
    """A description of a molecule.

    Attributes:
        requirements: For the verifier "molecule", see `stepgym.verifiers.molecule.requirements`.
        text: The same in English.
    """

    requirements: tuple[dict[str, Any], ...]
    text: str


def describe(rng: np.random.Generator, molecule: Molecule, difficulty: int) -> Description | None:
    """A description of a molecule, an `rdkit.Chem.Mol`; None if no functional group of this difficulty is in it."""
    level = _LEVELS[difficulty]
    counts = {name: count for name in level.words if (count := count_group(molecule, name))}
    if not counts:
        return None
    names = list(counts)
    chosen = [names.pop(int(rng.integers(len(names)))) for _ in range(min(level.groups, len(names)))]
    told = [
        ({"group": name, "count": counts[name]}, _count(counts[name], name, GROUPS[name].plural)) for name in chosen
    ]
    for fact in level.facts:
        told.append(_fact(rng, molecule, fact))
    properties = [*_RANGES, *_COUNTED]
    for _ in range(level.properties):
        name = properties.pop(int(rng.integers(len(properties))))
        told.append(_property(rng, molecule, name, level.width))
    if difficulty > 1:
        told = [told[i] for i in rng.permutation(len(told)).tolist()]
    parts = [words for _, words in told]
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    text = _PHRASES[int(rng.integers(level.phrases))].format(listed)
    requirements: list[dict[str, Any]] = [requirement for requirement, _ in told]
    if "formula" in level.facts:
        requirements.append({"heavy_atoms": molecule.GetNumHeavyAtoms()})  # a formula leaves no other elements
    return Description((*requirements, {"fragments": 1}), text)  # "a molecule" says that it is one


def _fact(rng: np.random.Generator, molecule: Molecule, fact: str) -> tuple[dict[str, Any], str]:
    """A requirement about atoms or rings, with its words."""
    if fact == "carbons":
        carbons = count_atoms(molecule, "C")
        return {"atoms": {"C": carbons}}, f"{carbons} carbon {_plural('atom', carbons)}"
    if fact == "formula":
        atoms = {element: count for element in ELEMENTS if (count := count_atoms(molecule, element))}
        formula = "".join(f"{element}{count if count > 1 else ''}" for element, count in atoms.items())
        return {"atoms": atoms}, f"the heavy atoms {formula}"
    if fact == "rings":
        rings = molecule.GetRingInfo().NumRings()
        return {"rings": rings}, _count(rings, "ring", "rings")
    if fact == "aromatic_rings":
        rings = rdkit("rdkit.Chem.rdMolDescriptors").CalcNumAromaticRings(molecule)
        return {"aromatic_rings": rings}, _count(rings, "aromatic ring", "aromatic rings")
    heavy = molecule.GetNumHeavyAtoms()
    if fact == "heavy_atoms":
        return {"heavy_atoms": heavy}, f"{heavy} heavy {_plural('atom', heavy)}"
    low, high = heavy - int(rng.integers(4)), heavy + int(rng.integers(1, 4))
    return {"heavy_atoms": [low, high]}, f"{low} to {high} heavy atoms"


def _property(rng: np.random.Generator, molecule: Molecule, name: str, width: float) -> tuple[dict[str, Any], str]:
    """A property with a range around its value, which lies anywhere in it."""
    value = PROPERTIES[name](molecule)
    if name in _COUNTED:
        count = int(value)
        return {"property": name, "low": count, "high": count}, _count(count, *_COUNTED[name])
    half, digits = _RANGES[name]
    below = 2 * half * width * int(rng.integers(1, 20)) / 20
    scale = 10**digits
    low = math.floor((value - below) * scale) / scale
    if name != "logp":
        low = max(low, 0.0)
    high = math.ceil((value + 2 * half * width - below) * scale) / scale
    shown = [f"{bound:.{digits}f}" for bound in (low, high)]
    return {"property": name, "low": low, "high": high}, _RANGE_WORDS[name].format(*shown)


def _count(count: int, one: str, several: str) -> str:
    number = _NUMBERS[count] if count < len(_NUMBERS) else str(count)
    return f"{number} {one if count == 1 else several}"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
