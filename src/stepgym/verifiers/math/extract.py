"""Finding the answer in a response: boxes, marks such as `####`, phrases such as "the answer is", the last expression.

All searches are linear in the length of the response.
"""

from __future__ import annotations

import re

from stepgym.verifiers.math.boxes import BOX_WINDOW, MAX_BOXES, find_boxes
from stepgym.verifiers.math.candidates import Candidate, Extraction, last_match, trimmed
from stepgym.verifiers.math.sentences import (
    after_mark,
    corrected_value,
    expressions_from_the_end,
    refuses,
    stated_value,
)

_BARE = re.compile(r"-?\d+(?:\.\d+)?")
_WINDOW = 8_000  # characters at the end of a response in which phrases and last expressions are looked for

_EMPTY_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,4}\{\s{0,20}\}")
_TURN_END = re.compile(r"<\|(?:im_end|im_start|endoftext|eot_id|end_of_text|end|user|assistant)\|>|</s>")
_THINK_END = re.compile(r"</(?:think|thinking|reasoning|thought)>")
_STRONG = re.compile(
    r"(?:####(?=\s*(?:[-−+$\\\d.(*\[{]|[A-Za-z](?![A-Za-z])))|"
    r"(?:^|\n)[ \t]{0,8}(?:\*\*)?A[ \t]{0,2}:|final\s+answers?(?:\s*\*\*)?\s*(?:(?:is|are)\b\s*:?|[:=\n])(?:\s*\*\*)?)",
    re.IGNORECASE,
)
_HASHES = re.compile(r"####[ \t]*(?=[-−+$\\\d.(*\[{]|[A-Za-z](?![A-Za-z]))([^\n]{1,400})")
_PHRASE = re.compile(
    r"(?:\b(?:ans|answer)\s*[:=]|\b(?:the\s+)?(?:(?:correct|right|required|desired|numerical|exact|simplified)\s+)?"
    r"(?:answers?|solutions?|results?|(?:final|total)\s+(?:result|value))\s*(?:\*\*)?\s*"
    r"(?:(?:to\s+(?:the|this)\s+(?:problem|question)|here)\s+)?"
    r"(?:(?:is|are|equals|=|would\s+be|will\s+be|must\s+be|should\s+be|comes\s+out\s+to|:)\s*)(?:\*\*)?(?::|therefore|thus|then)?)",
    re.IGNORECASE,
)


def extract(text: str) -> Extraction:
    """The candidates for the answer of a response."""
    if len(text) < 40 and _BARE.fullmatch(text) is not None:
        return Extraction((Candidate(0, len(text), "whole"),))
    begin, end = _answer_part(text)
    tagged = _tagged(text, begin, end)
    earlier = _tagged(text, begin, tagged[0] - len("<answer>")) if tagged is not None else None
    if tagged is not None and earlier is not None and text[slice(*earlier)].strip() != text[slice(*tagged)].strip():
        both = (trimmed(text, *earlier, "box"), trimmed(text, *tagged, "box"))
        if both[0].end > both[0].start and both[1].end > both[1].start:
            return Extraction((both[1],), both)
    if tagged is not None:
        begin, end = tagged
    boxes = find_boxes(text, begin, end)
    if not boxes and _EMPTY_BOX.search(text, max(begin, end - BOX_WINDOW), end) is not None:
        return Extraction(())
    found: list[Candidate] = []
    window = max(begin, end - _WINDOW)
    last_box = boxes[-1].end if boxes else -1
    strong = last_match(_STRONG, text, window, end)
    hashes = [m.span(1) for m in _HASHES.finditer(text, window, end)] if not boxes and "####" in text else []
    if len({text[a:b].strip() for a, b in hashes}) > 1:
        boxes = [trimmed(text, a, b, "box") for a, b in hashes[-MAX_BOXES:]]
        return Extraction((boxes[-1],), tuple(boxes))
    if strong is not None and strong.end() > last_box:
        found += after_mark(text, strong.end(), end, "mark")
        if boxes and found and not _has_value(text, found[0]):
            found = []
    if boxes and not found:
        return Extraction((boxes[-1],), tuple(boxes))
    if tagged is not None:
        found.append(Candidate(begin, end, "tag"))
    if not boxes:
        phrase = last_match(_PHRASE, text, window, end)
        if phrase is not None and (strong is None or phrase.end() > strong.end() or not found):
            found = after_mark(text, phrase.end(), end, "phrase") + found
        corrected = corrected_value(text, begin, end) if found else None
        if corrected is not None and corrected.start > found[0].end:
            found.insert(0, corrected)
        if not found and refuses(text, begin, end):
            return Extraction((trimmed(text, begin, end, "whole"),))
    short = end - begin <= 400
    if short:
        stated = stated_value(text, begin, end)
        if stated is not None and stated.start > begin:
            found.append(stated)
        found.append(trimmed(text, begin, end, "whole"))
    return Extraction(tuple(c for c in found if c.end > c.start), tuple(boxes), (window, end))


def last_expressions(text: str, extraction: Extraction) -> list[Candidate]:
    """The candidates of last resort: the last math segments, bold words and numbers, the later one first."""
    if extraction.window is None:
        return []
    return [c for c in expressions_from_the_end(text, *extraction.window) if c.end > c.start]


def _tagged(text: str, begin: int, end: int) -> tuple[int, int] | None:
    """The inside of the last `<answer>...</answer>`."""
    close = text.rfind("</answer>", begin, end)
    opening = text.rfind("<answer>", begin, close) if close >= 0 else -1
    return (opening + len("<answer>"), close) if opening >= 0 else None


def _has_value(text: str, candidate: Candidate) -> bool:
    return any(c.isdigit() or c == "\\" for c in text[candidate.start : candidate.end])


def _answer_part(text: str) -> tuple[int, int]:
    """The part after the thinking and before the next turn of a chat."""
    begin, end = 0, len(text)
    if "<" in text:
        m = _TURN_END.search(text)
        if m is not None and text[: m.start()].strip():
            end = m.start()
        last = None
        for m in _THINK_END.finditer(text, 0, end):
            last = m
        if last is not None and text[last.end() : end].strip():
            begin = last.end()
    return begin, end
