"""`ConstraintsVerifier`: answers to logic puzzles, each value judged on its own, with the clues it contradicts."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from stepgym.errors import InvalidInputError
from stepgym.verifiers.constraints.cores import Given, Standing, stand
from stepgym.verifiers.constraints.puzzle import Clue, Puzzle
from stepgym.verifiers.constraints.reading import Misfit, Reading, Statement, reader_of
from stepgym.verifiers.constraints.solver import NO_SOLUTION, check_installed, stand_by_solver
from stepgym.verifiers.constraints.space import EnumeratedSpace
from stepgym.verifiers.verdict import Finding, Verdict

Engine = Literal["auto", "enumeration", "z3"]

_SHOWN_CLUES = 3
# What makes an answer wrong even if all else is complete and right.
_ALWAYS = ("out-of-domain", "two-values")


class ConstraintsVerifier:
    """Judges the assignments of an answer to a puzzle; the reference is a `Puzzle` as JSON.

    Each value that is given has a finding. It is refuted if no solution has it, with a core: clues it cannot hold
    with, none of which can be left out. It is proved if every solution has it. Where a puzzle has several solutions, a
    value is refuted that cannot hold together with those before it. What is said more than four times has findings
    at the first four places. Values are compared with clues, not with a stored
    solution: every assignment that satisfies all clues is correct. An answer that leaves something out is wrong.

    Small puzzles are decided by listing all assignments, larger ones by z3 (extra `smt`) in a worker process. Whether
    a complete answer is right is decided without either.

    Args:
        partial: Whether an answer that leaves something out is correct as long as it can still be completed.
        engine: "auto"; "enumeration" refuses puzzles that are too large, "z3" takes it for small ones too.
        timeout: Seconds for z3 per answer, in all.
    """

    name = "constraints/1"

    def __init__(self, *, partial: bool = False, engine: Engine = "auto", timeout: float = 3.0) -> None:
        if engine not in get_args(Engine):
            raise InvalidInputError(f"engine must be one of {get_args(Engine)}, got {engine!r}")
        if not timeout > 0:
            raise InvalidInputError(f"timeout must be more than 0 seconds, got {timeout!r}")
        if engine == "z3":
            check_installed()
        self.partial = partial
        self.engine = engine
        self.timeout = timeout

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        """The verdict on `response`; see the class."""
        started = time.perf_counter()
        puzzle = Puzzle.from_reference(reference)
        space = self.space(puzzle)
        verdict = self._judge(reader_of(puzzle).read(response), response, puzzle, reference, space=space)
        return verdict.signed(self.name, time.perf_counter() - started)

    def verify_action(self, action: str, reference: Any, *, given: Sequence[Given] = ()) -> tuple[Verdict, Reading]:
        """The verdict on further assignments, which replace those `given` of the same variables; and the reading."""
        started = time.perf_counter()
        puzzle = Puzzle.from_reference(reference)
        space = self.space(puzzle)
        reading = reader_of(puzzle).read_action(action)
        again = {statement.given[0] for statement in reading.statements}
        given = [one for one in given if one[0] not in again]
        verdict = self._judge(reading, action, puzzle, reference, space=space, before=given)
        return verdict.signed(self.name, time.perf_counter() - started), reading

    def check_finding(self, finding: Finding, response: str, reference: Any, *, context: str = "") -> bool:
        """Whether a finding holds, by z3 where it was found by listing, else by a plain search."""
        from stepgym.verifiers.constraints.recheck import check_finding

        return check_finding(finding, response, reference, timeout=self.timeout)

    def space(self, puzzle: Puzzle) -> EnumeratedSpace | None:
        """The assignments of a puzzle that is small enough to list, else None; raises if nothing here can decide it."""
        space = space_of(puzzle) if self.engine != "z3" else None
        if space is None and self.engine == "enumeration":
            raise InvalidInputError("constraints: the puzzle is too large to list; allow engine='z3'")
        if space is None:
            check_installed()
        return space

    def _judge(
        self,
        reading: Reading,
        response: str,
        puzzle: Puzzle,
        reference: Any,
        *,
        space: EnumeratedSpace | None,
        before: Sequence[Given] = (),
    ) -> Verdict:
        said = {**dict(before), **{s.given[0]: s.given[1] for s in reading.statements}}
        missing = [v.name for place, v in enumerate(puzzle.variables) if place not in said]
        if not reading.statements and not reading.misfits:
            what = Finding(0, len(response), "no-answer", "fatal", "there is no assignment", {})
            return Verdict.wrong(what, reason=f"no answer: {_listed(missing)} not given")
        reading = reading.few(response)
        violated = [] if missing else puzzle.violated([said[place] for place in range(len(puzzle.variables))])
        misfits = [_misfit(one, puzzle) for one in reading.misfits if one.kind in _ALWAYS]
        if not missing and not violated and not misfits and _single(reading, said):
            return self._right(reading, puzzle, said)
        misfits += [_misfit(one, puzzle) for one in reading.misfits if missing and one.kind not in _ALWAYS]
        all_standings = self._standings(reading, puzzle, reference, space, before)
        broken, standings = all_standings[: len(before)], all_standings[len(before) :]
        findings = [_finding(s, w, puzzle) for s, w in zip(reading.statements, standings, strict=True)]
        findings = [*findings, *_contradictions(reading, findings, puzzle), *misfits]
        places = {f.start for f in findings if f.severity == "refuted"}
        findings += _notes(violated, reading, said, puzzle, places)
        findings.sort(key=lambda f: (f.start, f.end))
        refuted = [f for f in findings if f.severity == "refuted"]
        if refuted:
            return Verdict.wrong(*findings, reason=refuted[0].message)
        if violated:
            return Verdict.wrong(*findings, reason=f"violates {_clause(violated[0], puzzle)}")
        unknown = any(standing.state == "unknown" for standing in standings)
        if missing and not self.partial:
            return Verdict.wrong(*findings, reason=f"incomplete: {_listed(missing)} not given")
        if unknown:
            return Verdict.undecided("z3 gave up before its limit of work or time", *findings)
        if any(standing.state in ("impossible", "conflict") for standing in broken):
            return Verdict.correct(*findings, reason="agrees with the clues; something given before does not")
        return Verdict.correct(*findings, reason="can still be completed" if missing else "satisfies all clues")

    def _right(self, reading: Reading, puzzle: Puzzle, said: Mapping[int, int]) -> Verdict:
        answer = {v.name: v.values[v.codes.index(said[place])] for place, v in enumerate(puzzle.variables)}
        findings = []
        for one in reading.statements:
            what = _what(one.given, puzzle)
            evidence = {"claim": "satisfies", **_facts(one.given, puzzle), "answer": answer}
            findings.append(
                Finding(one.start, one.end, "assignment", "proved", f"{what} agrees with all clues", evidence)
            )
        for odd in reading.misfits:
            findings.append(Finding(odd.start, odd.end, odd.kind, "warning", "no part of the answer", {}))
        findings.sort(key=lambda f: (f.start, f.end))
        return Verdict.correct(*findings, reason="satisfies all clues")

    def _standings(
        self, reading: Reading, puzzle: Puzzle, reference: Any, space: EnumeratedSpace | None, before: Sequence[Given]
    ) -> list[Standing]:
        given = [*before, *(statement.given for statement in reading.statements)]
        if space is None:
            return stand_by_solver(reference, given, timeout=self.timeout)
        clues = [clue.node for clue in puzzle.clues]
        if not space.consistent(clues):
            raise InvalidInputError(NO_SOLUTION)
        return stand(space, clues, given)


@functools.lru_cache(maxsize=256)
def space_of(puzzle: Puzzle) -> EnumeratedSpace | None:
    """The assignments that a puzzle's rules allow, None if they are too many; kept for the puzzles of late."""
    return EnumeratedSpace.of(puzzle)


def _single(reading: Reading, said: Mapping[int, int]) -> bool:
    """Whether no variable is given two values."""
    return all(said[statement.given[0]] == statement.given[1] for statement in reading.statements)


def _finding(statement: Statement, standing: Standing, puzzle: Puzzle) -> Finding:
    start, end = statement.start, statement.end
    evidence: dict[str, Any] = {"claim": standing.state, **_facts(statement.given, puzzle)}
    what = _what(statement.given, puzzle)
    if standing.state == "entailed":
        return Finding(start, end, "assignment", "proved", f"{what} follows from the clues", evidence)
    if standing.state not in ("impossible", "conflict"):
        message = f"{what} is possible" if standing.state == "possible" else f"{what} could not be decided"
        return Finding(start, end, "assignment", "note", message, evidence)
    evidence["clues"] = [place + 1 for place in standing.clues]
    evidence["words"] = [puzzle.clues[place].words for place in standing.clues]
    evidence["with"] = [_facts(other, puzzle) for other in standing.others]
    reasons = [_clause(puzzle.clues[place], puzzle) for place in standing.clues[:_SHOWN_CLUES]]
    reasons += [f"{len(standing.clues) - _SHOWN_CLUES} more"] if len(standing.clues) > _SHOWN_CLUES else []
    reasons = [*(_what(other, puzzle) for other in standing.others), *reasons] or ["the rules of the puzzle"]
    return Finding(start, end, "assignment", "refuted", f"{what} conflicts with {'; '.join(reasons)}", evidence)


def _contradictions(reading: Reading, findings: Sequence[Finding], puzzle: Puzzle) -> list[Finding]:
    """A finding for each variable whose second value is not refuted already, nor its first."""
    first: dict[int, tuple[int, bool]] = {}
    found = []
    for statement, finding in zip(reading.statements, findings, strict=True):
        variable, code = statement.given
        kept, refuted = first.setdefault(variable, (code, finding.severity == "refuted"))
        if kept != code and not refuted and finding.severity != "refuted":
            message = f"{puzzle.variables[variable].name} was said to be {puzzle.variables[variable].word(kept)}"
            evidence = {**_facts(statement.given, puzzle), "before": _facts((variable, kept), puzzle)["value"]}
            found.append(Finding(statement.start, statement.end, "contradiction", "refuted", message, evidence))
    return found


def _notes(
    violated: Sequence[Clue], reading: Reading, said: Mapping[int, int], puzzle: Puzzle, refuted: set[int]
) -> list[Finding]:
    """A note for each rule and clue that a complete answer breaks, at a refuted value it speaks of if there is one."""
    notes = []
    for clue in violated:
        places = [s for s in reading.statements if s.given[0] in clue.variables and said[s.given[0]] == s.given[1]]
        if places:
            at = max(places, key=lambda s: (s.start in refuted, s.start))
            evidence = {"words": clue.words, "spans": [[s.start, s.end] for s in places]}
            message = f"the answer violates {_clause(clue, puzzle)}"
            notes.append(Finding(at.start, at.end, "violated-clue", "note", message, evidence))
    return notes


def _misfit(misfit: Misfit, puzzle: Puzzle) -> Finding:
    if misfit.kind == "unknown-name":
        known = list(puzzle.rows)
        return Finding(
            misfit.start, misfit.end, "unknown-name", "refuted", f"expected one of {_listed(known)}", {"known": known}
        )
    if misfit.kind == "unreadable":
        message = "expected a line of the answer, which this is not"
        return Finding(misfit.start, misfit.end, "unreadable", "refuted", message, {})
    if misfit.kind == "two-values":
        message = f"two values are given for {misfit.row}"
        return Finding(misfit.start, misfit.end, "two-values", "refuted", message, {"row": misfit.row})
    values = list(dict.fromkeys(str(v) for place in puzzle.rows[misfit.row] for v in puzzle.variables[place].values))
    message = f"no value of {misfit.row}: expected one of {_listed(values)}"
    return Finding(misfit.start, misfit.end, "out-of-domain", "refuted", message, {"row": misfit.row})


def _facts(given: Given, puzzle: Puzzle) -> dict[str, Any]:
    variable = puzzle.variables[given[0]]
    return {"variable": variable.name, "value": variable.values[variable.codes.index(given[1])]}


def _what(given: Given, puzzle: Puzzle) -> str:
    variable = puzzle.variables[given[0]]
    return f"{variable.name} = {variable.word(given[1])}"


def _clause(clue: Clue, puzzle: Puzzle) -> str:
    if clue in puzzle.clues:
        return f"clue {puzzle.clues.index(clue) + 1}: {clue.words.rstrip('.')}"
    return f"the rule: {clue.words.rstrip('.')}"


def _listed(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
