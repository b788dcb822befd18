"""The one token that makes a wrong SMILES right: found by trying, so the replacement is its own proof.

Which single edits can help at all follows from counting: elements, parentheses, ring digits and dots of the answer
against those of the target, and then which atom stands next to which. RDKit reads only what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from stepgym.verifiers.molecule.connections import connections, element_of, has_aromatic
from stepgym.verifiers.molecule.molecules import canonical, parse
from stepgym.verifiers.molecule.problems import WIDEST
from stepgym.verifiers.molecule.smiles import Token
from stepgym.verifiers.molecule.target import MOST_TOKENS, Target

_BONDS = ("=", "#", "/", "\\", "-")
_NOTHING_OR_BOND = ("", "=", "#")
# The class of token that goes, the class that comes; None for none or for a bond.
_Change: TypeAlias = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Repair:
    """Replacing the characters `start:end` of the answer by `by` makes it right."""

    start: int
    end: int
    by: str


class _Edit(NamedTuple):
    """Tokens `first:last` become `pieces`."""

    first: int
    last: int
    pieces: tuple[str, ...]


def text_repair(text: str, mine: Sequence[Token], target: Target) -> Repair | None:
    """The difference of a SMILES (with its tokens) to a spelling of the target, where it is one narrow place."""
    pieces = [text[token.start : token.end] for token in mine]
    best: Repair | None = None
    for theirs in target.pieces:
        shorter, longer = sorted((len(pieces), len(theirs)))
        head = next((i for i in range(shorter) if pieces[i] != theirs[i]), shorter)
        tail = next((i for i in range(shorter - head) if pieces[-1 - i] != theirs[-1 - i]), shorter - head)
        if longer - head - tail > MOST_TOKENS or 3 * (head + tail) < 2 * longer:
            continue
        by = "".join(theirs[head : len(theirs) - tail])
        start = mine[head].start if head < len(mine) else len(text)
        end = mine[len(mine) - tail - 1].end if len(mine) - tail > head else start
        if end - start <= WIDEST and (best is None or end - start + len(by) < best.end - best.start + len(best.by)):
            best = Repair(start, end, by)
    return best


def find_repair(
    text: str, tokens: Sequence[Token], target: Target, near: int | None, *, budget: int = 16
) -> Repair | None:
    """A single edit that makes a wrong SMILES the target, or None: one token, or two neighbours that change places.

    Args:
        text: The wrong SMILES.
        tokens: Its tokens.
        target: What it should be.
        near: The place of a known problem; edits next to it are tried first.
        budget: How many edits are read by RDKit.
    """
    pieces = [text[token.start : token.end] for token in tokens]
    plan = _plan(_Counts.of(pieces, tokens), target)
    if plan is None:
        return None
    starts = [token.start for token in tokens] + [len(text)]
    edits: Iterable[_Edit] = _edits(pieces, tokens, plan, target)
    if plan == [(None, None)]:
        # Nothing lacks and nothing is too many: other bonds if the atoms hang together rightly, else another order.
        fits = target.connections is None or connections(pieces) == target.connections
        edits = _neutral(pieces, tokens, target) if fits else _swaps(pieces)
    if near is not None:
        edits = sorted(edits, key=lambda edit: abs(starts[edit.first] - near))
    exact = has_aromatic(pieces) or not target.aromatic
    wanted = target.exact_connections if exact else target.connections
    tried = {text}
    for edit in edits:
        after = [*pieces[: edit.first], *edit.pieces, *pieces[edit.last :]]
        mended = "".join(after)
        if mended in tried or (wanted is not None and connections(after, exact=exact) != wanted):
            continue
        tried.add(mended)
        if _reached(mended, target):
            return Repair(starts[edit.first], starts[edit.last], "".join(edit.pieces))
        if len(tried) > budget:
            return None
    return None


def _reached(text: str, target: Target) -> bool:
    if text in target.spellings:
        return True
    molecule = parse(text)
    return (
        molecule is not None
        and molecule.GetNumAtoms() == target.molecule.GetNumAtoms()
        and canonical(molecule) == target.canonical
    )


class _Counts(NamedTuple):
    """What an edit must put right."""

    elements: Counter[str]
    depth: int
    odd: tuple[str, ...]
    pairs: int
    dots: int
    unknown: int

    @classmethod
    def of(cls, pieces: Sequence[str], tokens: Sequence[Token]) -> _Counts:
        kinds = Counter(token.kind for token in tokens)
        classes = [_class(piece, token) for piece, token in zip(pieces, tokens, strict=True)]
        rings = Counter(name for name in classes if name.startswith("ring"))
        elements = Counter(name for name in classes if name[0].isupper() or name == "*")
        odd = tuple(digit for digit, count in rings.items() if count % 2)
        pairs = sum(count // 2 for count in rings.values())
        depth = kinds["open"] - kinds["close"]
        return cls(elements, depth, odd, pairs, kinds["dot"], classes.count("unknown"))


def _plan(counts: _Counts, target: Target) -> list[_Change] | None:
    """Which class of token must go and which must come, in all ways that fit; None if no single edit can do it."""
    missing, extra = target.elements - counts.elements, counts.elements - target.elements
    wishes: list[list[_Change]] = [[(None, element)] for element in missing.elements()]
    wishes += [[(element, None)] for element in extra.elements()]
    wishes += [[("unknown", None)] for _ in range(counts.unknown)]
    if counts.depth:
        # Most often a parenthesis was forgotten.
        first, second = ("(", ")") if counts.depth > 0 else (")", "(")
        wishes += [[(None, second), (first, None)] for _ in range(abs(counts.depth))]
    rings = target.rings - counts.pairs
    for digit in counts.odd:
        close: list[_Change] = [(None, digit)]
        wishes.append([(digit, None), *close] if rings <= 0 or len(counts.odd) > 1 else close)
    dots = target.dots - counts.dots
    wishes += [[(None, ".") if dots > 0 else (".", None)] for _ in range(abs(dots))]
    if len(wishes) > 2 or (rings and not counts.odd and not counts.unknown):
        return None
    ways: list[_Change] = [(None, None)]
    for wish in wishes:
        ways = [
            (gone or gone_too, new or new_too)
            for gone, new in ways
            for gone_too, new_too in wish
            if (gone is None or gone_too is None) and (new is None or new_too is None)
        ]
    return ways or None


def _edits(pieces: Sequence[str], tokens: Sequence[Token], plan: Sequence[_Change], target: Target) -> Iterator[_Edit]:
    """All edits of one token that settle every count at once."""
    for gone, new in plan:
        texts: tuple[str, ...]
        if new is None:
            texts = _NOTHING_OR_BOND
        elif new.startswith("ring"):
            texts = (new[4:],)
        elif new in "().":
            texts = (new,)
        else:
            texts = tuple(written for written in target.atoms_written if element_of(written) == new)
        for index, token in enumerate(tokens):
            kind = _class(pieces[index], token)
            if gone is None:
                yield from (_Edit(index, index, (by,)) for by in texts if by)
            if kind == gone or (gone is None and kind == "bond"):
                yield from (_Edit(index, index + 1, (by,)) for by in texts)
        if gone is None:
            yield from (_Edit(len(tokens), len(tokens), (by,)) for by in texts if by)


def _neutral(pieces: Sequence[str], tokens: Sequence[Token], target: Target) -> Iterator[_Edit]:
    """Edits that change no count and no neighbour: bonds, and an atom spelled otherwise."""
    for index, token in enumerate(tokens):
        written = pieces[index]
        if token.kind == "bond":
            yield from (_Edit(index, index + 1, (by,)) for by in ("", *_BONDS) if by != written)
        elif token.kind in ("atom", "bracket"):
            yield from (_Edit(index, index, (by,)) for by in _BONDS[:2])
            others = (w for w in target.atoms_written if w != written and element_of(w) == element_of(written))
            yield from (_Edit(index, index + 1, (by,)) for by in others)
        elif token.kind == "ring":
            yield from (_Edit(index, index, (by,)) for by in _BONDS[:2])


def _swaps(pieces: Sequence[str]) -> Iterator[_Edit]:
    for index in range(len(pieces) - 1):
        if pieces[index] != pieces[index + 1]:
            yield _Edit(index, index + 2, (pieces[index + 1], pieces[index]))


def _class(piece: str, token: Token) -> str:
    if token.kind in ("atom", "bracket"):
        return element_of(piece) or "unknown"
    return "ring" + piece if token.kind == "ring" else token.kind if token.kind in ("unknown", "bond") else piece
