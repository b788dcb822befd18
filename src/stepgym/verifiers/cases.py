"""Labelled cases: what a verifier should say about a response."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, get_args

from stepgym.errors import InvalidInputError
from stepgym.verifiers.verdict import Status


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled response.

    Attributes:
        response: What a model wrote.
        reference: What the verifier is given to judge it.
        expected: The right status.
        context: The question, where the verifier needs it.
    """

    response: str
    reference: Any
    expected: Status
    context: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.response, str) or not isinstance(self.context, str):
            raise InvalidInputError("response and context must be texts")
        if self.expected not in get_args(Status):
            raise InvalidInputError(f"expected must be one of {get_args(Status)}, got {self.expected!r}")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Case:
        """A case from a record with `response`, `reference`, `expected` (a status or a bool) and maybe `context`."""
        missing = [key for key in ("response", "reference", "expected") if key not in data]
        if missing:
            raise InvalidInputError(f"a case needs response, reference and expected; missing: {', '.join(missing)}")
        expected = data["expected"]
        if isinstance(expected, bool):
            expected = "correct" if expected else "wrong"
        return cls(data["response"], data["reference"], expected, data.get("context", ""))


CaseSource: TypeAlias = str | os.PathLike[str] | Iterable[Case | Mapping[str, Any]]


def load_cases(cases: CaseSource) -> list[Case]:
    """Cases from records or from a file of JSON lines; an error names the record or the line."""
    if isinstance(cases, str | os.PathLike):
        path = Path(cases)
        if not path.is_file():
            raise InvalidInputError(
                f"No file of cases at {path}; expected JSON lines with response, reference, expected."
            )
        # Not splitlines: JSON lines may hold raw U+2028 and its like.
        lines = path.read_text(encoding="utf-8").split("\n")
        return [_from_line(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    return [case if isinstance(case, Case) else _from_record(case, f"case {index}") for index, case in enumerate(cases)]


def _from_line(line: str, where: str) -> Case:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"{where}: not a JSON record ({error})") from error
    return _from_record(record, where)


def _from_record(record: Any, where: str) -> Case:
    if not isinstance(record, Mapping):
        raise InvalidInputError(f"{where}: expected a record with response, reference and expected, got {record!r:.80}")
    try:
        return Case.from_dict(record)
    except InvalidInputError as error:
        raise InvalidInputError(f"{where}: {error}") from error
