"""Re-checking a finding of the answer verifier by a second, simpler route: numbers in many digits at fresh points.

No canonical form, no polynomial and no cache takes part: the two answers are read again and compared leaf by leaf by
their values in 400 digits at points that the verifier did not use, or, for a counterexample, at the point it names.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from stepgym.verifiers.math.exact import PRIME, InexactError, UndefinedError, exact, modular
from stepgym.verifiers.math.kinds import unit_of
from stepgym.verifiers.math.leaves import DIGITS, TINY, leaves, proportional, same_leaves
from stepgym.verifiers.math.precise import precise
from stepgym.verifiers.math.read import Reading, read
from stepgym.verifiers.math.tree import Node, TooLargeError, symbols, walk
from stepgym.verifiers.math.words import plain
from stepgym.verifiers.verdict import Finding

_KINDS = frozenset({"final-answer", "several-answers", "no-answer", "unreadable"})


def check_finding(finding: Finding, response: str, reference: Any, *, context: str = "") -> bool:
    """Whether a finding of `MathAnswerVerifier` holds for this response and reference.

    True for a "proved" finding means: the span holds the text the evidence names, and both answers agree in every part
    at fresh points. True for a "refuted" one means: they differ there, or are not of one kind. Notes claim nothing and
    hold when their span lies in the response.
    """
    if finding.end > len(response) or finding.kind not in _KINDS:
        return False
    if finding.severity in ("note", "warning"):
        return True
    if finding.kind == "no-answer":
        return finding.severity == "fatal"
    evidence = finding.evidence
    found, expected = evidence.get("found"), evidence.get("expected")
    if finding.kind == "several-answers":
        return isinstance(found, list) and len({str(f) for f in found}) > 1 and all(str(f) in response for f in found)
    if not isinstance(found, str) or not isinstance(expected, str):
        return False
    if not _stands_in(found, response[finding.start : finding.end]) or not _stands_in(expected, str(reference)):
        return False
    left, right = read(found), read(expected)
    if not right.readings or (finding.severity == "proved" and not left.readings):
        left, right = read(found, decimal_comma=True), read(expected, decimal_comma=True)
    if finding.kind == "unreadable":
        return not left.readings
    if finding.severity == "proved":
        return _agree(left, right, evidence)
    return _differ(left, right, evidence)


def _stands_in(answer: str, text: str) -> bool:
    """Whether the parts of an answer stand in a text (several boxes are joined by commas in an answer)."""
    squeezed = "".join(text.split()).replace("$", "")
    whole = "".join(answer.split()).replace("$", "")
    return whole in squeezed or all(part in squeezed for part in whole.split(","))


def _agree(left: Reading, right: Reading, evidence: Any) -> bool:
    if any(n.op == "clock" for r in (left, right) for n in r.readings):
        clocks = [str(n.value[:2]) if n.op == "clock" else "" for r in (left, right) for n in r.readings[:1]]
        return clocks[0] == clocks[1] or "" in clocks
    if evidence.get("method") in ("text", "choice"):
        return _letters(left) == _letters(right) or _option(left) == _option(right) != ""
    pairs = [(a, b) for a in left.readings for b in right.readings]
    if evidence.get("method") == "rounded":
        return any(same_leaves(a, b, evidence, rounded=True) for a, b in pairs)
    return any(same_leaves(a, b, evidence) for a, b in pairs)


def _differ(left: Reading, right: Reading, evidence: Any) -> bool:
    point = evidence.get("point")
    if isinstance(point, dict) and "item" not in evidence:
        return any(_differ_at(a, b, point, evidence) for a in left.readings for b in right.readings)
    if evidence.get("method") == "kind":
        return not any(a == b for a in left.readings for b in right.readings)
    if evidence.get("method") == "choice":
        return "" != _option(left) != _option(right) != ""
    if evidence.get("method") in ("name", "variables", "relation"):
        return any(_names(a) != _names(b) for a in left.readings for b in right.readings)
    if evidence.get("method") == "direction":
        pairs = [(a, b) for a in left.readings for b in right.readings if a.op == b.op == "inequality"]
        return any(Fraction(evidence["factor"]) < 0 and proportional(a, b) for a, b in pairs)
    if evidence.get("method") == "unit":
        units = [{unit_of(m) for n in r.readings for m in walk(n)} for r in (left, right)]
        return units[0] != units[1]
    if evidence.get("method") == "ends":
        return any(_flags(a) != _flags(b) for a in left.readings for b in right.readings)
    return not any(same_leaves(a, b, {}) for a in left.readings for b in right.readings)


def _letters(reading: Reading) -> str:
    if reading.is_text:
        return str(reading.readings[0].value)
    return plain(re.sub(r"\\(?:boxed|begin|end)\b", "", reading.text))


def _names(node: Node) -> Any:
    """The variables of an answer, the name of what it assigns, the relation in it."""
    named = str(node.args[0]) if node.op == "assign" else ""
    return named, sorted(symbols(node)), str(node.value) if node.op in ("region", "inequality") else ""


def _flags(node: Node) -> list[Any]:
    """Which ends are closed, piece by piece."""
    if node.op == "region":
        return [p.value for p in node.args]
    return [node.value if node.op == "interval" else (node.op == "bracket",) * 2]


def _option(reading: Reading) -> str:
    return reading.choice or (_letters(reading).upper() if len(_letters(reading)) == 1 else "")


def _differ_at(a: Node, b: Node, point: dict[str, str], evidence: Any) -> bool:
    """Whether two expressions differ at the point that a finding names."""
    left, right = leaves(a), leaves(b)
    if len(left) != 1 or len(right) != 1:
        return not same_leaves(a, b, {})
    try:
        if "modulus" in evidence:
            values = {k: int(v) % PRIME for k, v in point.items()}
            return modular(left[0], values) != modular(right[0], values)
        where = {k: Fraction(v) for k, v in point.items()}
        try:
            return exact(left[0], where) != exact(right[0], where)
        except InexactError:
            x, y = (
                precise(left[0], where, real=False, digits=DIGITS),
                precise(right[0], where, real=False, digits=DIGITS),
            )
            return bool(abs(x - y) > TINY * max(abs(x), abs(y)))
    except (InexactError, TooLargeError, UndefinedError):
        return not same_leaves(a, b, {})
