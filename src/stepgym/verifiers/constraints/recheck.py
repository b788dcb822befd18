"""A second look at the findings of `ConstraintsVerifier`, by another route than the one that found them.

What was found by listing all assignments is asked of z3; without z3, and for puzzles that z3 decided, a plain search
tries values one by one and evaluates the statements directly.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

from stepgym.verifiers.constraints.cores import Given
from stepgym.verifiers.constraints.expression import Node, evaluate, is_value, negated, variables_of
from stepgym.verifiers.constraints.puzzle import Puzzle
from stepgym.verifiers.constraints.reading import reader_of
from stepgym.verifiers.constraints.solver import consistent_by_solver
from stepgym.verifiers.constraints.space import table_of
from stepgym.verifiers.constraints.words import WordFinder
from stepgym.verifiers.verdict import Finding

_MOST_TRIES = 300_000


def check_finding(finding: Finding, response: str, reference: Any, *, timeout: float) -> bool:
    """Whether a finding holds; False too if the second route cannot decide it within its limits."""
    puzzle = Puzzle.from_reference(reference)
    if finding.end > len(response):
        return False
    if finding.severity in ("note", "warning"):
        return True
    span = response[finding.start : finding.end]
    if finding.kind == "no-answer":
        reading = reader_of(puzzle).read(response)
        return not reading.statements
    if finding.kind in ("unreadable", "two-values"):
        return not any(
            s.start < finding.end and finding.start < s.end for s in reader_of(puzzle).read(response).statements
        )
    if finding.kind == "unknown-name":
        return span.lower() not in [label.lower() for label in puzzle.rows]
    if finding.kind == "out-of-domain":
        values = [
            str(v).lower() for place in puzzle.rows[finding.evidence["row"]] for v in puzzle.variables[place].values
        ]
        return span.lower() not in values
    facts = finding.evidence
    given = _given(facts, puzzle)
    if not _stands_there(span, given, puzzle):
        return False
    if finding.kind == "contradiction":
        return bool(facts["before"] != facts["value"])
    if facts["claim"] == "satisfies":
        codes = [_given({"variable": name, "value": value}, puzzle)[1] for name, value in facts["answer"].items()]
        return facts["answer"][facts["variable"]] == facts["value"] and not puzzle.violated(codes)
    if facts["claim"] == "entailed":
        return _contradictory(puzzle, reference, list(range(len(puzzle.clues))), [], [given], timeout)
    clues = [number - 1 for number in facts["clues"]]
    if facts["words"] != [puzzle.clues[place].words for place in clues]:
        return False
    others = [_given(other, puzzle) for other in facts["with"]]
    return _contradictory(puzzle, reference, clues, [given, *others], [], timeout)


def _given(facts: Any, puzzle: Puzzle) -> Given:
    place = next(i for i, v in enumerate(puzzle.variables) if v.name == facts["variable"])
    variable = puzzle.variables[place]
    return place, variable.codes[variable.values.index(facts["value"])]


def _stands_there(span: str, given: Given, puzzle: Puzzle) -> bool:
    """Whether a span is the value, or, in "1. Bob", the name."""
    variable = puzzle.variables[given[0]]
    value = variable.values[variable.codes.index(given[1])]
    spelled = [str(value), *(alias for alias, what in puzzle.aliases.items() if what == value)]
    spelled += [label for label, places in puzzle.rows.items() if given[0] in places]
    said = " ".join(span.lower().split())
    if said in [word.lower() for word in spelled] or (type(value) is int and said.lstrip("0") == str(value)):
        return True
    read = WordFinder(puzzle).tokens(f": {said}", 0, len(said) + 2)  # 3.0, "three" or "9 am", as behind a name
    return [token.what for token in read if token.kind == "value"] == [value] and len(read) == 2


def _contradictory(
    puzzle: Puzzle, reference: Any, clues: Sequence[int], given: list[Given], excluded: list[Given], timeout: float
) -> bool:
    small = table_of(tuple(v.codes for v in puzzle.variables), tuple(rule.node for rule in puzzle.rules)) is not None
    solver = importlib.util.find_spec("z3") is not None
    if small and solver:
        return consistent_by_solver(reference, clues, given, excluded, timeout=timeout) is False
    facts = [puzzle.clues[place].node for place in clues]
    facts += [is_value(*one) for one in given] + [negated(is_value(*one)) for one in excluded]
    searched = search(puzzle, facts)
    if searched is None and solver:
        return consistent_by_solver(reference, clues, given, excluded, timeout=timeout) is False
    return searched is False


def search(puzzle: Puzzle, facts: Sequence[Node]) -> bool | None:
    """Whether rules and `facts` can all hold, by trying values one by one; None after too many tries."""
    speaks = [variables_of(fact) for fact in facts]
    order = sorted(range(len(puzzle.variables)), key=lambda v: (-sum(v in names for names in speaks), v))
    statements = [(variables_of(node), node) for node in (*facts, *(rule.node for rule in puzzle.rules))]
    due = [
        [node for names, node in statements if place in names and names <= set(order[: depth + 1])]
        for depth, place in enumerate(order)
    ]
    codes = [0] * len(order)
    tries = 0

    def extend(depth: int) -> bool:
        nonlocal tries
        if depth == len(order):
            return True
        place = order[depth]
        for code in puzzle.variables[place].codes:
            tries += 1
            if tries > _MOST_TRIES:
                raise _TooManyError
            codes[place] = code
            if all(evaluate(node, codes) for node in due[depth]) and extend(depth + 1):
                return True
        return False

    try:
        return all(evaluate(node, codes) for names, node in statements if not names) and extend(0)
    except _TooManyError:
        return None


class _TooManyError(Exception):
    """More tries than a second look may take."""
