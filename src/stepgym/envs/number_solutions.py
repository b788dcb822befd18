"""Solutions of number games as texts: whole answers, and lines.

The canonical texts for `Make 24 from 4, 7, 8, 8.` are `solution_expression`,

    Answer: 4 * (7 - (8 / 8))

and `solution_lines`, one action each:

    8 / 8 = 1 (left: 4 7 1)
    7 - 1 = 6 (left: 4 6)
    4 * 6 = 24 (left: 24)
"""

from __future__ import annotations

import itertools
import operator as operators
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction

from stepgym.envs.tasks import Task
from stepgym.errors import InvalidInputError
from stepgym.verifiers.countdown import OPERATIONS, can_reach, solve
from stepgym.verifiers.steps.expression import Node, evaluate
from stepgym.verifiers.steps.reader import parse_expression
from stepgym.verifiers.steps.tokens import tokenize

_RESULTS: Mapping[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": operators.add,
    "-": operators.sub,
    "*": operators.mul,
    "/": operators.truediv,
}


def solution_expression(task: Task, *, operations: str = OPERATIONS, use_all: bool = True) -> str:
    """A right answer to a task of a number game, `Answer: 4 * (7 - (8 / 8))`."""
    return f"Answer: {_solution(task, operations, use_all)}"


def solution_lines(task: Task, *, operations: str = OPERATIONS, use_all: bool = True) -> list[str]:
    """The actions `a op b = c (left: ...)` that solve a task of a number game line by line."""
    return _lines(task.reference["numbers"], _solution(task, operations, use_all))


def next_line(
    left: Sequence[int | Fraction], target: int, *, operations: str = OPERATIONS, use_all: bool = True
) -> str:
    """The line with which to go on when these numbers are left, two at least; a legal one where nothing leads on."""
    numbers = [Fraction(number) for number in left]
    if all(number.denominator == 1 and number >= 0 for number in numbers):
        found = solve(numbers, target, operations=operations, use_all=use_all)
        lines = [] if found is None else _lines(numbers, found)
        if lines:
            return lines[0]
    # The solver's texts are of whole numbers; with fractions, what each line leads to is tried.
    fallback = ""
    for (i, a), (k, b) in itertools.permutations(enumerate(numbers), 2):
        rest = [number for at, number in enumerate(numbers) if at not in (i, k)]
        for operator in operations:
            if operator == "/" and not b:
                continue
            result = _RESULTS[operator](a, b)
            line = _line(a, operator, b, result, [*rest, result])
            fallback = fallback or line
            if can_reach([*rest, result], target, operations=operations, use_all=use_all):
                return line
    if not fallback:
        raise InvalidInputError(f"expected at least two numbers that {operations} can put together, got {listed(left)}")
    return fallback


def _lines(numbers: Sequence[int | Fraction], solution: str) -> list[str]:
    """The operations of an expression, one line each."""
    expression = parse_expression(tokenize(solution), 0, formal=True)
    if expression is None:
        raise AssertionError(f"the solver wrote an expression that cannot be read: {solution}")
    left = sorted(map(Fraction, numbers))
    lines = []
    for a, operator, b, result in _operations(expression.node):
        left = [*sorted((Counter(left) - Counter([a, b])).elements()), result]
        lines.append(_line(a, operator, b, result, left))
    return lines


def _line(a: Fraction, operator: str, b: Fraction, result: Fraction, left: Sequence[Fraction]) -> str:
    return f"{_operand(a)} {operator} {_operand(b)} = {result} (left: {listed(left)})"


def _solution(task: Task, operations: str, use_all: bool) -> str:
    numbers, target = task.reference["numbers"], task.reference["target"]
    found = solve(numbers, target, operations=operations, use_all=use_all)
    if found is None:
        raise InvalidInputError(f"{target} cannot be made of {listed(numbers)} with {operations}")
    return found


def _operations(node: Node) -> Iterator[tuple[Fraction, str, Fraction, Fraction]]:
    """The operations of an expression, inner ones first: left, operator, right, result."""
    if node.left is None or node.right is None:
        return
    yield from _operations(node.left)
    yield from _operations(node.right)
    values = evaluate(node.left), evaluate(node.right), evaluate(node)
    if values[0] is None or values[1] is None or values[2] is None:
        raise AssertionError("the solver wrote an expression that has no value")
    yield values[0], node.operator, values[1], values[2]


def _operand(value: Fraction) -> str:
    return f"({value})" if value < 0 or value.denominator != 1 else str(value)


def listed(numbers: Sequence[int | Fraction]) -> str:
    """Numbers as a line shows them."""
    return " ".join(map(str, numbers))
