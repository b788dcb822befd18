"""`ConstraintsEnv`: logic puzzles in words with one solution, answered at once or value by value.

Four families are drawn without end (`stepgym.envs.puzzles`); an id such as "constraints/knights/2/12345" is the
puzzle. Puzzles of your own come from a file. Texts of right answers: `write_solution`, `write_reasoning`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, Literal, get_args

from stepgym.envs.actions.names import ActionsLike
from stepgym.envs.puzzles.families import DIFFICULTIES, FAMILIES, SEEDS, answer_form, puzzle_from_id, puzzle_task
from stepgym.envs.puzzles.files import load_puzzles
from stepgym.envs.puzzles.solutions import write_reasoning as write_reasoning
from stepgym.envs.puzzles.solutions import write_solution as write_solution
from stepgym.envs.question import Feedback, TaskEnv
from stepgym.envs.sources import OnError
from stepgym.envs.tasks import Task, TaskList
from stepgym.envs.text import StepResult
from stepgym.errors import InvalidInputError
from stepgym.verifiers.constraints import ConstraintsVerifier, Puzzle, solutions_of
from stepgym.verifiers.constraints.reading import Reading
from stepgym.verifiers.verdict import Finding, Verdict

Mode = Literal["answer", "steps"]


class ConstraintsEnv(TaskEnv):
    """Logic puzzles: the clues are shown, an answer gives every unknown its value; reward 1.0 if all clues hold.

    `mode="answer"`: one action is the whole answer, judged by `ConstraintsVerifier`; everything else as in `TaskEnv`.

    `mode="steps"`: one action is one line of the answer. The observation shows what is given and the turns left.
    `info["verdict"]` is about the line: correct when what it says can still be completed with what was given before,
    else wrong with the clues it conflicts with.

    * A line that cannot be read, or that says more than one thing, changes nothing; the turn is lost.
    * A line that no solution has (a dead end) ends the episode, or, with `end_at_dead_end=False`, is taken like any
      other. A later line about the same replaces it.
    * The reward is 1.0 when everything is given and all clues hold. The episode ends with `terminated` then, at a dead
      end and at the last turn; then the verdict says correct or wrong.

    Args:
        family: One of "seating", "scheduling", "knights", "arithmetic", or several; None for all.
        difficulty: 1 to 5, or several.
        path: Puzzles of your own, see `stepgym.envs.puzzles.files.load_puzzles`; without `family`.
        on_error: "raise" or "skip" for rows of the file that cannot be used.
        mode: "answer" or "steps".
        end_at_dead_end: Whether a proved dead end is the end; only in steps.
        max_turns: How many answers (None: 1) or lines (None: twice as many as the answer has).
        feedback: What is shown after a wrong action: "status" that it was not right; "reason" with which clues it
            conflicts.
        timeout: Seconds for z3 per verdict; only puzzles of your own that are too large to list need it.
        instructions: None for the instructions of the families and the mode.
        actions: How actions are read out of what a model wrote, see `TextEnv`; None takes the whole text.
        render_mode: None, "ansi" or "human".
    """

    def __init__(
        self,
        *,
        family: str | Sequence[str] | None = None,
        difficulty: int | Sequence[int] = 1,
        path: str | PathLike[str] | None = None,
        on_error: OnError = "raise",
        mode: Mode = "answer",
        end_at_dead_end: bool = True,
        max_turns: int | None = None,
        feedback: Feedback = "status",
        timeout: float = 3.0,
        instructions: str | None = None,
        actions: ActionsLike | None = None,
        render_mode: str | None = None,
    ) -> None:
        if mode not in get_args(Mode):
            raise InvalidInputError(f"mode must be one of {get_args(Mode)}, got {mode!r}")
        if path is not None and family is not None:
            raise InvalidInputError("family is for drawn puzzles; leave it out with path=")
        self.families = _several(family, FAMILIES, "family")
        self.difficulties = _several(difficulty, DIFFICULTIES, "difficulty")
        told = _instructions(self.families if path is None else (), mode)
        super().__init__(
            ConstraintsVerifier(timeout=timeout),
            max_turns=1 if max_turns is None else max_turns,
            feedback=feedback,
            instructions=told if instructions is None else instructions,
            actions=actions,
            render_mode=render_mode,
        )
        self.tasks: TaskList | None = None if path is None else load_puzzles(path, on_error=on_error)
        self.mode = mode
        self.end_at_dead_end = end_at_dead_end
        self._turns = max_turns
        self._steps = ConstraintsVerifier(partial=True, timeout=timeout)
        self._given: dict[int, int] = {}

    @property
    def given(self) -> dict[str, int | str]:
        """What is given so far, in steps: values by the names of variables."""
        variables = self._puzzle.variables
        return {variables[v].name: variables[v].values[variables[v].codes.index(c)] for v, c in self._given.items()}

    def draw_task(self) -> Task:
        """A puzzle of the file, drawn uniformly, or a fresh one."""
        if self.tasks is not None:
            return self.tasks[int(self.np_random.integers(len(self.tasks)))]
        family = self.families[int(self.np_random.integers(len(self.families)))]
        difficulty = self.difficulties[int(self.np_random.integers(len(self.difficulties)))]
        return puzzle_task(family, difficulty, int(self.np_random.integers(SEEDS)))

    def find_task(self, task_id: str) -> Task:
        """The puzzle of the file with this id, else the one that the id stands for, of any family and difficulty."""
        return self.tasks.find(task_id) if self.tasks is not None else puzzle_from_id(task_id)

    def on_reset(self, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The puzzle, and in steps the turns left."""
        prompt, info = super().on_reset(options)
        self._given = {}
        if self.mode == "answer":
            return prompt, info
        self.max_turns = self._turns or 2 * len(self._puzzle.rows)
        return f"{prompt}\n{self._state_shown()}", info

    def on_step(self, action: str) -> StepResult:
        """Judge an answer, or take a line."""
        if self.mode == "answer":
            return super().on_step(action)
        self._turn += 1
        verdict, taken = self._judge_line(action)
        dead_end = bool(taken) and verdict.status == "wrong"
        if taken and not (dead_end and self.end_at_dead_end):
            self._given |= taken
        complete = len(self._given) == len(self._puzzle.variables)
        solved = complete and not self._puzzle.violated([self._given[v] for v in range(len(self._given))])
        over = solved or (dead_end and self.end_at_dead_end) or self._turn >= self.max_turns
        if solved:
            verdict = replace(verdict, status="correct", score=1.0, reason="satisfies all clues")
        elif over and not dead_end:
            verdict = replace(verdict, status="wrong", score=0.0, reason="no turns left, and the puzzle is not solved")
        self.verdict = verdict
        observation = "" if over else f"{self._said(verdict)}{self._state_shown()}"
        return observation, float(solved), over, False, {"task": self.task.id, "verdict": verdict}

    def expert_action(self) -> str:
        """A right answer, or its next line."""
        if self.mode == "answer":
            return self.written(write_solution(self.task))
        solution = solutions_of(self.task.reference)[0]
        for label, places in self._puzzle.rows.items():
            if any(self._given.get(place) != solution[place] for place in places):
                values = " ".join(self._puzzle.variables[place].word(solution[place]) for place in places)
                return self.written(f"{label}: {values}")
        raise InvalidInputError("there is no next line: everything is given")

    def get_state(self) -> dict[str, Any]:
        """The state of the episode, see `Forkable`."""
        return {**super().get_state(), "given": list(self._given.items()), "max_turns": self.max_turns}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from `state`, see `Forkable`."""
        super().set_state(state)
        self._given, self.max_turns = dict(state["given"]), state["max_turns"]

    @property
    def _puzzle(self) -> Puzzle:
        return Puzzle.from_reference(self.task.reference)

    def _judge_line(self, action: str) -> tuple[Verdict, dict[int, int]]:
        """The verdict on a line, and the values it gives; none if it is not one line of an answer."""
        before = list(self._given.items())
        verdict, reading = self._steps.verify_action(action, self.task.reference, given=before)
        if not self._is_one_line(reading):
            finding = Finding(0, len(action), "form", "fatal", "expected one line of the answer", {})
            return Verdict.wrong(finding, verifier=verdict.verifier), {}
        if reading.misfits:
            return verdict, {}
        return verdict, {statement.given[0]: statement.given[1] for statement in reading.statements}

    def _is_one_line(self, reading: Reading) -> bool:
        row_of = {place: label for label, places in self._puzzle.rows.items() for place in places}
        rows = {row_of[statement.given[0]] for statement in reading.statements}
        variables = {statement.given[0] for statement in reading.statements}
        if len(variables) < len(reading.statements) or len(rows) > 1:
            return False
        return bool(rows or reading.misfits)

    def _said(self, verdict: Verdict) -> str:
        if verdict.status != "wrong":
            return ""
        return f"{verdict.reason[:2_000]}.\n" if self.feedback == "reason" else "That line is not right.\n"

    def _state_shown(self) -> str:
        shown = []
        for label, places in self._puzzle.rows.items():
            values = [self._puzzle.variables[v].word(self._given[v]) for v in places if v in self._given]
            shown += [f"{label}: {' '.join(values)}"] if values else []
        return f"Given: {'; '.join(shown) or 'nothing'}\nTurns: {self.max_turns - self._turn}"


def _several(value: Any, known: Sequence[Any], name: str) -> tuple[Any, ...]:
    """One or several of the known values."""
    if value is None:
        return tuple(known)
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not values or len(set(map(repr, values))) < len(values):
        raise InvalidInputError(f"{name}: expected one or several different values, got {value!r:.80}")
    for one in values:
        if one not in known or isinstance(one, bool):
            raise InvalidInputError(f"{name} must be of {tuple(known)}, got {one!r:.80}")
    return values


def _instructions(families: Sequence[str], mode: Mode) -> str:
    forms = [answer_form(family) for family in families]
    if mode == "steps":
        return (
            "Give one line of the answer per turn, like 'Ann: knight', 'Bob: 2', 'Cy: Monday 9:00' or 'A=3'. What is "
            "given is shown; another line about the same replaces it."
        )
    if not forms:
        what = "one line for each unknown, like 'Ann: knight'"
    elif len(forms) == 1:
        what = forms[0]
    else:
        what = "; ".join(f"{family}: {form}" for family, form in zip(families, forms, strict=True))
    return f"Answer with {what}. If you reason first, write a line 'Answer:' before the answer."
