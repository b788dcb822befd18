"""`NumberGameEnv`: make a target of some numbers, in one answer or line by line; the base of such games."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any, Literal, get_args

from stepgym.envs.actions.names import ActionsLike
from stepgym.envs.number_solutions import listed, next_line, solution_expression
from stepgym.envs.question import Feedback, TaskEnv
from stepgym.envs.tasks import Task
from stepgym.envs.text import StepResult
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers.countdown import OPERATIONS, can_reach
from stepgym.verifiers.game24 import Game24Verifier
from stepgym.verifiers.game24_lines import Puzzle, play_line
from stepgym.verifiers.verdict import Finding, Verdict

Mode = Literal["answer", "lines"]


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
        actions: How actions are read out of what a model wrote, see `TextEnv`; None takes the whole text.
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
        actions: ActionsLike | None = None,
        render_mode: str | None = None,
    ) -> None:
        if mode not in get_args(Mode):
            raise InvalidInputError(f"mode must be one of {get_args(Mode)}, got {mode!r}")
        super().__init__(
            Game24Verifier(operations=operations, use_all=use_all),
            max_turns=1 if max_turns is None else max_turns,
            feedback=feedback,
            instructions=_instructions(mode, operations, use_all) if instructions is None else instructions,
            actions=actions,
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

    def expert_action(self) -> str:
        """A right answer, or the line that a solution goes on with (any legal one at a dead end)."""
        if self.mode == "answer":
            return self.written(solution_expression(self.task, operations=self.operations, use_all=self.use_all))
        target = self.task.reference["target"]
        return self.written(next_line(self._left, target, operations=self.operations, use_all=self.use_all))

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
        return f"Left: {listed(self._left)}\nTurns: {self.max_turns - self._turn}"


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
