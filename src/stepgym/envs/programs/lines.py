"""The lines of a program, each with its place in the tree: C++ and pseudo-code are printed line by line from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from stepgym.envs.programs.tree import Block, Case, For, ForEach, Function, If, Program, Statement, While

Kind = Literal["include", "namespace", "function", "main", "statement", "if", "else if", "else", "loop", "zero", "end"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: how deep it is indented, what it is, and the part of the tree it stands for.

    Of an "end", the part is what ends: a `Function`, an `If`, a loop, or None for main.
    """

    indent: int
    kind: Kind
    part: Statement | Case | Function | None = None


def lines_of(program: Program) -> list[Line]:
    """All lines of the program, frame included."""
    found = [Line(0, "include"), Line(0, "namespace")]
    for function in program.functions:
        found += [Line(0, "function", function), *_block(function.body, 1), Line(0, "end", function)]
    return [*found, Line(0, "main"), *_block(program.body, 1), Line(1, "zero"), Line(0, "end")]


def count_lines(block: Block) -> int:
    """How many lines a block has."""
    return sum(1 for _ in _block(block, 0))


def _block(block: Block, indent: int) -> Iterator[Line]:
    for statement in block:
        match statement:
            case If(cases=cases, otherwise=otherwise):
                for number, case in enumerate(cases):
                    yield Line(indent, "else if" if number else "if", case)
                    yield from _block(case.body, indent + 1)
                if otherwise:
                    yield Line(indent, "else", statement)
                    yield from _block(otherwise, indent + 1)
                yield Line(indent, "end", statement)
            case For(body=body) | ForEach(body=body) | While(body=body):
                yield Line(indent, "loop", statement)
                yield from _block(body, indent + 1)
                yield Line(indent, "end", statement)
            case _:
                yield Line(indent, "statement", statement)
