"""Answers in words: what makes two texts the same answer, and the phrases that stand for mathematics."""

from __future__ import annotations

import re
from fractions import Fraction

from stepgym.verifiers.math.number_words import number_in_words
from stepgym.verifiers.math.tree import EMPTY, INFINITY, REALS, Node, num
from stepgym.verifiers.math.vocabulary import CHARACTER_MAP

_COMMAND = re.compile(
    r"\\(?:text|mbox|textbf|textit|mathrm|textrm|mathbf|operatorname|left|right|displaystyle|hbox)\b\s*"
)
_NOISE = re.compile(r"[\s{}$~.,;:!?'\"`*_\\()\[\]-]+")
_ARTICLES = re.compile(r"\b(?:the|a|an|is|are)\s+", re.IGNORECASE)
_CHOICE = re.compile(
    r"\s*(?:option|choice|answer)?\s*\(?\s*([A-Za-z])\s*(?:[).:]{1,2}(?:\s+(?=\S)|\s*$))", re.IGNORECASE
)
_OPTION = re.compile(r"\s*(?:option|choice|answer)\s*:?\s*\(?([A-Ja-j])\)?\.?\s*", re.IGNORECASE)
_TWICE = re.compile(r"([A-Za-z -]{3,80}|\d{1,15})\s*\(([A-Za-z -]{3,80}|\d{1,15})\)")
_YES_OR_NO = re.compile(r"[\s{]*(yes|no)\b[\s}]*[,.;:!]", re.IGNORECASE)
_GAP = re.compile(r"\\[ ,;:!]|~|\\q?quad\b|[{}]")
_LETTER_AND_GAP = re.compile(
    r"^(?:\\(?:text|mbox|textbf|textit|mathrm|textrm|mathbf)\s*\{)?\s*\(?[A-Ja-j][).:]{1,2}\s*\}?"
    r"(?:\\[ ,;:!]|~|\\q?quad\b|\s)+(?=\S)"
)
_SENTENCE = re.compile(
    r"\b(?:is|are|was|were|has|have|had|equals|there|there's|thus|therefore|so|hence|we|get)\b", re.IGNORECASE
)
_LETTERS = re.compile(r"[A-Za-z]")
_AND = re.compile(r"[,;]|\b(?:and|or)\b")
_NO_ANSWER = frozenset({"", "none", "nan", "null", "na", "n/a", "undefined?", "unknown", "nil"})
_CONTRACTION = re.compile(r"[A-Za-z]{2}n['’]t\b|\bI['’](?:m|ve|d|ll)\b")
# Saying that no answer is given.
_DECLINED = re.compile(
    r"\b(?:(?:do not|don['’]?t|did not|didn['’]?t) (?:really |actually )?(?:know|understand|have)|idk|no idea|no clue|"
    r"not (?:\w+ )?(?:sure|certain|able)|unsure|uncertain|unable to|(?:can ?not|can['’]?t|could not|couldn['’]?t) "
    r"(?:\w+ ){0,2}(?:solve|answer|help|determine|find|compute|assist|say|tell|finish|figure)|"
    r"give up|sorry|no answer|no final answer|unknown)\b|^\s*(?:pass|skip(?:ped)?|tbd|todo|n/?a|null|nan|none|nil)\W*$",
    re.IGNORECASE,
)
_UNDETERMINED = re.compile(
    r"(?:can ?not|can['’]?t|could not|couldn['’]?t|impossible to) (?:be )?(?:uniquely )?"
    r"(?:determined?|known|decided?|tell)\b|"
    r"\b(?:not enough|insufficient|too little) (?:information|data)|\bindeterminate\b",
    re.IGNORECASE,
)
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


def declines(text: str) -> bool:
    """Whether the text says in words that no answer is given: "I don't know", "no answer"."""
    return (
        len(text) <= 400 and not any(c.isdigit() for c in text) and _DECLINED.search(_COMMAND.sub("", text)) is not None
    )


def is_contracted(text: str) -> bool:
    """Whether an apostrophe in the text stands for left-out letters and is no prime."""
    return ("'" in text or "’" in text) and _CONTRACTION.search(text) is not None


def text_answer(text: str) -> Node:
    """The node for an answer in words: a known phrase, a number word, a choice, or the words themselves."""
    spelled = plain(text)
    phrase = _PHRASES.get(spelled)
    if phrase is not None:
        return phrase
    if _UNDETERMINED.search(_COMMAND.sub("", text)) is not None:
        return Node("text", (), "cannotbedetermined")
    number = _number_word(_COMMAND.sub("", text).strip(" {}.,;:!"))
    if number is not None:
        return num(number)
    said = _YES_OR_NO.match(_COMMAND.sub("", text))
    if said is not None:
        return Node("text", (), said.group(1).lower())
    parts = sorted(filter(None, (plain(p) for p in _AND.split(_COMMAND.sub("", text)))))
    return Node("text", (), "|".join(parts) if len(parts) > 1 else _TRUTH.get(spelled, spelled))


def choice(text: str) -> str | None:
    """The letter of a multiple-choice answer such as "(C) 12" or "C. 12", else None."""
    stripped = _GAP.sub(" ", _COMMAND.sub("", text)).strip(" $*\n")
    m = _OPTION.fullmatch(stripped) or _CHOICE.match(stripped)
    return m.group(1).upper() if m is not None and m.group(1).upper() <= "J" else None


def behind_letter(text: str) -> str:
    """What stands behind the letter of a multiple-choice answer, "" when nothing does."""
    for gap in _LETTER_AND_GAP.finditer(text):
        return text[gap.end() :].strip()
    return ""


def is_sentence(text: str) -> bool:
    """Whether a text is a sentence around an answer and not itself an answer in words."""
    return _SENTENCE.search(text) is not None and any(c.isdigit() or c == "\\" for c in text)


def has_words(text: str) -> bool:
    """Whether any letter occurs outside LaTeX commands."""
    return _LETTERS.search(re.sub(r"\\[A-Za-z]+", " ", text)) is not None or any(
        c.isalpha() for c in text if not c.isascii()
    )


def _number_word(text: str) -> Fraction | int | None:
    """A number in words, also beside the same number in digits: "five", "5 (five)", "five (5)"."""
    m = _TWICE.fullmatch(text)
    if m is None:
        return number_in_words(text)
    digits, words = (m[1], m[2]) if m[1].isdecimal() else (m[2], m[1])
    value = number_in_words(words)
    return value if digits.isdecimal() and value == int(digits) else None
