"""Expressions of the tree as Python closures: `evaluate(variables, run)` gives the value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stepgym.envs.programs.run import (
    DEEPEST_CALL,
    LARGEST,
    EndlessError,
    Evaluate,
    ReturnSignal,
    Run,
    UndefinedError,
    Variables,
)
from stepgym.envs.programs.tree import (
    Arith,
    Call,
    Compare,
    Expression,
    Item,
    Length,
    Letter,
    Logic,
    Name,
    Not,
    Number,
    Text,
    ToLetter,
    type_of,
)


class Expressions:
    """Makes closures of expressions, once for each node.

    The nodes it has seen stay alive with it, because closures are remembered by a node's identity.
    """

    def __init__(self) -> None:
        self._made: dict[int, tuple[Any, Any]] = {}

    def expression(self, node: Expression) -> Evaluate:
        """The closure of any expression."""
        known = self._made.get(id(node))
        if known is None:
            known = self._made[id(node)] = (node, _EXPRESSIONS[type(node)](self, node))
        made: Evaluate = known[1]
        return made

    def _number(self, node: Number | Letter | Text) -> Evaluate:
        value = node.value
        return lambda variables, run: value

    def name(self, node: Name) -> Evaluate:
        """The value of a variable."""
        name = node.name

        def evaluate(variables: Variables, run: Run) -> Any:
            try:
                return variables[name]
            except KeyError:
                raise UndefinedError(f"{name} has no value") from None

        return evaluate

    def _item(self, node: Item) -> Evaluate:
        base, index = self.name(node.base), self.expression(node.index)

        def evaluate(variables: Variables, run: Run) -> Any:
            values, place = base(variables, run), index(variables, run)
            if not 0 <= place < len(values):
                raise UndefinedError("an element that does not exist")
            return values[place]

        return evaluate

    def arith(self, node: Arith) -> Evaluate:
        """A calculation within the bounds, or strings joined."""
        left, right, op = self.expression(node.left), self.expression(node.right), node.op
        kinds = type_of(node.left), type_of(node.right)
        if kinds[0] == "string":
            return lambda variables, run: left(variables, run) + right(variables, run)
        if kinds[0] == "char":
            left = _code(left)
        if kinds[1] == "char":
            right = _code(right)
        return _ARITH[op](left, right)

    def compare(self, node: Compare) -> Evaluate:
        """A comparison of two values of one type."""
        left, right = self.expression(node.left), self.expression(node.right)
        match node.op:
            case "==":
                return lambda variables, run: left(variables, run) == right(variables, run)
            case "!=":
                return lambda variables, run: left(variables, run) != right(variables, run)
            case "<":
                return lambda variables, run: left(variables, run) < right(variables, run)
            case "<=":
                return lambda variables, run: left(variables, run) <= right(variables, run)
            case ">":
                return lambda variables, run: left(variables, run) > right(variables, run)
            case _:
                return lambda variables, run: left(variables, run) >= right(variables, run)

    def _logic(self, node: Logic) -> Evaluate:
        left, right = self.expression(node.left), self.expression(node.right)
        if node.op == "&&":
            return lambda variables, run: left(variables, run) and right(variables, run)
        return lambda variables, run: left(variables, run) or right(variables, run)

    def _not(self, node: Not) -> Evaluate:
        inner = self.expression(node.inner)
        return lambda variables, run: not inner(variables, run)

    def _call(self, node: Call) -> Evaluate:
        arguments, name = tuple([self.expression(argument) for argument in node.arguments]), node.function
        builtin = _BUILTINS.get(name)
        if builtin is not None:
            return lambda variables, run: builtin(*[argument(variables, run) for argument in arguments])

        def evaluate(variables: Variables, run: Run) -> Any:
            names, body = run.functions[name]
            given = dict(zip(names, [argument(variables, run) for argument in arguments], strict=True))
            run.depth += 1
            if run.depth > DEEPEST_CALL:
                raise EndlessError
            try:
                body(given, run)
            except ReturnSignal as signal:
                run.depth -= 1
                return signal.value
            raise UndefinedError(f"{name} returns nothing")

        return evaluate

    def _length(self, node: Length) -> Evaluate:
        base = self.name(node.base)
        return lambda variables, run: len(base(variables, run))

    def _to_letter(self, node: ToLetter) -> Evaluate:
        code = self.expression(node.code)

        def evaluate(variables: Variables, run: Run) -> str:
            value = code(variables, run)
            if not 33 <= value <= 126:
                raise UndefinedError("a character that is not printable")
            return chr(value)

        return evaluate


def _code(letter: Evaluate) -> Evaluate:
    return lambda variables, run: ord(letter(variables, run))


def _divide(left: int, right: int) -> int:
    if right == 0:
        raise UndefinedError("a division by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _add(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(variables: Variables, run: Run) -> int:
        value: int = left(variables, run) + right(variables, run)
        if -LARGEST <= value <= LARGEST:
            return value
        raise UndefinedError(_BEYOND)

    return evaluate


def _subtract(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(variables: Variables, run: Run) -> int:
        value: int = left(variables, run) - right(variables, run)
        if -LARGEST <= value <= LARGEST:
            return value
        raise UndefinedError(_BEYOND)

    return evaluate


def _multiply(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(variables: Variables, run: Run) -> int:
        value: int = left(variables, run) * right(variables, run)
        if -LARGEST <= value <= LARGEST:
            return value
        raise UndefinedError(_BEYOND)

    return evaluate


def _quotient(left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda variables, run: _divide(left(variables, run), right(variables, run))


def _remainder(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(variables: Variables, run: Run) -> int:
        whole: int = left(variables, run)
        part: int = right(variables, run)
        return whole % part if whole >= 0 and part > 0 else whole - part * _divide(whole, part)

    return evaluate


# A function for each operation and no table of operators: this is where most of the time of making a task goes.
_ARITH: Mapping[str, Callable[[Evaluate, Evaluate], Evaluate]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _quotient,
    "%": _remainder,
}
_BEYOND = "a value beyond the bounds"
_BUILTINS: Mapping[str, Callable[..., int]] = {"max": max, "min": min, "abs": abs}

_EXPRESSIONS: Mapping[type, Callable[[Expressions, Any], Evaluate]] = {
    Number: Expressions._number,
    Letter: Expressions._number,
    Text: Expressions._number,
    Name: Expressions.name,
    Item: Expressions._item,
    Arith: Expressions.arith,
    Compare: Expressions.compare,
    Logic: Expressions._logic,
    Not: Expressions._not,
    Call: Expressions._call,
    Length: Expressions._length,
    ToLetter: Expressions._to_letter,
}
