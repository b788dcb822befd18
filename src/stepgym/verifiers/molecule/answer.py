"""Where in a response the SMILES stands."""

from __future__ import annotations

import re

MAX_CHARACTERS = 20_000
"""Only so many characters at the end of a response are looked at, save for tags and an answer that begins before."""

_TAG = re.compile(r"<(smiles|answer|product|reactants?|molecule)>", re.IGNORECASE)
_THOUGHT = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_BOXED = re.compile(r"\\boxed[ \t]{0,9}\{(?:\\(?:text|texttt|mathrm|mathtt)\{)?")
_MARKER = re.compile(
    r"\b(?:smiles|answer|product|reactants?|molecule)(?:\*\*|__)?[ \t]*+(?:(?:is|are)[ \t]*+)?"
    r"[:=](?:(?:\*\*|__)(?=\s))?[ \t]*",
    re.IGNORECASE,
)
_FENCE = re.compile(r"```[\w+-]*[ \t]*\n([^`]*)```")
_QUOTED = re.compile(r"(?<!`)`++([^`\n]+)`+|\$([^$\n]+)\$")
_WORD = re.compile(r"[^\s`]+")
# Every piece of a SMILES, and nothing of most English words.
_LEXICAL = re.compile(r"(?:\[[^\[\]\s]{1,20}\]|Cl|Br|[BCNOSPFI]|[bcnosp]|\*|%[0-9]{2}|[0-9]|[-=#$:/\\~().])+", re.ASCII)
_CAPITALISED = re.compile(r"[A-Z][a-z]*")
_SELFIES = re.compile(
    r"\.?\[[^\[\]\s]{1,20}\](?:\.?\[[^\[\]\s]{1,20}\])+",
)
_SELFIES_SYMBOL = re.compile(r"\[(?:[=#\\/-]*(?:Branch|Ring)[0-9=#]*[^\]]*|[=#][^\]]*|nop)\]")
_PLAIN_SYMBOL = re.compile(r"\[(?:Br|Cl|[BCNOSPFI])\]")
_WRAPPERS = (("```", "```"), ("`", "`"), ("**", "**"), ("__", "__"), ('"', '"'), ("'", "'"), ("$", "$"))


def find_smiles(response: str) -> tuple[int, int] | None:
    r"""The span of the answer, None if there is none.

    In this order, and of each kind the last one: a tag such as `<SMILES>...</SMILES>` or `<answer>...</answer>`;
    `\boxed{...}`; a fenced block at the end; the text behind "SMILES:", "answer:", "product:" or "reactants:"; what
    stands in back-ticks or dollars on the last line that is not empty; the last word of that line that looks like a
    SMILES; that line if it is one word; a fenced block anywhere. Bold face, quotes and the like around it are left out.
    What stands before `</think>` is a draft and not looked at, unless nothing follows.
    """
    first = _after_thought(response)
    base = max(first, len(response) - MAX_CHARACTERS)
    tagged = _tagged(response, first)
    if tagged is not None:
        return tagged
    text = response[base:]
    span = _boxed(text) or _fenced(text, at_end=True) or _marked(text) or _last_line(text) or _fenced(text)
    if span is None:
        return None
    start, end = base + span[0], base + span[1]
    if first < start == base:
        # The answer begins before what was looked at.
        start = max(first, 1 + max(response.rfind(character, first, start) for character in " \t\n\r>`"))
        start, end = _trimmed(response, start, end)
    return start, end


def is_selfies(text: str) -> bool:
    """Whether a text is SELFIES, a notation of bracketed symbols alone, such as `[C][C][=O]` or `[C][Ring1]`."""
    if text.count("[") < 2 or not _SELFIES.fullmatch(text):
        return False
    symbols = re.findall(r"\[[^\]]*\]", text)
    return any(map(_SELFIES_SYMBOL.fullmatch, symbols)) or all(map(_PLAIN_SYMBOL.fullmatch, symbols))


def _after_thought(response: str) -> int:
    at = 0
    for match in _THOUGHT.finditer(response):
        at = match.end()
    return at if response[at:].strip() else 0


def _tagged(text: str, first: int) -> tuple[int, int] | None:
    last = None
    for last in _TAG.finditer(text, first):  # noqa: B007 (the last one is wanted)
        pass
    if last is None:
        return None
    stop = text.find("</", last.end())
    start, end = _inside(text, last.end(), stop if stop >= 0 else _line_end(text, last.end()))
    if end - start > MAX_CHARACTERS:
        return start, end
    inner = text[start:end]
    span = _boxed(inner) or _marked(inner)
    return (start, end) if span is None else (start + span[0], start + span[1])


def _boxed(text: str) -> tuple[int, int] | None:
    last = None
    for last in _BOXED.finditer(text):  # noqa: B007
        pass
    if last is None:
        return None
    stop = text.find("}", last.end())
    start, end = _inside(text, last.end(), stop if stop >= 0 else _line_end(text, last.end()))
    return (start, end) if any(c.isalpha() or c == "*" for c in text[start:end]) else None


def _fenced(text: str, *, at_end: bool = False) -> tuple[int, int] | None:
    """The last line that is not empty of the last fenced block."""
    last = None
    for last in _FENCE.finditer(text):  # noqa: B007
        pass
    if last is None or (at_end and text[last.end() :].strip()):
        return None
    return _marked(text[: last.end(1)], last.start(1)) or _last_line(text[: last.end(1)], last.start(1))


def _marked(text: str, first: int = 0) -> tuple[int, int] | None:
    for marker in reversed(list(_MARKER.finditer(text, first))):
        start, end = _inside(text, marker.end(), _line_end(text, marker.end()))
        if start < end:
            word = _WORD.match(text, start)
            start, end = _trimmed(text, start, min(word.end(), end) if word else end)
            for bold in ("**", "__"):
                # **SMILES: CCO** is bold as a whole.
                if text.endswith(bold, 0, marker.start()) and text.endswith(bold, start, end):
                    end -= 2
            if start < end:
                return start, end
    return None


def _last_line(text: str, first: int = 0) -> tuple[int, int] | None:
    end = len(text.rstrip())
    if end <= first:
        return None
    start = max(first, text.rfind("\n", 0, end) + 1)
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
    """Without white space and what is wrapped around a text: fences, back-ticks, bold face, quotes, dollars."""
    before = None
    while before != (start, end):
        before = start, end
        while start < end and text[start].isspace():
            start += 1
        while end > start and text[end - 1].isspace():
            end -= 1
        for opening, closing in _WRAPPERS:
            size = len(opening)
            if end - start > 2 * size and text.startswith(opening, start, end) and text.endswith(closing, start, end):
                start, end = start + size, end - size
                line = text.find("\n", start, end)
                if opening == "```" and line >= 0:
                    start = line  # behind the name of a language
                break
    while start < end and text[start] == "`":
        start += 1
    while end > start and text[end - 1] == "`":
        end -= 1
    return start, end


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without the quotes, the bold face and the punctuation of a sentence around a word."""
    before = None
    while before != (start, end):
        before = start, end
        while start < end and text[start] in "\"'$`,;":
            start += 1
        while end > start and text[end - 1] in "\"'$`,;.!?":
            end -= 1
        start, end = _inside(text, start, end)
    if text.startswith("\\boxed{", start, end):
        span = _boxed(text[start:end])
        return (start, end) if span is None else (start + span[0], start + span[1])
    return start, end


def _line_end(text: str, start: int) -> int:
    at = text.find("\n", start)
    return len(text) if at < 0 else at
