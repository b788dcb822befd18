"""Every calculation of a solution, judged: calculator annotations and links in running text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

from stepgym.verifiers.steps.comparison import Comparison, compare
from stepgym.verifiers.steps.expression import evaluate, render
from stepgym.verifiers.steps.links import Link, find_links, parse_chain
from stepgym.verifiers.steps.notation import Notation, read_notation
from stepgym.verifiers.steps.reader import Expression
from stepgym.verifiers.steps.readings import Wording
from stepgym.verifiers.steps.tokens import tokenize
from stepgym.verifiers.verdict import Finding, Severity

ANNOTATION = re.compile(r"<<([^<>\n]{1,300})>>")
# A line without one of these holds no link; most lines of prose are skipped by this.
_SIGN = re.compile(r"=|≈|\\approx|\bequals\b")
# The words right behind a result: its unit.
_BEHIND = re.compile(r"[^=.,;:<>()\n]{0,25}")
# A sign of operation at the end of a line, and at the beginning of the next one.
_CUT = re.compile(r"(?:[+/×÷−]|(?<![-*])[-*]|\\(?:cdot|times|div))[ \t]*\r?\n$")
_GOES_ON = re.compile(r"[ \t]*(?:[+/×÷−]|-(?!-)|\*(?!\*)|\\(?:cdot|times|div)(?![a-z]))")
# The first dollar sign of a line ends a formula: no amount of money.
_CLOSES = re.compile(r"[^$\n]*[^$\s]\$(?![0-9])")
_TAIL = 40
MAX_CALCULATIONS = 1000


@dataclass(frozen=True, slots=True)
class Calculation:
    """One judged link.

    Attributes:
        link: The two sides.
        comparison: What they come to, None when one has no value.
        finding: What is reported.
    """

    link: Link
    comparison: Comparison | None
    finding: Finding


def find_calculations(text: str, question: str = "") -> list[Calculation]:
    """All calculations (the first thousand in annotations and in running text each), in order of their start."""
    running = _running(text, read_notation(question))
    found = [*islice(_annotated(text), MAX_CALCULATIONS), *islice(running, MAX_CALCULATIONS)]
    return sorted(found, key=lambda c: (c.finding.start, c.finding.end))


def copied_results(text: str) -> Iterator[Finding]:
    """A finding for each `<<48/2=24>>24` in which the number behind is not the annotation's result."""
    for match in islice(ANNOTATION.finditer(text), MAX_CALCULATIONS):
        links = parse_chain(text, match.start(1), match.end(1))
        behind = tokenize(text, match.end(), min(len(text), match.end() + 40))
        if not links or not behind or behind[0].kind != "number":
            continue
        copied = behind[0]
        if text[match.end() : copied.start].strip(" $\\*"):
            continue
        result = evaluate(links[-1].right.node)
        if result is None or copied.value in (result, result * 100, result / 100):
            continue
        # Money and whole things are rounded on the way into the text.
        if abs(copied.value - result) < Fraction(1, 10**copied.decimals):
            continue
        yield Finding(
            copied.start,
            copied.end,
            "copied-result",
            "refuted",
            f"the calculator gave {shown(result)}, the text goes on with {copied.text}",
            {"result": str(result), "copied": str(copied.value), "annotation": match.group(1)},
        )


def _annotated(text: str) -> Iterator[Calculation]:
    for match in ANNOTATION.finditer(text):
        for link in parse_chain(text, match.start(1), match.end(1)):
            yield _judged(link, compare(link.left.node, link.right.node), "annotation")


def _running(text: str, notation: Notation) -> Iterator[Calculation]:
    prose = ANNOTATION.sub(lambda match: " " * len(match.group()), text)
    for start, end in _lines(prose):
        goes_on = _goes_on(prose, start, end)
        for link in find_links(prose, start, end):
            if not link.is_claim or (goes_on and not prose[link.end : end].strip()):
                continue
            behind = _BEHIND.match(prose, link.end, end)
            whole = prose[link.start : behind.end() if behind else link.end]
            # A currency sign stands before the first number.
            sign = prose[max(0, link.start - 2) : link.start]
            wording = Wording(
                left=sign + prose[link.start : link.left.end + 12],
                whole=sign + whole,
                behind=prose[link.end : link.end + 80],
                scaled=link.is_scaled,
                notation=notation,
            )
            comparison = compare(link.left.node, link.right.node, relation=link.relation, wording=wording)
            yield _judged(link, comparison, "text")


def _lines(prose: str) -> Iterator[tuple[int, int]]:
    """Where the lines that hold a link begin and end; the operator that a line before ended with is part of them."""
    start, begin = 0, 0
    for line in prose.splitlines(keepends=True):
        end = start + len(line)
        if _SIGN.search(line):
            yield begin, end
        cut = _CUT.search(line[-_TAIL:])
        begin = end if cut is None else end - min(len(line), _TAIL) + cut.start()
        start = end


def _goes_on(prose: str, start: int, end: int) -> bool:
    """Whether the formula at the end of the line goes on behind it: a sign of operation there is no bullet."""
    if _GOES_ON.match(prose, end) is None:
        return False
    line = prose[start:end]
    if line.count("\\[") > line.count("\\]") or line.count("\\(") > line.count("\\)"):
        return True
    return line.count("$") % 2 == 1 and _CLOSES.match(prose, end) is not None


def _judged(link: Link, comparison: Comparison | None, place: str) -> Calculation:
    if comparison is None:
        message = "one side has no value that can be computed"
        return Calculation(link, None, Finding(link.start, link.end, "calculation", "note", message))
    percent = comparison.percent
    evidence = {
        "left": render(link.left.node, percent=percent),
        "right": render(link.right.node, percent=percent),
        "left_value": str(comparison.left),
        "right_value": str(comparison.right),
        "tolerance": str(comparison.tolerance),
        "place": place,
    }
    left, right = shown(comparison.left), shown(comparison.right)
    outcome = comparison.outcome
    severity: Severity
    if outcome == "wrong":
        severity, message = "refuted", f"{_side(link.left, left)}, not {right}"
    elif outcome == "unclear":
        severity, message = "warning", f"{_side(link.left, left)}, not {right}; but {comparison.why}"
    elif outcome == "rounded":
        severity, message = "proved", f"{left} is {right} to the digits shown"
    else:
        severity, message = "proved", f"both sides are {left}"
    return Calculation(link, comparison, Finding(link.start, link.end, "calculation", severity, message, evidence))


def _side(expression: Expression, value: str) -> str:
    """How a message names the left side: its numbers and operators, cut when long."""
    text = render(expression.node)
    text = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    return f"{text if len(text) <= 60 else 'the left side'} is {value}"


def shown(value: Fraction) -> str:
    """A value for people: whole, short decimal, or fraction."""
    if value.denominator == 1:
        return f"{value.numerator}"
    scaled = value * 10**6
    if scaled.denominator == 1:
        return f"{float(value):.6f}".rstrip("0")
    return f"{value.numerator}/{value.denominator}"
