"""`Game24Env`: make 24 of four numbers; `NumberGameEnv`, its base, plays any such game.

A puzzle is `Make 24 from 4, 7, 8, 8.`; its id "game24/4,7,8,8" spells it out, so two puzzles are the same exactly if
their ids are equal, wherever they come from. The canonical texts are `solution_expression`,

    Answer: 4 * (7 - (8 / 8))

and `solution_lines`, one action each:

    8 / 8 = 1 (left: 4 7 1)
    7 - 1 = 6 (left: 4 6)
    4 * 6 = 24 (left: 24)

Puzzles 901 to 1000 of the list of 4nums.com are the usual test set since Yao et al., "Tree of Thoughts",
https://arxiv.org/abs/2305.10601, section 4.1.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from stepgym.envs.question import Feedback, TaskEnv
from stepgym.envs.rows import Row
from stepgym.envs.sources import OnError, collect_tasks
from stepgym.envs.tasks import Task, TaskList
from stepgym.envs.text import StepResult
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers.countdown import OPERATIONS, can_reach, solve
from stepgym.verifiers.game24 import Game24Verifier
from stepgym.verifiers.game24_lines import Puzzle, play_line
from stepgym.verifiers.steps.expression import Node, evaluate
from stepgym.verifiers.steps.reader import parse_expression
from stepgym.verifiers.steps.tokens import tokenize
from stepgym.verifiers.verdict import Finding, Verdict

Mode = Literal["answer", "lines"]

GAME24_HELP = (
    "The classic puzzles are not part of stepgym. path= names a .csv or .csv.gz file with columns Rank and Puzzles, "
    "rows such as '1,1 1 4 6'; without path= puzzles are drawn at random."
)
SPLITS = ("train", "test")
_TEST_RANKS = range(901, 1001)
_ID = re.compile(r"game24/(?P<numbers>[1-9][0-9]{0,3}(?:,[1-9][0-9]{0,3}){1,5})")
_DRAWS = 10_000


class NumberGameEnv(TaskEnv):
    """Make a target of some numbers, each used once, in one answer or line by line.

    `mode="answer"`: one action is the whole answer, judged by `Game24Verifier`; everything else is as in `TaskEnv`.

    `mode="lines"`: one action is one line `a op b = c`, perhaps with `(left: ...)`, and puts two of the numbers left
    together. The observation shows the numbers left and the turns left. `info["verdict"]` is about the line: correct
    when the target can still be made after it, else wrong with a certificate whose spans are offsets into the action.

    * A line that is malformed, inexact, uses what is not there or lists the wrong numbers as left is not played: the
      numbers stay, the turn is lost.
    * A line after which the target cannot be made any more (kind "line-dead-end", proved by exhaustive search) ends
      the episode, or, with `end_at_dead_end=False`, is played like any other.
    * The reward is 1.0 when the target is made, else 0.0. The episode ends with `terminated` then, when nothing can be
      put together any more, and at the last turn; its last verdict says correct or wrong, never undecided.

    A subclass defines `draw_task` and `find_task`; references are `{"numbers": [4, 7, 8, 8], "target": 24}` with two
    to six whole numbers.

    Args:
        mode: "answer" or "lines".
        operations: The allowed ones of `+-*/`.
        use_all: Whether every number must be used, or any choice of them.
        end_at_dead_end: Whether a proved dead end is the end; only in lines.
        max_turns: How many answers (None: 1) or lines (None: twice as many as a solution needs).
        feedback: What is shown after a wrong action: "status" that it was not right, and nothing at a dead end;
            "reason" the verifier's message, which tells dead ends.
        instructions: None for the instructions of this mode.
        render_mode: None, "ansi" or "human".
    """

    def __init__(
        self,
        *,
        mode: Mode = "answer",
        operations: str = OPERATIONS,
        use_all: bool = True,
        end_at_dead_end: bool = True,
        max_turns: int | None = None,
        feedback: Feedback = "status",
        instructions: str | None = None,
        render_mode: str | None = None,
    ) -> None:
        if mode not in get_args(Mode):
            raise InvalidInputError(f"mode must be one of {get_args(Mode)}, got {mode!r}")
        super().__init__(
            Game24Verifier(operations=operations, use_all=use_all),
            max_turns=1 if max_turns is None else max_turns,
            feedback=feedback,
            instructions=_instructions(mode, operations, use_all) if instructions is None else instructions,
            render_mode=render_mode,
        )
        self.mode = mode
        self.operations = operations
        self.use_all = use_all
        self.end_at_dead_end = end_at_dead_end
        self._turns = max_turns
        self._puzzle: Puzzle | None = None
        self._left: list[Fraction] = []

    @property
    def left(self) -> tuple[Fraction, ...]:
        """The numbers left, the latest result last."""
        return tuple(self._left)

    def check_solvable(self, task: Task) -> Task:
        """The task; raises `UnknownNameError` when the rules of this environment allow no solution."""
        numbers, target = task.reference["numbers"], task.reference["target"]
        if not can_reach(numbers, target, operations=self.operations, use_all=self.use_all):
            how = "all of these numbers" if self.use_all else "these numbers"
            raise UnknownNameError(
                f"The puzzle {task.id!r:.80} has no solution: {self.operations} cannot make {target} of {how}."
            )
        return task

    def on_reset(self, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The puzzle, and in lines the numbers and turns left."""
        prompt, info = super().on_reset(options)
        self._begin()
        return (f"{prompt}\n{self._state_shown()}" if self.mode == "lines" else prompt), info

    def on_step(self, action: str) -> StepResult:
        """Judge an answer, or play a line."""
        if self.mode == "answer" or self._puzzle is None:
            return super().on_step(action)
        self._turn += 1
        finding, after = play_line(action.strip(), self._left, self._puzzle)
        indent = len(action) - len(action.lstrip())
        finding = replace(finding, start=finding.start + indent, end=finding.end + indent)
        dead_end = finding.kind == "line-dead-end"
        if dead_end or finding.severity == "proved":
            self._left = after
        solved = finding.severity == "proved" and self._puzzle.is_solved(after)
        stuck = len(self._left) == 1 or (dead_end and self.end_at_dead_end)
        over = solved or stuck or self._turn >= self.max_turns
        self.verdict = self._verdict(finding, solved=solved, over=over)
        info = {"task": self.task.id, "verdict": self.verdict}
        observation = "" if over else f"{self._said(finding)}{self._state_shown()}"
        return observation, 1.0 if solved else 0.0, over, False, info

    def get_state(self) -> dict[str, Any]:
        """The state of the episode, see `Forkable`."""
        return {**super().get_state(), "left": [str(number) for number in self._left]}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from `state`, see `Forkable`."""
        super().set_state(state)
        if self._task is not None:
            self._begin()
        self._left = [Fraction(number) for number in state["left"]]

    def _begin(self) -> None:
        self._puzzle = Puzzle.from_reference(self.task.reference, operations=self.operations, use_all=self.use_all)
        self._left = sorted(self._puzzle.numbers)
        if self.mode == "lines":
            self.max_turns = self._turns or 2 * (len(self._left) - 1)

    def _verdict(self, finding: Finding, *, solved: bool, over: bool) -> Verdict:
        target = self.task.reference["target"]
        if solved:
            verdict = Verdict.correct(finding, reason=f"{target} is made")
        elif finding.severity != "proved":
            verdict = Verdict.wrong(finding)
        elif over:
            verdict = Verdict.wrong(finding, reason=f"no turns left, and {target} is not made")
        else:
            verdict = Verdict.correct(finding)
        return verdict.signed(Game24Verifier.name)

    def _said(self, finding: Finding) -> str:
        if finding.severity == "proved" or (self.feedback == "status" and finding.kind == "line-dead-end"):
            return ""
        return f"{finding.message}.\n" if self.feedback == "reason" else "That line is not right.\n"

    def _state_shown(self) -> str:
        return f"Left: {_listed(self._left)}\nTurns: {self.max_turns - self._turn}"


class Game24Env(NumberGameEnv):
    """The Game of 24: random solvable puzzles without end, or the classic ones from your file.

    Random numbers are uniform in 1 to `largest`, drawn again until 24 can be made. With `largest=13` (cards) they are
    the classic puzzles, those of the test split included: to train without them, take `path=` and `split="train"`.
    `options={"task": id}` takes any id that spells out a solvable puzzle.

    Args:
        path: A file of puzzles, see `GAME24_HELP`; None draws them.
        split: "test" for the ranks 901 to 1000 of the file, "train" for all others, None for all.
        on_error: "raise" or "skip" for rows of the file that cannot be read or solved.
        numbers: How many numbers are drawn, 3 to 6.
        largest: The largest number drawn, 4 to 1000.
        mode: See `NumberGameEnv`, as for the arguments that follow.
        operations: The allowed ones of `+-*/`.
        end_at_dead_end: Whether a proved dead end is the end.
        max_turns: How many answers or lines.
        feedback: What is shown after a wrong action.
        instructions: None for the instructions of this mode.
        render_mode: None, "ansi" or "human".
    """

    def __init__(
        self,
        *,
        path: str | PathLike[str] | None = None,
        split: str | None = None,
        on_error: OnError = "raise",
        numbers: int = 4,
        largest: int = 13,
        mode: Mode = "answer",
        operations: str = OPERATIONS,
        end_at_dead_end: bool = True,
        max_turns: int | None = None,
        feedback: Feedback = "status",
        instructions: str | None = None,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(
            mode=mode,
            operations=operations,
            end_at_dead_end=end_at_dead_end,
            max_turns=max_turns,
            feedback=feedback,
            instructions=instructions,
            render_mode=render_mode,
        )
        if type(numbers) is not int or not 3 <= numbers <= 6:
            raise InvalidInputError(f"numbers must be an integer from 3 to 6, got {numbers!r}")
        if type(largest) is not int or not 4 <= largest <= 1_000:
            raise InvalidInputError(f"largest must be an integer from 4 to 1000, got {largest!r}")
        if path is None and split is not None:
            raise InvalidInputError(f"split={split!r} needs path=. {GAME24_HELP}")
        if path is not None and (numbers, largest) != (4, 13):
            raise InvalidInputError("numbers and largest are for random puzzles; leave them out with path=")
        self.tasks: TaskList | None = (
            None if path is None else self.load(path, split=split, on_error=on_error, operations=operations)
        )
        self.numbers = numbers
        self.largest = largest

    @classmethod
    def load(
        cls,
        path: str | PathLike[str],
        *,
        split: str | None = None,
        on_error: OnError = "raise",
        operations: str = OPERATIONS,
    ) -> TaskList:
        """The puzzles of a file, without an environment around them; `task.meta` has "rank" and "solved_rate"."""
        if split is not None and split not in SPLITS:
            raise InvalidInputError(f"split must be one of {SPLITS}, got {split!r}")
        place = Path(path).expanduser()
        if not place.is_file() or not place.name.removesuffix(".gz").endswith(".csv"):
            raise InvalidInputError(f"{place} is no .csv or .csv.gz file. {GAME24_HELP}")

        def build(row: Mapping[str, Any], position: int, source: str) -> Task:
            task = _task_of_row(row)
            if not can_reach(task.reference["numbers"], operations=operations):
                raise InvalidInputError(f"24 cannot be made of {row['Puzzles']} with {operations}")
            return task

        return collect_tasks(_csv_rows(place, split), build, name=str(place), on_error=on_error)

    def draw_task(self) -> Task:
        """A puzzle of the file, drawn uniformly, or a random one."""
        if self.tasks is not None:
            return self.tasks[int(self.np_random.integers(len(self.tasks)))]
        return game24_task(self.np_random, numbers=self.numbers, largest=self.largest, operations=self.operations)

    def find_task(self, task_id: str) -> Task:
        """The puzzle of the file with this id, else the one that the id spells out."""
        if self.tasks is not None:
            return self.tasks.find(task_id)
        return self.check_solvable(_task_from_id(task_id))


def game24_task(
    seed: int | np.random.Generator, *, numbers: int = 4, largest: int = 13, operations: str = OPERATIONS
) -> Task:
    """A random solvable puzzle, with the arguments of `Game24Env`.

    With an integer `seed` it is the task of `reset(seed=seed)`; a generator is advanced.
    """
    rng = seed if isinstance(seed, np.random.Generator) else np.random.Generator(np.random.PCG64(seed))
    for _ in range(_DRAWS):
        drawn = sorted(rng.integers(1, largest + 1, size=numbers).tolist())
        if can_reach(drawn, operations=operations):
            return _task(drawn)
    raise InvalidInputError(
        f"no puzzle of {numbers} numbers up to {largest} that {operations} can solve in {_DRAWS} draws; "
        "allow more operations or larger numbers"
    )


def solution_expression(task: Task, *, operations: str = OPERATIONS, use_all: bool = True) -> str:
    """A right answer to a task of a number game, `Answer: 4 * (7 - (8 / 8))`."""
    return f"Answer: {_solution(task, operations, use_all)}"


def solution_lines(task: Task, *, operations: str = OPERATIONS, use_all: bool = True) -> list[str]:
    """The actions `a op b = c (left: ...)` that solve a task of a number game line by line."""
    text = _solution(task, operations, use_all)
    expression = parse_expression(tokenize(text), 0, formal=True)
    if expression is None:
        raise AssertionError(f"the solver wrote an expression that cannot be read: {text}")
    left = sorted(map(Fraction, task.reference["numbers"]))
    lines = []
    for a, operator, b, result in _operations(expression.node):
        left = [*sorted((Counter(left) - Counter([a, b])).elements()), result]
        lines.append(f"{_operand(a)} {operator} {_operand(b)} = {result} (left: {_listed(left)})")
    return lines


def _solution(task: Task, operations: str, use_all: bool) -> str:
    numbers, target = task.reference["numbers"], task.reference["target"]
    found = solve(numbers, target, operations=operations, use_all=use_all)
    if found is None:
        raise InvalidInputError(f"{target} cannot be made of {_listed(numbers)} with {operations}")
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


def _listed(numbers: Sequence[int | Fraction]) -> str:
    return " ".join(map(str, numbers))


def _instructions(mode: Mode, operations: str, use_all: bool) -> str:
    once = "exactly once" if use_all else "at most once"
    signs = " ".join(operations)
    if mode == "answer":
        return (
            f"Use each number {once}, with the operations {signs} and parentheses. End with a line 'Answer: ' followed "
            "by the expression alone."
        )
    return (
        f"Write one line per turn: put two of the numbers left together with one of {signs} and say what is left, like "
        f"'8 + 2 = 10 (left: 5 10)'. Each number is used {once}; "
        + ("only the target may be left at the end." if use_all else "the target must be among the numbers left.")
    )


def _task(numbers: Sequence[int], meta: Mapping[str, Any] | None = None) -> Task:
    shown = ", ".join(map(str, numbers))
    reference = {"numbers": list(numbers), "target": 24}
    return Task(f"game24/{shown.replace(' ', '')}", f"Make 24 from {shown}.", reference, dict(meta or {}))


def _task_from_id(task_id: str) -> Task:
    match = _ID.fullmatch(task_id)
    numbers = [int(number) for number in match["numbers"].split(",")] if match else []
    if not numbers or numbers != sorted(numbers):
        raise UnknownNameError(
            f"No Game of 24 is called {task_id!r:.80}. Ids look like 'game24/4,7,8,8': 2 to 6 numbers in rising order."
        )
    return _task(numbers)


def _task_of_row(row: Mapping[str, Any]) -> Task:
    text = row.get("Puzzles")
    if text is None:
        raise InvalidInputError(f"no column 'Puzzles'; there are {', '.join(map(repr, row))}")
    if not re.fullmatch(r" *[0-9]{1,3}(?: +[0-9]{1,3}){1,5} *", text):
        raise InvalidInputError(f"expected 2 to 6 numbers with spaces between, got {text!r:.80}")
    meta: dict[str, Any] = {"rank": row["rank"]}
    rate = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]+)?)%", row.get("Solved rate") or "")
    if rate is not None:
        meta["solved_rate"] = round(float(rate[1]) / 100, 6)
    return _task(sorted(map(int, text.split())), meta)


def _csv_rows(path: Path, split: str | None) -> Iterator[Row]:
    """The rows of a split, each with its whole number "rank": the column Rank, else counted from 1."""
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.name.endswith(".gz") else data).decode("utf-8-sig")
        for number, row in enumerate(csv.DictReader(io.StringIO(text)), 1):
            rank = row.get("Rank") or str(number)
            if not re.fullmatch("[0-9]{1,9}", rank):
                yield f"row {number}", None, f"expected a whole number as Rank, got {rank!r:.80}"
            elif split is None or (split == "test") == (int(rank) in _TEST_RANKS):
                yield f"row {number}", {**row, "rank": int(rank)}, ""
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error
