"""Rewriting equations in one unknown: does each equation have the solutions of the one before it?

Linear equations are compared by their solution, a claimed root by substitution, other polynomials up to a constant
factor. An equation that differs is refuted only where nothing but equations stands on the two adjacent lines; in
sentences a new equation may simply begin, and nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from stepgym.verifiers.verdict import Finding, Severity

# Powers of the unknown, lowest first, without zeros at the end.
Coefficients = tuple[Fraction, ...]

_MAX_EQUATIONS = 200
_MAX_LENGTH = 120
_MAX_DEGREE = 4
_MAX_BITS = 256
_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,9})?"
_LETTER = r"(?<![A-Za-z])[a-zA-Z](?![A-Za-z'’])"
# Possessive: nothing is given back, so that matching stays linear.
_SIDE = rf"(?:{_NUMBER}|{_LETTER}|[-+*/()^ ])++"
_EQUATION = re.compile(rf"(?<![\w.,$%<>|!])(?P<left>{_SIDE})=(?P<right>{_SIDE})(?![\w=%<>|!,\\{{])")
_RUN = re.compile(_SIDE)
_TOKEN = re.compile(rf"(?P<number>{_NUMBER})|(?P<letter>[a-zA-Z])|(?P<sign>[-+*/()^])|(?P<blank> )")
# "a" and "I" are words far more often than unknowns.
_WORDS = frozenset("aAI")
_LINE_MARKS = " \t$\\[]().,;:=>-*0123456789"


@dataclass(frozen=True, slots=True)
class Equation:
    """`left = right` as a polynomial in one unknown that is zero.

    Attributes:
        start: First character.
        end: One past the last.
        line: Number of its line.
        alone: Whether the line holds nothing else.
        unknown: The letter.
        zero: `left - right`, lowest power first.
        text: What stands there.
    """

    start: int
    end: int
    line: int
    alone: bool
    unknown: str
    zero: Coefficients
    text: str


def rewritten_equations(text: str) -> list[Finding]:
    """A finding for each equation that follows another one in the same unknown and can be compared with it."""
    findings = []
    before: dict[str, Equation] = {}
    for equation in _equations(text):
        known = before.get(equation.unknown)
        before[equation.unknown] = equation
        if known is None or equation.line - known.line > 2:
            continue
        agrees = same_solutions(known.zero, equation.zero)
        adjacent = known.alone and equation.alone and equation.line - known.line == 1
        if agrees is None or (not agrees and not adjacent):
            continue
        evidence = {"before": known.text, "after": equation.text, "unknown": equation.unknown}
        evidence |= {"solutions": _shown(known.zero, equation.unknown)}
        relation = "follows from" if agrees else "does not follow from"
        message = f"{equation.text} {relation} {known.text}"
        severity: Severity = "proved" if agrees else "refuted"
        findings.append(Finding(equation.start, equation.end, "equation", severity, message, evidence))
    return findings


def same_solutions(before: Coefficients, after: Coefficients) -> bool | None:
    """Whether the second polynomial has the first one's roots (or, when linear, one of them); None when not decided."""
    if len(after) == 2 and len(before) >= 2:
        root = -after[0] / after[1]
        return sum(c * root**k for k, c in enumerate(before)) == 0
    if len(before) == len(after) > 2:
        factor = after[-1] / before[-1]
        return True if all(b * factor == a for a, b in zip(after, before, strict=True)) else None
    return None


def read_equation(text: str) -> tuple[str, Coefficients] | None:
    """The unknown and `left - right` of an equation in one unknown; None when it is not one."""
    left, _, right = text.partition("=")
    unknowns = set(re.findall(r"[a-zA-Z]", text))
    if len(unknowns) != 1 or unknowns & _WORDS:
        return None
    sides = [_Reader(side).read() for side in (left, right)]
    if sides[0] is None or sides[1] is None:
        return None
    zero = _add(sides[0], sides[1], Fraction(-1))
    return (unknowns.pop(), zero) if len(zero) >= 2 else None


def _equations(text: str) -> Iterator[Equation]:
    start, count = 0, 0
    for number, line in enumerate(text.split("\n")):
        for match in _EQUATION.finditer(line) if _is_readable(line) else ():
            found = match.group().strip()
            begin = start + match.start() + len(match.group()) - len(match.group().lstrip())
            read = read_equation(found) if len(found) <= _MAX_LENGTH else None
            if read is None:
                continue
            count += 1
            if count > _MAX_EQUATIONS:
                return
            rest = line[: match.start()] + line[match.end() :]
            yield Equation(begin, begin + len(found), number, not rest.strip(_LINE_MARKS), *read, found)
        start += len(line) + 1


def _is_readable(line: str) -> bool:
    """Whether a line holds an equation and no stretch of signs and numbers so long that matching it would be slow."""
    return "=" in line and all(len(run.group()) <= _MAX_LENGTH for run in _RUN.finditer(line))


def _shown(zero: Coefficients, unknown: str) -> str:
    if len(zero) == 2:
        return f"{unknown} = {-zero[0] / zero[1]}"
    return " + ".join(f"{c}*{unknown}^{k}" for k, c in enumerate(zero) if c) + " = 0"


class _Reader:
    """A side of an equation as a polynomial; recursive descent over at most `_MAX_LENGTH` characters."""

    def __init__(self, text: str) -> None:
        self.tokens = [m for m in _TOKEN.finditer(text) if m.lastgroup != "blank"]
        self.complete = sum(len(m.group()) for m in _TOKEN.finditer(text)) == len(text)
        self.at = 0

    def read(self) -> Coefficients | None:
        try:
            value = self.sum(0)
        except (IndexError, ZeroDivisionError, OverflowError, ValueError):
            return None
        return value if self.complete and self.at == len(self.tokens) else None

    def next_is(self, signs: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at].group() in tuple(signs)

    def sum(self, depth: int) -> Coefficients:
        value = self.product(depth)
        while self.next_is("+-"):
            self.at += 1
            factor = Fraction(1 if self.tokens[self.at - 1].group() == "+" else -1)
            value = _add(value, self.product(depth), factor)
        return value

    def product(self, depth: int) -> Coefficients:
        value = self.power(depth)
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if self.next_is("*/"):
                self.at += 1
                other = self.power(depth)
                value = _times(value, other) if token.group() == "*" else _divided(value, other)
            elif token.lastgroup == "letter" or token.group() == "(":
                value = _times(value, self.power(depth))
            else:
                break
        return value

    def power(self, depth: int) -> Coefficients:
        base = self.atom(depth)
        if not self.next_is("^"):
            return base
        exponent = int(self.tokens[self.at + 1].group())
        self.at += 2
        if exponent > _MAX_DEGREE:
            raise OverflowError
        value: Coefficients = (Fraction(1),)
        for _ in range(exponent):
            value = _times(value, base)
        return value

    def atom(self, depth: int) -> Coefficients:
        token = self.tokens[self.at]
        self.at += 1
        if token.lastgroup == "number":
            return _trimmed([Fraction(token.group())])
        if token.lastgroup == "letter":
            return (Fraction(0), Fraction(1))
        if token.group() == "-":
            return _times((Fraction(-1),), self.power(depth))
        if token.group() != "(" or depth > 20:
            raise ValueError
        value = self.sum(depth + 1)
        if not self.next_is(")"):
            raise ValueError
        self.at += 1
        return value


def _trimmed(values: list[Fraction]) -> Coefficients:
    while values and not values[-1]:
        values.pop()
    size = max((max(abs(v.numerator), v.denominator).bit_length() for v in values), default=0)
    if len(values) > _MAX_DEGREE + 1 or size > _MAX_BITS:
        raise OverflowError
    return tuple(values)


def _add(a: Coefficients, b: Coefficients, factor: Fraction) -> Coefficients:
    zero = Fraction(0)
    longest = max(len(a), len(b))
    padded = ((*c, *[zero] * (longest - len(c))) for c in (a, b))
    return _trimmed([x + factor * y for x, y in zip(*padded, strict=True)])


def _times(a: Coefficients, b: Coefficients) -> Coefficients:
    values = [Fraction(0)] * max(0, len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            values[i + j] += x * y
    return _trimmed(values)


def _divided(a: Coefficients, b: Coefficients) -> Coefficients:
    if len(b) > 1:
        raise ValueError
    if not b:
        raise ZeroDivisionError
    return _trimmed([x / b[0] for x in a])
