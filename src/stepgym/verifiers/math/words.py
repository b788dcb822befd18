"""Answers in words: what makes two texts the same answer, and the phrases that stand for mathematics."""

from __future__ import annotations

import re

from stepgym.verifiers.math.tree import EMPTY, INFINITY, REALS, Node, num
from stepgym.verifiers.math.vocabulary import CHARACTER_MAP, NUMBER_WORDS, ORDINALS

_COMMAND = re.compile(
    r"\\(?:text|mbox|textbf|textit|mathrm|textrm|mathbf|operatorname|left|right|displaystyle|hbox)\b\s*"
)
_NOISE = re.compile(r"[\s{}$~.,;:!?'\"`*_\\()\[\]-]+")
_ARTICLES = re.compile(r"\b(?:the|a|an|is|are)\s+", re.IGNORECASE)
_CHOICE = re.compile(r"\s*(?:option|choice|answer)?\s*\(?\s*([A-Za-z])\s*(?:[).:](?:\s+\S|\s*$))", re.IGNORECASE)
_OPTION = re.compile(r"\s*(?:option|choice|answer)\s*:?\s*\(?([A-Ja-j])\)?\.?\s*", re.IGNORECASE)
_SENTENCE = re.compile(
    r"\b(?:is|are|was|were|has|have|had|equals|there|there's|thus|therefore|so|hence|we|get)\b", re.IGNORECASE
)
_LETTERS = re.compile(r"[A-Za-z]")
_AND = re.compile(r"[,;]|\b(?:and|or)\b")
_NO_ANSWER = frozenset({"", "none", "nan", "null", "na", "n/a", "undefined?", "unknown", "nil"})
_PHRASES: dict[str, Node] = {
    **dict.fromkeys(("allrealnumbers", "allreals", "realnumbers", "anyrealnumber", "everyrealnumber"), REALS),
    **dict.fromkeys(("nosolution", "nosolutions", "emptyset", "norealsolution", "norealsolutions", "empty"), EMPTY),
    **dict.fromkeys(("infinity", "positiveinfinity"), INFINITY),
}
_TRUTH = {
    "true": "yes",
    "false": "no",
    "y": "yes",
    "n": "no",
    "doesnotexist": "dne",
    "correct": "yes",
    "incorrect": "no",
}


def plain(text: str) -> str:
    """The letters and digits of a text in lower case, without LaTeX text commands, spaces and punctuation."""
    if not text.isascii():
        text = text.translate(CHARACTER_MAP)
    text = _COMMAND.sub("", text)
    text = _ARTICLES.sub("", text)
    return _NOISE.sub("", text).lower()


def no_answer(text: str) -> bool:
    """Whether the text says nothing: empty, "none", "null", "nan"."""
    return plain(text) in _NO_ANSWER


def text_answer(text: str) -> Node:
    """The node for an answer in words: a known phrase, a number word, a choice, or the words themselves."""
    spelled = plain(text)
    phrase = _PHRASES.get(spelled)
    if phrase is not None:
        return phrase
    number = _number_word(text)
    if number is not None:
        return num(number)
    parts = sorted(filter(None, (plain(p) for p in _AND.split(_COMMAND.sub("", text)))))
    return Node("text", (), "|".join(parts) if len(parts) > 1 else _TRUTH.get(spelled, spelled))


def choice(text: str) -> str | None:
    """The letter of a multiple-choice answer such as "(C) 12" or "C. 12", else None."""
    stripped = _COMMAND.sub("", text).strip(" {}$*\n")
    m = _OPTION.fullmatch(stripped) or _CHOICE.match(stripped)
    return m.group(1).upper() if m is not None and m.group(1).upper() <= "J" else None


def is_sentence(text: str) -> bool:
    """Whether a text is a sentence around an answer and not itself an answer in words."""
    return _SENTENCE.search(text) is not None and any(c.isdigit() or c == "\\" for c in text)


def has_words(text: str) -> bool:
    """Whether any letter occurs outside LaTeX commands."""
    return _LETTERS.search(re.sub(r"\\[A-Za-z]+", " ", text)) is not None or any(
        c.isalpha() for c in text if not c.isascii()
    )


def _number_word(text: str) -> int | None:
    parts = re.findall(r"[A-Za-z]+", _COMMAND.sub("", text).lower())
    if len(parts) == 1 and parts[0] in ORDINALS:
        return ORDINALS[parts[0]]
    if not 1 <= len(parts) <= 2 or any(p not in NUMBER_WORDS for p in parts):
        return None
    values = [NUMBER_WORDS[p] for p in parts]
    if len(values) == 1:
        return values[0]
    return values[0] + values[1] if values[0] >= 20 and 0 < values[1] < 10 else None
