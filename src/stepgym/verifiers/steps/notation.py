"""What a question says about the signs in its solutions: operations of its own, moduli, number bases."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd

from stepgym.verifiers.steps.expression import Node, evaluate

_MAX_CHARACTERS = 10_000
_BASES = range(2, 17)
# "If a * b = 2a + 3b", "the operation $*$", "(a) x (b) = a^2 + b^2".
_DEFINED = re.compile(
    r"[A-Za-z](?:[)$ ]{0,4}(?:\*|×|\\(?:times|star|ast)(?![a-z]))[($ ]{0,4}|[)$ ]{1,4}x[($ ]{1,4})[A-Za-z][)$ ]{0,4}="
    r"|\boperat(?:ion|or) \$?(?:\*|×|\\(?:times|star|ast)(?![a-z]))"
)
_MODULUS = re.compile(
    r"(?:\\[pb]?mod|\bmod(?:ulo)?)[ ${(]{0,4}(?P<written>[0-9]{1,9})"
    r"|\bremainder when\b[^.?]{0,200}\bdivided by \$?(?P<divisor>[0-9]{1,9})"
    r"|\b(?P<digit>(?:units?|ones|last|final) digit)\b"
)
_BASE = re.compile(
    r"\b(?:what|which|number) bases?\b"
    r"|\bbase[- ](?:\$?-?[0-9]|\$?[a-z]\$|(?:two|three|four|five|six|seven|eight|nine)\b)"
)


@dataclass(frozen=True, slots=True)
class Notation:
    """How signs may be meant otherwise than in plain arithmetic.

    Attributes:
        redefined: Whether the sign of multiplication stands for an operation of the question's own.
        moduli: Numbers up to multiples of which things are equal.
        based: Whether digits may be those of another number base.
    """

    redefined: bool = False
    moduli: tuple[int, ...] = ()
    based: bool = False

    def other_meaning(self, left: Node, right: Node, values: tuple[Fraction, Fraction]) -> str:
        """What two sides of different values may mean all the same, empty when nothing is known."""
        if self.redefined and "*" in (*left.operators(), *right.operators()):
            return "the question defines an operation of its own"
        for base in _BASES if self.based else ():
            ours, theirs = _value_in_base(left, base), _value_in_base(right, base)
            if (ours is not None and ours in (theirs, values[1])) or theirs == values[0]:
                return f"it holds with digits in base {base}"
        difference = values[0] - values[1]
        for modulus in self.moduli:
            if difference.numerator % modulus == 0 and gcd(difference.denominator, modulus) == 1:
                return f"both sides are equal modulo {modulus}"
        return ""


def read_notation(question: str) -> Notation:
    """The notation that a question sets up; solutions have no say in it."""
    text = question[:_MAX_CHARACTERS]
    moduli = {10 if match["digit"] else int(match["written"] or match["divisor"]) for match in _MODULUS.finditer(text)}
    return Notation(
        redefined=_DEFINED.search(text) is not None,
        moduli=tuple(sorted(modulus for modulus in moduli if modulus > 1)),
        based=_BASE.search(text) is not None,
    )


def _value_in_base(node: Node, base: int) -> Fraction | None:
    """The value with all digits read in `base`, None where a number is none there."""
    read = _in_base(node, base)
    return None if read is None else evaluate(read)


def _in_base(node: Node, base: int) -> Node | None:
    if node.token is not None:
        digits = node.token.text
        if node.token.percent or not digits.isdigit() or any(int(digit) >= base for digit in digits):
            return None
        return replace(node, token=node.token._replace(value=Fraction(int(digits, base))))
    sides = [None if side is None else _in_base(side, base) for side in (node.left, node.right)]
    if sides[0] is None or (sides[1] is None and node.right is not None):
        return None
    return replace(node, left=sides[0], right=sides[1])
