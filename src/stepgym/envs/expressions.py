"""Expressions to work out: `Compute 3 * (4 + 15) - 8.`, procedural and endless.

Their ids ("compute/3*(4+15)-8") hold the whole task, and `expression_steps` writes the canonical actions:

    4 + 15 = 19
    3 * 19 = 57
    57 - 8 = 49
    The answer is 49.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from stepgym.envs.tasks import Task
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers.steps.expression import Node, evaluate
from stepgym.verifiers.steps.reader import parse_expression
from stepgym.verifiers.steps.tokens import tokenize

OPERATIONS = "+-*/"

_MAX_OPERANDS = 12
_MAX_VALUE = 10**9
_MAX_ID = 200
_DRAWS = 1_000

_Part: TypeAlias = tuple[int, str, int]
"""Value, text and how tightly the text binds: 1 for a sum, 2 for a product, 3 for a number."""

_ID = re.compile(r"compute/(?P<expression>[0-9+*/()-]{3,})")


def expression_task(
    seed: int | np.random.Generator, *, operands: int = 4, largest: int = 20, operations: str = OPERATIONS
) -> Task:
    """A random expression whose value, like all its parts, is a whole number from 0 to 10^9.

    With an integer `seed` it is the task of `reset(seed=seed)`; a generator is advanced.
    """
    check_expression_settings(operands, largest, operations)
    rng = seed if isinstance(seed, np.random.Generator) else np.random.Generator(np.random.PCG64(seed))
    for _ in range(_DRAWS):
        numbers = rng.integers(1, largest + 1, size=operands).tolist()
        choices: list[int] = rng.integers(1 << 31, size=2 * operands).tolist()
        parts: list[_Part] = [(number, str(number), 3) for number in numbers]
        while len(parts) > 1:
            at = choices.pop() % (len(parts) - 1)
            joined = _joined(parts[at], parts[at + 1], operations)
            if not joined:
                break
            parts[at : at + 2] = [joined[choices.pop() % len(joined)]]
        else:
            return _task(parts[0][1], parts[0][0])
    raise InvalidInputError(
        f"no expression with operands={operands}, largest={largest}, operations={operations!r} in {_DRAWS} draws; "
        "allow more operations"
    )


def expression_from_id(task_id: str) -> Task:
    """The task that an id spells out; raises `UnknownNameError` for any other text."""
    match = _ID.fullmatch(task_id) if len(task_id) <= _MAX_ID else None
    node = None if match is None else _read(match["expression"])
    value = None if node is None else evaluate(node)
    whole = value is not None and value.denominator == 1
    if match is None or node is None or value is None or not whole or _written(node)[0] != match["expression"]:
        raise UnknownNameError(
            f"No expression is called {task_id!r:.80}. Ids look like 'compute/3*(4+15)-8': whole numbers without "
            "leading zeros, + - * / and no more parentheses than needed, with a whole value."
        )
    return _task(match["expression"], int(value))


def expression_steps(task: Task) -> list[str]:
    """The canonical actions that solve a task of `expression_task`: one operation each, then the answer."""
    node = _read(task.id.removeprefix("compute/"))
    if node is None:
        raise InvalidInputError(f"expected a task of expression_task, got {task.id!r:.80}")
    return [*_operations(node), f"The answer is {task.reference}."]


def _joined(left: _Part, right: _Part, operations: str) -> list[_Part]:
    """What one operation makes of two parts, where the result is whole, not negative and not too large."""
    a, b = left[0], right[0]
    results = {
        "+": a + b,
        "-": a - b,
        "*": a * b,
        "/": a // b if b and a % b == 0 else -1,
    }
    fit = [
        (results[sign], *_write(left[1:], sign, right[1:])) for sign in operations if 0 <= results[sign] <= _MAX_VALUE
    ]
    return fit or ([] if a >= b else _joined(right, left, operations))


def _write(left: tuple[str, int], sign: str, right: tuple[str, int]) -> tuple[str, int]:
    """The text of an operation, with the parentheses it needs, and how tightly it binds."""
    strength = 1 if sign in "+-" else 2
    first = left[0] if left[1] >= strength else f"({left[0]})"
    # a - (b - c), and a + (b + c) too, so that each text has one tree.
    second = right[0] if right[1] > strength else f"({right[0]})"
    return f"{first}{sign}{second}", strength


def _written(node: Node) -> tuple[str, int]:
    if node.token is not None:
        return str(node.token.value), 3
    if node.left is None or node.right is None or node.operator not in OPERATIONS:
        return "", 0
    return _write(_written(node.left), node.operator, _written(node.right))


def _read(text: str) -> Node | None:
    tokens = tokenize(text)
    expression = parse_expression(tokens, 0, formal=True) if tokens else None
    whole = expression is not None and expression.stop == len(tokens) and expression.node.token is None
    return expression.node if expression is not None and whole else None


def _operations(node: Node) -> Iterator[str]:
    """The operations, inner ones first."""
    if node.left is None or node.right is None:
        return
    yield from _operations(node.left)
    yield from _operations(node.right)
    left, right, result = (_shown(evaluate(part)) for part in (node.left, node.right, node))
    yield f"{left} {node.operator} {right} = {result}"


def _shown(value: Fraction | None) -> str:
    text = str(value)
    return f"({text})" if "/" in text or text.startswith("-") else text


def _task(expression: str, value: int) -> Task:
    spaced = re.sub(r"([+*/-])", r" \1 ", expression)
    return Task(f"compute/{expression}", f"Compute {spaced}.", str(value))


def check_expression_settings(operands: int, largest: int, operations: str) -> None:
    """Raise `InvalidInputError` for settings of which no expression can be made."""
    if type(operands) is not int or not 2 <= operands <= _MAX_OPERANDS:
        raise InvalidInputError(f"operands must be an integer from 2 to {_MAX_OPERANDS}, got {operands!r}")
    if type(largest) is not int or not 2 <= largest <= 1_000:
        raise InvalidInputError(f"largest must be an integer from 2 to 1000, got {largest!r}")
    if not operations or set(operations) - set(OPERATIONS) or len(set(operations)) < len(operations):
        raise InvalidInputError(f"operations must be different ones of {OPERATIONS!r}, got {operations!r}")
