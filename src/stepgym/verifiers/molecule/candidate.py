"""The molecule a response proposes: its characters, what RDKit makes of them, and where each atom stands."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from stepgym.verifiers.molecule.answer import find_smiles, is_selfies
from stepgym.verifiers.molecule.molecules import MAX_CHARACTERS, Molecule, canonical, chem, fingerprint, parse
from stepgym.verifiers.molecule.problems import WIDEST
from stepgym.verifiers.molecule.smiles import Reading, Token, read_smiles, tokenize
from stepgym.verifiers.molecule.target import Target
from stepgym.verifiers.verdict import Finding, Severity, Verdict

Span: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Candidate:
    """A SMILES in a response.

    Attributes:
        start: Its first character in the response.
        text: The SMILES.
        readable: Whether RDKit is asked at all.
    """

    start: int
    text: str
    readable: bool = True

    @property
    def end(self) -> int:
        """One past its last character in the response."""
        return self.start + len(self.text)

    @functools.cached_property
    def molecule(self) -> Molecule:
        """What RDKit reads in it, sanitised and without explicit hydrogens, None if nothing."""
        return parse(self.text) if self.readable else None

    def is_target(self, target: Target) -> bool:
        """Whether it is this molecule; RDKit need not be asked when it is written as the target is."""
        if self.text in target.spellings:
            return True
        atoms = None if self.molecule is None else self.molecule.GetNumAtoms()
        return atoms == target.molecule.GetNumAtoms() and self.canonical == target.canonical

    @functools.cached_property
    def canonical(self) -> str:
        """The canonical SMILES, "" for no molecule."""
        return "" if self.molecule is None else canonical(self.molecule)

    @functools.cached_property
    def fingerprint(self) -> Any:
        """The Morgan fingerprint; only for a molecule."""
        return fingerprint(self.molecule)

    @functools.cached_property
    def tokens(self) -> list[Token]:
        """The tokens of the text."""
        return tokenize(self.text)

    @functools.cached_property
    def reading(self) -> Reading:
        """Tokens, atoms and bonds with their places in the text."""
        return read_smiles(self.text, self.tokens)

    @functools.cached_property
    def atom_spans(self) -> tuple[Span, ...]:
        """The span in the text of each atom of the molecule; empty where atoms and characters cannot be matched."""
        if self.molecule is None:
            return ()
        spans = [(token.start, token.end) for token in self.reading.atoms]
        if len(spans) == self.molecule.GetNumAtoms():
            return tuple(spans)
        # Hydrogens that were written out are no atoms of the molecule any more.
        options = chem().SmilesParserParams()
        options.removeHs = False
        with_hydrogens = chem().MolFromSmiles(self.text, options)
        if with_hydrogens is None or with_hydrogens.GetNumAtoms() != len(spans):
            return ()
        for atom in with_hydrogens.GetAtoms():
            atom.SetIntProp("written", atom.GetIdx())
        kept = [atom.GetIntProp("written") for atom in chem().RemoveHs(with_hydrogens).GetAtoms()]
        return tuple(spans[index] for index in kept) if len(kept) == self.molecule.GetNumAtoms() else ()

    def places(self, atoms: Iterable[int]) -> list[Span]:
        """The spans in the response of some atoms, neighbours in the text put together up to `WIDEST` characters."""
        if not self.atom_spans:
            return []
        merged: list[Span] = []
        for start, end in sorted(self.atom_spans[atom] for atom in set(atoms)):
            if merged and merged[-1][1] == start and end - merged[-1][0] <= WIDEST:
                merged[-1] = (merged[-1][0], end)
            else:
                merged.append((start, end))
        return [(self.start + start, self.start + end) for start, end in merged]

    def whole(self, kind: str, severity: Severity, message: str, evidence: Mapping[str, Any]) -> Finding:
        """A finding about the whole SMILES."""
        return Finding(self.start, self.end, kind, severity, message, evidence)


def find_answer(response: str) -> Span | Verdict:
    """The span of the SMILES of a response, or the verdict where there is none that can be judged."""
    span = find_smiles(response)
    if span is None or span[0] == span[1]:
        return Verdict.wrong(reason="no SMILES in the response")
    text = response[slice(*span)]
    if len(text) > MAX_CHARACTERS:
        message = f"an answer has at most {MAX_CHARACTERS} characters, this one has {len(text)}"
        return Verdict.wrong(Finding(*span, "length", "fatal", message, {"characters": len(text)}))
    if is_selfies(text):
        return Verdict.undecided("this is SELFIES, not SMILES: decode it first (package selfies, selfies.decoder)")
    return span
