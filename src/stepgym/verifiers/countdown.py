"""Which values can be made of some numbers with + - * /? The solver behind Game of 24 and Countdown."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from stepgym.errors import InvalidInputError

Numbers: TypeAlias = tuple[Fraction, ...]

OPERATIONS = "+-*/"
_MAX_NUMBERS = 6
# All values of this many numbers are listed; for more the target is taken apart instead.
_LISTED = 3


def solve(
    numbers: Sequence[int | Fraction],
    target: int | Fraction = 24,
    *,
    operations: str = OPERATIONS,
    use_all: bool = True,
) -> str | None:
    """An expression that makes `target` of the numbers, each used once; None proves that there is none.

    Args:
        numbers: At most six.
        target: The value to make.
        operations: The allowed ones of `+-*/`.
        use_all: Whether every number must be used, or at least one.
    """
    pool = _checked(numbers, operations)
    sizes = [len(pool)] if use_all else range(1, len(pool) + 1)
    for size in sizes:
        for subset in sorted(set(itertools.combinations(pool, size))):
            found = _reach(subset, Fraction(target), operations)
            if found is not None:
                return found[1:-1] if found.startswith("(") and size > 1 else found
    return None


def can_reach(
    numbers: Sequence[int | Fraction],
    target: int | Fraction = 24,
    *,
    operations: str = OPERATIONS,
    use_all: bool = True,
) -> bool:
    """Whether `solve` finds an expression; False is a proof that these numbers are a dead end."""
    return solve(numbers, target, operations=operations, use_all=use_all) is not None


def _checked(numbers: Sequence[int | Fraction], operations: str) -> Numbers:
    if not 1 <= len(numbers) <= _MAX_NUMBERS:
        raise InvalidInputError(f"expected 1 to {_MAX_NUMBERS} numbers, got {len(numbers)}")
    if not operations or not set(operations) <= set(OPERATIONS):
        raise InvalidInputError(f"operations must be some of {OPERATIONS!r}, got {operations!r}")
    return tuple(sorted(map(Fraction, numbers)))


@lru_cache(maxsize=50_000)
def _reach(numbers: Numbers, target: Fraction, operations: str) -> str | None:
    """An expression of all `numbers` that is `target`, in parentheses."""
    if len(numbers) <= _LISTED:
        return _values(numbers, operations).get(target)
    for part, rest in _splits(numbers):
        for value, text in _values(part, operations).items():
            if not value and not target:
                times_zero = _times_zero(text, rest, operations)
                if times_zero is not None:
                    return times_zero
            for needed, form in _inverses(target, value, operations):
                other = _reach(rest, needed, operations)
                if other is not None:
                    return form.format(part=text, rest=other)
    return None


def _times_zero(zero: str, rest: Numbers, operations: str) -> str | None:
    """Zero from a zero and numbers that may have any value."""
    if "*" in operations:
        return f"({zero} * {' * '.join(_values((n,), operations)[n] for n in rest)})"
    if "/" in operations:
        return next((f"({zero} / {text})" for value, text in _values(rest, operations).items() if value), None)
    return None


@lru_cache(maxsize=20_000)
def _values(numbers: Numbers, operations: str) -> dict[Fraction, str]:
    """Every value of an expression that uses all `numbers`, with one such expression."""
    if len(numbers) == 1:
        return {numbers[0]: str(numbers[0]) if numbers[0].denominator == 1 else f"({numbers[0]})"}
    values: dict[Fraction, str] = {}
    for part, rest in _splits(numbers):
        lefts, rights = _values(part, operations).items(), _values(rest, operations).items()
        for (a, left), (b, right) in itertools.product(lefts, rights):
            for value, form in _results(a, b, operations):
                values.setdefault(value, form.format(part=left, rest=right))
    return values


def _splits(numbers: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
    """Every way to part the numbers into a smaller and a larger half, without repetition."""
    seen = set()
    for size in range(1, len(numbers) // 2 + 1):
        for chosen in itertools.combinations(range(len(numbers)), size):
            part = tuple(numbers[i] for i in chosen)
            rest = tuple(number for i, number in enumerate(numbers) if i not in chosen)
            if (part, rest) not in seen:
                seen.add((part, rest))
                yield part, rest


def _results(a: Fraction, b: Fraction, operations: str) -> Iterable[tuple[Fraction, str]]:
    """What one operation makes of `a` ("part") and `b` ("rest"), in both orders."""
    if "+" in operations:
        yield a + b, "({part} + {rest})"
    if "*" in operations:
        yield a * b, "({part} * {rest})"
    if "-" in operations:
        yield a - b, "({part} - {rest})"
        yield b - a, "({rest} - {part})"
    if "/" in operations and b:
        yield a / b, "({part} / {rest})"
    if "/" in operations and a:
        yield b / a, "({rest} / {part})"


def _inverses(target: Fraction, part: Fraction, operations: str) -> Iterable[tuple[Fraction, str]]:
    """The values that the rest must have so that one operation with `part` makes the target."""
    if "+" in operations:
        yield target - part, "({part} + {rest})"
    if "-" in operations:
        yield part - target, "({part} - {rest})"
        yield target + part, "({rest} - {part})"
    if part:
        if "*" in operations:
            yield target / part, "({part} * {rest})"
        if "/" in operations:
            yield target * part, "({rest} / {part})"
            if target:
                yield part / target, "({part} / {rest})"
