"""Finding the answer in a response: boxes, marks such as `####`, phrases such as "the answer is", the last expression.

All searches are linear in the length of the response.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stepgym.verifiers.math.read import stripped_span

MAX_BOXES = 64
_BOX_WINDOW = 60_000  # characters at the end of a response in which boxes are looked for
_WINDOW = 8_000  # characters at the end of a response in which phrases and last expressions are looked for

_BOX = re.compile(r"\\{1,2}(?:boxed|fbox|framebox)(?![A-Za-z])|\bboxed(?=\{)")
_EMPTY_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,4}\{\s{0,20}\}")
_BLANK_BOX = re.compile(r"(?:\s|\\(?:h|v)?phantom\{[^{}]*\}|\\q?quad|\\[,;:! ]|\\hspace\{[^{}]*\}|~|\?)*")
_BRACES = re.compile(r"\\[\s\S]|[{}]")
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
_SENTENCE_END = re.compile(r"[.!?](?=\s+[A-Z\\(\[*\"']|\s*$)|\n")
_SEGMENT = re.compile(
    r"(?<!\\)\$\$(?P<a>[^$]{1,2000})\$\$|(?<![\\$])\$(?P<b>(?:[^$\\]|\\[\s\S]){1,1500}?)(?<!\\)\$|\\\[(?P<c>[\s\S]{1,1500}?)\\\]|\\\((?P<d>[\s\S]{1,1500}?)\\\)"
)
_BOLD = re.compile(r"\*\*([^*\n]{1,400})\*\*")
_ONE = r"[-−]?\s?[$€£]?\s?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:\s?/\s?\d+(?:\.\d+)?)?(?:\s?\\?%)?"
# Numbers in prose: after a space, an equals sign or an opening mark, never inside a formula; hedges stay together.
_NUMBER = re.compile(
    rf"(?<![^\s=:*\"'\[~≈])(?:{_ONE}|[-−]?\.\d+)(?:(?:\s?,\s?|\s?,?\s(?:or|and)\s){_ONE})*(?![\w({{^]*[({{^\\_+*/=<>])"
)
_BARE = re.compile(r"-?\d+(?:\.\d+)?")
_PROSE = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}\s+[A-Za-z]{2,}\b(?![^{}]*\})")
# A number right after a mark, unless the sentence goes on with more candidates.
_FIRST_NUMBER = re.compile(rf"{_ONE}(?![\w^_+*/(\\])(?!\s*,?\s*(?:or|and|to)\b)(?!\s*[,/-]\s*[-\d$\\])(?!\s+[-\d$\\])")
_AND = re.compile(r"\s*,?\s*(?:and|or)\s*")
_COMMA = re.compile(r"\s*[,;]\s*")
_ASIDE = re.compile(r"\b(?:at|when|where|for|if|since|because|as|with|using|from|by)\s*$", re.IGNORECASE)
_COPULA = re.compile(
    r"\b(?:is|are|equals|be|was|were)\b:?\s*"
    r"(?:(?:approximately|about|exactly|simply|just|thus|therefore|equal to|option|choice)\s+)*",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?:\bnot|n't|\bthan|\bat most|\bat least|\bup to|\binstead of|\bexcept|≠|!=)\s*(?:\w+\s+)?$", re.IGNORECASE
)
_HEDGED = re.compile(r"\d[^.\n]{0,12}\b(?:or|maybe|possibly|perhaps)\s*\(?\s*$", re.IGNORECASE)
_REMARK = re.compile(r"\s*I hope (?:it|this) is correct\.?[\s\S]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One place where the answer may stand.

    Attributes:
        start: First character in the response.
        end: One past the last.
        mark: "box", "mark", "phrase", "tag", "stated", "whole", "segment", "number".
    """

    start: int
    end: int
    mark: str


@dataclass(frozen=True, slots=True)
class Extraction:
    """Where the answer of a response may stand.

    Attributes:
        candidates: The places to read, best first.
        boxes: The outermost boxes that count, in order; more than one when the response boxes several values.
        window: Where `last_expressions` may look when no candidate reads as an answer; None when it must not.
        marked: Whether the response marks its answer.
    """

    candidates: tuple[Candidate, ...]
    boxes: tuple[Candidate, ...] = ()
    window: tuple[int, int] | None = None

    @property
    def marked(self) -> bool:
        """Whether the response marks its answer by a box, a mark or a phrase."""
        return bool(self.boxes) or any(c.mark in ("mark", "phrase", "tag") for c in self.candidates)


def extract(text: str) -> Extraction:
    """The candidates for the answer of a response."""
    if len(text) < 40 and _BARE.fullmatch(text) is not None:
        return Extraction((Candidate(0, len(text), "whole"),))
    begin, end = _answer_part(text)
    tagged = _tagged(text, begin, end)
    earlier = _tagged(text, begin, tagged[0] - len("<answer>")) if tagged is not None else None
    if tagged is not None and earlier is not None and text[slice(*earlier)].strip() != text[slice(*tagged)].strip():
        both = (_trimmed(text, *earlier, "box"), _trimmed(text, *tagged, "box"))
        if both[0].end > both[0].start and both[1].end > both[1].start:
            return Extraction((both[1],), both)
    if tagged is not None:
        begin, end = tagged
    boxes = find_boxes(text, begin, end)
    if not boxes and _EMPTY_BOX.search(text, max(begin, end - _BOX_WINDOW), end) is not None:
        return Extraction(())
    found: list[Candidate] = []
    window = max(begin, end - _WINDOW)
    last_box = boxes[-1].end if boxes else -1
    strong = _last(_STRONG, text, window, end)
    hashes = [m.span(1) for m in _HASHES.finditer(text, window, end)] if not boxes and "####" in text else []
    if len({text[a:b].strip() for a, b in hashes}) > 1:
        boxes = [_trimmed(text, a, b, "box") for a, b in hashes[-MAX_BOXES:]]
        return Extraction((boxes[-1],), tuple(boxes))
    if strong is not None and strong.end() > last_box:
        found += _after_mark(text, strong.end(), end, "mark")
        if boxes and found and not _has_value(text, found[0]):
            found = []
    if boxes and not found:
        return Extraction((boxes[-1],), tuple(boxes))
    if tagged is not None:
        found.append(Candidate(begin, end, "tag"))
    if not boxes:
        phrase = _last(_PHRASE, text, window, end)
        if phrase is not None and (strong is None or phrase.end() > strong.end() or not found):
            found = _after_mark(text, phrase.end(), end, "phrase") + found
    short = end - begin <= 400
    if short:
        stated = _stated(text, begin, end)
        if stated is not None and stated.start > begin:
            found.append(stated)
        found.append(_trimmed(text, begin, end, "whole"))
    return Extraction(tuple(c for c in found if c.end > c.start), tuple(boxes), (window, end))


def last_expressions(text: str, extraction: Extraction) -> list[Candidate]:
    """The candidates of last resort: the last math segments, bold words and numbers, the later one first."""
    if extraction.window is None:
        return []
    return [c for c in _last_expressions(text, *extraction.window) if c.end > c.start]


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


def find_boxes(text: str, begin: int, end: int) -> list[Candidate]:
    """The contents of the outermost boxes, at most the last `MAX_BOXES` of them; empty boxes are left out."""
    if "boxed" not in text and "\\fbox" not in text:
        return []
    spans: list[tuple[int, int]] = []
    position = max(begin, end - _BOX_WINDOW)
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
        c = _trimmed(text, start, close, "box")
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


def _trimmed(text: str, start: int, end: int, mark: str) -> Candidate:
    if mark in ("mark", "phrase") and "**" not in text[start:end].strip("*"):
        while end > start and text[end - 1] in "* ":
            end -= 1
    return Candidate(*stripped_span(text, start, end), mark)


def _last(pattern: re.Pattern[str], text: str, begin: int, end: int) -> re.Match[str] | None:
    found = None
    for m in pattern.finditer(text, begin, end):
        found = m
    return found


def _after_mark(text: str, position: int, end: int, mark: str) -> list[Candidate]:
    """The candidates in the sentence after a mark."""
    remark = _REMARK.search(text, position, end)
    if remark is not None and text[position : remark.start()].strip():
        end = remark.start()
    while position < end and (text[position].isspace() or text[position] in "*:#"):
        position += 1
    # A display or a block may span lines; a sentence ends at its full stop or line end.
    while position < end and text[position] in "\"'“":
        position += 1
    segment = _SEGMENT.match(text, position, end)
    stop = position if segment is None else segment.end()
    sentence = _SENTENCE_END.search(text, stop, end)
    finish = sentence.start() if sentence is not None else end
    whole = _trimmed(text, position, finish, mark)
    if whole.end <= whole.start:
        return []
    result = []
    if segment is not None:
        inner = _trimmed(text, segment.start(), segment.end(), mark)
        if whole.end <= segment.end() or not text[segment.end() : finish].lstrip(" ,;").startswith(
            ("and", "or", "$", "\\")
        ):
            result.append(inner)
    result.append(whole)
    first = _FIRST_NUMBER.match(text, position, finish)
    if first is not None:
        result.append(_trimmed(text, *first.span(), mark))
    stated = _stated(text, position, finish)
    if stated is not None:
        result.append(Candidate(stated.start, stated.end, mark))
    for c in _last_expressions(text, position, finish):
        result.append(Candidate(c.start, c.end, mark))
    return result


def _stated(text: str, begin: int, end: int) -> Candidate | None:
    """What the last sentence says after its last "is", "are" or "equals"."""
    sentences = [m.end() for m in _SENTENCE_END.finditer(text, max(begin, end - 600), end)]
    while sentences and not text[sentences[-1] : end].strip(" \n\t*$"):
        sentences.pop()
    start = sentences[-1] if sentences else begin
    copula = _last(_COPULA, text, start, end)
    return _trimmed(text, copula.end(), end, "stated") if copula is not None else None


def _last_number(text: str, begin: int, end: int) -> re.Match[str] | None:
    """The last number that is not denied: in "5, not 4" it is 5."""
    found = None
    for m in _NUMBER.finditer(text, begin, end):
        before = max(begin, m.start() - 24)
        if _HEDGED.search(text, before, m.start()) is not None:
            found = None  # "4 (or 5)" is no answer.
        elif _DENIED.search(text, before, m.start()) is None:
            found = m
    return found


def _last_expressions(text: str, begin: int, end: int) -> list[Candidate]:
    """The last math segments, bold words and the last number, the later one first."""
    segments = _joined(text, [m.span() for m in _SEGMENT.finditer(text, begin, end)][-12:])
    while len(segments) > 1 and _ASIDE.search(text, max(begin, segments[-1][0] - 24), segments[-1][0]) is not None:
        if _SENTENCE_END.search(text, segments[-2][1], segments[-1][0]) is not None:
            break
        segments.pop()  # "is $-4$, attained at $x = 2$"
    segments = segments[-2:]
    if segments and _PROSE.search(text, *segments[-1]) is not None:
        # Amounts of money broke the pairing of dollar signs: pair them from the end.
        segments = _last_pair(text, begin, end)
    last = segments[-1][1] if segments else begin
    bold = _last(_BOLD, text, begin, end)
    number = _last_number(text, begin, end)
    result: list[Candidate] = []
    if bold is not None and bold.start() >= last:
        result.append(_trimmed(text, *bold.span(1), "segment"))
    if number is not None and number.start() >= last:
        result.append(_trimmed(text, *number.span(), "number"))
    result += [_trimmed(text, *span, "segment") for span in reversed(segments)]
    return result


def _joined(text: str, segments: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Segments with the last ones joined when they list values: "$2$, $3$ and $4$"."""
    if len(segments) < 2 or _AND.fullmatch(text, segments[-2][1], segments[-1][0]) is None:
        return segments
    first = len(segments) - 2
    while first and _COMMA.fullmatch(text, segments[first - 1][1], segments[first][0]) is not None:
        first -= 1
    return [*segments[:first], (segments[first][0], segments[-1][1])]


def _last_pair(text: str, begin: int, end: int) -> list[tuple[int, int]]:
    """The text between the last two dollar signs when it stands on one line and is not prose."""
    close = text.rfind("$", begin, end)
    opening = text.rfind("$", begin, close) if close > begin else -1
    if opening < 0 or "\n" in text[opening:close] or _PROSE.search(text, opening, close) is not None:
        return []
    return [(opening, close + 1)]
