"""The common part of two molecules, grown from the atoms that agree best; quick, and its own proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stepgym.verifiers.molecule.molecules import Molecule

_ROUNDS = 3
_MAX_SEEDS = 3


@dataclass(frozen=True, slots=True)
class Overlap:
    """Which atom of the one molecule corresponds to which of the other; what is left of both.

    Pairs have the same element and charge, and bonds between mapped atoms of the first have a partner of the same kind.
    The part is connected within each piece that was grown and need not be the largest there is.
    """

    pairs: tuple[tuple[int, int], ...]
    left: tuple[int, ...]
    lacking: tuple[int, ...]


def common_part(answer: Molecule, other: Molecule) -> Overlap:
    """A common part of two sanitised molecules."""
    mine, theirs = _Graph(answer), _Graph(other)
    pairs: dict[int, int] = {}
    used: set[int] = set()
    # Round after round the largest piece: molecules that differ in the middle agree on both sides of it.
    for _ in range(_ROUNDS):
        grown = max(
            (_grow(mine, theirs, a, b, pairs, used) for a, b in _seeds(mine, theirs, pairs, used)),
            key=len,
            default={},
        )
        if len(grown) < (2 if pairs else 1):
            break
        pairs.update(grown)
        used.update(grown.values())
    left = tuple(atom for atom in range(mine.size) if atom not in pairs)
    lacking = tuple(atom for atom in range(theirs.size) if atom not in used)
    return Overlap(tuple(sorted(pairs.items())), left, lacking)


class _Graph:
    """A molecule as lists: what an atom is, its neighbours, and labels that look ever further around it."""

    def __init__(self, molecule: Molecule) -> None:
        self.size = molecule.GetNumAtoms()
        # By index: RDKit's sequences are slow to walk through.
        atoms = [molecule.GetAtomWithIdx(index) for index in range(self.size)]
        self.kind: list[Any] = [
            (a.GetAtomicNum(), a.GetFormalCharge(), a.GetIsotope(), a.GetNumRadicalElectrons()) for a in atoms
        ]
        self.next: list[list[tuple[int, float]]] = [[] for _ in atoms]
        for bond in map(molecule.GetBondWithIdx, range(molecule.GetNumBonds())):
            first, second, order = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), bond.GetBondTypeAsDouble()
            self.next[first].append((second, order))
            self.next[second].append((first, order))
        self.bond = [dict(neighbours) for neighbours in self.next]
        self.labels: list[list[int]] = [[hash(kind) for kind in self.kind]]
        for _ in range(_ROUNDS):
            before = self.labels[-1]
            self.labels.append(
                [
                    hash((before[atom], tuple(sorted((order, before[n]) for n, order in self.next[atom]))))
                    for atom in range(self.size)
                ]
            )


def _seeds(mine: _Graph, theirs: _Graph, pairs: dict[int, int], used: set[int]) -> list[tuple[int, int]]:
    """Some pairs of free atoms that agree as far around as any do."""
    for mine_labels, their_labels in zip(reversed(mine.labels), reversed(theirs.labels), strict=True):
        places: dict[int, list[int]] = {}
        for atom, label in enumerate(their_labels):
            if atom not in used:
                places.setdefault(label, []).append(atom)
        found = [
            (atom, other)
            for atom, label in enumerate(mine_labels)
            if atom not in pairs
            for other in places.get(label, ())[:2]
        ]
        if found:
            return found[:_MAX_SEEDS]
    return []


def _grow(
    mine: _Graph, theirs: _Graph, first: int, second: int, taken: dict[int, int], used: set[int]
) -> dict[int, int]:
    """From one pair along equal bonds to equal atoms, the ones that agree furthest around first."""
    grown = {first: second}
    reached = {second}
    queue = [first]
    for atom in queue:
        for neighbour, order in mine.next[atom]:
            if neighbour in grown or neighbour in taken:
                continue
            options = [
                other
                for other, bond in theirs.next[grown[atom]]
                if bond == order and other not in reached and other not in used
                if theirs.kind[other] == mine.kind[neighbour] and _rings_fit(mine, theirs, neighbour, other, grown)
            ]
            if options:
                best = max(options, key=lambda other: _agreement(mine, theirs, neighbour, other))
                grown[neighbour] = best
                reached.add(best)
                queue.append(neighbour)
    return grown


def _rings_fit(mine: _Graph, theirs: _Graph, atom: int, other: int, grown: dict[int, int]) -> bool:
    """Bonds back into the part that was grown exist on both sides and are of one kind."""
    back = {grown[n]: order for n, order in mine.next[atom] if n in grown}
    return all(theirs.bond[other].get(n) == order for n, order in back.items())


def _agreement(mine: _Graph, theirs: _Graph, atom: int, other: int) -> int:
    return sum(labels[atom] == others[other] for labels, others in zip(mine.labels, theirs.labels, strict=True))
