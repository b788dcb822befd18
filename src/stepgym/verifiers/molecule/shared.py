"""Which characters of an answer belong to the part it shares with the right molecule."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from stepgym.verifiers.molecule.candidate import Candidate, Span
from stepgym.verifiers.molecule.molecules import Molecule, chem
from stepgym.verifiers.molecule.smiles import Bond, Token


def shared_places(
    candidate: Candidate, other: Molecule, pairs: Mapping[int, int], wrong: Collection[int]
) -> list[Span]:
    """The spans in the response of the atoms that have a partner and are not wrong, and of what stands for a bond.

    A bond, a ring digit and the parentheses of a branch are shared if the bond they make is: both of its atoms have
    partners, bound in the same way. A dot is shared between shared atoms that are not connected in the other molecule.
    """
    walk = _Walk(candidate, other, pairs, wrong)
    spans: list[Span] = []
    for token, shared in zip(candidate.reading.tokens, walk.shared(), strict=True):
        if not shared:
            continue
        start, end = candidate.start + token.start, candidate.start + token.end
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


class _Walk:
    """Goes over the tokens of a SMILES without faults."""

    def __init__(self, candidate: Candidate, other: Molecule, pairs: Mapping[int, int], wrong: Collection[int]) -> None:
        self.candidate, self.other, self.pairs, self.wrong = candidate, other, pairs, wrong
        self.index = {span: atom for atom, span in enumerate(candidate.atom_spans)}
        self.by_end = {bond.end: bond for bond in candidate.reading.bonds}
        self.tokens = candidate.reading.tokens

    def shared(self) -> list[bool]:
        marks = [token.kind in ("atom", "bracket") and self._sound(self._atom(token)) for token in self.tokens]
        rings: dict[str, int] = {}
        branches: list[int] = []
        for at, token in enumerate(self.tokens):
            if token.kind == "ring":
                number = str(int(self.candidate.text[token.start : token.end].strip("%()")))
                opened = rings.pop(number, None)
                if opened is None:
                    rings[number] = at
                else:
                    marks[at] = marks[opened] = self._common(self.by_end.get(token.end))
            elif token.kind == "open":
                branches.append(at)
            elif token.kind == "close" and branches:
                opened = branches.pop()
                first = next(t for t in self.tokens[opened:] if t.kind in ("atom", "bracket"))
                marks[at] = marks[opened] = self._common(self.by_end.get(first.end))
            elif token.kind == "dot":
                marks[at] = self._apart(at)
        for at, token in enumerate(self.tokens[:-1]):
            if token.kind == "bond":
                after = self.tokens[at + 1]
                marks[at] = marks[at + 1] if after.kind == "ring" else self._common(self.by_end.get(after.end))
        return marks

    def _atom(self, token: Token) -> int | None:
        return self.index.get((token.start, token.end))

    def _sound(self, atom: int | None) -> bool:
        return atom in self.pairs and atom not in self.wrong

    def _common(self, bond: Bond | None) -> bool:
        if bond is None:
            return False
        first, second = (self._atom(self.candidate.reading.atoms[end]) for end in (bond.first, bond.second))
        if first is None or second is None or first not in self.pairs or second not in self.pairs:
            return False
        mine = self.candidate.molecule.GetBondBetweenAtoms(first, second)
        theirs = self.other.GetBondBetweenAtoms(self.pairs[first], self.pairs[second])
        return mine is not None and theirs is not None and bool(mine.GetBondType() == theirs.GetBondType())

    def _apart(self, at: int) -> bool:
        kinds = ("atom", "bracket")
        before = next((self._atom(t) for t in reversed(self.tokens[:at]) if t.kind in kinds), None)
        after = next((self._atom(t) for t in self.tokens[at:] if t.kind in kinds), None)
        if before is None or after is None or not (self._sound(before) and self._sound(after)):
            return False
        partners = {self.pairs[before], self.pairs[after]}
        return not any(partners <= set(piece) for piece in chem().GetMolFrags(self.other))
