"""Questions about what an answer is, and small changes of form, for the comparison of two answers."""

from __future__ import annotations

import math
from fractions import Fraction

from stepgym.verifiers.math.outcome import Outcome
from stepgym.verifiers.math.tree import EMPTY, EXPRESSION_OPS, Node, exact_number, num, symbols, walk

_UNIT = Node("const", (), "i")
SIGNS = {"percent": "percent", "degree": "degrees"}
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
    "quantity": "a value with a unit",
    "percent": "a percentage",
    "degree": "an angle",
    "clock": "a time of day",
    "assign": "an assignment",
    "all": "several conditions",
    "builder": "a set",
    "pieces": "a definition by cases",
    "opaque": "an expression that is not evaluated",
}


def unit_of(node: Node) -> str | None:
    """The unit of an answer in words, a percent or degree sign included; None when it has none."""
    if node.op != "quantity":
        return SIGNS.get(node.op)
    sign = SIGNS.get(node.args[0].op)
    return str(node.value) if sign is None else f"{sign} {node.value}"


def angle_value(node: Node) -> Node:
    """The value in radians of an angle in degrees or in radians."""
    if node.op == "quantity":
        return node.args[0]
    return Node("div", (Node("mul", (node.args[0], Node("const", (), "pi"))), num(180)))


def compare_clocks(a: Node, b: Node) -> Outcome:
    """Times of day; a missing "a.m." or "p.m." is forgiven as a missing unit is."""
    times = []
    for node in (a, b):
        if node.op == "clock":
            times.append(node.value)
        elif is_clock(node):
            times.append((node.args[0].value, node.args[1].value, ""))
        elif node.op == "num":
            times.append((node.value, 0, ""))
        else:
            return different_kinds(a, b)
    (h1, m1, half1), (h2, m2, half2) = times
    same = m1 == m2 and not _hours(h1, half1).isdisjoint(_hours(h2, half2))
    return Outcome(same, "text", {} if same else {"left": f"{h1}:{m1:02}{half1}", "right": f"{h2}:{m2:02}{half2}"})


def _hours(hour: int, half: str) -> set[int]:
    """The hours of the day an hour may mean; without "a.m." or "p.m." either, unless it is above 12."""
    if half:
        return {hour % 12 + 12 * (half == "pm")}
    return {hour} if hour > 12 else {hour % 12, hour % 12 + 12}


def kind(node: Node) -> str:
    """The name of what an answer is, for messages."""
    if node == EMPTY:
        return "no solution"
    return _NAMES.get(node.op, "a value" if node.op in EXPRESSION_OPS else node.op)


def different_kinds(a: Node, b: Node) -> Outcome:
    """The outcome for two answers that cannot be equal because of what they are."""
    return Outcome(False, "kind", {"left": kind(a), "right": kind(b)})


def ends(node: Node) -> tuple[bool, bool]:
    """Which ends of an interval are closed."""
    if node.op == "interval":
        return node.value  # type: ignore[no-any-return]
    return (node.op == "bracket",) * 2


def as_equation(assignment: Node) -> Node:
    """An assignment as an equation."""
    return Node("equation", assignment.args)


def sides_difference(node: Node) -> Node:
    """Left side minus right side."""
    return Node("add", (node.args[0], Node("neg", (node.args[1],))))


def with_common_argument(assignment: Node) -> Node:
    """f(t) = t^2 with its argument called x, so that the letter does not matter."""
    name, value = assignment.args
    old = [a.value for a in name.args if a.op == "sym"]

    def change(node: Node) -> Node:
        if node.op == "sym" and node.value in old:
            return Node("sym", (), f"argument {old.index(node.value)}")
        return Node(node.op, tuple(change(a) for a in node.args), node.value)

    return change(value)


def spelled(node: Node) -> str:
    """A name for messages."""
    return str(node.value) if node.value is not None else node.op


def entries(node: Node) -> tuple[tuple[int, int], tuple[Node, ...]] | None:
    """Dimensions and entries of a matrix; a tuple is a column."""
    if node.op == "matrix":
        rows, columns = len(node.args), len(node.args[0].args)
        if rows == 1:
            rows, columns = columns, rows
        return (rows, columns), tuple(c for r in node.args for c in r.args)
    if node.op == "tuple":
        return (len(node.args), 1), node.args
    return None


def is_clock(node: Node) -> bool:
    """Whether a ratio is written as a time of day: two digits after the colon."""
    if node.op != "ratio" or not node.value or any(n.op != "num" or not isinstance(n.value, int) for n in node.args):
        return False
    hours, minutes = (int(n.value) for n in node.args)
    return 0 <= hours <= 24 and 0 <= minutes < 60


def is_reduced(node: Node) -> bool:
    """Whether all fractions are in lowest terms."""
    for n in walk(node):
        if n.op == "div":
            values = [exact_number(a) for a in n.args]
            if all(isinstance(v, int) for v in values) and math.gcd(*(int(v) for v in values if v is not None)) != 1:
                return False
    return True


def decimal(node: Node) -> tuple[Fraction, int, int] | None:
    """Value, places and significant digits of a decimal, else None."""
    if node.op == "dec":
        return node.value  # type: ignore[no-any-return]
    if node.op == "neg" and node.args[0].op == "dec":
        value, places, significant = node.args[0].value
        return -value, places, significant
    return None


def is_decimal(node: Node) -> bool:
    """Whether the answer is a decimal."""
    return decimal(node) is not None


def has_ambiguous_log(node: Node) -> bool:
    """Whether a logarithm without a base occurs."""
    return any(n.op == "fn" and n.value == "log" and len(n.args) == 1 for n in walk(node))


def with_natural_log(node: Node) -> Node:
    """The expression with `log` without a base read as the natural logarithm."""
    args = tuple(with_natural_log(a) for a in node.args)
    if node.op == "fn" and node.value == "log" and len(args) == 1:
        return Node("fn", args, "ln")
    return Node(node.op, args, node.value)


def with_imaginary_unit(node: Node, other: Node) -> Node:
    """The expression with `I` read as the imaginary unit where the other side has one and no variable `I`."""
    if (
        node.op == "sym"
        or "I" not in symbols(node)
        or "I" in symbols(other)
        or not any(n == _UNIT for n in walk(other))
    ):
        return node

    def change(inner: Node) -> Node:
        if inner.op == "sym":
            return _UNIT if inner.value == "I" else inner
        return Node(inner.op, tuple(change(a) for a in inner.args), inner.value)

    return change(node)


def with_functions_as_variables(a: Node, b: Node) -> tuple[Node, Node] | None:
    """Both expressions with `f(x)` as a variable of its own; None when one function has different arguments in them."""
    applied = {n for t in (a, b) for n in walk(t) if n.op == "fn" and str(n.value).startswith(":")}
    if not applied or len({n.value for n in applied}) != len(applied):
        return None

    def change(node: Node) -> Node:
        if node in applied:
            return Node("sym", (), f"value of {str(node.value)[1:]}")
        return Node(node.op, tuple(change(n) for n in node.args), node.value)

    return change(a), change(b)
