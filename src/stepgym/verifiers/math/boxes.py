"""The boxed answers of a response."""

from __future__ import annotations

import re

from stepgym.verifiers.math.candidates import Candidate, trimmed

MAX_BOXES = 64
BOX_WINDOW = 60_000  # characters at the end of a response in which boxes are looked for
_BOX = re.compile(r"\\{1,2}(?:boxed|fbox|framebox)(?![A-Za-z])|\bboxed(?=\{)")
_BLANK_BOX = re.compile(r"(?:\s|\\(?:h|v)?phantom\{[^{}]*\}|\\q?quad|\\[,;:! ]|\\hspace\{[^{}]*\}|~|\?)*")
_BRACES = re.compile(r"\\[\s\S]|[{}]")


def find_boxes(text: str, begin: int, end: int) -> list[Candidate]:
    """The contents of the outermost boxes, at most the last `MAX_BOXES` of them; empty boxes are left out."""
    if "boxed" not in text and "\\fbox" not in text:
        return []
    spans: list[tuple[int, int]] = []
    position = max(begin, end - BOX_WINDOW)
    while True:
        m = _BOX.search(text, position, end)
        if m is None:
            break
        start = m.end()
        while start < end and text[start].isspace():
            start += 1
        if start < end and text[start] == "{":
            close = _closing(text, start, end)
            if close < 0:
                # Not closed: everything up to the end of the line or the math segment was meant.
                stop = re.compile(r"\n|\$|\\\)|\\\]").search(text, start, end)
                close = stop.start() if stop is not None else end
                position = end
            else:
                position = close + 1
            spans.append((start + 1, close))
        else:
            stop = re.compile(r"[\s$.,]").search(text, start, end)
            close = stop.start() if stop is not None else end
            spans.append((start, close))
            position = max(close, m.end())
    boxes = []
    spans = [(a, b) for a, b in spans if _BLANK_BOX.fullmatch(text, a, b) is None] or spans[-1:]
    if "[asy]" in text:
        # Labels of a drawing are not answers.
        spans = [(a, b) for a, b in spans if text.rfind("[asy]", 0, a) <= text.rfind("[/asy]", 0, a)] or spans[-1:]
    for start, close in spans[-MAX_BOXES:]:
        start, close = _unboxed(text, start, close)
        c = trimmed(text, start, close, "box")
        if c.end > c.start:
            boxes.append(c)
    if len(spans) > MAX_BOXES and boxes:
        # What was left out still counts as one more box when it differs.
        contents = {text[a:b] for a, b in spans[:-MAX_BOXES]}
        kept = {text[b.start : b.end] for b in boxes}
        if contents - kept:
            odd = next(s for s in spans if text[s[0] : s[1]] not in kept)
            boxes.insert(0, Candidate(odd[0], odd[1], "box"))
    return boxes


def _closing(text: str, opening: int, end: int) -> int:
    depth = 0
    for m in _BRACES.finditer(text, opening, end):
        brace = m.group()
        if brace == "{":
            depth += 1
        elif brace == "}":
            depth -= 1
            if depth == 0:
                return m.start()
    return -1


def _unboxed(text: str, start: int, end: int) -> tuple[int, int]:
    """The inside of a box that holds nothing but a box."""
    for _ in range(8):
        m = _BOX.match(text, start, end)
        if m is None or m.end() >= end or text[m.end()] != "{":
            break
        close = _closing(text, m.end(), end)
        if close != end - 1:
            break
        start, end = m.end() + 1, close
    return start, end
