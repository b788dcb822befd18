"""What the compiler says, with the characters of the program it is about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from stepgym.verifiers.cpp.compiler import SOURCE
from stepgym.verifiers.cpp.program import Lines
from stepgym.verifiers.cpp.suspects import forgotten_declaration, misspelt_for, suspect_brace
from stepgym.verifiers.cpp.tokens import Token, TokenIndex

_SPAN = 12
_MAX_DIAGNOSTICS = 16
_MAX_MESSAGE = 300
_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"'})
_SYNTAX = re.compile(
    r"^(?:expected |stray |missing terminating |unable to find |invalid suffix |extra |declaration does not declare)"
    r"|does not name a type|is not a namespace-name|without a previous"
)
_UNDEFINED = re.compile(r"undefined reference to [`'‘]([^'’(]+)")
_TEXT = re.compile(rf"^{re.escape(SOURCE)}:([0-9]+):([0-9]+): (error|fatal error|warning): (.*)$", re.MULTILINE)
_NOT_DECLARED = re.compile(r"'(\w+)' was not declared|'(\w+)' does not name a type|has no member named '(\w+)'")


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message.

    Attributes:
        level: "error" or "warning".
        message: What is said, one line.
        span: The characters of the program it is about, at most a token or 12 characters; None for no place.
        option: The warning option that gave it, or "".
    """

    level: Literal["error", "warning"]
    message: str
    span: tuple[int, int] | None
    option: str = ""


def read_diagnostics(messages: str, program: str) -> list[Diagnostic]:
    """The errors, those of syntax first, then the warnings; `messages` as `Compiled.messages`."""
    index = TokenIndex(program)
    lines = Lines(program)
    found = []
    for record in _records(messages):
        level = str(record.get("kind", ""))
        if level in ("error", "fatal error", "warning"):
            found.append(_read(record, "warning" if level == "warning" else "error", index, lines))
    if not found:
        found = [
            _read(record, "warning" if record["kind"] == "warning" else "error", index, lines)
            for record in _lines_of_text(messages)
        ]
    if not any(diagnostic.level == "error" for diagnostic in found):
        found += _linker_errors(messages, index)
    # What the parser could not read comes first: other errors often follow from it.
    if any(d.level == "error" for d in found):
        found = [replace(d, level="error") if d.message.startswith("missing terminating") else d for d in found]
    found.sort(key=_rank)
    return _unknown_first(found, lines)[:_MAX_DIAGNOSTICS]


def _rank(diagnostic: Diagnostic) -> tuple[int, int]:
    if diagnostic.level == "error" and diagnostic.span is not None and _SYNTAX.search(diagnostic.message):
        return 0, diagnostic.span[0]
    return (1, 0) if diagnostic.level == "error" else (2, 0)


def _unknown_first(found: list[Diagnostic], lines: Lines) -> list[Diagnostic]:
    """An unknown name before the first error of syntax, on its line, may have been meant as a type: it goes first."""
    if not found or found[0].span is None or not _SYNTAX.search(found[0].message):
        return found
    line, place = lines.line_of(found[0].span[0]), found[0].span[0]
    for number, other in enumerate(found):
        unknown = other.level == "error" and other.span is not None and _NOT_DECLARED.search(other.message)
        if unknown and other.span is not None and other.span[0] < place and lines.line_of(other.span[0]) == line:
            return [other, *found[:number], *found[number + 1 :]]
    return found


def token_span(index: TokenIndex, place: int, *, missing: bool = False) -> tuple[int, int] | None:
    """The token at a place, cut to 12 characters around it where it is long; `missing`: the one that ends there."""
    token = index.at(place)
    if missing or (token is not None and place >= token.end):
        token = index.ending_at(place) or (token if token is not None and place < token.end else index.before(place))
    return None if token is None else _cut(token, place)


def _cut(token: Token, place: int) -> tuple[int, int]:
    """A token; a long text that is never closed is cut."""
    if token.end - token.start <= 4 * _SPAN and not (token.text[0] in "\"'" and token.text[-1] not in "\"'"):
        return token.start, token.end
    start = min(max(token.start, place), token.end - _SPAN)
    return start, start + _SPAN


def _records(messages: str) -> Iterator[Mapping[str, Any]]:
    for line in messages.splitlines():
        if not line.startswith("["):
            continue
        try:
            records = json.loads(line)
        except (ValueError, RecursionError):
            continue
        yield from (record for record in records if isinstance(record, dict))


def _lines_of_text(messages: str) -> Iterator[Mapping[str, Any]]:
    """The same from messages that are not JSON."""
    for match in _TEXT.finditer(messages):
        caret = {"file": SOURCE, "line": int(match[1]), "byte-column": int(match[2])}
        yield {"kind": match[3], "message": match[4], "locations": [{"caret": caret}]}


def _read(record: Mapping[str, Any], level: Literal["error", "warning"], index: TokenIndex, lines: Lines) -> Diagnostic:
    message = str(record.get("message", "")).translate(_QUOTES).replace("\n", " ")[:_MAX_MESSAGE]
    diagnostic = Diagnostic(level, message, None, str(record.get("option", "")))
    place = _place(record, lines)
    if level == "error":
        better = _better_place(message, place, index)
        if better is not None:
            return replace(diagnostic, span=better)
    if place is None:
        return diagnostic
    fixes = record.get("fixits") or []
    fixed = _offset(fixes[0].get("start"), lines) if fixes and isinstance(fixes[0], dict) else None
    if message.startswith("expected") and fixed is not None:
        return replace(diagnostic, span=_gap(index, fixed))
    before = index.before(place)
    if message.startswith("expected") and "';'" in message and before is not None and _begins_line(index, place):
        return replace(diagnostic, span=_cut(before, before.end))
    if "crement" in message:  # The caret of `x -- y` stands at x.
        token = index.at(place)
        following = None if token is None else index.at(token.end + 1)
        if following is not None and following.text in ("++", "--"):
            place = following.start
    return replace(diagnostic, span=token_span(index, place))


def _begins_line(index: TokenIndex, place: int) -> bool:
    return not index.program[index.program.rfind("\n", 0, place) + 1 : place].strip()


def _gap(index: TokenIndex, place: int) -> tuple[int, int] | None:
    """Where something is missing between two tokens: the one before at the end of a line, else up to the one after."""
    before, after = index.before(place), index.at(place + 1)
    if before is None or after is None or after.start < before.end or "\n" in index.program[before.end : after.start]:
        return token_span(index, place, missing=True)
    return (before.end, after.end) if after.end - before.end <= _SPAN else _cut(before, place)


def _place(record: Mapping[str, Any], lines: Lines, depth: int = 0) -> int | None:
    """Where a message points in the program itself: its caret, else that of the last note below it."""
    for location in record.get("locations") or ():
        place = _offset(location.get("caret"), lines)
        if place is not None:
            return place
    for child in reversed(record.get("children") or ()):
        place = _place(child, lines, depth + 1) if depth < 8 else None
        if place is not None:
            return place
    return None


def _offset(point: Any, lines: Lines) -> int | None:
    if not isinstance(point, dict) or point.get("file") not in (SOURCE, f"./{SOURCE}"):
        return None
    line, column = point.get("line"), point.get("byte-column")
    return lines.place(line, column) if isinstance(line, int) and isinstance(column, int) else None


def _better_place(message: str, place: int | None, index: TokenIndex) -> tuple[int, int] | None:
    """A place that our own reading finds more likely than the compiler's."""
    if "at end of input" in message or "expected declaration before '}'" in message or "unterminated" in message:
        return suspect_brace(index)
    if message == "'::main' must return 'int'":
        main = next((i for i, token in enumerate(index.tokens) if token.text == "main"), 0)
        return None if main == 0 else _cut(index.tokens[main - 1], 0)
    word = None if place is None else misspelt_for(index, place)
    if word is not None:
        return _cut(word, word.start)
    name = _NOT_DECLARED.search(message)
    if name is not None:
        token = forgotten_declaration(index, name[1] or name[2] or name[3])
        return None if token is None else _cut(token, token.start)
    return None


def _linker_errors(messages: str, index: TokenIndex) -> Iterator[Diagnostic]:
    """Names that are used and nowhere defined."""
    seen: set[str] = set()
    for match in _UNDEFINED.finditer(messages):
        name = match[1].rpartition("::")[2]
        if name in seen or len(seen) >= _MAX_DIAGNOSTICS:
            continue
        seen.add(name)
        token = forgotten_declaration(index, name)
        if token is None:
            token = next((t for t in reversed(index.tokens) if t.text == name), None)
        span = None if token is None else _cut(token, token.start)
        yield Diagnostic("error", f"undefined reference to '{name}'"[:_MAX_MESSAGE], span)
