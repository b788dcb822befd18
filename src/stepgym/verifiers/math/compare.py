"""Whether two answers are the same under given conventions: dispatch by what they are."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from stepgym.verifiers.math.containers import CONTAINERS
from stepgym.verifiers.math.conventions import AnswerConventions
from stepgym.verifiers.math.equation_rules import EquationRules
from stepgym.verifiers.math.exact import InexactError, UndefinedError
from stepgym.verifiers.math.kinds import (
    as_equation,
    compare_clocks,
    decimal,
    different_kinds,
    has_ambiguous_log,
    is_decimal,
    is_reduced,
    kind,
    spelled,
    with_common_argument,
    with_functions_as_variables,
    with_imaginary_unit,
    with_natural_log,
)
from stepgym.verifiers.math.outcome import Outcome, Prover
from stepgym.verifiers.math.precise import multiprecision, precise
from stepgym.verifiers.math.read import Reading
from stepgym.verifiers.math.tree import (
    EXPRESSION_OPS,
    Node,
    TooLargeError,
    UnreadableError,
    exact_number,
    is_expression,
    symbols,
    walk,
)
from stepgym.verifiers.math.unit_rules import UnitRules
from stepgym.verifiers.math.values import same_value
from stepgym.verifiers.math.words import plain

_OPAQUE = {"problem": "a sum, product, limit or integral is not evaluated"}


def compare(left: Reading, right: Reading, conventions: AnswerConventions, prover: Prover | None = None) -> Outcome:
    """Whether two answers are the same; symmetric.

    Any pair of readings that agrees makes them equal; they differ when every pair differs.
    """
    if left.choice is not None or right.choice is not None:
        mine, other = letter(left), letter(right)
        if mine is not None and other is not None:
            return Outcome(mine == other, "choice", {} if mine == other else {"left": mine, "right": other})
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


class _Comparison(EquationRules, UnitRules):
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
            return compare_clocks(a, b)
        if x == "assign" or y == "assign":
            return self.assignments(a, b)
        if "quantity" in (x, y) or "percent" in (x, y) or "degree" in (x, y):
            return self.measured(a, b)
        if x == "equation" and y == "equation":
            return self.equations(a, b)
        if x in ("inequality", "all") or y in ("inequality", "all"):
            return self.inequalities(a, b)
        if x in CONTAINERS or y in CONTAINERS:
            return self.containers(a, b)
        if x == "mod" or y == "mod":
            return self.residues(a, b)
        if is_expression(a) and is_expression(b):
            return self.values(a, b)
        if a == b and x not in EXPRESSION_OPS:
            return Outcome(True, "identical")
        if x != y:
            return different_kinds(a, b)
        return Outcome(None, "unsupported", {"problem": f"{kind(a)} cannot be compared"})

    def residues(self, a: Node, b: Node) -> Outcome:
        """Residues, the same when they are congruent to one modulus; beside a plain value, its value."""
        if a.op == b.op == "mod" and "residue" in (a.value, b.value):
            moduli = self.dispatch(a.args[1], b.args[1])
            if not moduli.equal:
                return moduli
            values = [exact_number(n) for n in (a.args[0], b.args[0], a.args[1])]
            if all(isinstance(v, int) for v in values) and values[2]:
                same = (values[0] - values[1]) % values[2] == 0  # type: ignore[operator]
                return Outcome(same, "residue", {"modulus": str(values[2])})
            return self.dispatch(a.args[0], b.args[0])
        plain_a, plain_b = (n.args[0] if n.op == "mod" and n.value == "residue" else n for n in (a, b))
        return self.values(plain_a, plain_b) if "mod" in (plain_a.op, plain_b.op) else self.dispatch(plain_a, plain_b)

    # Scalars --------------------------------------------------------------------------------------------------------

    def values(self, a: Node, b: Node) -> Outcome:
        if self.conventions.base == "written" and (a.op == "based" or b.op == "based"):
            same = a.op == b.op and a.value[:2] == b.value[:2]
            return Outcome(same, "written", {} if same else {"problem": "the number base or its digits differ"})
        a, b = with_imaginary_unit(a, b), with_imaginary_unit(b, a)
        outcome = same_value(a, b, prover=self.prover)
        if outcome.equal:
            if self.conventions.reduced and not (is_reduced(a) and is_reduced(b)):
                return Outcome(False, "form", {"problem": "a fraction is not in lowest terms"})
            return outcome
        if outcome.equal is None and outcome.method == "unsupported":
            named = with_functions_as_variables(a, b)
            if named is not None:
                outcome = same_value(*named, prover=self.prover)
        if outcome.equal is False and ("dec" in (a.op, b.op) or is_decimal(a) or is_decimal(b)):
            rounded = self.rounded(a, b)
            if rounded is not None:
                return rounded
        if outcome.equal is False and (has_ambiguous_log(a) or has_ambiguous_log(b)):
            natural = same_value(with_natural_log(a), with_natural_log(b), prover=self.prover)
            if natural.equal:
                return natural
        return outcome

    def rounded(self, a: Node, b: Node) -> Outcome | None:
        """Equality by the digits that a decimal shows."""
        digits = self.conventions.decimal_digits
        if digits is None or symbols(a) or symbols(b):
            return None
        for shown, other in ((a, b), (b, a)):
            shown_as = decimal(shown)
            if shown_as is None or shown_as[2] < digits:
                continue
            also = decimal(other)
            if also is not None and (also[2] < digits and min(shown_as[2], 12) < 12):
                continue  # 5.000001 is not a spelling of 5.
            value, places, significant = shown_as
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
        return different_kinds(a, b)

    def assignments(self, a: Node, b: Node) -> Outcome:
        if a.op == "assign" and b.op == "assign":
            if a.args[0] != b.args[0] and a.args[0].op == b.args[0].op == "fn" and a.args[0].value == b.args[0].value:
                return self.dispatch(with_common_argument(a), with_common_argument(b))
            outcome = self.dispatch(a.args[1], b.args[1])
            if a.args[0] == b.args[0] or not outcome.equal:
                if outcome.equal or not (is_expression(a.args[1]) and is_expression(b.args[1])):
                    return outcome
                as_equations = self.equations(as_equation(a), as_equation(b)) if symbols(a.args[1]) else outcome
                return as_equations if as_equations.equal else outcome
            return Outcome(False, "name", {"left": spelled(a.args[0]), "right": spelled(b.args[0])})
        named, other = (a, b) if a.op == "assign" else (b, a)
        if other.op == "equation":
            if is_expression(named.args[1]) and is_expression(named.args[0]):
                return self.equations(as_equation(named), other)
            return different_kinds(a, b)
        if not self.conventions.strip_assignment:
            return Outcome(False, "kind", {"problem": "one side names a variable and the other does not"})
        if other.op == "region" and named.args[0].op == "sym" and is_expression(named.args[1]):
            return self.dispatch(Node("set", (named.args[1],)), other)
        return self.dispatch(named.args[1], other) if named is a else self.dispatch(other, named.args[1])


def _mp(value: Fraction) -> Any:
    return multiprecision().mpf(value.numerator) / value.denominator
