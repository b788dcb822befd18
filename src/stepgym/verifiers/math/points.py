"""The points at which two expressions are compared."""

from __future__ import annotations

import hashlib
from fractions import Fraction

from stepgym.verifiers.math.tree import Node, symbols


def points(left: Node, right: Node, count: int) -> list[dict[str, Fraction]]:
    """`count` pseudo-random rational points for the variables of both, the same for the same names.

    The first has small positive integers, so that a counterexample is easy to read; the others mix signs.
    """
    names = sorted(symbols(left) | symbols(right))
    result = []
    for k in range(count):
        point = {}
        for j, name in enumerate(names):
            digest = hashlib.blake2b(f"{k}/{j}/{name}".encode(), digest_size=4).digest()
            r = int.from_bytes(digest, "big")
            if k == 0:
                point[name] = Fraction(2 + j)
            else:
                sign = -1 if (k % 3 == 2 and r & 1) or k % 3 == 0 else 1
                point[name] = sign * Fraction(1 + (r >> 8) % 997, 1 + (r >> 4) % 211)
        result.append(point)
    return result
