"""A reader of SMILES that keeps places: tokens, atoms and bonds with their characters, and where it stops making sense.

RDKit decides whether a SMILES is valid. This reader says which characters an atom or bond stands on (its atoms are in
the order of RDKit's), and, where RDKit reads nothing, which characters are at fault. It goes on after a fault.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_ELEMENTS = frozenset(
    re.findall(
        r"\S+",
        "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr "
        "Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W "
        "Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt "
        "Ds Rg Cn Nh Fl Mc Lv Ts Og b c n o p s se as te si * ",
    )
)
_TOKEN = re.compile(
    r"(?P<bracket>\[[^\[\]\s]*\])|(?P<atom>Cl|Br|[BCNOSPFIbcnosp*])|(?P<ring>%[0-9]{2}|%\([0-9]{1,5}\)|[0-9])"
    r"|(?P<bond>->|<-|\\{1,2}|[-=#$:/~])|(?P<open>\()|(?P<close>\))|(?P<dot>\.)|(?P<unknown>[\s\S])"
)
BRACKET = re.compile(
    r"\[(?P<isotope>[0-9]{1,3})?(?P<symbol>[A-Z][a-z]?|[a-z][a-z]?|\*|#[0-9]{1,3})(?P<chiral>@(?:@|[A-Z]{2}[0-9]{1,2})?)?"
    r"(?P<hydrogens>H[0-9]?)?(?P<charge>\+{1,4}|-{1,4}|[+-][0-9]{1,2})?(?P<map>:[0-9]{1,5})?\]"
)
_PREFIX = re.compile(r"\[[0-9]{0,3}(?:[A-Z][a-z]?|[a-z][a-z]?)?@{0,2}(?:H[0-9]?)?(?:[+-][0-9]?)?")
_STRAY = re.compile(r"[A-Za-z0-9@+:-]{0,9}\]")


class Token(NamedTuple):
    """A piece of a SMILES: kind "atom", "bracket", "bond", "ring", "open", "close", "dot" or "unknown"; its span."""

    kind: str
    start: int
    end: int


class Bond(NamedTuple):
    """A bond between two atoms by their indices, as written: its symbol or "", and the span that made it.

    The span is that of the symbol and of the second atom, for a ring closure that of the second digit.
    """

    first: int
    second: int
    symbol: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault: a kind for grouping, the span of the characters, one sentence, and facts for a re-check."""

    kind: str
    start: int
    end: int
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Reading:
    """What stands where in a SMILES.

    Attributes:
        text: The SMILES.
        tokens: Its tokens in order, without gaps.
        atoms: The token of each atom, in the order of RDKit's atom indices.
        bonds: All bonds, in the order in which they are completed.
        problems: The faults, in order of their places; none for a SMILES that is well formed.
    """

    text: str
    tokens: list[Token] = field(default_factory=list)
    atoms: list[Token] = field(default_factory=list)
    bonds: list[Bond] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def symbol(self, atom: int) -> str:
        """The element of an atom as written, lower case for an aromatic one."""
        token = self.atoms[atom]
        written = self.text[token.start : token.end]
        match = BRACKET.fullmatch(written)
        return match["symbol"] if match else written


def tokenize(text: str) -> list[Token]:
    """The tokens of a text, each character in exactly one of them."""
    return [Token(match.lastgroup or "", *match.span()) for match in _TOKEN.finditer(text)]


def read_smiles(text: str, tokens: list[Token] | None = None) -> Reading:
    """The reading of a text that is meant to be a SMILES, of its tokens where they are known; see `Reading`."""
    return _Reader(text, tokenize(text) if tokens is None else tokens).read()


class _Reader:
    """Walks over the tokens once."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.reading = Reading(text, tokens)
        self.text = text
        self.previous: int | None = None  # the atom that the next one is bound to
        self.bond: Token | None = None  # a bond symbol that waits for its atom
        self.branches: list[tuple[int | None, Token, int]] = []
        self.rings: dict[str, tuple[int, str, Token]] = {}
        self.pairs: set[tuple[int, int]] = set()
        self.handled = 0  # characters before this one belong to a fault that was reported

    def read(self) -> Reading:
        kinds = {token.kind for token in self.reading.tokens}
        take = {kind: getattr(self, f"_{kind}") for kind in kinds}
        for token in self.reading.tokens:
            if token.start >= self.handled:
                take[token.kind](token)
        self._drop_bond()
        for _, token, _ in self.branches:
            self._fault("branch", token, "this branch is never closed")
        for _, _, token in self.rings.values():
            self._fault("ring", token, f"ring {self._written(token)} is never closed")
        self.reading.problems.sort(key=lambda problem: (problem.start, problem.end))
        return self.reading

    def _written(self, token: Token) -> str:
        return self.text[token.start : token.end]

    def _fault(self, kind: str, token: Token, message: str) -> None:
        self.reading.problems.append(Problem(kind, token.start, token.end, message))

    def _drop_bond(self) -> None:
        if self.bond is not None:
            self._fault("bond", self.bond, f"the bond {self._written(self.bond)} leads to no atom")
            self.bond = None

    def _atom(self, token: Token) -> None:
        index = len(self.reading.atoms)
        self.reading.atoms.append(token)
        symbol, start = "", token.start
        if self.bond is not None:
            symbol, start = self._written(self.bond), self.bond.start
            if self.previous is None:
                self._fault("bond", self.bond, f"the bond {symbol} begins at no atom")
        if self.previous is not None:
            self.reading.bonds.append(Bond(self.previous, index, symbol, start, token.end))
            self.pairs.add((self.previous, index))
        self.bond = None
        self.previous = index

    def _bracket(self, token: Token) -> None:
        written = self._written(token)
        match = BRACKET.fullmatch(written)
        if match is None:
            self._fault("bracket", token, f"{written[:20]} is not an atom")
        elif match["symbol"] not in _ELEMENTS and match["symbol"][0] != "#":
            self._fault("element", token, f"{match['symbol']} is not an element")
        self._atom(token)

    def _bond(self, token: Token) -> None:
        if self.bond is not None:
            self._fault("bond", token, f"a second bond symbol after {self._written(self.bond)}")
        elif self.previous is None:
            self._fault("bond", token, f"the bond {self._written(token)} begins at no atom")
        else:
            self.bond = token

    def _ring(self, token: Token) -> None:
        number = self._written(token).strip("%()")
        number = str(int(number))
        if self.previous is None:
            self._fault("ring", token, f"the ring digit {self._written(token)} stands behind no atom")
            return
        symbol = self._written(self.bond) if self.bond is not None else ""
        start = self.bond.start if self.bond is not None else token.start
        self.bond = None
        if number not in self.rings:
            self.rings[number] = (self.previous, symbol, token)
            return
        other, before, _ = self.rings.pop(number)
        pair = (min(other, self.previous), max(other, self.previous))
        if other == self.previous:
            self._fault("ring", token, f"ring {number} closes at the atom where it opens")
        elif pair in self.pairs:
            self._fault("ring", token, f"ring {number} closes between atoms that are bound already")
        elif symbol and before and symbol != before and {symbol, before} != {"/", "\\"}:
            self._fault("ring", token, f"ring {number} opens with the bond {before} and closes with {symbol}")
        else:
            self.pairs.add(pair)
            self.reading.bonds.append(Bond(other, self.previous, symbol or before, start, token.end))

    def _open(self, token: Token) -> None:
        self._drop_bond()
        if self.previous is None:
            self._fault("branch", token, "a branch begins at no atom")
        self.branches.append((self.previous, token, len(self.reading.atoms)))

    def _close(self, token: Token) -> None:
        self._drop_bond()
        if not self.branches:
            self._fault("branch", token, "this parenthesis closes no branch")
            return
        if self.previous is None:
            self._fault("dot", token, "a dot without a molecule behind it")
        self.previous, opened, atoms = self.branches.pop()
        if len(self.reading.atoms) == atoms and not any(p.start > opened.start for p in self.reading.problems):
            self.reading.problems.append(Problem("branch", opened.start, token.end, "an empty branch"))

    def _dot(self, token: Token) -> None:
        self._drop_bond()
        if self.previous is None:
            self._fault("dot", token, "a dot without a molecule before it")
        elif token.end == len(self.text):
            self._fault("dot", token, "a dot without a molecule behind it")
        self.previous = None

    def _unknown(self, token: Token) -> None:
        character = self._written(token)
        if character.isspace():
            # What RDKit takes for a name or an extension is not part of the SMILES.
            self.handled = len(self.text)
            problem = Problem("tail", token.start, self.handled, "a SMILES ends at white space; this is no part of it")
            self.reading.problems.append(problem)
            return
        if character == "[":
            match = _PREFIX.match(self.text, token.start)
            end = min(match.end() + 1 if match else token.end, len(self.text))
            self.reading.problems.append(Problem("bracket", token.start, end, "this bracket is never closed"))
            self.handled = end
            return
        end = token.end
        stray = _STRAY.match(self.text, token.start)
        if stray is not None:
            # `nH]`: an atom in brackets that lost the first one.
            end = stray.end()
            before = [t.start for t in self.reading.atoms if token.start - 4 <= t.start and t.end <= token.start]
            start = next((s for s in reversed(before) if BRACKET.fullmatch("[" + self.text[s:end])), token.start)
            self.reading.problems.append(Problem("bracket", start, end, "this bracket is never opened"))
            self.handled = end
            return
        shown = character if character.isprintable() else character.encode("unicode_escape").decode()
        self._fault("character", token, f"{shown} stands for no atom and no bond")
