"""`PseudoToCppEnv`: pseudo-code to a C++ program, line by line; procedural, or from SPoC.

The answer to

    Write a C++ program, one line of code for each line of pseudo-code:
    #include <bits/stdc++.h>
    using namespace std;
    main function
      create integer a
      read a
      if a is even
        add 3 to a
      end
      print a
      return 0
    end

is a whole program; it is compiled with g++ and run on tests in a sandbox (see the verifier "cpp"). Ids such as
"pseudo-to-cpp/2/loops/12345" (difficulty, family, seed) make the same task in every version.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from stepgym.envs.actions.names import ActionsLike
from stepgym.envs.programs.compose import FAMILIES, LEVELS
from stepgym.envs.programs.spoc import SPOC_HELP, load_spoc
from stepgym.envs.programs.tasks import LARGEST_SEED, MOST_TESTS, program_from_id, program_task
from stepgym.envs.programs.tasks import draw_tasks as draw_tasks
from stepgym.envs.programs.tasks import write_solution as write_solution
from stepgym.envs.question import Feedback, TaskEnv
from stepgym.envs.sources import OnError
from stepgym.envs.tasks import Task, TaskList
from stepgym.errors import InvalidInputError

INSTRUCTIONS = (
    "Answer with one whole C++17 program, nothing else. Unless a line says 'no line break', printing ends the line."
)


class PseudoToCppEnv(TaskEnv):
    """A new program at every reset, or the programs of SPoC from your files.

    `options={"task": id}` takes any id of a procedural task, whatever the settings of this environment.
    `task.meta` has "difficulty", "family", "lines" (how many), "pseudocode" (each line) and "indents"; `write_solution`
    gives the reference program. `feedback="reason"` shows between tries what the compiler says, or the failing test.

    Args:
        path: Folder or file of SPoC, see `SPOC_HELP`; None draws programs.
        split: Which split of SPoC: "train" (the default of a folder), "eval", "test", "testp" or "testw".
        on_error: "raise" or "skip" for programs of the files that cannot be read.
        difficulty: 1 to 5, or several of them, drawn uniformly. 1 has 3 to 6 lines beside the frame of `main`; 5 has
            26 to 36, with functions, nested loops, vectors or strings.
        families: One or several of `FAMILIES`, drawn uniformly.
        tests: How many tests a program has to pass: 1 to 8, of SPoC any number.
        sanitize: Compile with sanitizers, see the verifier.
        unsafe: Run programs without a sandbox where there is none, instead of refusing to be made.
        max_turns: See `TaskEnv`, as for the arguments that follow.
        feedback: What a wrong try is told.
        instructions: None for the instructions of this task.
        actions: How actions are read out of what a model wrote, see `TextEnv`; None takes the whole text.
        render_mode: None, "ansi" or "human".

    Raises:
        CompilerMissingError: There is no g++.
        SandboxMissingError: There is no sandbox, and `unsafe` is not set.
    """

    instructions = INSTRUCTIONS

    def __init__(
        self,
        *,
        path: str | PathLike[str] | None = None,
        split: str | None = None,
        on_error: OnError = "raise",
        difficulty: int | Sequence[int] = 2,
        families: str | Sequence[str] = FAMILIES,
        tests: int = 3,
        sanitize: bool = False,
        unsafe: bool = False,
        max_turns: int = 1,
        feedback: Feedback = "status",
        instructions: str | None = None,
        actions: ActionsLike | None = None,
        render_mode: str | None = None,
    ) -> None:
        self.difficulties = _several(difficulty, LEVELS, "difficulty")
        self.families = _several(families, FAMILIES, "families")
        if path is None and split is not None:
            raise InvalidInputError(f"split={split!r} needs path=. {SPOC_HELP}")
        if path is not None and (self.difficulties, self.families) != ((2,), FAMILIES):
            raise InvalidInputError("difficulty and families are for procedural programs; leave them out with path=")
        if type(tests) is not int or tests < 1 or (path is None and tests > MOST_TESTS):
            raise InvalidInputError(f"tests must be an integer from 1 to {MOST_TESTS}, got {tests!r}")
        super().__init__(
            "cpp",
            verifier_kwargs={"sanitize": sanitize, "unsafe": unsafe, "tests_per_verdict": tests},
            max_turns=max_turns,
            feedback=feedback,
            instructions=instructions,
            actions=actions,
            render_mode=render_mode,
        )
        self.tests = tests
        self.tasks: TaskList | None = (
            None if path is None else self.load(path, split=split, tests=tests, on_error=on_error)
        )

    @classmethod
    def load(
        cls, path: str | PathLike[str], *, split: str | None = None, tests: int = 3, on_error: OnError = "raise"
    ) -> TaskList:
        """The programs of a split of SPoC, without an environment around them; arguments as for the class."""
        return load_spoc(path, split=split, tests=tests, on_error=on_error)

    def draw_task(self) -> Task:
        """A program of the files, drawn uniformly, or a fresh one."""
        if self.tasks is not None:
            return self.tasks[int(self.np_random.integers(len(self.tasks)))]
        difficulty = self.difficulties[int(self.np_random.integers(len(self.difficulties)))]
        family = self.families[int(self.np_random.integers(len(self.families)))]
        return program_task(difficulty, family, int(self.np_random.integers(LARGEST_SEED + 1)), tests=self.tests)

    def find_task(self, task_id: str) -> Task:
        """The program of the files with this id, else the one that the id spells out."""
        if self.tasks is not None:
            return self.tasks.find(task_id)
        return program_from_id(task_id, tests=self.tests)


def _several(value: Any, known: tuple[Any, ...], name: str) -> tuple[Any, ...]:
    """The different items of an argument that takes one or several."""
    items = (value,) if isinstance(value, str | int) else tuple(value)
    if not items or any(type(item) is bool or item not in known for item in items) or len(set(items)) < len(items):
        raise InvalidInputError(f"{name} must be one or several of {known}, got {value!r:.80}")
    return items
