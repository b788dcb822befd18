"""`EnumeratedSpace`: all assignments that the rules of a puzzle allow, listed; statements are sets of them.

Exact and quick for puzzles with up to `MAX_ASSIGNMENTS` of them, which all built-in families stay below.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from typing import Protocol

import numpy as np

from stepgym.verifiers.constraints.expression import Node, evaluate_all, variables_of
from stepgym.verifiers.constraints.puzzle import Puzzle

MAX_ASSIGNMENTS = 50_000
_MAX_TABLE = 400_000

Domains = tuple[tuple[int, ...], ...]


class UnsettledError(Exception):
    """A solver gave up on a question."""


class Space(Protocol):
    """Answers whether statements can all hold together with the rules of a puzzle."""

    def consistent(self, facts: Iterable[Node]) -> bool:
        """Whether some assignment makes all rules and all `facts` true; raises `UnsettledError`."""
        ...


class EnumeratedSpace:
    """The assignments that some rules allow.

    Args:
        table: One row per assignment, one column per variable, as codes; shape (assignments, variables), int64.
    """

    def __init__(self, table: np.ndarray) -> None:
        self.table = table
        self.everything = (1 << len(table)) - 1
        self._sets: dict[Node, int] = {}

    @classmethod
    def of(cls, puzzle: Puzzle) -> EnumeratedSpace | None:
        """The space of a puzzle, None if it is too large to list."""
        table = table_of(tuple(v.codes for v in puzzle.variables), tuple(rule.node for rule in puzzle.rules))
        return None if table is None else cls(table)

    def set_of(self, fact: Node) -> int:
        """The assignments that make a statement true: bit i stands for row i."""
        found = self._sets.get(fact)
        if found is None:
            truth = _truth(fact, self.table)
            found = int.from_bytes(np.packbits(truth, bitorder="little").tobytes(), "little")
            self._sets[fact] = found
        return found

    def solutions(self, facts: Iterable[Node]) -> int:
        """The assignments that make all `facts` true."""
        left = self.everything
        for fact in facts:
            left &= self.set_of(fact)
        return left

    def consistent(self, facts: Iterable[Node]) -> bool:
        """Whether an assignment makes all `facts` true."""
        left = self.everything
        for fact in facts:
            left &= self.set_of(fact)
            if not left:
                return False
        return bool(left)

    def row(self, index: int) -> tuple[int, ...]:
        """The codes of one assignment."""
        return tuple(self.table[index].tolist())


@functools.lru_cache(maxsize=24)
def table_of(domains: Domains, rules: tuple[Node, ...]) -> np.ndarray | None:
    """The assignments from `domains` that `rules` allow, in rising order; None if there are too many to list."""
    waiting = [(variables_of(part), part) for rule in rules for part in _parts(rule)]
    table = np.empty((1, 0), dtype=np.int64)
    for place, codes in enumerate(domains):
        if len(table) * len(codes) > _MAX_TABLE:
            return None
        column = np.tile(np.array(codes, dtype=np.int64), len(table))
        table = np.column_stack([np.repeat(table, len(codes), axis=0), column])
        ready = [part for variables, part in waiting if max(variables, default=0) == place]
        for part in ready:
            table = table[_truth(part, table)]
    table.flags.writeable = False
    return table if len(table) <= MAX_ASSIGNMENTS else None


def _truth(fact: Node, table: np.ndarray) -> np.ndarray:
    """Where a statement is true; one that names no variable is so everywhere or nowhere."""
    truth = np.asarray(evaluate_all(fact, table), dtype=bool)
    return truth if truth.ndim else np.full(len(table), truth)


def _parts(rule: Node) -> list[Node]:
    """Rules that together say the same and speak of fewer variables each, so that they cut earlier."""
    if rule.op == "different":
        return [Node("!=", pair) for pair in itertools.combinations(rule.args, 2)]
    if rule.op == "and":
        return [smaller for part in rule.args for smaller in _parts(part)]
    return [rule]
