"""Expression trees of puzzles: read from JSON with all checks, then evaluated for one assignment or for many at once.

    ["and", ["<", "Ann", "Bob"], ["not", ["is", "Cy", 3]]]

A text names a variable, a whole number stands for itself, a list is an operation and its arguments.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from stepgym.errors import InvalidInputError

Kind = Literal["bool", "int"]

MAX_DEPTH = 30
_MAX_NODES = 2_000
# Every value fits into the integers of NumPy with room to spare.
_MAX_MAGNITUDE = 10**15
_LOGIC = {"and": (1, 99), "or": (1, 99), "not": (1, 1), "implies": (2, 2), "count": (1, 99)}
_NUMBERS = {"+": (1, 99), "-": (1, 2), "*": (1, 99), "abs": (1, 1), "//": (2, 2), "%": (2, 2), "different": (2, 99)}
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
OPERATIONS = (*_LOGIC, *_NUMBERS, *_COMPARISONS, "is")


class Node(NamedTuple):
    """A checked expression; "var" holds the position of a variable, "int" a number."""

    op: str
    args: tuple[Node, ...] = ()
    value: int = 0


def is_value(variable: int, code: int) -> Node:
    """The statement that a variable has a value."""
    return Node("=", (Node("var", (), variable), Node("int", (), code)))


def negated(node: Node) -> Node:
    """The statement that another one does not hold."""
    return Node("not", (node,))


class ExpressionReader:
    """Reads trees over some variables.

    Args:
        codes: For each variable, by its name: the code of each of its values, a number for itself, a word for its
            place in the domain, from 0.
    """

    def __init__(self, codes: Mapping[str, Mapping[int | str, int]]) -> None:
        self._codes = codes
        self._places = {name: place for place, name in enumerate(codes)}
        self._nodes = 0

    def statement(self, tree: Any) -> Node:
        """A tree that is true or false; raises `InvalidInputError` for any other."""
        node, kind, _ = self._read(tree, 0)
        if kind != "bool":
            raise InvalidInputError(f"expected a statement that is true or false, got {tree!r:.80}")
        return node

    def _read(self, tree: Any, depth: int) -> tuple[Node, Kind, int]:
        """The node, its kind and a bound on its magnitude."""
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > _MAX_NODES:
            raise InvalidInputError(
                f"the statements of a puzzle may have {_MAX_NODES} parts, nested {MAX_DEPTH} deep; this has more"
            )
        if type(tree) is int and abs(tree) <= _MAX_MAGNITUDE:
            return Node("int", (), tree), "int", abs(tree)
        if isinstance(tree, str):
            if tree not in self._places:
                raise InvalidInputError(
                    f"no variable is called {tree!r:.40}; there are {', '.join(self._places)[:200]}"
                )
            return Node("var", (), self._places[tree]), "int", max(map(abs, self._codes[tree].values()))
        if not isinstance(tree, list) or not tree or not isinstance(tree[0], str):
            raise InvalidInputError(f"expected a number, a variable or [operation, ...], got {tree!r:.80}")
        if tree[0] == "is":
            return self._value(tree), "bool", 1
        return self._operation(tree[0], [self._read(part, depth + 1) for part in tree[1:]], tree)

    def _value(self, tree: list[Any]) -> Node:
        name, value = tree[1:] if len(tree) == 3 else (None, None)
        if not isinstance(name, str) or name not in self._codes or isinstance(value, bool | None | list | dict | float):
            raise InvalidInputError(f'expected ["is", variable, value], got {tree!r:.80}')
        if value not in self._codes[name]:
            raise InvalidInputError(f"{value!r:.40} is no value of {name}; its values are {list(self._codes[name])}")
        return is_value(self._places[name], self._codes[name][value])

    def _operation(self, op: str, parts: list[tuple[Node, Kind, int]], tree: Any) -> tuple[Node, Kind, int]:
        args = tuple(node for node, _, _ in parts)
        kinds = {kind for _, kind, _ in parts}
        sizes = [size for _, _, size in parts]
        if op in _COMPARISONS:
            if len(parts) != 2 or len(kinds) != 1 or ("bool" in kinds and op not in ("=", "!=")):
                raise InvalidInputError(f"{op!r} compares two numbers (or, = and !=, two statements), got {tree!r:.80}")
            return Node(op, args), "bool", 1
        if op in _LOGIC:
            _check_arguments(op, len(parts), _LOGIC[op], kinds, "bool", tree)
            return Node(op, args), ("int" if op == "count" else "bool"), len(parts)
        if op not in _NUMBERS:
            raise InvalidInputError(f"no operation is called {op!r:.40}; there are {', '.join(OPERATIONS)}")
        _check_arguments(op, len(parts), _NUMBERS[op], kinds, "int", tree)
        if op == "different":
            return Node(op, args), "bool", 1
        if op in ("//", "%") and (args[1].op != "int" or args[1].value < 1):
            raise InvalidInputError(f"{op!r} takes a number and a positive constant, got {tree!r:.80}")
        size = sizes[0]
        for other in sizes[1:]:
            size = size * other if op == "*" else size if op == "//" else size + other
        if size > _MAX_MAGNITUDE:
            raise InvalidInputError(f"the values of {tree!r:.80} can become too large")
        return Node(op, args), "int", size


def _check_arguments(op: str, count: int, bounds: tuple[int, int], kinds: set[Kind], kind: Kind, tree: Any) -> None:
    if not bounds[0] <= count <= bounds[1] or kinds != {kind}:
        what = "statements" if kind == "bool" else "numbers"
        raise InvalidInputError(f"{op!r} takes {bounds[0]} to {bounds[1]} {what}, got {tree!r:.80}")


def variables_of(node: Node) -> frozenset[int]:
    """The positions of the variables in an expression."""
    if node.op == "var":
        return frozenset((node.value,))
    return frozenset().union(*map(variables_of, node.args))


def evaluate(node: Node, codes: Sequence[int]) -> int:
    """The value for one assignment, a code for each variable; statements are 0 or 1."""
    op = node.op
    if op == "int":
        return node.value
    if op == "var":
        return codes[node.value]
    values = [evaluate(part, codes) for part in node.args]
    if op == "and":
        return int(all(values))
    if op == "or":
        return int(any(values))
    if op == "not":
        return 1 - values[0]
    if op == "implies":
        return int(values[0] <= values[1])
    if op == "different":
        return int(len(set(values)) == len(values))
    if op in ("+", "count"):
        return sum(values)
    if op == "abs":
        return abs(values[0])
    if op == "-":
        return -values[0] if len(values) == 1 else values[0] - values[1]
    if op == "*":
        product = 1
        for value in values:
            product *= value
        return product
    left, right = values
    if op == "//":
        return left // right
    if op == "%":
        return left % right
    return int(_COMPARED[op](left, right))


def evaluate_all(node: Node, table: np.ndarray) -> Any:
    """The values for many assignments at once, `table` of shape (assignments, variables), int64."""
    op = node.op
    if op == "int":
        return node.value
    if op == "var":
        return table[:, node.value]
    values = [evaluate_all(part, table) for part in node.args]
    if op == "not":
        return ~np.asarray(values[0], dtype=bool)
    if op == "implies":
        return ~np.asarray(values[0], dtype=bool) | values[1]
    if op == "abs":
        return np.abs(values[0])
    if op == "-" and len(values) == 1:
        return -values[0]
    if op == "different":
        result: Any = True
        for left, right in itertools.combinations(values, 2):
            result = result & (left != right)
        return result
    if op == "count":
        return sum(np.asarray(value, dtype=np.int64) for value in values)
    first = values[0]
    for other in values[1:]:
        first = _JOINED[op](first, other)
    return first


_COMPARED: dict[str, Callable[[int, int], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_JOINED: dict[str, Any] = {
    "and": np.logical_and,
    "or": np.logical_or,
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "//": np.floor_divide,
    "%": np.mod,
    **_COMPARED,
}
