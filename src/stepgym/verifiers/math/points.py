"""The points at which two expressions are compared."""

from __future__ import annotations

import hashlib
from fractions import Fraction

from stepgym.verifiers.math.tree import Node, symbols


def points(left: Node, right: Node, count: int | None = None) -> list[dict[str, Fraction]]:
    """Pseudo-random rational points for the variables of both, the same for the same names.

    The first has small positive integers, so that a counterexample is easy to read; the others go through all
    patterns of signs of the first three variables. Without variables there is one empty point.

    Args:
        left: An expression.
        right: Another.
        count: How many; default: enough for all patterns of signs.
    """
    names = sorted(symbols(left) | symbols(right))
    if not names:
        return [{}]
    if count is None:
        count = 2 + 2 ** min(len(names), 3)
    return [{name: _coordinate(k, j, name) for j, name in enumerate(names)} for k in range(count)]


def natural_points(left: Node, right: Node, count: int = 12) -> list[dict[str, Fraction]]:
    """Points with natural coordinates, for factorials and binomial coefficients; rising and falling by name in turn."""
    names = sorted(symbols(left) | symbols(right))
    return [
        {name: Fraction(1 + k // 2 + 3 * j) for j, name in enumerate(names if k % 2 else reversed(names))}
        for k in range(count)
    ]


def _coordinate(k: int, j: int, name: str) -> Fraction:
    if k == 0:
        return Fraction(2 + j)
    digest = hashlib.blake2b(f"{k}/{j}/{name}".encode("utf-8", "surrogatepass"), digest_size=4).digest()
    r = int.from_bytes(digest, "big")
    negative = ((k - 1) >> min(j, 2)) & 1
    return (-1 if negative else 1) * Fraction(1 + (r >> 8) % 997, 1 + (r >> 4) % 211)
