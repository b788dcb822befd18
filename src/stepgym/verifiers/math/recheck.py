"""Re-checking a finding of the answer verifier by a second, simpler route: numbers in many digits at fresh points.

No canonical form, no polynomial and no cache takes part: the two answers are read again and compared leaf by leaf by
their values in 400 digits at points that the verifier did not use, or, for a counterexample, at the point it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from stepgym.verifiers.math.exact import PRIME, InexactError, UndefinedError, exact, modular, rational_value
from stepgym.verifiers.math.kinds import with_imaginary_unit
from stepgym.verifiers.math.precise import multiprecision, precise
from stepgym.verifiers.math.read import Reading, read
from stepgym.verifiers.math.tree import Node, TooLargeError, num, symbols, walk
from stepgym.verifiers.math.units import measure
from stepgym.verifiers.math.words import plain
from stepgym.verifiers.verdict import Finding

_DIGITS = 400
_TINY = 1e-300
_FRESH = (Fraction(3, 7), Fraction(11, 5), Fraction(13, 3), Fraction(2, 9), Fraction(17, 11), Fraction(23, 6))
_ORDERED = frozenset({"tuple", "bracket", "interval", "matrix", "region", "system"})
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
        return any(_same_leaves(a, b, evidence, rounded=True) for a, b in pairs)
    return any(_same_leaves(a, b, evidence) for a, b in pairs)


def _differ(left: Reading, right: Reading, evidence: Any) -> bool:
    point = evidence.get("point")
    if isinstance(point, dict) and "item" not in evidence:
        return any(_differ_at(a, b, point, evidence) for a in left.readings for b in right.readings)
    if evidence.get("method") == "kind":
        return not any(a == b for a in left.readings for b in right.readings)
    if evidence.get("method") in ("name", "variables", "relation"):
        return any(_names(a) != _names(b) for a in left.readings for b in right.readings)
    if evidence.get("method") == "direction":
        pairs = [(a, b) for a in left.readings for b in right.readings if a.op == b.op == "inequality"]
        return any(Fraction(evidence["factor"]) < 0 and _proportional(a, b) for a, b in pairs)
    if evidence.get("method") == "unit":
        units = [{n.value for n in r.readings if n.op == "quantity"} for r in (left, right)]
        return units[0] != units[1]
    if evidence.get("method") == "ends":
        return any(_flags(a) != _flags(b) for a in left.readings for b in right.readings)
    return not any(_same_leaves(a, b, {}) for a in left.readings for b in right.readings)


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


def _same_leaves(a: Node, b: Node, evidence: Any, *, rounded: bool = False) -> bool:
    """Whether two answers have the same numbers in them at fresh points; in any order unless one is a tuple."""
    if a == b:
        return True
    a, b = with_imaginary_unit(a, b), with_imaginary_unit(b, a)
    if a.op == b.op == "quantity":
        measures = measure(a.value), measure(b.value)
        if measures[0] is not None and measures[1] is not None:
            if measures[0][0] != measures[1][0]:
                return False
            a, b = (Node("mul", (n.args[0], num(m[1]))) for n, m in zip((a, b), measures, strict=True) if m is not None)
    if "factor" in evidence:
        return _proportional(a, b)
    left, right = _leaves(a), _leaves(b)
    if len(left) == len(right) and all(_close(x, y, rounded) for x, y in zip(left, right, strict=True)):
        return True
    if {a.op, b.op} & _ORDERED:
        return False
    if len(left) == 1 or len(right) == 1:
        return all(_close(x, y, rounded) for x in left for y in right)
    unmatched = list(right)
    for x in left:
        match = next((y for y in unmatched if _close(x, y, rounded)), None)
        if match is None:
            return False
        unmatched.remove(match)
    # A set may name a value twice.
    return all(any(_close(x, y, rounded) for x in left) for y in unmatched) if "set" in (a.op, b.op) else not unmatched


def _leaves(node: Node) -> list[Node]:
    return list(_leaves_of(node))


def _leaves_of(node: Node) -> Iterator[Node]:
    op = node.op
    if op in ("assign", "rel"):
        yield from _leaves_of(node.args[-1])
    elif op == "system":
        for a in sorted(node.args, key=lambda n: str(n.args[0])):
            yield from _leaves_of(a)
    elif op in ("list", "tuple", "bracket", "set", "interval", "region", "matrix", "all", "inequality"):
        for a in node.args:
            yield from _leaves_of(a)
    elif op == "quantity":
        yield from _leaves_of(node.args[0])
    elif op == "ratio":
        yield from node.args if node.value else [Node("div", node.args[:2])]
    else:
        yield node


def _values(node: Node, point: dict[str, Fraction]) -> list[Any]:
    """The values a leaf may have: a percentage or an angle with and without its sign, a logarithm to base 10 or e."""
    if node.op in ("percent", "degree"):
        return [*_values(node.args[0], point), precise(node, point, real=False, digits=_DIGITS)]
    results = [precise(node, point, real=False, digits=_DIGITS)]
    if any(n.op == "fn" and n.value == "log" and len(n.args) == 1 for n in walk(node)):
        mp = multiprecision(_DIGITS)
        results.append(results[0] * mp.log(10))
    return results


def _close(a: Node, b: Node, rounded: bool) -> bool:
    if a == b:
        return True
    if {a.op, b.op} & {"text", "opaque", "builder", "pieces", "clock"}:
        return plain(str(a.value)) == plain(str(b.value))
    names = sorted(symbols(a) | symbols(b))
    if not names and not rounded:
        values = rational_value(a), rational_value(b)
        if None not in values:
            return values[0] == values[1] or (any(n.op in ("percent", "degree") for n in (a, b)) and _loosely(a, b))
    agreed = 0
    for shift in range(3):
        point = {name: _FRESH[(k + shift) % len(_FRESH)] + k // len(_FRESH) for k, name in enumerate(names)}
        try:
            pairs = [(x, y) for x in _values(a, point) for y in _values(b, point)]
        except UndefinedError:
            continue
        except (InexactError, TooLargeError):
            return _close_modularly(a, b, names)
        tolerance = _tolerance(a, b) if rounded else _TINY
        if not any(abs(x - y) <= tolerance * max(abs(x), abs(y), _TINY) for x, y in pairs):
            return False
        agreed += 1
    return agreed > 0 or (_infinity(a) != 0 and _infinity(a) == _infinity(b))


def _loosely(a: Node, b: Node) -> bool:
    """Whether two exact values agree when a percent or degree sign is dropped."""
    kept = [n.args[0] if n.op in ("percent", "degree") else n for n in (a, b)]
    return rational_value(kept[0]) == rational_value(kept[1])


def _tolerance(a: Node, b: Node) -> float:
    """How far a rounded decimal may be off: one unit of the second last digit it shows."""
    shown = [n.value[2] for n in (*walk(a), *walk(b)) if n.op == "dec"]
    return 10.0 ** (2 - max(shown)) if shown else _TINY


def _infinity(node: Node) -> int:
    if node.op == "neg":
        return -_infinity(node.args[0])
    return int(node.op == "const" and node.value == "inf")


def _close_modularly(a: Node, b: Node, names: list[str]) -> bool:
    try:
        for start in (7, 12):
            where = {name: Fraction(start + 3 * k) for k, name in enumerate(names)}
            if exact(a, where) != exact(b, where):
                return False
        return True
    except (InexactError, TooLargeError, UndefinedError):
        pass
    point = {name: 7**11 + 13 * k for k, name in enumerate(names)}
    try:
        return modular(a, point) == modular(b, point)
    except (InexactError, TooLargeError, UndefinedError):
        return False


def _proportional(a: Node, b: Node) -> bool:
    """Whether the sides of two equations keep one ratio at all fresh points."""
    if len(a.args) != 2 or len(b.args) != 2:
        return False
    f, g = (Node("add", (n.args[0], Node("neg", (n.args[1],)))) for n in (a, b))
    names = sorted(symbols(f) | symbols(g))
    ratios = []
    for shift in range(3):
        point = {name: _FRESH[(k + shift) % len(_FRESH)] + k // len(_FRESH) for k, name in enumerate(names)}
        try:
            x, y = precise(f, point, real=False, digits=_DIGITS), precise(g, point, real=False, digits=_DIGITS)
        except UndefinedError:
            continue
        if abs(x) > _TINY:
            ratios.append(y / x)
    return len(ratios) > 1 and all(abs(r - ratios[0]) <= _TINY * abs(r) for r in ratios) and ratios[0] != 0


def _differ_at(a: Node, b: Node, point: dict[str, str], evidence: Any) -> bool:
    """Whether two expressions differ at the point that a finding names."""
    left, right = _leaves(a), _leaves(b)
    if len(left) != 1 or len(right) != 1:
        return not _same_leaves(a, b, {})
    try:
        if "modulus" in evidence:
            values = {k: int(v) % PRIME for k, v in point.items()}
            return modular(left[0], values) != modular(right[0], values)
        where = {k: Fraction(v) for k, v in point.items()}
        try:
            return exact(left[0], where) != exact(right[0], where)
        except InexactError:
            x, y = (
                precise(left[0], where, real=False, digits=_DIGITS),
                precise(right[0], where, real=False, digits=_DIGITS),
            )
            return bool(abs(x - y) > _TINY * max(abs(x), abs(y)))
    except (InexactError, TooLargeError, UndefinedError):
        return not _same_leaves(a, b, {})
