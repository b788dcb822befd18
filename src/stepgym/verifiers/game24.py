"""Game of 24 and Countdown: make a target of some numbers, each used once. Exact, with certificates."""

from __future__ import annotations

import itertools
import re
import time
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from stepgym.errors import InvalidInputError
from stepgym.verifiers.countdown import OPERATIONS
from stepgym.verifiers.game24_lines import Puzzle, find_lines, judge_line, shown, texts
from stepgym.verifiers.steps.expression import Node, evaluate
from stepgym.verifiers.steps.reader import parse_expression
from stepgym.verifiers.steps.tokens import tokenize
from stepgym.verifiers.verdict import Finding, Verdict

_MAX_CHARACTERS = 20_000
_MARKER = re.compile(r"\\boxed\{|<answer>|(?<!/)\banswer(?:[ \t]+is)?[ \t]*[:=]?", re.IGNORECASE)
_EXPRESSION_LINE = re.compile(r"^[^\n]*[0-9)][ \t]*[-+*/x×÷−][^\n]*$", re.MULTILINE)


class Game24Verifier:
    """Judges a whole expression such as `(7 - 8 / 8) * 4`, or lines `a op b = c (left: ...)`, or both.

    The reference is `{"numbers": [4, 7, 8, 8], "target": 24}` or just the numbers. A whole expression stands behind
    "Answer:", in a box, or on the last line; without one the lines decide. Every line is checked on its own: both
    numbers there, the result exact, the list of what is left right, and the target still reachable; the first line
    that is not so is refuted (for a dead end by exhaustive search), and what follows it is unknown.

    Args:
        operations: The allowed ones of `+-*/`.
        use_all: Whether every number must be used (Game of 24), or any choice of them (Countdown on television).
    """

    name = "game24/1"

    def __init__(self, *, operations: str = OPERATIONS, use_all: bool = True) -> None:
        if not operations or not set(operations) <= set(OPERATIONS):
            raise InvalidInputError(f"operations must be some of {OPERATIONS!r}, got {operations!r}")
        self.operations = operations
        self.use_all = use_all

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        """The verdict on `response`; see the class."""
        started = time.perf_counter()
        puzzle = Puzzle.from_reference(reference, operations=self.operations, use_all=self.use_all)
        return self._verify(response, puzzle).signed(self.name, time.perf_counter() - started)

    def _verify(self, response: str, puzzle: Puzzle) -> Verdict:
        if len(response) > _MAX_CHARACTERS:
            return Verdict.undecided(f"longer than {_MAX_CHARACTERS} characters: {len(response)}")
        lines = list(find_lines(response))
        findings, left = self._check_lines(lines, puzzle)
        span = _whole_answer(response, lines)
        if span is not None:
            answer = self._check_answer(response, *span, puzzle)
            findings = sorted([*findings, *answer], key=lambda f: (f.start, f.end))
            bad = [f for f in answer if f.severity != "proved"]
            return (
                Verdict.wrong(*findings, reason=bad[0].message)
                if bad
                else Verdict.correct(*findings, reason=answer[0].message)
            )
        if not lines:
            return Verdict.wrong(reason="no expression and no line `a op b = c`")
        bad = [f for f in findings if f.severity == "refuted"]
        if bad:
            return Verdict.wrong(*findings, reason=bad[0].message)
        if puzzle.is_solved(left):
            return Verdict.correct(*findings, reason=f"the lines make {puzzle.target}")
        return Verdict.wrong(*findings, reason=f"the lines end with {shown(left)}, not with {puzzle.target}")

    def _check_lines(self, lines: list[re.Match[str]], puzzle: Puzzle) -> tuple[list[Finding], list[Fraction]]:
        left = list(puzzle.numbers)
        findings: list[Finding] = []
        for match in lines:
            finding, left = judge_line(match, left, puzzle)
            findings.append(finding)
            if finding.severity == "refuted":
                break
        return findings, left

    def _check_answer(self, response: str, start: int, end: int, puzzle: Puzzle) -> list[Finding]:
        facts: dict[str, Any] = {
            "numbers": texts(puzzle.numbers),
            "target": str(puzzle.target),
            "use_all": self.use_all,
        }
        sides = _sides(response, start, end)
        node = next((node for node, _, _ in sides or [] if node.token is None), None) or (
            sides[0][0] if sides else None
        )
        if sides is None or node is None:
            shown = response[start : min(end, start + 60)]
            return [Finding(start, end, "form", "fatal", f"{shown!r} is not an expression", facts)]
        unknown = sorted(
            {"^", "//"} & set(node.operators()) | set(node.operators()) & set(OPERATIONS) - set(self.operations)
        )
        if unknown:
            return [Finding(start, end, "operation", "fatal", f"{unknown[0]} is not one of {self.operations}", facts)]
        misused = self._misused(node, (start, end), puzzle, facts)
        if misused:
            return misused
        value = evaluate(node)
        facts["value"] = None if value is None else str(value)
        if value is None:
            return [Finding(start, end, "value", "fatal", "the expression has no value", facts)]
        others = [evaluate(other) for other, _, _ in sides if other is not node]
        if value != puzzle.target:
            return [Finding(start, end, "value", "fatal", f"the value is {value}, not {puzzle.target}", facts)]
        if any(other != value for other in others):
            return [Finding(start, end, "value", "fatal", f"the value is {value}, not what the answer says", facts)]
        return [Finding(start, end, "value", "proved", f"makes {puzzle.target} of the given numbers", facts)]

    def _misused(self, node: Node, span: tuple[int, int], puzzle: Puzzle, facts: Mapping[str, Any]) -> list[Finding]:
        """A finding for each number used too often or not given; one for the whole when some are left out."""
        available = Counter(puzzle.numbers)
        findings = []
        tokens = sorted(node.numbers(), key=lambda token: token.start)
        for token in tokens:
            available[token.value] -= 1
            if available[token.value] < 0 or token.percent:
                message = (
                    f"{token.text} is used once too often"
                    if token.value in puzzle.numbers
                    else f"{token.text} is not given"
                )
                findings.append(Finding(token.start, token.end, "number-use", "refuted", message, dict(facts)))
        unused = +available
        if self.use_all and unused and not findings:
            message = f"{shown(unused)} is not used"
            findings.append(Finding(*span, "number-use", "fatal", message, dict(facts)))
        return findings


def _whole_answer(response: str, lines: list[re.Match[str]]) -> tuple[int, int] | None:
    """The span of the whole expression: behind the last marker, else the last line that holds one and is no step."""
    markers = list(_MARKER.finditer(response))
    if markers:
        start = markers[-1].end()
        stop = _closing(response, start) if markers[-1].group().startswith("\\") else _line_end(response, start)
        stop = min([stop, *(at for at in (response.find("</answer>", start),) if at >= 0)])
        return _stripped(response, start, stop)
    steps = {match.start() for match in lines}
    candidates = [m for m in _EXPRESSION_LINE.finditer(response) if m.start() not in steps]
    # Prose between step lines is no answer; an expression behind the last of them is.
    if not candidates or (lines and candidates[-1].start() < lines[-1].start()):
        return None
    return _stripped(response, *candidates[-1].span())


def _sides(response: str, start: int, end: int) -> list[tuple[Node, int, int]] | None:
    """The expressions between signs of equality, None when something else stands there."""
    tokens = tokenize(response, start, end)
    if any(a.kind == b.kind == "number" for a, b in itertools.pairwise(tokens)):
        return None
    sides = []
    index = 0
    while True:
        expression = parse_expression(tokens, index, formal=True)
        if expression is None:
            return None
        sides.append((expression.node, expression.start, expression.end))
        if expression.stop == len(tokens):
            return sides
        if tokens[expression.stop].kind != "equals":
            return None
        index = expression.stop + 1


def _closing(response: str, start: int) -> int:
    depth = 1
    for at in range(start, len(response)):
        depth += {"{": 1, "}": -1}.get(response[at], 0)
        if depth == 0:
            return at
    return len(response)


def _line_end(response: str, start: int) -> int:
    at = response.find("\n", start)
    return len(response) if at < 0 else at


def _stripped(response: str, start: int, end: int) -> tuple[int, int]:
    while start < end and (response[start].isspace() or response[start] in "$:*`"):
        start += 1
    while end > start and (response[end - 1].isspace() or response[end - 1] in "$.*`"):
        end -= 1
    return start, end
