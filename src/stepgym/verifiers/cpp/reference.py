"""What a task holds for the C++ verifier."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stepgym.errors import InvalidInputError

_FORM = '{"tests": [{"input": "1 2\\n", "output": "3\\n"}, ...], "solution": "...", "pseudocode": ["...", ...]}'
_MAX_NUMBER = 64
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_DECIMAL = re.compile(r"[.eE]")


@dataclass(frozen=True, slots=True)
class IOTest:
    """One test of a program: what it reads and what it must print."""

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class CppReference:
    """The tests of a task, and a right program if there is one."""

    tests: tuple[IOTest, ...]
    solution: str | None = None

    @classmethod
    def read(cls, reference: Any) -> CppReference:
        """The reference of a task; raises `InvalidInputError` if it is not of its form."""
        if not isinstance(reference, Mapping) or "tests" not in reference:
            raise InvalidInputError(f"the reference of a C++ task looks like {_FORM}, got {reference!r:.80}")
        tests = reference["tests"]
        if not isinstance(tests, Sequence) or isinstance(tests, str) or not tests:
            raise InvalidInputError(f"'tests' must be a list with at least one test, got {tests!r:.80}")
        solution = reference.get("solution")
        if solution is not None and not isinstance(solution, str):
            raise InvalidInputError(f"'solution' must be a program, got {solution!r:.80}")
        return cls(tuple(_read_test(test, number) for number, test in enumerate(tests, 1)), solution)


def _read_test(test: Any, number: int) -> IOTest:
    if (
        not isinstance(test, Mapping)
        or not isinstance(test.get("input"), str)
        or not isinstance(test.get("output"), str)
    ):
        raise InvalidInputError(f"test {number} must be {{'input': text, 'output': text}}, got {test!r:.80}")
    return IOTest(test["input"], test["output"])


def same_output(expected: str, got: str) -> bool:
    """Whether two outputs agree word by word.

    Where the expected word is a decimal number (with a point or an exponent), any ASCII number that differs from it by
    at most 1e-6, relative to the larger, agrees; every other word, integers, "nan" and "inf" too, only as text.
    """
    wanted, printed = expected.split(), got.split()
    return len(wanted) == len(printed) and all(map(_same_word, wanted, printed))


def _same_word(wanted: str, printed: str) -> bool:
    if wanted == printed:
        return True
    if len(wanted) > _MAX_NUMBER or len(printed) > _MAX_NUMBER:
        return False
    if not _NUMBER.fullmatch(wanted) or not _NUMBER.fullmatch(printed) or not _DECIMAL.search(wanted):
        return False
    one, other = float(wanted), float(printed)
    # A number too large to be one equals only itself, and then the words are the same.
    return abs(one - other) <= 1e-6 * max(abs(one), abs(other), 1e-3) < float("inf")


def shortened(text: str, limit: int = 200) -> str:
    """The first characters of a text, marked if there are more."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
