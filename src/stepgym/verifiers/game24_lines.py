"""One line `a op b = c (left: ...)` of a Game of 24 or Countdown: legal, exact, and not a dead end?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from stepgym.errors import InvalidInputError
from stepgym.verifiers.countdown import OPERATIONS, can_reach
from stepgym.verifiers.verdict import Finding, Severity

_NUMBER = r"\(?-?[0-9]{1,9}(?:/[0-9]{1,9}|\.[0-9]{1,6})?\)?"
_LINE = re.compile(
    rf"[ \t]*(?:step[ \t]*[0-9]+[ \t]*[:.)]|[0-9]+[.)](?=[ \t])|[-*](?=[ \t]))?[ \t]*"
    rf"(?P<a>{_NUMBER})[ \t]*(?P<op>[-+*/x×÷−])[ \t]*(?P<b>{_NUMBER})[ \t]*=[ \t]*(?P<c>{_NUMBER})"
    rf"[ \t]*(?:[(\[]?[ \t]*left[ \t]*:?[ \t]*(?P<left>(?:[ \t,]|{_NUMBER})*)[)\]]?)?[ \t]*[.,;]?[ \t]*$",
    re.IGNORECASE,
)
# The pattern is tried on short lines only: its optional parts cost quadratic time on long runs of blanks.
_MAX_LINE = 200
_SIGNS = {"x": "*", "X": "*", "×": "*", "÷": "/", "−": "-"}


@dataclass(frozen=True, slots=True)
class Puzzle:
    """What may be used and what is to be made.

    Attributes:
        numbers: Each may be used once.
        target: The value to make.
        operations: The allowed ones of `+-*/`.
        use_all: Whether every number must be used.
    """

    numbers: tuple[Fraction, ...]
    target: Fraction = Fraction(24)
    operations: str = OPERATIONS
    use_all: bool = True

    @classmethod
    def from_reference(cls, reference: Any, *, operations: str = OPERATIONS, use_all: bool = True) -> Puzzle:
        """A puzzle from `{"numbers": [4, 7, 8, 8], "target": 24}` or a list of numbers (target 24)."""
        numbers, target = reference, 24
        if isinstance(reference, Mapping):
            numbers, target = reference.get("numbers"), reference.get("target", 24)
        whole = _is_whole(target) and isinstance(numbers, list | tuple) and 1 <= len(numbers) <= 6
        if not whole or not all(map(_is_whole, numbers)):
            raise InvalidInputError(
                'game24: the reference must be {"numbers": [4, 7, 8, 8], "target": 24} with 1 to 6 whole numbers, '
                f"or the list alone, got {reference!r:.80}"
            )
        return cls(tuple(map(Fraction, numbers)), Fraction(target), operations, use_all)

    def can_reach(self, numbers: Sequence[Fraction]) -> bool:
        """Whether the target can still be made when `numbers` are left."""
        return can_reach(numbers, self.target, operations=self.operations, use_all=self.use_all)

    def is_solved(self, numbers: Sequence[Fraction]) -> bool:
        """Whether `numbers`, the ones left, show the target made."""
        return list(numbers) == [self.target] if self.use_all else self.target in numbers


def play_line(line: str, numbers: Sequence[int | Fraction], puzzle: Puzzle) -> tuple[Finding, list[Fraction]]:
    """The finding on a line and the numbers left behind it (unchanged when the line is not legal).

    The finding is "proved" for a legal line from which the target can still be made, "refuted" otherwise; spans are
    offsets into `line`.

    Args:
        line: One line `a op b = c`, perhaps with `(left: ...)`.
        numbers: The numbers that may be used.
        puzzle: Target and rules; its own `numbers` are not looked at.
    """
    left = [Fraction(number) for number in numbers]
    match = _LINE.match(line) if len(line) <= _MAX_LINE else None
    if match is None:
        return Finding(0, len(line), "form", "refuted", "not a line of the form `a op b = c (left: ...)`"), left
    return judge_line(match, left, puzzle)


def find_lines(text: str) -> Iterator[re.Match[str]]:
    """The lines of a text that have the form `a op b = c (left: ...)`."""
    start = 0
    for line in text.split("\n"):
        end = start + len(line)
        match = _LINE.match(text, start, end) if 0 < len(line) <= _MAX_LINE else None
        if match is not None:
            yield match
        start = end + 1


def judge_line(match: re.Match[str], left: list[Fraction], puzzle: Puzzle) -> tuple[Finding, list[Fraction]]:
    """`play_line` for one of `find_lines`; spans are offsets into its text."""
    facts: dict[str, Any] = {"line": match.group().strip(), "numbers": texts(left), "target": str(puzzle.target)}
    facts |= {"operations": puzzle.operations, "use_all": puzzle.use_all}

    def finding(kind: str, message: str, severity: Severity = "refuted") -> Finding:
        return Finding(match.start("a"), match.end(), kind, severity, message, facts)

    operator = _SIGNS.get(match["op"], match["op"])
    try:
        a, b, stated = (_number(match[group]) for group in ("a", "b", "c"))
        result = _apply(operator, a, b)
    except ZeroDivisionError:
        return finding("line-arithmetic", "division by zero"), left
    if operator not in puzzle.operations:
        return finding("line-operation", f"{operator} is not one of {puzzle.operations}"), left
    missing = Counter([a, b]) - Counter(left)
    if missing:
        return finding("line-numbers", f"{shown(missing)} is not among {shown(left)}"), left
    if result != stated:
        return finding("line-arithmetic", f"{a} {operator} {b} is {result}, not {stated}"), left
    after = [*sorted((Counter(left) - Counter([a, b])).elements()), result]
    facts["left"] = texts(after)
    if match["left"] is not None:
        listed = [_number(number) for number in re.findall(_NUMBER, match["left"])]
        if Counter(listed) != Counter(after):
            return finding("line-left", f"left are {shown(after)}, not {shown(listed)}"), after
    if not puzzle.can_reach(after):
        return finding("line-dead-end", f"{puzzle.target} cannot be made of {shown(after)}"), after
    return finding("line", f"{puzzle.target} can still be made of {shown(after)}", "proved"), after


def texts(numbers: Iterable[Fraction]) -> list[str]:
    """The numbers as JSON holds them: "8", "8/3"."""
    return [str(number) for number in numbers]


def shown(numbers: Iterable[Fraction]) -> str:
    """The numbers for people."""
    return ", ".join(texts(numbers)) or "nothing"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9


def _number(text: str) -> Fraction:
    return Fraction(text.strip("()"))


def _apply(operator: str, a: Fraction, b: Fraction) -> Fraction:
    if operator == "/":
        return a / b
    return {"+": a + b, "-": a - b, "*": a * b}[operator]
