"""Where in a response the SMILES stands."""

from __future__ import annotations

import re

MAX_CHARACTERS = 20_000
"""Only so many characters at the end of a response are looked at."""

_TAG = re.compile(r"<(smiles|answer|product|reactants?|molecule)>", re.IGNORECASE)
_MARKER = re.compile(r"\b(?:smiles|answer|product|reactants?|molecule)[ \t]*(?:is|are)?[ \t]*[:=][ \t]*", re.IGNORECASE)
_QUOTED = re.compile(r"`+([^`\n]+)`+|\$([^$\n]+)\$")
_WORD = re.compile(r"[^\s`]+")
# Every piece of a SMILES, and nothing of most English words.
_LEXICAL = re.compile(r"(?:\[[^\[\]\s]{1,20}\]|Cl|Br|[BCNOSPFI]|[bcnosp]|\*|%[0-9]{2}|[0-9]|[-=#$:/\\~().])+", re.ASCII)
_CAPITALISED = re.compile(r"[A-Z][a-z]*")
_SELFIES = re.compile(
    r"\.?\[[^\[\]\s]{1,20}\](?:\.?\[[^\[\]\s]{1,20}\])+",
)
_SELFIES_SYMBOL = re.compile(r"\[(?:[=#\\/-]*(?:Branch|Ring)[0-9=#]*[^\]]*|[=#][^\]]*|nop)\]")
_PLAIN_SYMBOL = re.compile(r"\[(?:Br|Cl|[BCNOSPFI])\]")


def find_smiles(response: str) -> tuple[int, int] | None:
    """The span of the answer, None if there is none.

    In this order, and of each kind the last one: a tag such as `<SMILES>...</SMILES>` or `<answer>...</answer>`; the
    text behind "SMILES:", "answer:", "product:" or "reactants:"; what stands in back-ticks or dollars on the last line
    that is not empty; the last word of that line that looks like a SMILES; that line if it is one word.
    """
    base = max(0, len(response) - MAX_CHARACTERS)
    text = response[base:] if base else response
    span = _tagged(text) or _marked(text) or _last_line(text)
    return None if span is None else (base + span[0], base + span[1])


def is_selfies(text: str) -> bool:
    """Whether a text is SELFIES, a notation of bracketed symbols alone, such as `[C][C][=O]` or `[C][Ring1]`."""
    if text.count("[") < 2 or not _SELFIES.fullmatch(text):
        return False
    symbols = re.findall(r"\[[^\]]*\]", text)
    return any(map(_SELFIES_SYMBOL.fullmatch, symbols)) or all(map(_PLAIN_SYMBOL.fullmatch, symbols))


def _tagged(text: str) -> tuple[int, int] | None:
    if "<" not in text:
        return None
    last = None
    for last in _TAG.finditer(text):  # noqa: B007 (the last one is wanted)
        pass
    if last is None:
        return None
    stop = text.find("</", last.end())
    return _inside(text, last.end(), stop if stop >= 0 else _line_end(text, last.end()))


def _marked(text: str) -> tuple[int, int] | None:
    if ":" not in text and "=" not in text:
        return None
    for marker in reversed(list(_MARKER.finditer(text))):
        span = _inside(text, marker.end(), _line_end(text, marker.end()))
        if span[0] < span[1]:
            word = _WORD.match(text, span[0])
            return _trimmed(text, span[0], min(word.end(), span[1])) if word else span
    return None


def _last_line(text: str) -> tuple[int, int] | None:
    end = len(text.rstrip())
    if end == 0:
        return None
    start = text.rfind("\n", 0, end) + 1
    words = [_trimmed(text, *match.span()) for match in _WORD.finditer(text, start, end)]
    if len(words) == 1:
        return words[0]
    quoted = list(_QUOTED.finditer(text, start, end))
    if quoted:
        group = 1 if quoted[-1][1] is not None else 2
        return _inside(text, *quoted[-1].span(group))
    return next((word for word in reversed(words) if _looks_like_smiles(text[slice(*word)])), None)


def _looks_like_smiles(word: str) -> bool:
    """Not so "In", "so" and "I": a word of prose may be spelled with symbols of elements."""
    prose = word.islower() or _CAPITALISED.fullmatch(word) is not None
    return not prose and _LEXICAL.fullmatch(word) is not None and any(c.isalpha() for c in word)


def _inside(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and (text[start].isspace() or text[start] in "`"):
        start += 1
    while end > start and (text[end - 1].isspace() or text[end - 1] in "`"):
        end -= 1
    if end - start > 2 and text[start] == "$" == text[end - 1]:
        start, end = start + 1, end - 1
    return start, end


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without the quotes and the punctuation of a sentence around a word."""
    while start < end and text[start] in "\"'$`,;":
        start += 1
    while end > start and text[end - 1] in "\"'$`,;.!?":
        end -= 1
    return start, end


def _line_end(text: str, start: int) -> int:
    at = text.find("\n", start)
    return len(text) if at < 0 else at
