"""Letters that stand for numbers: what is each, from sums, differences, products and comparisons."""

from __future__ import annotations

import random
from typing import Any

from stepgym.envs.puzzles.drawing import Frame, Proposal, listed

LETTERS = "ABCDE"
SIZES = {1: (2, 9), 2: (2, 9), 3: (3, 9), 4: (4, 9), 5: (5, 9)}
"""Letters and the largest number, by difficulty."""
ANSWER = "one line for each letter, like 'A=3'"
_KINDS = {
    1: ("sum", "difference", "less"),
    2: ("sum", "difference", "less", "product", "parity"),
    3: ("sum", "difference", "less", "product", "parity", "times"),
    4: ("sum", "distance", "less", "product", "parity", "times", "sum3"),
    5: ("sum", "distance", "less", "product", "parity", "times", "sum3", "between", "if"),
}


def frame(rng: random.Random, difficulty: int) -> Frame:
    """The letters of a puzzle."""
    count, largest = SIZES[difficulty]
    letters = list(LETTERS[:count])
    different = difficulty >= 4

    def propose(rng: random.Random) -> Proposal:
        kind = rng.choice(_KINDS[difficulty])
        words, tree = _clue(rng, kind, rng.sample(letters, min(3, count)), largest, difficulty)
        return Proposal(repr(tree), f"{words}.", tree)

    kinds = "different whole numbers" if different else "whole numbers"
    return Frame(
        f"{listed(letters)} are {kinds} from 1 to {largest}. What are they?",
        dict.fromkeys(letters, range(1, largest + 1)),
        {"form": "equations"},
        propose,
        rules=[{"words": "All numbers are different.", "holds": ["different", *letters]}] if different else (),
        extra=max(0, difficulty - 3),
    )


def _clue(rng: random.Random, kind: str, who: list[str], largest: int, difficulty: int) -> tuple[str, Any]:
    one, two, three = (*who, who[0])[:3]
    number, phrase = rng.randrange(1, 2 * largest + 1), rng.randrange(2) if difficulty > 1 else 0
    if kind == "sum":
        return (f"{one} + {two} = {number}", f"The sum of {one} and {two} is {number}")[phrase], [
            "=",
            ["+", one, two],
            number,
        ]
    if kind in ("difference", "distance"):
        gap = 1 + number % (largest - 1)
        if kind == "distance":
            words = (f"{one} and {two} differ by {gap}", f"Between {one} and {two} lies a difference of {gap}")
            return words[phrase], ["=", ["abs", ["-", one, two]], gap]
        words = (f"{one} - {two} = {gap}", f"{one} is {two} plus {gap}")
        return words[phrase], ["=", ["-", one, two], gap]
    if kind == "less":
        return (f"{one} < {two}", f"{two} is greater than {one}")[phrase], ["<", one, two]
    if kind == "product":
        product = rng.randrange(1, largest + 1) * rng.randrange(1, largest + 1)
        words = (f"{one} * {two} = {product}", f"The product of {one} and {two} is {product}")
        return words[phrase], ["=", ["*", one, two], product]
    if kind == "parity":
        rest = number % 2
        what = ("even", "odd")[rest]
        return (f"{one} is {what}", f"{one} is an {what} number")[phrase], ["=", ["%", one, 2], rest]
    if kind == "times":
        factor = 2 + number % 3
        words = (f"{one} = {factor} * {two}", f"{one} is {factor} times {two}")
        return words[phrase], ["=", one, ["*", factor, two]]
    if kind == "sum3":
        total = rng.randrange(3, 3 * largest + 1)
        words = (f"{one} + {two} + {three} = {total}", f"The sum of {one}, {two} and {three} is {total}")
        return words[phrase], ["=", ["+", one, two, three], total]
    if kind == "between":
        words = (f"{one} lies between {two} and {three}", f"{two} and {three} lie on different sides of {one}")
        low, high = ["and", ["<", two, one], ["<", one, three]], ["and", ["<", three, one], ["<", one, two]]
        return words[phrase], ["or", low, high]
    return f"If {one} < {two}, then {three} is even", ["implies", ["<", one, two], ["=", ["%", three, 2], 0]]
