"""Comparing equations and inequalities."""

from __future__ import annotations

from fractions import Fraction

from stepgym.verifiers.math.canonical import polynomial_form
from stepgym.verifiers.math.containers import ContainerRules
from stepgym.verifiers.math.exact import InexactError, UndefinedError
from stepgym.verifiers.math.kinds import (
    different_kinds,
    sides_difference,
)
from stepgym.verifiers.math.outcome import Outcome
from stepgym.verifiers.math.tree import (
    Node,
    TooLargeError,
    is_expression,
    symbols,
)


class EquationRules(ContainerRules):
    """The rules for equations and inequalities."""

    def equations(self, a: Node, b: Node) -> Outcome:
        """Two equations are the same when one is a nonzero multiple of the other."""
        left, right = sides_difference(a), sides_difference(b)
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
        """Inequalities, also chains of them, by their sides or as one inequality times a positive number."""
        if a.op == "all" and b.op == "all" and len(a.args) == len(b.args):
            return self.elementwise(a.args, b.args)
        if a.op != "inequality" or b.op != "inequality":
            return different_kinds(a, b)
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
