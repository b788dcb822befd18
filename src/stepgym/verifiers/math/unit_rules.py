"""Comparing answers with units, percent and degree signs."""

from __future__ import annotations

from abc import ABC, abstractmethod

from stepgym.verifiers.math.conventions import AnswerConventions
from stepgym.verifiers.math.kinds import (
    SIGNS,
    angle_value,
    unit_of,
)
from stepgym.verifiers.math.outcome import Outcome
from stepgym.verifiers.math.tree import (
    Node,
    num,
    symbols,
)
from stepgym.verifiers.math.unit_names import LONE_UNITS
from stepgym.verifiers.math.units import goes_with, in_radians, measure


class UnitRules(ABC):
    """The rules for units; those for what stands before them come with the comparison."""

    conventions: AnswerConventions

    @abstractmethod
    def dispatch(self, a: Node, b: Node) -> Outcome:
        """The comparison of any two answers."""

    def measured(self, a: Node, b: Node) -> Outcome:
        """Two answers of which at least one has a unit, a percent sign or a degree sign."""
        unit_a, unit_b = unit_of(a), unit_of(b)
        if unit_a is not None and unit_b is not None and a.op == b.op != "quantity":
            return self.dispatch(a.args[0], b.args[0])
        if self.conventions.units == "required" and "quantity" in (a.op, b.op) and (unit_a is None) != (unit_b is None):
            return Outcome(False, "unit", {"problem": "a unit is missing", "left": unit_a, "right": unit_b})
        if (in_radians(unit_a) and b.op == "degree") or (in_radians(unit_b) and a.op == "degree"):
            return self.dispatch(angle_value(a), angle_value(b))
        inner_a = a.args[0] if a.op == "quantity" else a
        inner_b = b.args[0] if b.op == "quantity" else b
        if unit_a is not None and unit_b is not None and self.conventions.units != "ignored":
            known_a, known_b = measure(unit_a), measure(unit_b)
            if known_a is not None and known_b is not None:
                together = known_a[0] == known_b[0]
            else:
                together = goes_with(unit_a, unit_b, exactly=self.conventions.units == "required")
            if not together:
                return Outcome(False, "unit", {"left": unit_a, "right": unit_b})
            if known_a is not None and known_b is not None and known_a[1] != known_b[1]:
                inner_a = Node("mul", (inner_a, num(known_a[1] / known_b[1])))
        if "quantity" in (a.op, b.op):
            for unit, other in ((unit_a, inner_b), (unit_b, inner_a)):
                if unit in LONE_UNITS and unit in symbols(other):
                    return Outcome(False, "kind", {"problem": f"{unit} is a variable on one side"})
        if inner_a.op in SIGNS or inner_b.op in SIGNS:
            return self.signed(inner_a, inner_b)
        return self.dispatch(inner_a, inner_b)

    def signed(self, a: Node, b: Node) -> Outcome:
        """Two values of which at least one has a percent or degree sign."""
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
            radians = angle_value(node)
            return [node.args[0], radians] if self.conventions.units != "required" else [radians]
        return [node]
