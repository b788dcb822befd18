"""Tasks: a program with its pseudo-code, its tests, and an id that spells how to make it again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from stepgym.envs.programs import cpp, english
from stepgym.envs.programs.compose import FAMILIES, LEVELS, compose
from stepgym.envs.programs.distinguishing import choose_tests
from stepgym.envs.programs.draw import Draw
from stepgym.envs.programs.inputs import draw_inputs
from stepgym.envs.programs.lines import lines_of
from stepgym.envs.programs.mutants import mutants
from stepgym.envs.programs.tree import For, ForEach, Number, Program, While, walk
from stepgym.envs.tasks import Task
from stepgym.errors import InvalidInputError, UnknownNameError

LARGEST_SEED = 10**9 - 1
MOST_TESTS = 8
PROMPT_HEAD = "Write a C++ program, one line of code for each line of pseudo-code:"
INDENT = "  "

_CANDIDATES = 14
_MORE_CANDIDATES = 28
"""For programs without loops, which run quickly and depend on few inputs."""

_MUTANTS = 24
_ATTEMPTS = 200
_ID = re.compile(r"pseudo-to-cpp/(?P<difficulty>[1-5])/(?P<family>[a-z]+)/(?P<seed>0|[1-9][0-9]{0,8})")


def program_task(difficulty: int, family: str, seed: int, *, tests: int = 3) -> Task:
    """The task "pseudo-to-cpp/difficulty/family/seed"; the same arguments give the same task in every version.

    Args:
        difficulty: 1 to 5.
        family: One of `FAMILIES`.
        seed: 0 to 10^9 - 1.
        tests: How many tests, 1 to 8; the program does not depend on it.

    Raises:
        InvalidInputError: An argument is out of range.
    """
    if difficulty not in LEVELS or family not in FAMILIES or not 0 <= seed <= LARGEST_SEED:
        raise InvalidInputError(
            f"expected a difficulty of {LEVELS}, a family of {FAMILIES} and a seed from 0 to {LARGEST_SEED}, "
            f"got {difficulty!r}, {family!r} and {seed!r}"
        )
    if type(tests) is not int or not 1 <= tests <= MOST_TESTS:
        raise InvalidInputError(f"tests must be an integer from 1 to {MOST_TESTS}, got {tests!r}")
    task_id = f"pseudo-to-cpp/{difficulty}/{family}/{seed}"
    for attempt in range(_ATTEMPTS):
        made = _attempt(task_id, attempt, difficulty, family, tests)
        if made is not None:
            return made
    raise InvalidInputError(f"no program for {task_id} in {_ATTEMPTS} attempts; take another seed")


def program_from_id(task_id: str, *, tests: int = 3) -> Task:
    """The task that an id spells out; raises `UnknownNameError` for any other text."""
    match = _ID.fullmatch(task_id)
    if match is None or match["family"] not in FAMILIES:
        raise UnknownNameError(
            f"No program is called {task_id!r:.80}. Ids look like 'pseudo-to-cpp/2/loops/12345': a difficulty from 1 "
            f"to 5, one of {', '.join(FAMILIES)}, and a seed below 10^9."
        )
    return program_task(int(match["difficulty"]), match["family"], int(match["seed"]), tests=tests)


def draw_tasks(
    count: int,
    seed: int,
    *,
    difficulty: Sequence[int] = LEVELS,
    families: Sequence[str] = FAMILIES,
    tests: int = 3,
) -> Iterator[Task]:
    """`count` tasks with different programs, drawn uniformly over difficulties and families.

    Where fewer programs exist than are asked for (there are few of the first difficulty), the iterator ends early.
    """
    draw = Draw(f"pseudo-to-cpp/draw/{seed}")
    seen: set[str] = set()
    for _ in range(20 * count):
        if len(seen) >= count:
            return
        choice = draw.choice(difficulty), draw.choice(families), draw.between(0, LARGEST_SEED)
        task = program_task(*choice, tests=tests)
        if task.prompt not in seen:
            seen.add(task.prompt)
            yield task


def write_solution(task: Task) -> str:
    """The reference program of a task, for demonstrations."""
    return str(task.reference["solution"])


def prompt_of(pseudocode: Sequence[str], indents: Sequence[int]) -> str:
    """The text that is shown: a head line, then the pseudo-code, indented as the program is."""
    shown = [INDENT * indent + text for indent, text in zip(indents, pseudocode, strict=True)]
    return "\n".join([PROMPT_HEAD, *shown])


def _attempt(task_id: str, attempt: int, difficulty: int, family: str, tests: int) -> Task | None:
    draw = Draw(f"{task_id}/{attempt}")
    composed = compose(draw, difficulty, family)
    if composed is None:
        return None
    program, reads = composed
    constants = sorted({node.value for node in walk(program) if isinstance(node, Number)})
    has_loops = any(isinstance(node, For | ForEach | While) for node in walk(program))
    candidates = draw_inputs(reads, constants, draw, _CANDIDATES if has_loops else _MORE_CANDIDATES)
    near = list(mutants(program))
    chosen = choose_tests(program, candidates, draw.sample(near, _MUTANTS), tests)
    if chosen is None:
        return None
    pairs = [{"input": given, "output": expected} for given, expected in chosen.pairs]
    return _task(task_id, program, pairs, {"difficulty": difficulty, "family": family}, draw)


def _task(task_id: str, program: Program, tests: list[dict[str, str]], meta: dict[str, Any], draw: Draw) -> Task:
    lines = lines_of(program)
    indents = [line.indent for line in lines]
    pseudocode = [english.line(line, draw) for line in lines]
    solution = "".join(f"{INDENT * line.indent}{cpp.line(line)}\n" for line in lines)
    reference = {"tests": tests, "solution": solution, "pseudocode": pseudocode}
    meta |= {"lines": len(lines), "pseudocode": pseudocode, "indents": indents}
    return Task(task_id, prompt_of(pseudocode, indents), reference, meta)
