"""Reads the assignments out of an answer, with exact places: `Ann: knight`, `A=3`, `1. Bob`, `Cy: Monday 9:00`.

The answer stands behind the last "Answer:", `<answer>` or box; without one it is the last lines that say nothing but
assignments. Case, spacing, markdown, bullets and small words ("is", "sits in") do not matter. What a line means must be
plain: a line with a comparison, a negation or two values for one place is no assignment.
"""

from __future__ import annotations

import functools
import re

from stepgym.verifiers.constraints.near_misses import NearMisses
from stepgym.verifiers.constraints.puzzle import Puzzle
from stepgym.verifiers.constraints.statements import Misfit, Reading, Statement
from stepgym.verifiers.constraints.words import Token, WordFinder

__all__ = ["MAX_CHARACTERS", "AnswerReader", "Misfit", "Reading", "Statement", "reader_of"]

MAX_CHARACTERS = 20_000
"""Only the end of a response is read."""

_SIGNED = re.compile(r"\w *[:=] *\w")
_MARKER = re.compile(r"\\boxed\{|<answer>|(?<!\w)(?<!</)(?:answer|solution)(?:[ \t]+is)?\**[ \t]*[:=]", re.IGNORECASE)
_LINE = re.compile(r"[^\n\r]*")
_LEAD = re.compile(r"[\s>#*|•\-]*")
_NUMBERED = re.compile(r"[0-9]{1,3}[.)][ \t*_`]+")
_SIGNS = frozenset(":=->→=>==")


class AnswerReader:
    """Reads answers to one puzzle."""

    def __init__(self, puzzle: Puzzle) -> None:
        self._puzzle = puzzle
        self._words = WordFinder(puzzle)
        self._misses = NearMisses(puzzle, self._words)
        self._listed = puzzle.form == "list"
        words = all(isinstance(value, str) for variable in puzzle.variables for value in variable.values)
        self._grouped = words and not self._listed and all(len(row) == 1 for row in puzzle.rows.values())

    def read(self, response: str) -> Reading:
        """What the answer in a response says."""
        start = _beginning(response)
        markers = list(_MARKER.finditer(response, start))
        if markers:
            return self._read_all(response, markers[-1].end(), len(response))
        return self._read_last(response, start)

    def read_action(self, action: str) -> Reading:
        """What a text that should hold assignments alone says."""
        return self._read_all(action, _beginning(action), len(action))

    def _read_all(self, response: str, start: int, end: int) -> Reading:
        reading = Reading()
        for line in _LINE.finditer(response, start, end):
            found = self._read_line(response, *line.span()) or self._misses.read(response, *line.span(), marked=True)
            reading.add(found or Reading())
        return reading

    def _read_last(self, response: str, start: int) -> Reading:
        block: list[Reading] = []
        odd: list[Reading] = []
        missing = set(range(len(self._puzzle.variables)))
        for line in reversed(list(_LINE.finditer(response, start))):
            if not line.group().strip():
                continue
            found = self._read_line(response, *line.span())
            if found is not None:
                block += [*odd, found]
                odd = []
                missing -= {statement.given[0] for statement in found.statements}
                continue
            # A slip in one line does not end the answer, unless what follows is an answer already.
            near = self._misses.read(response, *line.span()) if missing else None
            if near is not None and _SIGNED.search(line.group()):
                block += [*odd, near]
                odd = []
            elif near is not None:
                odd.append(near)
            elif block:
                break
            else:
                odd = []
        reading = Reading()
        for found in reversed([*block, *odd] if missing and block else block):
            reading.add(found)
        return reading

    def _read_line(self, response: str, start: int, end: int) -> Reading | None:
        """What a line says; None if it is no line of assignments."""
        lead = _LEAD.match(response, start, end)
        start = lead.end() if lead else start
        if start == end:
            return None
        tokens = self._words.tokens(response, start, end)
        numbered = _NUMBERED.match(response, start, end)
        if tokens and numbered and not self._listed:
            tokens = [token for token in tokens if token.start >= numbered.end()]
        if not tokens:
            return None
        if self._listed and (inorder := self._in_order(tokens)) is not None:
            return inorder
        return self._segments(tokens)

    def _in_order(self, tokens: list[Token]) -> Reading | None:
        """All names and nothing else: the first has the first place, and so on."""
        names = [token for token in tokens if token.kind != "sign"]
        if len(names) != len(self._puzzle.rows) or len(names) < 2 or any(token.kind != "label" for token in names):
            return None
        reading = Reading(lines=1)
        for token, code in zip(names, sorted(self._puzzle.variables[0].codes), strict=False):
            reading.statements.append(Statement((self._puzzle.rows[str(token.what)][0], code), token.start, token.end))
        return reading

    def _segments(self, tokens: list[Token]) -> Reading | None:
        reading = Reading(lines=1)
        place = 0
        while place < len(tokens):
            if tokens[place].kind == "sign":
                place += 1
                continue
            stop = self._segment(tokens, place, reading)
            if stop is None:
                return None
            place = stop
        return reading if reading.statements or reading.misfits else None

    def _segment(self, tokens: list[Token], place: int, reading: Reading) -> int | None:
        """Reads one row's assignments that begin at `place`; where they end, None if they are not plain."""
        before: list[Token] = []
        while place < len(tokens) and tokens[place].kind in ("value", "sign"):
            before += [tokens[place]] if tokens[place].kind == "value" else []
            place += 1
        if place == len(tokens):
            return None
        name = tokens[place]
        if name.kind == "word":
            return self._unknown_name(tokens, place, before, reading)
        if self._grouped and (stop := self._group(tokens, place, before, reading)) is not None:
            return stop
        place += 1
        room = len(self._puzzle.rows[str(name.what)]) - len(before)
        after: list[Token] = []
        signed = False
        while place < len(tokens) and len(after) < room and tokens[place].kind != "label":
            token = tokens[place]
            if token.kind == "word" and not (signed and not before):
                return None
            signed = signed or token.kind == "sign"
            after += [] if token.kind == "sign" else [token]
            place += 1
        if room < 0 or not before + after:
            return None
        return place if self._assign(name, before, after, reading) else None

    def _group(self, tokens: list[Token], place: int, before: list[Token], reading: Reading) -> int | None:
        """`Ann and Bob are knights`, or `Knights: Ann, Bob`; here it is the names that can be wrong."""
        stop = place
        while stop < len(tokens) and tokens[stop].kind == "label":
            stop += 1
        names, signed = tokens[place:stop], stop < len(tokens) and tokens[stop].kind == "sign"
        if before:
            names = names[:-1] if signed else names  # the last one begins what follows
            stop = place + len(names)
        else:
            stop += signed
            before, stop = tokens[stop : stop + 1], stop + 1
        if len(names) < 2 or len(before) != 1 or before[0].kind != "value":
            return None
        return stop if all(self._assign(name, before, [], reading) for name in names) else None

    def _assign(self, name: Token, before: list[Token], after: list[Token], reading: Reading) -> bool:
        label = str(name.what)
        free = list(self._puzzle.rows[label])
        alone = len(free) == 1
        for token in before + after:
            variables = [v for v in free if token.kind == "value" and token.what in self._puzzle.variables[v].values]
            # In "1. Bob" it is the name that can be wrong.
            start, end = (name.start, name.end) if token in before and alone else (token.start, token.end)
            if variables:
                free.remove(variables[0])
                variable = self._puzzle.variables[variables[0]]
                code = variable.codes[variable.values.index(token.what)]
                reading.statements.append(Statement((variables[0], code), start, end))
            elif token in before and alone:
                reading.misfits.append(Misfit("out-of-domain", label, token.start, token.end))
            elif any(token.what in self._puzzle.variables[v].values for v in self._puzzle.rows[label]):
                return False  # two values for one variable
            else:
                reading.misfits.append(Misfit("out-of-domain", label, token.start, token.end))
        return True

    def _unknown_name(self, tokens: list[Token], place: int, before: list[Token], reading: Reading) -> int | None:
        """`Zoe: knight`, or `1. Zoe`: one word where a name belongs."""
        name, rest = tokens[place], tokens[place + 1 :]
        if before:
            if not self._listed or len(before) > 1 or rest:
                return None
        elif len(rest) < 2 or rest[0].kind != "sign" or rest[1].kind != "value":
            return None
        reading.misfits.append(Misfit("unknown-name", "", name.start, name.end))
        place += 1
        while place < len(tokens) and tokens[place].kind in ("sign", "value"):
            place += 1
        return place


def _beginning(response: str) -> int:
    """Where the end that is read begins: with a whole line, or a whole word, if there is one."""
    start = max(0, len(response) - MAX_CHARACTERS)
    if start == 0 or response[start - 1] in "\r\n":
        return start
    whole = re.compile(r"[\r\n]").search(response, start) or re.compile(r"\s").search(response, start)
    return whole.end() if whole else start


@functools.lru_cache(maxsize=256)
def reader_of(puzzle: Puzzle) -> AnswerReader:
    """The reader of a puzzle, kept for the puzzles of late."""
    return AnswerReader(puzzle)
