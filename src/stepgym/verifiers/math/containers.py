"""Comparing lists, tuples, sets, intervals, matrices, ratios and systems of assignments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter

from stepgym.verifiers.math import region as regions
from stepgym.verifiers.math.conventions import AnswerConventions
from stepgym.verifiers.math.kinds import different_kinds, ends, entries, is_clock
from stepgym.verifiers.math.outcome import SAME, Outcome
from stepgym.verifiers.math.tree import Node, exact_number, is_expression, symbols

CONTAINERS = frozenset({"list", "tuple", "bracket", "set", "interval", "ratio", "matrix", "region", "system"})


class ContainerRules(ABC):
    """The rules for what holds several values; those for single values come with the comparison."""

    conventions: AnswerConventions

    @abstractmethod
    def dispatch(self, a: Node, b: Node) -> Outcome:
        """The comparison of any two answers."""

    @abstractmethod
    def values(self, a: Node, b: Node) -> Outcome:
        """The comparison of two expressions."""

    def containers(self, a: Node, b: Node) -> Outcome:
        """Two answers of which at least one holds several values."""
        x, y = a.op, b.op
        if x == "system" or y == "system":
            return self.systems(a, b)
        if x == "region" or y == "region":
            return self.region_with(a, b)
        if x == "matrix" or y == "matrix":
            return self.matrices(a, b)
        if x == "ratio" or y == "ratio":
            return self.ratios(a, b)
        if x not in CONTAINERS or y not in CONTAINERS:
            container, other = (a, b) if x in CONTAINERS else (b, a)
            if container.op in ("set", "list"):
                values = self.without_repeats(container.args)
                if len(values) == 1:  # "1/2 or 0.5" is one value.
                    return self.dispatch(values[0], other)
            return different_kinds(a, b)
        ordered_a, ordered_b = x in ("tuple", "bracket", "interval"), y in ("tuple", "bracket", "interval")
        if ordered_a and ordered_b:
            if "interval" in (x, y) or (x != y and len(a.args) == len(b.args) == 2):
                same_ends = ends(a) == ends(b)
                if not same_ends or len(a.args) != len(b.args):
                    return Outcome(False, "ends", {"problem": "the brackets differ"})
            return self.elementwise(a.args, b.args)
        if "set" in (x, y):
            if ordered_a or ordered_b:
                return different_kinds(a, b)
            return self.unordered(a.args, b.args, distinct=True)
        if ordered_a or ordered_b:
            # A bare list beside a tuple is the tuple without its brackets; beside an interval it is not.
            if "interval" in (x, y) or ("bracket" in (x, y) and len(a.args) == 2):
                return different_kinds(a, b)
            return self.elementwise(a.args, b.args)
        if self.conventions.list_order == "given":
            return self.elementwise(a.args, b.args)
        return self.unordered(a.args, b.args, distinct=False)

    def elementwise(self, a: tuple[Node, ...], b: tuple[Node, ...]) -> Outcome:
        """Item by item, in order."""
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
        """As multisets, or with `distinct` as sets."""
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
        """The items without values that were there before."""
        kept: list[Node] = []
        for item in items[:60]:
            if not any(item == k or self.dispatch(item, k).equal for k in kept):
                kept.append(item)
        return (*kept, *items[60:])

    def systems(self, a: Node, b: Node) -> Outcome:
        """Assignments of several variables, also beside a tuple of their values."""
        if a.op == b.op == "system":
            left, right = ({n.args[0]: n.args[1] for n in s.args} for s in (a, b))
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
        return different_kinds(a, b)

    def region_with(self, a: Node, b: Node) -> Outcome:
        """Sets of real numbers."""
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
            return different_kinds(a, b)
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
        """Matrices; a tuple is a column."""
        left, right = entries(a), entries(b)
        if left is None or right is None:
            matrix = a if a.op == "matrix" else b
            if len(matrix.args) == len(matrix.args[0].args) == 1:
                inner = matrix.args[0].args[0]
                return self.dispatch(inner, b) if matrix is a else self.dispatch(a, inner)
            return different_kinds(a, b)
        if left[0] != right[0]:
            return Outcome(False, "dimensions", {"left": list(left[0]), "right": list(right[0])})
        return self.elementwise(left[1], right[1])

    def ratios(self, a: Node, b: Node) -> Outcome:
        """Ratios, equal up to a common factor."""
        if a.op == b.op == "ratio":
            same = self.elementwise(a.args, b.args)
            if same.equal or len(a.args) != len(b.args) or is_clock(a) or is_clock(b):
                return same
            products = [
                self.values(Node("mul", (p, b.args[0])), Node("mul", (q, a.args[0])))
                for p, q in zip(a.args[1:], b.args[1:], strict=True)
            ]
            return next((p for p in products if not p.equal), products[0])
        ratio, other = (a, b) if a.op == "ratio" else (b, a)
        if len(ratio.args) == 2 and is_expression(other) and not is_clock(ratio):
            return self.values(Node("div", ratio.args), other)
        return different_kinds(a, b)
