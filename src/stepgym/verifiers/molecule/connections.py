"""A number for which atoms stand next to which in a SMILES: equal for equal molecules, and quick to compute."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Sequence

from stepgym.verifiers.molecule.smiles import BRACKET

_PRIME = 2_147_483_647
_FACTORS = {"-": 1, ":": 1, "/": 1, "\\": 1, "~": 1, "=": 3, "#": 7, "$": 11}


@functools.lru_cache(maxsize=4096)
def element_of(written: str) -> str:
    """The element of an atom's text, capitalised; "" for what is no atom."""
    if written[0] == "[":
        match = BRACKET.fullmatch(written)
        return match["symbol"].capitalize() if match else ""
    return written.capitalize() if written[0].isalpha() or written == "*" else ""


def has_aromatic(pieces: Sequence[str]) -> bool:
    """Whether an atom is written as aromatic."""
    return any(piece[0].islower() or (piece[0] == "[" and _is_lower(piece)) for piece in pieces)


def connections(pieces: Sequence[str], *, exact: bool = False) -> int | None:
    """The number for the tokens of a SMILES, None where parentheses or rings do not fit or a hydrogen is written out.

    Different molecules may have equal numbers, since it looks no further than the neighbours of an atom.

    Args:
        pieces: The texts of the tokens.
        exact: Whether aromatic atoms differ from others, and double and triple bonds from single ones; then it is the
            same only for spellings that write aromatic rings alike. Otherwise bonds are bonds and atoms their elements.
    """
    weights: list[int] = []
    sums: list[int] = []
    previous = -1
    factor = 1
    branches: list[int] = []
    rings: dict[str, tuple[int, int]] = {}
    for piece in pieces:
        weight = _weight(piece, exact)
        if weight:
            if previous >= 0:
                sums[previous] += factor * weight
                sums.append(factor * weights[previous])
            else:
                sums.append(0)
            previous = len(weights)
            weights.append(weight)
            factor = 1
        elif piece == "(":
            branches.append(previous)
        elif piece == ")":
            if not branches:
                return None
            previous = branches.pop()
        elif piece == ".":
            previous = -1
        elif not piece or piece in _FACTORS:
            factor = _FACTORS[piece] if exact and piece else 1
        elif piece[0].isdigit() or piece[0] == "%":
            if previous < 0:
                return None
            opened = rings.pop(piece, None)
            if opened is None:
                rings[piece] = (previous, factor)
            else:
                other = opened[0]
                factor = max(factor, opened[1])
                sums[other] += factor * weights[previous]
                sums[previous] += factor * weights[other]
            factor = 1
        else:
            return None
    if branches or rings:
        return None
    total = 0
    for weight, around in zip(weights, sums, strict=True):
        total += weight * (around * around % _PRIME)
    return total % _PRIME


def _is_lower(written: str) -> bool:
    match = BRACKET.fullmatch(written)
    return match is not None and match["symbol"].islower()


@functools.lru_cache(maxsize=4096)
def _weight(written: str, exact: bool) -> int:
    """A number for an atom, 0 for what is none; also for hydrogens, which may be written out or not."""
    element = element_of(written) if written else ""
    if element in ("", "H"):
        return 0
    match = BRACKET.fullmatch(written)
    symbol = match["symbol"] if match else written
    return zlib.crc32((symbol if exact else element).encode()) | 1
