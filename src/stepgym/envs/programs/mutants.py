"""Near copies of a program with one token changed: the errors that its tests should see.

`<` for `<=`, `+` for `-`, a constant one off, another variable, a step in the other direction. Whether the tests see
them is the measure by which the inputs of a task are chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, cast

from stepgym.envs.programs.tree import (
    Arith,
    Assign,
    Block,
    Compare,
    For,
    Item,
    Letter,
    Logic,
    Name,
    Node,
    Number,
    Program,
    Read,
    Statement,
    Step,
    type_of,
)

_COMPARE = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
_ARITH = {"+": "-", "-": "+", "*": "+", "/": "*", "%": "/"}
_LOGIC = {"&&": "||", "||": "&&"}


def mutants(program: Program) -> Iterator[Callable[[], Program]]:
    """Makers of all mutants of the program, one token changed in each, in the order of the text."""
    for number, function in enumerate(program.functions):
        names = [name for kind, name in function.parameters if kind == "int"]
        for make in _of_block(function.body, names):
            yield _in_function(program, number, make)
    for make in _of_block(program.body, []):
        yield _in_main(program, make)


def _in_function(program: Program, number: int, make: Callable[[], Block]) -> Callable[[], Program]:
    def build() -> Program:
        functions = list(program.functions)
        functions[number] = replace(functions[number], body=make())
        return replace(program, functions=tuple(functions))

    return build


def _in_main(program: Program, make: Callable[[], Block]) -> Callable[[], Program]:
    return lambda: replace(program, body=make())


def _of_block(block: Block, names: Sequence[str]) -> Iterator[Callable[[], Block]]:
    """Mutants of a body whose statements see `names` and what the statements before them define."""
    for place, statement in enumerate(block):
        for make in _variants(statement, [*names, *_defined(block[:place])]):
            yield _at(block, place, make)


def _at(block: Block, place: int, make: Callable[[], Node]) -> Callable[[], Block]:
    return lambda: (*block[:place], cast(Statement, make()), *block[place + 1 :])


def _variants(node: Node, names: Sequence[str]) -> Iterator[Callable[[], Node]]:
    if isinstance(node, Read):
        return
    for own in _changed(node, names):
        yield lambda own=own: own  # type: ignore[misc]
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, tuple):
            for place, item in enumerate(value):
                if hasattr(item, "__dataclass_fields__"):
                    for make in _variants(item, names):
                        yield _rebuilt(node, field.name, make, value, place)
        elif hasattr(value, "__dataclass_fields__"):
            for make in _variants(value, names):
                yield _rebuilt(node, field.name, make)


def _rebuilt(
    node: Node, field: str, make: Callable[[], Node], items: tuple[Any, ...] | None = None, place: int = 0
) -> Callable[[], Node]:
    def build() -> Node:
        value: Any = make()
        if items is not None:
            value = (*items[:place], value, *items[place + 1 :])
        return replace(node, **{field: value})

    return build


def _changed(node: Node, names: Sequence[str]) -> Iterator[Node]:
    match node:
        case Compare(op=op):
            yield replace(node, op=_COMPARE[op])
        case Arith(op=op) if type_of(node) == "int":
            yield replace(node, op=_ARITH[op])
        case Logic(op=op):
            yield replace(node, op=_LOGIC[op])
        case Number(value=value):
            yield Number(value + 1)
            if value:
                yield Number(value - 1)
        case Letter(value=value):
            yield Letter(chr(ord(value) + 1))
        case Name(name=name, type="int") if name in names and len(names) > 1:
            yield Name(names[(names.index(name) + 1) % len(names)])
        case Assign(op="+=" | "-=" as op, target=target) if not isinstance(target, Item) and target.type == "int":
            yield replace(node, op="-=" if op == "+=" else "+=")
        case Step(by=by):
            yield replace(node, by=-by)
        case For(compare=compare):
            yield replace(node, compare=_COMPARE[compare])
        case _:
            return


def _defined(body: Sequence[Any]) -> list[str]:
    """The integer variables that a block declares itself, not in its inner blocks."""
    found: list[str] = []
    for statement in body:
        kind = getattr(statement, "type", None)
        if kind == "int" and hasattr(statement, "names"):
            found += statement.names
        elif kind == "int" and hasattr(statement, "name") and not hasattr(statement, "body"):
            found.append(statement.name)
    return found
