"""`ArithmeticChainVerifier`: a chain of integer operations, its final answer and every worked line of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepgym.errors import InvalidInputError
from stepgym.verifiers.verdict import Finding, Verdict

OPERATIONS = "+-*"
MAX_OPERANDS = 64
MAX_NUMBER = 10**9
"""Largest absolute value of an operand or a modulus."""

_MAX_LINES = 1_000
# 64 operands of up to 10 digits have a product of at most 640 digits; possessive quantifiers keep matching linear.
_NUMBER = r"[+-]?+[0-9]{1,640}+"
_WORKED_LINE = re.compile(
    rf"^[ \t]*+(?P<left>{_NUMBER})[ \t]*+(?P<op>[+*-])[ \t]*+(?P<right>{_NUMBER})"
    rf"[ \t]*+=[ \t]*+(?P<result>{_NUMBER})[ \t]*+\r?$",
    re.MULTILINE,
)
_ANSWER_LINE = re.compile(
    rf"^[ \t]*+answer[ \t]*+(?:[:=][ \t]*+)?(?P<value>{_NUMBER})[ \t]*+(?:\.[ \t]*+)?\r?$",
    re.MULTILINE | re.IGNORECASE,
)
_BARE_ANSWER = re.compile(rf"\s*+(?:=[ \t]*+)?(?P<value>{_NUMBER})\.?\s*+\Z")


@dataclass(frozen=True, slots=True)
class Chain:
    """`operands` joined by `operations` and worked strictly from left to right.

    Attributes:
        operands: 2 to 64 integers of absolute value at most 10^9.
        operations: One of "+", "-", "*" between each two operands, as one string.
        modulus: Each result is reduced to 0..modulus-1; None for plain integers.
    """

    operands: tuple[int, ...]
    operations: str
    modulus: int | None = None

    def __post_init__(self) -> None:
        if not 2 <= len(self.operands) <= MAX_OPERANDS:
            raise InvalidInputError(f"a chain has 2 to {MAX_OPERANDS} operands, got {len(self.operands)}")
        if len(self.operations) != len(self.operands) - 1 or set(self.operations) - set(OPERATIONS):
            raise InvalidInputError(
                f"a chain of {len(self.operands)} operands needs {len(self.operands) - 1} operations out of "
                f"{OPERATIONS!r}, got {self.operations!r:.80}"
            )
        for operand in self.operands:
            if type(operand) is not int or abs(operand) > MAX_NUMBER:
                raise InvalidInputError(f"an operand is an integer from -10^9 to 10^9, got {operand!r:.40}")
        if self.modulus is not None and (type(self.modulus) is not int or not 2 <= self.modulus <= MAX_NUMBER):
            raise InvalidInputError(f"the modulus is an integer from 2 to 10^9 or None, got {self.modulus!r:.40}")

    def apply(self, left: int, operation: str, right: int) -> int:
        """The exact result of one operation, reduced if there is a modulus."""
        if operation == "+":
            value = left + right
        elif operation == "-":
            value = left - right
        else:
            value = left * right
        return value if self.modulus is None else value % self.modulus

    def partial_results(self) -> tuple[int, ...]:
        """The result after each operation; the last one is the answer."""
        results = []
        value = self.operands[0]
        for operation, operand in zip(self.operations, self.operands[1:], strict=True):
            value = self.apply(value, operation, operand)
            results.append(value)
        return tuple(results)

    def to_reference(self) -> dict[str, Any]:
        """The chain as the JSON value that `ArithmeticChainVerifier.verify` takes as its reference."""
        return {
            "operands": list(self.operands),
            "operations": self.operations,
            "modulus": self.modulus,
            "answer": self.partial_results()[-1],
        }

    @classmethod
    def from_reference(cls, reference: Any) -> Chain:
        """The inverse of `to_reference`; "answer" may be missing. Raises `InvalidInputError` for anything else."""
        if not isinstance(reference, Mapping):
            raise InvalidInputError(
                'arithmetic-chain: the reference must be {"operands": [3, 4], "operations": "+", "modulus": 7}, '
                f"got {reference!r:.80}"
            )
        operands, operations = reference.get("operands"), reference.get("operations")
        if not isinstance(operands, list | tuple) or not isinstance(operations, str):
            raise InvalidInputError(
                f"arithmetic-chain: a reference has a list 'operands' and a text 'operations', got {reference!r:.80}"
            )
        return cls(tuple(operands), operations, reference.get("modulus"))


class ArithmeticChainVerifier:
    """Correct when the final answer of an arithmetic chain is exact; worked lines get findings of their own.

    The final answer is the last line of the form `answer 2`, or a response that is one integer and nothing else; with
    a modulus m it must lie in 0..m-1. A response without a final answer is wrong. Worked lines have the form `3+4=0`.
    Each is checked on its own: its left operand is what the line before it claims, its operation and right operand
    are the next ones of the question, and its result is exact. The verdict does not depend on worked lines.

    Findings: "arithmetic" (proved or refuted, evidence `{"left": "3+4", "modulus": 7, "claimed": 1, "exact": 0}`),
    "wrong-operand" (refuted, evidence `{"expected": ..., "found": ...}`), "extra-line" (warning), and "final-answer"
    (proved or refuted, evidence `{"claimed": ..., "exact": ...}`).
    """

    name = "arithmetic-chain/1"

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        """The verdict on `response`; raises `InvalidInputError` when `reference` is not a chain."""
        chain = Chain.from_reference(reference)
        exact = chain.partial_results()[-1]
        if reference.get("answer", exact) != exact:
            raise InvalidInputError(
                f"arithmetic-chain: the reference says the answer is {reference['answer']!r:.40}, but it is {exact}"
            )
        findings = _worked_lines(chain, response)
        refuted = sum(finding.severity == "refuted" for finding in findings)
        value = _final_answer(response)
        if value is None:
            return Verdict.wrong(*findings, reason="no final answer: expected a line 'answer N'", verifier=self.name)
        claimed = int(value["value"])
        evidence = {"claimed": claimed, "exact": exact, "modulus": chain.modulus}
        if claimed == exact:
            message = f"the answer {claimed} is exact"
            findings = _with(findings, Finding(*value.span("value"), "final-answer", "proved", message, evidence))
            reason = message if not refuted else f"{message}, but worked lines are refuted: {refuted}"
            return Verdict.correct(*findings, reason=reason, verifier=self.name)
        message = f"the answer is {_short(exact)}, not {_short(claimed)}"
        findings = _with(findings, Finding(*value.span("value"), "final-answer", "refuted", message, evidence))
        return Verdict.wrong(*findings, verifier=self.name)


def _final_answer(response: str) -> re.Match[str] | None:
    last = None
    for last in _ANSWER_LINE.finditer(response):  # noqa: B007 - the last match is what counts
        pass
    return last or _BARE_ANSWER.match(response)


def _worked_lines(chain: Chain, response: str) -> list[Finding]:
    findings: list[Finding] = []
    expected_left = chain.operands[0]
    steps = len(chain.operations)
    for index, line in enumerate(_WORKED_LINE.finditer(response)):
        if index == _MAX_LINES:
            break
        if index < steps:
            findings.append(_check_line(chain, index, expected_left, line))
        else:
            message = f"the chain has only {steps} operations"
            findings.append(Finding(*_extent(line), "extra-line", "warning", message, {"operations": steps}))
        expected_left = int(line["result"])
    return findings


def _check_line(chain: Chain, index: int, expected_left: int, line: re.Match[str]) -> Finding:
    left, right, result = int(line["left"]), int(line["right"]), int(line["result"])
    if left != expected_left:
        source = "the first operand" if index == 0 else "the result of the line before"
        return _wrong(line, "left", expected_left, left, f"{source} is {_short(expected_left)}, not {_short(left)}")
    if line["op"] != chain.operations[index]:
        expected = chain.operations[index]
        return _wrong(line, "op", expected, line["op"], f"the question has {expected!r} here, not {line['op']!r}")
    if right != chain.operands[index + 1]:
        operand = chain.operands[index + 1]
        return _wrong(line, "right", operand, right, f"the question's next operand is {operand}, not {_short(right)}")
    exact = chain.apply(left, line["op"], right)
    evidence = {"left": f"{left}{line['op']}{right}", "modulus": chain.modulus, "claimed": result, "exact": exact}
    modulo = "" if chain.modulus is None else f" mod {chain.modulus}"
    formula = f"{_short(left)}{line['op']}{right}{modulo}"
    if result == exact:
        return Finding(*_extent(line), "arithmetic", "proved", f"{formula} is {_short(exact)}", evidence)
    message = f"{formula} is {_short(exact)}, not {_short(result)}"
    return Finding(*_extent(line), "arithmetic", "refuted", message, evidence)


def _with(findings: list[Finding], answer: Finding) -> list[Finding]:
    # Worked lines may follow the answer; a certificate is in order of its spans.
    return sorted([*findings, answer], key=lambda finding: finding.start)


def _extent(line: re.Match[str]) -> tuple[int, int]:
    return line.start("left"), line.end("result")


def _wrong(line: re.Match[str], group: str, expected: int | str, found: int | str, message: str) -> Finding:
    return Finding(*line.span(group), "wrong-operand", "refuted", message, {"expected": expected, "found": found})


def _short(number: int) -> str:
    """The number for a message: at most some 20 characters."""
    text = str(number)
    return text if len(text) <= 20 else f"{text[:8]}...{text[-4:]} ({len(text)} digits)"
