"""`check_finding`: does a finding hold? Looked at again by a second, simpler route than the one that found it."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, TypeAlias

from stepgym.errors import unknown_name
from stepgym.verifiers.steps.reckon import reckon
from stepgym.verifiers.verdict import Finding
from stepgym.verifiers.verifier import Rechecks, Verifier, get_verifier

Recheck: TypeAlias = Callable[[Finding, str, Any], bool]

_DIGITS = re.compile(r"[0-9]*\.?[0-9]+")
# Signs between groups of three digits: 1,000 and, in LaTeX, 1{,}000, 1,\!000, 1\,000.
_GROUPED = re.compile(r"\{,\}|,(?:\\!)?|\\,")
# Exact values agree to far more digits than any tolerance in evidence.
_CLOSE = Decimal("1e-40")


def check_finding(
    finding: Finding, response: str, reference: Any, *, context: str = "", verifier: Verifier | str | None = None
) -> bool:
    """Whether a finding holds for this response, looked at by another route than the one that found it.

    The span must lie in the response, what the evidence quotes must stand there, and the claim must come out again.
    Warnings and notes claim nothing, so only their span is checked.

    Args:
        finding: Of a verdict on `response`.
        response: The whole text.
        reference: What the verifier was given.
        context: What the verifier was given.
        verifier: Whose finding it is, an object or a name; one with a method `check_finding` (see `Rechecks`) is
            asked. None: a finding about answers, calculations or number games, told by its kind.

    Raises:
        UnknownNameError: Nobody knows how to re-check this kind.
    """
    if finding.end > len(response):
        return False
    if finding.severity in ("warning", "note"):
        return True
    owner: object = get_verifier(verifier) if isinstance(verifier, str) else verifier
    if isinstance(owner, Rechecks):
        return owner.check_finding(finding, response, reference, context=context)
    if finding.kind in _MATH_ANSWER and "claimed" not in finding.evidence:
        # Imported here, because it brings what this module can do without.
        from stepgym.verifiers.math.recheck import check_finding as check_math_finding

        return check_math_finding(finding, response, reference, context=context)
    if finding.kind not in _RECHECKS:
        raise unknown_name("kind of finding", finding.kind, [*_RECHECKS, *_MATH_ANSWER])
    with localcontext(prec=60):
        return _RECHECKS[finding.kind](finding, response, reference)


def _calculation(finding: Finding, response: str, reference: Any) -> bool:
    facts = finding.evidence
    left, right = reckon(facts["left"]), reckon(facts["right"])
    if left is None or right is None or not _quoted(facts["left"] + " " + facts["right"], finding, response):
        return False
    distance = abs(left - right)
    tolerance = _decimal(facts["tolerance"])
    slack = _CLOSE * max(Decimal(1), abs(left))
    if finding.severity == "proved":
        return distance <= tolerance + slack
    return distance > slack and distance >= tolerance - slack


def _copied(finding: Finding, response: str, reference: Any) -> bool:
    annotation = finding.evidence["annotation"]
    result = reckon(annotation.rpartition("=")[2].replace(",", "").replace("$", "").replace("%", "/100"))
    copied = reckon(response[finding.start : finding.end].replace(",", ""))
    before = response[: finding.start].rstrip(" $\\*")
    return None not in (result, copied) and result != copied and before.endswith(f"<<{annotation}>>")


def _equation(finding: Finding, response: str, reference: Any) -> bool:
    """An equation after another: the later one's root put into the earlier one, or both compared at some points."""
    facts = finding.evidence
    if response[finding.start : finding.end] != facts["after"] or facts["before"] not in response:
        return False
    before, after = (
        [_left_minus_right(facts[key], facts["unknown"], Decimal(x)) for x in range(7)] for key in ("before", "after")
    )
    if None in before or None in after:
        return False
    slope = after[1] - after[0]
    if all(abs(value - after[0] - slope * x) < _CLOSE for x, value in enumerate(after)):
        at_root = _left_minus_right(facts["before"], facts["unknown"], -after[0] / slope)
        return at_root is not None and (abs(at_root) < Decimal("1e-30")) == (finding.severity == "proved")
    pairs = itertools.pairwise(zip(before, after, strict=True))
    return finding.severity == "proved" and all(abs(a * d - b * c) < _CLOSE for (a, b), (c, d) in pairs)


def _left_minus_right(equation: str, unknown: str, value: Decimal) -> Any:
    """Left minus right side of an equation at a value of its unknown, None when it has no value there."""
    put = re.sub(unknown, f"({value:f})", equation.replace(" ", ""))
    put = re.sub(r"(?<=[0-9)])(?=\()|(?<=\))(?=[0-9])", "*", put)
    left, right = (reckon(side) for side in put.split("="))
    return None if left is None or right is None else left - right


def _final_line(finding: Finding, response: str, reference: Any) -> bool:
    stated, last = (_decimal(finding.evidence[key]) for key in ("stated", "last"))
    agree = abs(stated - last) < 1 or stated in (last * 100, last / 100)
    return agree and bool(_DIGITS.search(response[finding.start : finding.end]))


def _line(finding: Finding, response: str, reference: Any) -> bool:
    """A line of a Game of 24: replayed with decimals, dead ends by pairwise search."""
    facts = finding.evidence
    span = response[finding.start : finding.end]
    values = re.findall(r"-?[0-9]+(?:/[0-9]+|\.[0-9]+)?", facts["line"].partition("=")[0])
    if span not in facts["line"]:
        return False
    if finding.kind in ("line", "line-dead-end"):
        left = [Fraction(number) for number in facts["left"]]
        return _can_reach(left, facts) == (finding.kind == "line")
    if finding.kind == "line-arithmetic":
        before, _, after = re.sub(r"[(\[]?\s*left.*$", "", span, flags=re.IGNORECASE).partition("=")
        signs = str.maketrans("x×÷−", "**/-")
        result, stated = reckon(before.translate(signs)), reckon(after.strip(" .,;"))
        return result is None or (stated is not None and abs(result - stated) > _CLOSE)
    if finding.kind == "line-operation":
        return not re.search(rf"[0-9)]\s*[{re.escape(facts['operations'])}]", span)
    if finding.kind == "line-numbers":
        return (bool(values) and any(number not in facts["numbers"] for number in values)) or _repeats(values, facts)
    listed = re.findall(r"-?[0-9]+(?:/[0-9]+|\.[0-9]+)?", span.lower().partition("left")[2])
    return Counter(map(Fraction, listed)) != Counter(map(Fraction, facts["left"]))


def _repeats(values: list[str], facts: Mapping[str, Any]) -> bool:
    return any(count > facts["numbers"].count(number) for number, count in Counter(values).items())


def _can_reach(numbers: list[Fraction], facts: Mapping[str, Any]) -> bool:
    """Depth-first: put any two numbers together in any way, again and again."""
    target = Fraction(facts["target"])
    if numbers == [target] or (not facts["use_all"] and target in numbers):
        return True
    for (i, a), (j, b) in itertools.permutations(enumerate(numbers), 2):
        rest = [number for k, number in enumerate(numbers) if k not in (i, j)]
        results = {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else None}
        for sign in facts["operations"]:
            if results[sign] is not None and _can_reach([*rest, results[sign]], facts):  # type: ignore[list-item]
                return True
    return False


def _whole_answer(finding: Finding, response: str, reference: Any) -> bool:
    """A whole expression of a Game of 24."""
    facts = finding.evidence
    target, numbers = Decimal(facts["target"]), Counter(facts["numbers"])
    span = response[finding.start : finding.end]
    if finding.kind == "number-use" and finding.severity == "refuted":
        return Counter(_DIGITS.findall(response))[span] > numbers[span]
    if finding.kind != "value":
        return bool(span)
    left = re.sub(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", span)
    for latex, sign in (("\\times", "*"), ("\\cdot", "*"), ("\\div", "/"), ("\\left", ""), ("\\right", "")):
        left = left.replace(latex, sign)
    left = left.translate(str.maketrans("x×·÷−[]{}", "***/-()()")).replace("$", "")
    left = re.sub(r"(?<=[0-9)])\s*(?=\()|(?<=\))\s*(?=[0-9])", "*", left)
    values = [reckon(side) for side in left.split("=")]
    right_value = all(value is not None and abs(value - target) < _CLOSE for value in values)
    if finding.severity != "proved":
        return not right_value
    used = Counter(_DIGITS.findall(max(left.split("="), key=lambda side: len(_DIGITS.findall(side)))))
    return bool(right_value) and not used - numbers and (not facts["use_all"] or used == numbers)


def _chain_line(finding: Finding, response: str, reference: Any) -> bool:
    """A worked line of an arithmetic chain: `{"left": "3+4", "modulus": 7, "claimed": 1, "exact": 0}`."""
    facts = finding.evidence
    value = reckon(facts["left"])
    if value is None or not response[finding.start : finding.end].rstrip().endswith(str(facts["claimed"])):
        return False
    apart = int(value) - facts["claimed"]
    right = apart == 0 if facts["modulus"] is None else apart % facts["modulus"] == 0 <= facts["claimed"]
    if facts["modulus"] is not None:
        right = right and facts["claimed"] < facts["modulus"]
    return bool(right) == (finding.severity == "proved")


def _chain_operand(finding: Finding, response: str, reference: Any) -> bool:
    found = response[finding.start : finding.end]
    return (
        str(finding.evidence["found"]) in (found, found.lstrip("+"))
        and finding.evidence["expected"] != finding.evidence["found"]
    )


def _chain_answer(finding: Finding, response: str, reference: Any) -> bool:
    """The final answer of an arithmetic chain: the whole chain first, the modulus once at the end."""
    value: int = reference["operands"][0]
    for sign, operand in zip(reference["operations"], reference["operands"][1:], strict=True):
        value = {"+": value + operand, "-": value - operand, "*": value * operand}[sign]
    modulus = reference.get("modulus")
    exact = value if modulus is None else value % modulus
    said = int(response[finding.start : finding.end])
    return bool(said == finding.evidence["claimed"]) and bool(said == exact) == (finding.severity == "proved")


def _exact(finding: Finding, response: str, reference: Any) -> bool:
    texts = [reference] if isinstance(reference, str) else list(reference)
    same = any(response.strip().casefold() == text.strip().casefold() for text in texts)
    return same if finding.severity == "proved" else response.strip() not in [text.strip() for text in texts]


def _quoted(expression: str, finding: Finding, response: str) -> bool:
    """Whether the numbers of an expression stand in the span; 100 may come from a percent sign."""
    span = _GROUPED.sub("", response[finding.start : finding.end])
    present = Counter(_DIGITS.findall(span))
    return all(number in present or number == "100" for number in _DIGITS.findall(expression))


def _decimal(text: str) -> Decimal:
    above, _, below = text.partition("/")
    return Decimal(above) / Decimal(below or "1")


_RECHECKS: dict[str, Recheck] = {
    "arithmetic": _chain_line,
    "calculation": _calculation,
    "copied-result": _copied,
    "equation": _equation,
    "exact-match": _exact,
    "final-answer": _chain_answer,
    "wrong-operand": _chain_operand,
    "final-line": _final_line,
    **dict.fromkeys(("line", "line-arithmetic", "line-operation", "line-numbers", "line-left", "line-dead-end"), _line),
    **dict.fromkeys(("form", "operation", "number-use", "value"), _whole_answer),
}
_MATH_ANSWER = frozenset({"final-answer", "no-answer", "several-answers", "unreadable"})
