"""Logic puzzles: are references accepted, puzzles unique, planted errors found at their place, and how quickly.

    python benchmarks/constraints.py                 # 1,000 puzzles of each family, difficulties 1 to 5 in turn
    python benchmarks/constraints.py --count 100 --seed 7

For each family: puzzles drawn per CPU second, references and worked solutions accepted, puzzles that z3 too finds
unique (a sample), wrong values planted one at a time (found: a refuted finding exactly there, and every other value
proved), single characters replaced, deleted or inserted in right answers (of those judged wrong; found: a refuted
finding of at most 12 characters contains or touches the place), verdicts per CPU second of this process on distinct
answers, and findings re-checked by z3 (a sample). The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import string
import time
from typing import Any

from stepgym.envs import Task
from stepgym.envs.puzzles import FAMILIES, puzzle_task, write_reasoning, write_solution
from stepgym.verifiers import ConstraintsVerifier, Verdict
from stepgym.verifiers.constraints import Puzzle
from stepgym.verifiers.constraints.reading import reader_of
from stepgym.verifiers.constraints.solver import solve_by_solver

VERIFIER = ConstraintsVerifier()
LONGEST = 12
CHARACTERS = string.ascii_letters + string.digits + " :=.,\n"


def plant_value(answer: str, task: Task, rng: random.Random) -> tuple[str, int, int]:
    """The answer with one value (in lists: one name) replaced by another one, and its place."""
    puzzle = Puzzle.from_reference(task.reference)
    statement = rng.choice(reader_of(puzzle).read(answer).statements)
    old = answer[statement.start : statement.end]
    variable = puzzle.variables[statement.given[0]]
    choices = list(puzzle.rows) if puzzle.form == "list" else [str(value) for value in variable.values]
    new = rng.choice([choice for choice in choices if choice != old])
    return answer[: statement.start] + new + answer[statement.end :], statement.start, statement.start + len(new)


def plant_character(answer: str, rng: random.Random) -> tuple[str, int, int]:
    """The answer with one character replaced, deleted or inserted, and the place."""
    at, new, kind = rng.randrange(len(answer)), rng.choice(CHARACTERS), rng.randrange(3)
    if kind == 0:
        return answer[:at] + new + answer[at + 1 :], at, at + 1
    if kind == 1:
        return answer[:at] + answer[at + 1 :], at, at
    return answer[:at] + new + answer[at:], at, at + 1


def points_at(verdict: Verdict, start: int, end: int) -> bool:
    """Whether a small refuted finding contains or touches a place."""
    return any(
        f.severity == "refuted" and f.end - f.start <= LONGEST and f.start <= end and start <= f.end
        for f in verdict.findings
    )


def exactly(verdict: Verdict, start: int, end: int) -> bool:
    """Whether the planted value is refuted and every other one proved."""
    values = [f for f in verdict.findings if f.kind == "assignment"]
    refuted = [(f.start, f.end) for f in values if f.severity == "refuted"]
    return verdict.status == "wrong" and refuted == [(start, end)] and all(f.severity != "note" for f in values)


def measure(family: str, count: int, seed: int, sample: int) -> dict[str, Any]:
    """The figures of one family."""
    rng = random.Random(seed)
    started = time.process_time()
    tasks = [puzzle_task(family, 1 + number % 5, seed * 1_000_000 + number) for number in range(count)]
    drawing = time.process_time() - started
    started = time.process_time()
    for number in range(200):
        puzzle_task(family, 2, (seed + 1) * 1_000_000 + number)
    second = time.process_time() - started
    right = [write_solution(task) for task in tasks]
    accepted = [VERIFIER.verify(answer, t.reference).status for answer, t in zip(right, tasks, strict=True)]
    worked = [VERIFIER.verify(write_reasoning(task), task.reference).status for task in tasks]

    values = [plant_value(answer, task, rng) for answer, task in zip(right, tasks, strict=True)]
    started = time.process_time()
    verdicts = [VERIFIER.verify(answer, t.reference) for (answer, _, _), t in zip(values, tasks, strict=True)]
    wrong_seconds = time.process_time() - started
    started = time.process_time()
    for answer, task in zip(right, tasks, strict=True):
        VERIFIER.verify(answer, task.reference)
    right_seconds = time.process_time() - started
    found = [exactly(verdict, start, end) for verdict, (_, start, end) in zip(verdicts, values, strict=True)]

    hit = failed = 0
    for answer, task in zip(right, tasks, strict=True):
        text, start, end = plant_character(answer, rng)
        verdict = VERIFIER.verify(text, task.reference)
        failed += verdict.status == "wrong"
        hit += verdict.status == "wrong" and points_at(verdict, start, end)

    chosen = range(0, count, max(1, count // sample))
    unique = [len(solve_by_solver(tasks[i].reference, timeout=20) or [1, 2]) == 1 for i in chosen]
    checked = [
        VERIFIER.check_finding(finding, values[i][0], tasks[i].reference)
        for i in chosen
        for finding in verdicts[i].findings
    ]
    return {
        "family": family,
        "puzzles": count,
        "different": len({task.prompt for task in tasks}),
        "drawn/s": round(count / drawing),
        "drawn/s at 2": round(200 / second),
        "accepted": accepted.count("correct"),
        "worked": worked.count("correct"),
        "unique": f"{sum(unique)}/{len(unique)}",
        "values": round(100 * sum(found) / count, 2),
        "characters": round(100 * hit / max(1, failed), 2),
        "wrong/s": round(count / wrong_seconds),
        "right/s": round(count / right_seconds),
        "re-checked": f"{sum(checked)}/{len(checked)}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000, help="puzzles of each family")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sample", type=int, default=100, help="puzzles of each family that z3 looks at")
    options = parser.parse_args()
    rows = [measure(family, options.count, options.seed, options.sample) for family in FAMILIES]
    widths = {name: max(len(name), *(len(str(row[name])) for row in rows)) for name in rows[0]}
    print("  ".join(f"{name:>{width}}" for name, width in widths.items()))
    for row in rows:
        print("  ".join(f"{row[name]!s:>{width}}" for name, width in widths.items()))
    print(json.dumps({"benchmark": "constraints", "seed": options.seed, "rows": rows}))


if __name__ == "__main__":
    main()
