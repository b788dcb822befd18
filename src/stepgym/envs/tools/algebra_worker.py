"""What a worker process of the calculator does; it loads SymPy before it says that it is ready."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy

from stepgym.envs.tools.number_text import number_text
from stepgym.verifiers.math.symbolic import sympy_expression
from stepgym.verifiers.math.tree import from_json

_LONGEST = 300
_MOST_SOLUTIONS = 10


def work(job: list[Any]) -> str:
    """The result of `[name, tree, unknown]`, see `algebra.work_out`, as text."""
    name, tree, unknown = job
    if name == "solve":
        op, args, _ = tree
        sides = [sympy_expression(from_json(arg)) for arg in (args if op in ("equation", "assign") else [tree])]
        difference = sides[0] - sides[1] if len(sides) == 2 else sides[0]
        solutions = sympy.solve(difference, sympy.Symbol(f"v_{unknown}"))
        if not solutions and sympy.simplify(difference) == 0:
            return f"true for every {unknown}"
        if not isinstance(solutions, list) or len(solutions) > _MOST_SOLUTIONS:
            return "error: there are too many solutions"
        return "; ".join(f"{unknown} = {_shown(found)}" for found in solutions) or "error: there is no solution"
    expression = sympy_expression(from_json(tree))
    return _shown({"simplify": sympy.simplify, "expand": sympy.expand, "factor": sympy.factor}[name](expression))


def _shown(expression: Any) -> str:
    if expression.is_Rational:
        return number_text(Fraction(int(expression.p), int(expression.q)))
    if expression.has(sympy.nan, sympy.zoo, sympy.oo):
        return "error: this has no value"
    plain = expression.xreplace({s: sympy.Symbol(s.name.removeprefix("v_")) for s in expression.free_symbols})
    if plain.is_number and plain.has(sympy.CRootOf):
        return f"about {sympy.sstr(sympy.N(plain, 10))}"
    shown = sympy.sstr(plain)
    if len(shown) > _LONGEST:
        return f"error: the result is longer than {_LONGEST} characters"
    if expression.is_number and expression.is_real:
        return f"{shown} (about {sympy.sstr(sympy.N(plain, 10))})"
    return str(shown)
