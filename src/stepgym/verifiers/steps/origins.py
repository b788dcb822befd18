"""Where the numbers of a calculation come from: the question, an earlier result, or common knowledge.

A number from nowhere is a warning and never a refutation: people leave steps out.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from fractions import Fraction

from stepgym.verifiers.steps.calculations import Calculation, shown
from stepgym.verifiers.steps.expression import evaluate
from stepgym.verifiers.steps.tokens import tokenize
from stepgym.verifiers.verdict import Finding

_SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
_SMALL += "seventeen eighteen nineteen"
_TENTHS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBERS = {word: value for value, word in enumerate(_SMALL.split())}
_TENS = {word: 10 * value for value, word in enumerate(_TENTHS.split(), 2)}
_SHARES = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8}
_SHARES |= {"ninth": 9, "tenth": 10}
_MULTIPLES = {"once": 1, "twice": 2, "double": 2, "doubled": 2, "thrice": 3, "triple": 3, "tripled": 3, "quadruple": 4}
_MULTIPLES |= {"dozen": 12, "couple": 2, "pair": 2, "hundred": 100, "thousand": 1000, "million": 10**6, "score": 20}
_WORDS = _NUMBERS | _TENS | _MULTIPLES
_WORD = re.compile(r"[A-Za-z]+")

# Units of time, length, weight and money, whole and half, one and a hundred percent.
COMMON = frozenset(
    Fraction(n) for n in (0, 1, 2, 3, 4, 5, 7, 10, 12, 16, 24, 30, 31, 36, 48, 52, 60, 100, 180, 360, 365, 1000, 3600)
) | {Fraction(1, 2), Fraction(1, 4)}


def untraced_numbers(calculations: Iterable[Calculation], question: str) -> Iterator[Finding]:
    """A warning for each number that is calculated with but stands neither in the question nor in an earlier result."""
    known = set(COMMON) | _values(question)
    for calculation in calculations:
        link = calculation.link
        if not link.left.is_number:
            for token in link.left.node.numbers():
                value = token.value
                if value not in known and value / 100 not in known and value * 100 not in known:
                    yield Finding(
                        token.start,
                        token.end,
                        "origin",
                        "warning",
                        f"{shown(value)} comes neither from the question nor from an earlier result",
                        {"value": str(value)},
                    )
                    known.add(value)
        for side in (link.left, link.right):
            result = evaluate(side.node)
            if result is not None:
                known.add(result)
        known.update(token.value for token in link.right.node.numbers())


def _values(question: str) -> set[Fraction]:
    """The numbers a question states, in digits and in words, and what percentages leave or add."""
    values: set[Fraction] = set()
    for token in tokenize(question):
        if token.kind == "number":
            values.add(token.value)
            if token.percent:
                share = token.value / 100
                values |= {share, 1 - share, 1 + share, 100 - token.value, 100 + token.value}
    words = [word.lower() for word in _WORD.findall(question)]
    for word, following in itertools.pairwise([*words, ""]):
        if word in _WORDS:
            values.add(Fraction(_WORDS[word]))
        if word in _TENS and following in _NUMBERS:
            values.add(Fraction(_TENS[word] + _NUMBERS[following]))
        parts = _SHARES.get(word.removesuffix("s"))
        if parts:
            values |= {Fraction(n, parts) for n in range(1, parts)} | {Fraction(parts), Fraction(parts + 1, parts)}
            values.add(Fraction(parts - 1))
    return values
