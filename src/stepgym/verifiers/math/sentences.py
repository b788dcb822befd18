"""Answers in running text: what stands after a mark, what a sentence states, the last expressions."""

from __future__ import annotations

import re
from fractions import Fraction

from stepgym.verifiers.math.candidates import Candidate, last_match, trimmed

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
_PROSE = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}\s+[A-Za-z]{2,}\b(?![^{}]*\})")
# A number right after a mark, unless the sentence goes on with more candidates.
_FIRST_NUMBER = re.compile(rf"{_ONE}(?![\w^_+*/(\\])(?!\s*,?\s*(?:or|and|to)\b)(?!\s*[,/-]\s*[-\d$\\])(?!\s+[-\d$\\])")
_AND = re.compile(r"\s*,?\s*(?:and|or)\s*")
_COMMA = re.compile(r"\s*[,;]\s*")
_ASIDE = re.compile(r"\b(?:at|when|where|for|if|since|because|as|with|using|from|by)\s*$", re.IGNORECASE)
_COPULA = re.compile(
    r"(?<!not )(?<!n't )(?<!n’t )\b(?:is|are|equals|be|was|were)\b:?\s*"
    r"(?:(?:approximately|about|exactly|simply|just|thus|therefore|equal to|option|choice)\s+)*",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?:\bnot|n't|\bthan|\bat most|\bat least|\bup to|\binstead of|\bexcept|\b(?:every|any)thing but|≠|!=)"
    r"\s*(?:\w+\s+)?$",
    re.IGNORECASE,
)
_HEDGED = re.compile(r"\d[^.\n]{0,12}\b(?:or|maybe|possibly|perhaps)\s*\(?\s*$", re.IGNORECASE)
_ALTERNATIVE = re.compile(rf"\s*\(\s*or\s+(?:maybe\s+|possibly\s+|perhaps\s+)?({_ONE})\s*\)")
# A last sentence that takes the answer back and gives another.
_CORRECTED = re.compile(
    r"[.!?\n]\s*(?:(?:no|oh|oops|sorry|hmm)[,.!]*\s+)?"
    r"(?:wait|correction|scratch that|just kidding|actually|make that)\b"
    r"[,:.!]*\s*(?:no[,.]*\s*)?(?:actually,?\s*)?(?:(?:it|that|the answer)(?:'s|\s+is)|make (?:it|that))?\s*"
    rf"(\$[^$\n]{{1,60}}\$|{_ONE})\s*[.!]?\s*$",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"\s*(?:as an ai\b[^.\n]{0,60}?)?\s*i\s+(?:do not|don't|can ?not|can't|am unable to)\s+"
    r"(?:know|solve|compute|calculate|answer|determine)\b[^.\n]{0,60}(?:[.!]\s*[-\d.,]{1,20})?\s*",
    re.IGNORECASE,
)
_REMARK = re.compile(r"\s*I hope (?:it|this) is correct\.?[\s\S]*$", re.IGNORECASE)


def after_mark(text: str, position: int, end: int, mark: str) -> list[Candidate]:
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
    whole = trimmed(text, position, finish, mark)
    if whole.end <= whole.start:
        return []
    result = []
    if segment is not None:
        inner = trimmed(text, segment.start(), segment.end(), mark)
        if whole.end <= segment.end() or not text[segment.end() : finish].lstrip(" ,;").startswith(
            ("and", "or", "$", "\\")
        ):
            result.append(inner)
    result.append(whole)
    first = _FIRST_NUMBER.match(text, position, finish)
    if first is not None and not _is_one_of_two(text, first, finish):
        result.append(trimmed(text, *first.span(), mark))
    stated = stated_value(text, position, finish)
    if stated is not None:
        result.append(Candidate(stated.start, stated.end, mark))
    for c in expressions_from_the_end(text, position, finish):
        result.append(Candidate(c.start, c.end, mark))
    return result


def corrected_value(text: str, begin: int, end: int) -> Candidate | None:
    """What the last sentence puts in place of an answer given before: "Wait, actually 5."."""
    m = _CORRECTED.search(text, max(begin, end - 200), end)
    return None if m is None else trimmed(text, *m.span(1), "phrase")


def refuses(text: str, begin: int, end: int) -> bool:
    """Whether the text does nothing but refuse, if need be with a bare number behind it."""
    return end - begin <= 200 and _REFUSED.fullmatch(text, begin, end) is not None


def _is_one_of_two(text: str, first: re.Match[str], end: int) -> bool:
    """Whether another number is offered beside the first: "4 (or 7)", but not "1/2 (or 0.5)"."""
    other = _ALTERNATIVE.match(text, first.end(), end)
    return other is not None and _value(first.group()) != _value(other.group(1))


def _value(number: str) -> Fraction | str:
    plain = re.sub(r"[\s,$€£\\]", "", number).replace("−", "-")
    try:
        return Fraction(plain.removesuffix("%"))
    except (ValueError, ZeroDivisionError):
        return plain


def stated_value(text: str, begin: int, end: int) -> Candidate | None:
    """What the last sentence says after its last "is", "are" or "equals"."""
    sentences = [m.end() for m in _SENTENCE_END.finditer(text, max(begin, end - 600), end)]
    while sentences and not text[sentences[-1] : end].strip(" \n\t*$"):
        sentences.pop()
    start = sentences[-1] if sentences else begin
    copula = last_match(_COPULA, text, start, end)
    if copula is None:
        return None
    while (
        end > copula.end()
        and text[end - 1] in "}.$ "
        and text.count("}", copula.end(), end) > text.count("{", copula.end(), end)
    ):
        end -= 1  # The brace of a \\text that the sentence stands in.
    return trimmed(text, copula.end(), end, "stated")


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


def expressions_from_the_end(text: str, begin: int, end: int) -> list[Candidate]:
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
    bold = last_match(_BOLD, text, begin, end)
    number = _last_number(text, begin, end)
    result: list[Candidate] = []
    if bold is not None and bold.start() >= last:
        result.append(trimmed(text, *bold.span(1), "segment"))
    if number is not None and number.start() >= last:
        result.append(trimmed(text, *number.span(), "number"))
    result += [trimmed(text, *span, "segment") for span in reversed(segments)]
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
