"""Where a wrong program differs from a right one, and which of the differences make it wrong.

The tokens of both are aligned; what differs is cut into edits. A smallest set of edits that makes the program compile
and pass all tests is searched by leaving out one after another (after Zeller and Hildebrandt, "Simplifying and
Isolating Failure-Inducing Input", IEEE Transactions on Software Engineering 28(2), 2002), with few runs: the usual
slip is one edit, and then the right program itself is the proof.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stepgym.verifiers.cpp.tokens import Token, tokenize

Code: TypeAlias = tuple[str, int, int, int, int]

_MAX_TOKENS = 4_000
_MAX_GROUPS = 16
_SINGLE_EDITS = 8
_SPAN = 12


@dataclass(frozen=True, slots=True)
class Edit:
    """The characters `[start, end)` of a program become `by`.

    Attributes:
        start: First character.
        end: One past the last.
        by: What the right program has there.
        span: The characters to point at: those that differ, or the token beside which something is missing.
    """

    start: int
    end: int
    by: str
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Repair:
    """Edits that together make a program right.

    Attributes:
        edits: All of them, in order.
        needed: Those without which the others were tried and did not suffice.
    """

    edits: tuple[Edit, ...]
    needed: frozenset[Edit]


def apply_edits(program: str, edits: Sequence[Edit]) -> str:
    """The program with the edits made."""
    parts = []
    place = 0
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        parts += [program[place : edit.start], edit.by]
        place = edit.end
    return "".join([*parts, program[place:]])


def find_edits(program: str, solution: str) -> list[Edit] | None:
    """The differences of the tokens of two programs; None if they have too little in common to be compared."""
    ours, theirs = tokenize(program), tokenize(solution)
    if not ours or not theirs or max(len(ours), len(theirs)) > _MAX_TOKENS:
        return None
    matcher = difflib.SequenceMatcher(None, [t.text for t in ours], [t.text for t in theirs], autojunk=False)
    codes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    changed = sum(max(i2 - i1, j2 - j1) for _, i1, i2, j1, j2 in codes)
    if changed > max(6, len(theirs) // 2):
        return None
    edits = [_edit(program, solution, ours, theirs, code) for code in _split(codes)]
    if len(edits) > 1:
        # One slip may change how all that follows is cut into tokens, a quote for example.
        small = _trimmed(program, 0, len(program), solution)
        if small.end - small.start <= _SPAN and len(small.by) <= _SPAN:
            return [small]
    return edits


def _split(codes: Sequence[Code]) -> Iterator[Code]:
    """As many tokens as there should be are compared one by one."""
    for tag, i1, i2, j1, j2 in codes:
        if i2 - i1 == j2 - j1:
            yield from ((tag, i1 + k, i1 + k + 1, j1 + k, j1 + k + 1) for k in range(i2 - i1))
        else:
            yield tag, i1, i2, j1, j2


def same_tokens(one: str, other: str) -> bool:
    """Whether two programs differ in nothing but white space and comments that mean nothing."""
    return _normal(one) == _normal(other)


def search_repair(
    program: str,
    edits: Sequence[Edit],
    passes: Callable[[str], bool],
    *,
    hint: tuple[int, int] | None,
    budget: int,
) -> Repair:
    """A small part of `edits` that still makes `program` right; all of them together are taken to do so.

    Args:
        program: The wrong program.
        edits: As `find_edits`, at least one.
        passes: Compiles and runs a program; called at most `budget` times.
        hint: Where the compiler sees an error: the edits beside it are tried first.
        budget: How many programs may be tried.
    """
    groups = _grouped(program, edits)
    if len(groups) > _MAX_GROUPS:
        return Repair(tuple(edits), frozenset())
    if len(groups) == 1:
        return Repair(tuple(edits), frozenset(edits))
    tried = 0

    def good(chosen: Sequence[tuple[Edit, ...]]) -> bool:
        nonlocal tried
        tried += 1
        return passes(apply_edits(program, [edit for group in chosen for edit in group]))

    if hint is not None:
        place = hint[0]
        groups.sort(key=lambda group: min(abs(edit.start - place) for edit in group))
    if tried < budget and (hint is not None or len(groups) > 2) and good(groups[:1]):
        return _repair(groups[:1], groups[:1])
    if len(groups) >= 4:
        half = len(groups) // 2
        for part in (groups[:half], groups[half:]):
            if tried < budget and good(part):
                groups = part
                break
    needed: list[tuple[Edit, ...]] = []
    for group in list(groups):
        rest = [other for other in groups if other is not group]
        if not rest:
            needed.append(group)
        elif tried < budget:
            if good(rest):
                groups = rest
            else:
                needed.append(group)
    return _repair(groups, needed)


def _repair(groups: Sequence[tuple[Edit, ...]], needed: Sequence[tuple[Edit, ...]]) -> Repair:
    edits = sorted((edit for group in groups for edit in group), key=lambda e: (e.start, e.end))
    return Repair(tuple(edits), frozenset(edit for group in needed for edit in group))


def _grouped(program: str, edits: Sequence[Edit]) -> list[tuple[Edit, ...]]:
    """The edits one by one, many of them line by line; those that rename a name everywhere go together, last."""
    renames: dict[tuple[str, str], list[Edit]] = {}
    single: list[Edit] = []
    for edit in edits:
        old = program[edit.start : edit.end]
        if old.isidentifier() and edit.by.isidentifier():
            renames.setdefault((old, edit.by), []).append(edit)
        else:
            single.append(edit)
    for group in [group for group in renames.values() if len(group) == 1]:
        single += group
    renamed = [tuple(group) for group in renames.values() if len(group) > 1]
    single.sort(key=lambda edit: edit.start)
    if len(single) <= _SINGLE_EDITS:
        return [*((edit,) for edit in single), *renamed]
    lines: dict[int, list[Edit]] = {}
    for edit in single:
        lines.setdefault(program.count("\n", 0, edit.start), []).append(edit)
    return [*(tuple(group) for group in lines.values()), *renamed]


def _edit(program: str, solution: str, ours: list[Token], theirs: list[Token], code: Code) -> Edit:
    _, i1, i2, j1, j2 = code
    if i1 == i2:
        return _insertion(program, solution, ours, theirs, i1, j1, j2)
    start, end = ours[i1].start, ours[i2 - 1].end
    by = solution[theirs[j1].start : theirs[j2 - 1].end] if j1 < j2 else ""
    if i2 - i1 == 1 and (end - start <= _SPAN or ours[i1].text.isidentifier()):
        return Edit(start, end, by, (start, end))
    return _trimmed(program, start, end, by)


def _insertion(program: str, solution: str, ours: list[Token], theirs: list[Token], i: int, j1: int, j2: int) -> Edit:
    """What is missing, with the white space around it as the right program has it."""
    if i == 0:
        by = solution[theirs[j1].start : theirs[j2].start] if j2 < len(theirs) else solution[theirs[j1].start :]
        return Edit(ours[0].start, ours[0].start, by, _around(ours, 0, ours[0].start))
    place = ours[i - 1].end
    before = theirs[j1 - 1].end if j1 else theirs[j1].start
    by = solution[before : theirs[j2 - 1].end]
    following = program[place : place + 1]
    if following and (following.isalnum() or following in "_\"'#"):
        by += " "
    return Edit(place, place, by, _around(ours, i - 1, place))


def _around(tokens: list[Token], number: int, place: int) -> tuple[int, int]:
    """The token beside a place where something is missing, cut where it is long."""
    token = tokens[number]
    if token.end - token.start <= _SPAN or token.text.isidentifier():
        return token.start, token.end
    return (max(token.start, place - _SPAN), place) if token.end == place else (place, place + _SPAN)


def _trimmed(program: str, start: int, end: int, by: str) -> Edit:
    """The edit without what both sides begin and end with."""
    old = program[start:end]
    head = 0
    while head < min(len(old), len(by)) and old[head] == by[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(by)) - head and old[-1 - tail] == by[-1 - tail]:
        tail += 1
    start, end, by = start + head, end - tail, by[head : len(by) - tail]
    if start < end:
        return Edit(start, end, by, (start, end))
    # Something is missing here: the character before, or the first one.
    place = max(start, 1)
    return Edit(start, end, by, (place - 1, min(place + 1, len(program))))


def _normal(program: str) -> list[str]:
    """The tokens, with the ends of preprocessor lines."""
    normal = []
    last = 0
    directive = False
    for token in tokenize(program):
        if "\n" in program[last : token.start]:
            if directive:
                normal.append("\n")
            directive = token.text == "#"
        directive = directive or (not normal and token.text == "#")
        normal.append(token.text)
        last = token.end
    return normal
