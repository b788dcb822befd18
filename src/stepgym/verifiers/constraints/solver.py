"""z3 for puzzles that are too large to list, and as the second route: in worker processes, with limits.

Only checked trees reach z3, never text of a model. Each question has a limit of work (z3's `rlimit`, which does not
depend on the clock) and each verdict a deadline; beyond either, nothing is claimed.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterable, Sequence
from typing import Any, cast

from stepgym.errors import InvalidInputError, MissingExtraError, require
from stepgym.verifiers.constraints.cores import Given, Standing, stand
from stepgym.verifiers.constraints.expression import Node, is_value, negated
from stepgym.verifiers.constraints.puzzle import Puzzle
from stepgym.verifiers.constraints.space import UnsettledError
from stepgym.verifiers.pool import PoolCrashError, PoolJobError, PoolTimeoutError, WorkerPool

_TARGET = "stepgym.verifiers.constraints.solver:serve_puzzle"
NO_SOLUTION = "constraints: the puzzle has no solution: its rules and clues contradict each other"
_WORK = 20_000_000
_lock = threading.Lock()
_pool: WorkerPool | None = None


def check_installed() -> None:
    """Raise `MissingExtraError`, naming the extra, where z3 is missing; imports nothing."""
    if importlib.util.find_spec("z3") is None:
        raise MissingExtraError("'z3' is not installed. Install the extra 'smt': pip install 'stepgym[smt]'")


class SolverSpace:
    """z3's answers about the rules of a puzzle. One thread at a time."""

    def __init__(self, puzzle: Puzzle) -> None:
        self._z3: Any = require("z3", extra="smt")
        self._context = self._z3.Context()
        self._variables = [self._z3.Int(f"v{place}", self._context) for place in range(len(puzzle.variables))]
        self._solver = self._z3.Solver(ctx=self._context)
        self._solver.set("random_seed", 0)
        self._solver.set("rlimit", _WORK)
        self._labels: dict[Node, Any] = {}
        for unknown, variable in zip(self._variables, puzzle.variables, strict=True):
            low, high = min(variable.codes), max(variable.codes)
            self._solver.add(unknown >= low, unknown <= high)
            if high - low + 1 > len(variable.codes):
                self._solver.add(self._z3.Or([unknown == code for code in variable.codes]))
        for rule in puzzle.rules:
            self._solver.add(self._term(rule.node))

    def consistent(self, facts: Iterable[Node]) -> bool:
        """Whether the rules and `facts` have a model; raises `UnsettledError` when z3 gives up."""
        answer = self._solver.check([self._label(fact) for fact in facts])
        if answer == self._z3.unknown:
            raise UnsettledError(self._solver.reason_unknown())
        return bool(answer == self._z3.sat)

    def model(self, facts: Iterable[Node]) -> list[int] | None:
        """Some assignment that makes `facts` true, None if there is none."""
        if not self.consistent(facts):
            return None
        model = self._solver.model()
        return [model.eval(unknown, model_completion=True).as_long() for unknown in self._variables]

    def _label(self, fact: Node) -> Any:
        """A literal that stands for a statement, so that statements can be switched on one by one."""
        if fact not in self._labels:
            label = self._z3.Bool(f"f{len(self._labels)}", self._context)
            self._solver.add(self._z3.Implies(label, self._term(fact)))
            self._labels[fact] = label
        return self._labels[fact]

    def _term(self, node: Node) -> Any:
        z3, op = self._z3, node.op
        if op == "var":
            return self._variables[node.value]
        if op == "int":
            return z3.IntVal(node.value, self._context)
        parts = [self._term(part) for part in node.args]
        if op in ("and", "or"):
            return (z3.And if op == "and" else z3.Or)(parts)
        if op == "not":
            return z3.Not(parts[0])
        if op == "implies":
            return z3.Implies(*parts)
        if op == "different":
            return z3.Distinct(*parts)
        if op == "count":
            one, zero = z3.IntVal(1, self._context), z3.IntVal(0, self._context)
            return z3.Sum([z3.If(part, one, zero) for part in parts])
        if op in ("+", "*"):
            return z3.Sum(parts) if op == "+" else z3.Product(parts)
        if op == "abs":
            return z3.If(parts[0] >= 0, parts[0], -parts[0])
        if op == "-":
            return -parts[0] if len(parts) == 1 else parts[0] - parts[1]
        left, right = parts
        return {
            "=": lambda: left == right,
            "!=": lambda: left != right,
            "<": lambda: left < right,
            "<=": lambda: left <= right,
            ">": lambda: left > right,
            ">=": lambda: left >= right,
            "//": lambda: left / right,
            "%": lambda: left % right,
        }[op]()


def shared_pool() -> WorkerPool:
    """The worker processes that all verifiers of this process share."""
    global _pool
    with _lock:
        if _pool is None:
            _pool = WorkerPool(_TARGET, size=2, memory_mb=2048)
        return _pool


def _ask(question: str, reference: Any, *, timeout: float, **more: Any) -> Any:
    """A worker's answer, see `serve_puzzle`; None when it gave up, died or took more than `timeout` seconds."""
    check_installed()
    job = {"question": question, "reference": reference, **more}
    try:
        return shared_pool().run(job, timeout=timeout)
    except (PoolTimeoutError, PoolCrashError, PoolJobError):
        return None


def stand_by_solver(reference: Any, given: Sequence[Given], *, timeout: float) -> list[Standing]:
    """`stand`, by z3 in a worker; all unknown when that gives up. Raises `InvalidInputError` for no solution."""
    answer = _ask("stand", reference, timeout=timeout, given=given)
    if answer == [] and given:
        raise InvalidInputError(NO_SOLUTION)
    return [Standing("unknown") for _ in given] if answer is None else [Standing.from_json(one) for one in answer]


def solve_by_solver(reference: Any, *, timeout: float) -> list[list[int]] | None:
    """Up to two solutions, each a code for every variable; None when z3 gave up."""
    return cast("list[list[int]] | None", _ask("solve", reference, timeout=timeout, given=[]))


def consistent_by_solver(
    reference: Any, clues: Sequence[int], given: Sequence[Given], excluded: Sequence[Given], *, timeout: float
) -> bool | None:
    """Whether rules, some clues, `given`, and not any of `excluded`, can all hold; None when z3 gave up."""
    answer = _ask("consistent", reference, timeout=timeout, clues=clues, given=given, excluded=excluded)
    return cast("bool | None", answer)


def serve_puzzle(job: dict[str, Any]) -> Any:
    """The job of a worker.

    "stand": the standings of `given`, or an empty list if the clues have no solution. "solve": up to two solutions as
    lists of codes. "consistent": whether the rules, the clues at the places `clues` and `given` can all hold.
    """
    puzzle = Puzzle.from_reference(job["reference"])
    space = SolverSpace(puzzle)
    clues = [clue.node for clue in puzzle.clues]
    given = [(variable, code) for variable, code in job["given"]]
    if job["question"] == "stand":
        if not space.consistent(clues):
            return []
        return [standing.to_json() for standing in stand(space, clues, given, pairs=False)]
    if job["question"] == "consistent":
        facts = [clues[place] for place in job["clues"]]
        facts += [is_value(*one) for one in given]
        facts += [negated(is_value(variable, code)) for variable, code in job["excluded"]]
        return space.consistent(facts)
    if job["question"] == "solve":
        first = space.model(clues)
        if first is None:
            return []
        same = Node("and", tuple(is_value(place, code) for place, code in enumerate(first)))
        second = space.model([*clues, negated(same)])
        return [first] if second is None else [first, second]
    raise ValueError(f"unknown question {job['question']!r}")
