"""Whether two answers are the same under given conventions: dispatch by what they are."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

from stepgym.verifiers.math import region as regions
from stepgym.verifiers.math.canonical import polynomial_form
from stepgym.verifiers.math.conventions import AnswerConventions
from stepgym.verifiers.math.evaluate import InexactError, UndefinedError, multiprecision, precise
from stepgym.verifiers.math.read import Reading
from stepgym.verifiers.math.tree import (
    EXPRESSION_OPS,
    Node,
    TooLargeError,
    UnreadableError,
    exact_number,
    is_expression,
    num,
    symbols,
    walk,
)
from stepgym.verifiers.math.units import measure
from stepgym.verifiers.math.values import SAME, Outcome, Prover, same_value
from stepgym.verifiers.math.vocabulary import LONE_UNITS, UNITS
from stepgym.verifiers.math.words import plain

_OPAQUE = {"problem": "a sum, product, limit or integral is not evaluated"}
_CONTAINERS = frozenset({"list", "tuple", "bracket", "set", "interval", "ratio", "matrix", "region", "system"})
_NAMES = {
    "list": "a list",
    "tuple": "a tuple",
    "bracket": "a list in brackets",
    "set": "a set",
    "interval": "an interval",
    "matrix": "a matrix",
    "region": "a set of real numbers",
    "equation": "an equation",
    "inequality": "an inequality",
    "text": "words",
    "system": "several assignments",
    "ratio": "a ratio",
}


def compare(left: Reading, right: Reading, conventions: AnswerConventions, prover: Prover | None = None) -> Outcome:
    """Whether two answers are the same; symmetric.

    Any pair of readings that agrees makes them equal; they differ when every pair differs.
    """
    if left.choice is not None or right.choice is not None:
        a, b = letter(left), letter(right)
        if a is not None and b is not None:
            return Outcome(a == b, "choice", {} if a == b else {"left": a, "right": b})
    first: Outcome | None = None
    unknown: Outcome | None = None
    for a in left.readings:
        for b in right.readings:
            outcome = _Comparison(conventions, prover).compare(a, b)
            if outcome.equal:
                return outcome
            if outcome.equal is None:
                unknown = unknown or outcome
            first = first or outcome
    return unknown or first or Outcome(None, "unread")


def letter(reading: Reading) -> str | None:
    """The letter of a multiple-choice answer, with or without the words of the choice; else None."""
    if reading.choice is not None:
        return reading.choice
    node = reading.readings[0] if reading.readings else None
    if node is not None and node.op in ("text", "sym") and len(node.value) == 1 and node.value.isalpha():
        return str(node.value).upper()
    return None


class _Comparison:
    def __init__(self, conventions: AnswerConventions, prover: Prover | None) -> None:
        self.conventions = conventions
        self.prover = prover

    def compare(self, a: Node, b: Node) -> Outcome:
        try:
            return self.dispatch(a, b)
        except UnreadableError as problem:
            return Outcome(None, "unsupported", {"problem": str(problem)})

    def dispatch(self, a: Node, b: Node) -> Outcome:
        x, y = a.op, b.op
        if x in ("num", "dec") and y in ("num", "dec"):
            return self.values(a, b)
        if x == "opaque" or y == "opaque":
            same = a == b
            return Outcome(True if same else None, "identical" if same else "unsupported", {} if same else _OPAQUE)
        if x == "text" or y == "text":
            return self.words(a, b)
        if x == "clock" or y == "clock":
            return _clocks(a, b)
        if x == "assign" or y == "assign":
            return self.assignments(a, b)
        if "quantity" in (x, y) or "percent" in (x, y) or "degree" in (x, y):
            return self.measured(a, b)
        if x == "equation" and y == "equation":
            return self.equations(a, b)
        if x in ("inequality", "all") or y in ("inequality", "all"):
            return self.inequalities(a, b)
        if x in _CONTAINERS or y in _CONTAINERS:
            return self.containers(a, b)
        if is_expression(a) and is_expression(b):
            return self.values(a, b)
        if a == b and x not in EXPRESSION_OPS:
            return Outcome(True, "identical")
        if x != y:
            return _different_kinds(a, b)
        return Outcome(None, "unsupported", {"problem": f"{_kind(a)} cannot be compared"})

    # Scalars --------------------------------------------------------------------------------------------------------

    def values(self, a: Node, b: Node) -> Outcome:
        if self.conventions.base == "written" and (a.op == "based" or b.op == "based"):
            same = a.op == b.op and a.value[:2] == b.value[:2]
            return Outcome(same, "written", {} if same else {"problem": "the number base or its digits differ"})
        outcome = same_value(a, b, prover=self.prover)
        if outcome.equal:
            if self.conventions.reduced and not (_is_reduced(a) and _is_reduced(b)):
                return Outcome(False, "form", {"problem": "a fraction is not in lowest terms"})
            return outcome
        if outcome.equal is False and ("dec" in (a.op, b.op) or _is_decimal(a) or _is_decimal(b)):
            rounded = self.rounded(a, b)
            if rounded is not None:
                return rounded
        if outcome.equal is False and (_ambiguous_log(a) or _ambiguous_log(b)):
            natural = same_value(_natural(a), _natural(b), prover=self.prover)
            if natural.equal:
                return natural
        return outcome

    def rounded(self, a: Node, b: Node) -> Outcome | None:
        """Equality by the digits that a decimal shows."""
        digits = self.conventions.decimal_digits
        if digits is None or symbols(a) or symbols(b):
            return None
        for shown, other in ((a, b), (b, a)):
            decimal = _decimal(shown)
            if decimal is None or decimal[2] < digits:
                continue
            also = _decimal(other)
            if also is not None and (also[2] < digits and min(decimal[2], 12) < 12):
                continue  # 5.000001 is not a spelling of 5.
            value, places, significant = decimal
            try:
                target = precise(other, {}, real=False)
            except (InexactError, UndefinedError, TooLargeError):
                return None
            exact = exact_number(other)
            if exact is not None and Fraction(exact).denominator == 1 and significant < 12:
                continue
            difference = abs(target - _mp(value))
            last = _mp(Fraction(1, 10**places) if places >= 0 else Fraction(10**-places))
            if difference <= last / 2 or (difference < last and abs(_mp(value)) <= abs(target)):
                return Outcome(True, "rounded", {"digits": significant})
            if significant >= 12 and difference <= abs(target) * 1e-11:
                return Outcome(True, "rounded", {"digits": 11})
        return None

    # Words, names, units --------------------------------------------------------------------------------------------

    def words(self, a: Node, b: Node) -> Outcome:
        if a.op == "text" and b.op == "text":
            left, right = plain(str(a.value)), plain(str(b.value))
            same = left == right or (len(left) == len(right) == 1 and left.lower() == right.lower())
            return Outcome(same, "text", {} if same else {"left": left[:80], "right": right[:80]})
        text, other = (a, b) if a.op == "text" else (b, a)
        if other.op == "sym":
            same = plain(str(text.value)) == plain(str(other.value))
            return Outcome(same, "text")
        if other.op == "assign":
            return self.dispatch(text, other.args[1])
        if is_expression(other) and symbols(other) and len(text.value) > 1:
            letters = "".join(str(n.value) for n in reversed(list(walk(other))) if n.op in ("sym", "const"))
            if sorted(plain(letters)) == sorted(plain(str(text.value))):
                return Outcome(None, "text")
        return _different_kinds(a, b)

    def assignments(self, a: Node, b: Node) -> Outcome:
        if a.op == "assign" and b.op == "assign":
            outcome = self.dispatch(a.args[1], b.args[1])
            if a.args[0] == b.args[0] or not outcome.equal:
                if outcome.equal or not (is_expression(a.args[1]) and is_expression(b.args[1])):
                    return outcome
                as_equations = self.equations(_equation(a), _equation(b)) if symbols(a.args[1]) else outcome
                return as_equations if as_equations.equal else outcome
            if a.args[0].op == "fn" and b.args[0].op == "fn" and a.args[0].value == b.args[0].value:
                return self.dispatch(_renamed(a), _renamed(b))
            return Outcome(False, "name", {"left": _spelled(a.args[0]), "right": _spelled(b.args[0])})
        named, other = (a, b) if a.op == "assign" else (b, a)
        if other.op == "equation":
            if is_expression(named.args[1]) and is_expression(named.args[0]):
                return self.equations(_equation(named), other)
            return _different_kinds(a, b)
        if not self.conventions.strip_assignment:
            return Outcome(False, "kind", {"problem": "one side names a variable and the other does not"})
        if other.op == "region" and named.args[0].op == "sym" and is_expression(named.args[1]):
            return self.dispatch(Node("set", (named.args[1],)), other)
        return self.dispatch(named.args[1], other) if named is a else self.dispatch(other, named.args[1])

    def measured(self, a: Node, b: Node) -> Outcome:
        unit_a, unit_b = (n.value if n.op == "quantity" else None for n in (a, b))
        if a.op == "quantity" or b.op == "quantity":
            if self.conventions.units == "required" and (unit_a is None) != (unit_b is None):
                return Outcome(False, "unit", {"problem": "a unit is missing", "left": unit_a, "right": unit_b})
            inner_a = a.args[0] if a.op == "quantity" else a
            inner_b = b.args[0] if b.op == "quantity" else b
            if unit_a is not None and unit_b is not None and self.conventions.units != "ignored":
                known_a, known_b = measure(unit_a), measure(unit_b)
                if known_a is not None and known_b is not None:
                    if known_a[0] != known_b[0]:
                        return Outcome(False, "unit", {"left": unit_a, "right": unit_b})
                    if known_a[1] != known_b[1]:
                        ratio = num(known_a[1] / known_b[1])
                        inner_a = Node("mul", (inner_a, ratio))
                elif ((known_a is None) != (known_b is None) and not _unit_words(unit_b if known_a else unit_a)) or (self.conventions.units == "required" and plain(unit_a).rstrip("s") != plain(unit_b).rstrip("s")):
                    return Outcome(False, "unit", {"left": unit_a, "right": unit_b})
            for unit, other in ((unit_a, inner_b), (unit_b, inner_a)):
                if unit in LONE_UNITS and unit in symbols(other):
                    return Outcome(False, "kind", {"problem": f"{unit} is a variable on one side"})
            return self.dispatch(inner_a, inner_b)
        if a.op == b.op:
            return self.dispatch(a.args[0], b.args[0])
        last: Outcome | None = None
        for left in self.plain_values(a):
            for right in self.plain_values(b):
                outcome = self.dispatch(left, right)
                if outcome.equal:
                    return outcome
                last = last or outcome
        assert last is not None
        return last

    def plain_values(self, node: Node) -> list[Node]:
        """What a percentage or an angle may stand for without its sign."""
        if node.op == "percent":
            value = Node("div", (node.args[0], num(100)))
            return [node.args[0], value] if self.conventions.percent == "either" else [value]
        if node.op == "degree":
            radians = Node("div", (Node("mul", (node.args[0], Node("const", (), "pi"))), num(180)))
            return [node.args[0], radians] if self.conventions.units != "required" else [radians]
        return [node]

    # Equations and inequalities -------------------------------------------------------------------------------------

    def equations(self, a: Node, b: Node) -> Outcome:
        """Two equations are the same when one is a nonzero multiple of the other."""
        left, right = _difference(a), _difference(b)
        if symbols(left) != symbols(right):
            return Outcome(False, "variables", {"left": sorted(symbols(left)), "right": sorted(symbols(right))})
        try:
            (p, _), (q, _) = polynomial_form(left), polynomial_form(right)
        except (InexactError, TooLargeError) as problem:
            return Outcome(None, "unsupported", {"problem": str(problem)})
        except UndefinedError:
            return Outcome(False, "undefined")
        if not p or not q:
            return Outcome(False, "trivial", {"problem": "an equation holds for every value"})
        from stepgym.verifiers.math import polynomial as poly

        if set(p) != set(q):
            return Outcome(False, "coefficients", {"left": poly.text(p)[:200], "right": poly.text(q)[:200]})
        pivot = min(p, key=repr)
        factor = q[pivot] / p[pivot]
        same = all(q[m] == factor * c for m, c in p.items())
        if same:
            return Outcome(True, "proportional", {"factor": str(factor)})
        return Outcome(False, "coefficients", {"left": poly.text(p)[:200], "right": poly.text(q)[:200]})

    def inequalities(self, a: Node, b: Node) -> Outcome:
        if a.op == "all" and b.op == "all" and len(a.args) == len(b.args):
            return self.elementwise(a.args, b.args)
        if a.op != "inequality" or b.op != "inequality":
            return _different_kinds(a, b)
        if a.value != b.value:
            return Outcome(False, "relation", {"left": a.value, "right": b.value})
        if a.value in ("<", "<=") and all(is_expression(n) for n in (*a.args, *b.args)):
            sides = self.elementwise(a.args, b.args)
            if sides.equal:
                return sides
            outcome = self.equations(a, b)
            if outcome.equal and Fraction(outcome.evidence["factor"]) < 0:
                return Outcome(False, "direction", outcome.evidence)
            return outcome
        return self.elementwise(a.args, b.args)

    # Containers -----------------------------------------------------------------------------------------------------

    def containers(self, a: Node, b: Node) -> Outcome:
        x, y = a.op, b.op
        if x == "system" or y == "system":
            return self.systems(a, b)
        if x == "region" or y == "region":
            return self.region_with(a, b)
        if x == "matrix" or y == "matrix":
            return self.matrices(a, b)
        if x == "ratio" or y == "ratio":
            return self.ratios(a, b)
        if x not in _CONTAINERS or y not in _CONTAINERS:
            container, other = (a, b) if x in _CONTAINERS else (b, a)
            if container.op in ("set", "list"):
                values = self.without_repeats(container.args)
                if len(values) == 1:  # "1/2 or 0.5" is one value.
                    return self.dispatch(values[0], other)
            return _different_kinds(a, b)
        ordered_a, ordered_b = x in ("tuple", "bracket", "interval"), y in ("tuple", "bracket", "interval")
        if ordered_a and ordered_b:
            if "interval" in (x, y) or (x != y and len(a.args) == len(b.args) == 2):
                same_ends = _ends(a) == _ends(b)
                if not same_ends or len(a.args) != len(b.args):
                    return Outcome(False, "ends", {"problem": "the brackets differ"})
            return self.elementwise(a.args, b.args)
        if "set" in (x, y):
            if ordered_a or ordered_b:
                return _different_kinds(a, b)
            return self.unordered(a.args, b.args, distinct=True)
        if ordered_a or ordered_b:
            # A bare list beside a tuple is the tuple without its brackets; beside an interval it is not.
            if "interval" in (x, y) or ("bracket" in (x, y) and len(a.args) == 2):
                return _different_kinds(a, b)
            return self.elementwise(a.args, b.args)
        if self.conventions.list_order == "given":
            return self.elementwise(a.args, b.args)
        return self.unordered(a.args, b.args, distinct=False)

    def elementwise(self, a: tuple[Node, ...], b: tuple[Node, ...]) -> Outcome:
        if len(a) != len(b):
            return Outcome(False, "count", {"left": len(a), "right": len(b)})
        weakest = SAME
        unknown: Outcome | None = None
        for k, (x, y) in enumerate(zip(a, b, strict=True)):
            outcome = self.dispatch(x, y)
            if outcome.equal is False:
                return Outcome(False, outcome.method, {"item": k, **outcome.evidence})
            if outcome.equal is None:
                unknown = unknown or outcome
            elif outcome.method != "exact":
                weakest = outcome
        return unknown or weakest

    def unordered(self, a: tuple[Node, ...], b: tuple[Node, ...], *, distinct: bool) -> Outcome:
        numbers_a, numbers_b = [exact_number(n) for n in a], [exact_number(n) for n in b]
        if None not in numbers_a and None not in numbers_b:
            same = set(numbers_a) == set(numbers_b) if distinct else Counter(numbers_a) == Counter(numbers_b)
            if same:
                return SAME
        if distinct:
            a, b = self.without_repeats(a), self.without_repeats(b)
        if len(a) != len(b):
            return Outcome(False, "count", {"left": len(a), "right": len(b)})
        if len(a) > 60:
            return self.elementwise(a, b)
        rest = list(b)
        weakest = SAME
        unknown: Outcome | None = None
        for k, x in enumerate(a):
            undecided = None
            for j, y in enumerate(rest):
                outcome = self.dispatch(x, y)
                if outcome.equal:
                    weakest = weakest if outcome.method == "exact" else outcome
                    del rest[j]
                    break
                if outcome.equal is None:
                    undecided = outcome
            else:
                if undecided is None:
                    return Outcome(False, "item", {"item": k})
                unknown = undecided
        return unknown or weakest

    def without_repeats(self, items: tuple[Node, ...]) -> tuple[Node, ...]:
        kept: list[Node] = []
        for item in items[:60]:
            if not any(item == k or self.dispatch(item, k).equal for k in kept):
                kept.append(item)
        return (*kept, *items[60:])

    def systems(self, a: Node, b: Node) -> Outcome:
        if a.op == b.op == "system":
            left, right = dict(n.args for n in a.args), dict(n.args for n in b.args)
            if set(left) != set(right):
                return Outcome(False, "variables")
            names = sorted(left)
            return self.elementwise(tuple(left[n] for n in names), tuple(right[n] for n in names))
        system, other = (a, b) if a.op == "system" else (b, a)
        values = tuple(n.args[1] for n in system.args)
        if other.op in ("tuple", "list") and len(other.args) == len(values):
            first = self.elementwise(values, other.args)
            if first.equal:
                return first
            ordered = tuple(n.args[1] for n in sorted(system.args))
            return self.elementwise(ordered, other.args)
        return _different_kinds(a, b)

    def region_with(self, a: Node, b: Node) -> Outcome:
        if not self.conventions.interval_notation and a.op != b.op and (a.value or b.value):
            return Outcome(False, "kind", {"problem": "an inequality beside an interval"})
        left, right = regions.as_region(a), regions.as_region(b)
        if left is None or right is None:
            if "list" in (a.op, b.op):
                points, other = (a, b) if a.op == "list" else (b, a)
                if all(is_expression(p) for p in points.args):
                    return self.region_with(Node("set", points.args), other)
            scalar, other = (a, b) if left is None else (b, a)
            if is_expression(scalar) and not symbols(scalar):
                return self.region_with(Node("set", (scalar,)), other)
            return _different_kinds(a, b)
        if a.value and b.value and a.op == b.op == "region" and a.value != b.value:
            return Outcome(False, "variables", {"left": a.value, "right": b.value})
        if len(left.args) != len(right.args):
            return Outcome(False, "pieces", {"left": len(left.args), "right": len(right.args)})
        for p, q in zip(left.args, right.args, strict=True):
            if p.value != q.value:
                return Outcome(False, "ends", {"problem": "an end is open in one and closed in the other"})
        return self.elementwise(
            tuple(e for p in left.args for e in p.args), tuple(e for q in right.args for e in q.args)
        )

    def matrices(self, a: Node, b: Node) -> Outcome:
        left, right = _entries(a), _entries(b)
        if left is None or right is None:
            matrix = a if a.op == "matrix" else b
            if len(matrix.args) == len(matrix.args[0].args) == 1:
                inner = matrix.args[0].args[0]
                return self.dispatch(inner, b) if matrix is a else self.dispatch(a, inner)
            return _different_kinds(a, b)
        if left[0] != right[0]:
            return Outcome(False, "dimensions", {"left": list(left[0]), "right": list(right[0])})
        return self.elementwise(left[1], right[1])

    def ratios(self, a: Node, b: Node) -> Outcome:
        if a.op == b.op == "ratio":
            same = self.elementwise(a.args, b.args)
            if same.equal or len(a.args) != len(b.args) or _is_clock(a) or _is_clock(b):
                return same
            products = [
                self.values(Node("mul", (p, b.args[0])), Node("mul", (q, a.args[0])))
                for p, q in zip(a.args[1:], b.args[1:], strict=True)
            ]
            return next((p for p in products if not p.equal), products[0])
        ratio, other = (a, b) if a.op == "ratio" else (b, a)
        if len(ratio.args) == 2 and is_expression(other) and not _is_clock(ratio):
            return self.values(Node("div", ratio.args), other)
        return _different_kinds(a, b)


def _unit_words(unit: str) -> bool:
    """Whether a unit text has a unit of measurement in it, or leaves the unit open ("square units")."""
    return any(w in UNITS or w.rstrip("s") in ("unit", "sq") for w in unit.lower().split())


def _clocks(a: Node, b: Node) -> Outcome:
    """Times of day; a missing "a.m." or "p.m." is forgiven as a missing unit is."""
    times = []
    for node in (a, b):
        if node.op == "clock":
            times.append(node.value)
        elif _is_clock(node):
            times.append((node.args[0].value, node.args[1].value, ""))
        elif node.op == "num":
            times.append((node.value, 0, ""))
        else:
            return _different_kinds(a, b)
    (h1, m1, half1), (h2, m2, half2) = times
    same = m1 == m2 and not _hours(h1, half1).isdisjoint(_hours(h2, half2))
    return Outcome(same, "text", {} if same else {"left": f"{h1}:{m1:02}{half1}", "right": f"{h2}:{m2:02}{half2}"})


def _hours(hour: int, half: str) -> set[int]:
    """The hours of the day an hour may mean; without "a.m." or "p.m." either, unless it is above 12."""
    if half:
        return {hour % 12 + 12 * (half == "pm")}
    return {hour} if hour > 12 else {hour % 12, hour % 12 + 12}


def _kind(node: Node) -> str:
    return _NAMES.get(node.op, "a value" if node.op in EXPRESSION_OPS else node.op)


def _different_kinds(a: Node, b: Node) -> Outcome:
    return Outcome(False, "kind", {"left": _kind(a), "right": _kind(b)})


def _ends(node: Node) -> tuple[bool, bool]:
    if node.op == "interval":
        return node.value  # type: ignore[no-any-return]
    return (node.op == "bracket",) * 2


def _equation(assignment: Node) -> Node:
    return Node("equation", assignment.args)


def _difference(node: Node) -> Node:
    return Node("add", (node.args[0], Node("neg", (node.args[1],))))


def _renamed(assignment: Node) -> Node:
    """f(t) = t^2 with its argument called x, so that the letter does not matter."""
    name, value = assignment.args
    old = [a.value for a in name.args if a.op == "sym"]

    def change(node: Node) -> Node:
        if node.op == "sym" and node.value in old:
            return Node("sym", (), f"argument {old.index(node.value)}")
        return Node(node.op, tuple(change(a) for a in node.args), node.value)

    return change(value)


def _spelled(node: Node) -> str:
    return str(node.value) if node.value is not None else node.op


def _entries(node: Node) -> tuple[tuple[int, int], tuple[Node, ...]] | None:
    """Dimensions and entries of a matrix; a tuple is a column."""
    if node.op == "matrix":
        rows, columns = len(node.args), len(node.args[0].args)
        if rows == 1:
            rows, columns = columns, rows
        return (rows, columns), tuple(c for r in node.args for c in r.args)
    if node.op == "tuple":
        return (len(node.args), 1), node.args
    return None


def _is_clock(node: Node) -> bool:
    """Whether a ratio is written as a time of day: two digits after the colon."""
    if node.op != "ratio" or not node.value or any(n.op != "num" or not isinstance(n.value, int) for n in node.args):
        return False
    hours, minutes = (int(n.value) for n in node.args)
    return 0 <= hours <= 24 and 0 <= minutes < 60


def _is_reduced(node: Node) -> bool:
    import math

    for n in walk(node):
        if n.op == "div":
            values = [exact_number(a) for a in n.args]
            if all(isinstance(v, int) for v in values) and math.gcd(*(int(v) for v in values if v is not None)) != 1:
                return False
    return True


def _decimal(node: Node) -> tuple[Fraction, int, int] | None:
    if node.op == "dec":
        return node.value  # type: ignore[no-any-return]
    if node.op == "neg" and node.args[0].op == "dec":
        value, places, significant = node.args[0].value
        return -value, places, significant
    return None


def _is_decimal(node: Node) -> bool:
    return _decimal(node) is not None


def _mp(value: Fraction) -> Any:
    return multiprecision().mpf(value.numerator) / value.denominator


def _ambiguous_log(node: Node) -> bool:
    return any(n.op == "fn" and n.value == "log" and len(n.args) == 1 for n in walk(node))


def _natural(node: Node) -> Node:
    """The expression with `log` without a base read as the natural logarithm."""
    args = tuple(_natural(a) for a in node.args)
    if node.op == "fn" and node.value == "log" and len(args) == 1:
        return Node("fn", args, "ln")
    return Node(node.op, args, node.value)
