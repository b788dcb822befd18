"""Tokens of running text in which calculations may stand.

The scanner never fails: what it does not know becomes a "break", across which no calculation is read.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal, NamedTuple, TypeAlias

TokenKind: TypeAlias = Literal["number", "operator", "open", "close", "equals", "word", "variable", "frac", "break"]

# Longer numbers are not calculations a person writes; the cap keeps every later step cheap.
_MAX_DIGITS = 30

_SCANNER = re.compile(
    r"""
    (?P<marker>^[ \t]*(?:[-*+•][ \t]+|[0-9]{1,3}[.)][ \t]+))
  | (?P<blank>[ \t\u00a0]+|\\[ ,;!]|\\?[$€£]|~|\\(?:big|Big|bigg|Bigg)[lr]?(?![a-z])|\\q?quad(?![a-z]))
  | (?P<odd>[0-9]{1,3}(?:,?[ ][0-9]{3})+(?![0-9.,]*[0-9])
           |[0-9]+(?::[0-9]+)+|0[0-9]+(?![0-9.,])
           |[0-9]+(?:,[0-9]+)*,(?:[0-9]{1,2}|[0-9]{4,})(?![0-9]))
  | (?P<number>(?:[0-9]{1,3}(?:(?:,(?:\\!)?|\{,\}|\\,)[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:\.\.\.|…)?|\.[0-9]+)
  | (?P<power>\^|(?<=[0-9)])\*\*(?=[0-9(-])|(?<=[0-9)]\ )\*\*(?=\ [0-9(-]))
  | (?P<bold>\*\*|__)
  | (?P<times>[*×·∙⋅]|\\times(?![a-z])|\\cdot(?![a-z])|[xX](?=[ \t]*\\?[$€£]?[ \t]*(?:[0-9(.]|\\d?frac)))
  | (?P<floor>//)
  | (?P<divide>[/÷∕]|\\div(?![a-z]))
  | (?P<plus>\+)
  | (?P<minus>[-−–])
  | (?P<wordop>(?:plus|minus|times|multiplied\ by|divided\ by|of)\b)
  | (?P<frac>\\[cdt]?frac(?![a-z]))
  | (?P<open>(?:\\left[ ]?)?[(\[])
  | (?P<close>(?:\\right[ ]?)?[)\]])
  | (?P<brace>[{}])
  | (?P<equals>=(?!=)|≈|\\approx(?![a-z])|equals\b)
  | (?P<percent>\\?%)
  | (?P<text>\\(?:text|mathrm|mbox)\{[^{}\n]{0,60}\})
  | (?P<apart>\\(?:begin|end|implies|(?:Long|long)?[Rr]ightarrow|Leftrightarrow|to|therefore|because|item|boxed|fbox)
             (?![a-z]))
  | (?P<command>\\[a-zA-Z]+|[_√])
  | (?P<word>[^\W\d_][\w'’]*)
  | (?P<break>.|\n)
    """,
    re.VERBOSE | re.MULTILINE,
)

_OPERATORS = {"power": "^", "times": "*", "floor": "//", "divide": "/", "plus": "+", "minus": "-"}
_WORD_OPERATORS = {
    "plus": "+",
    "minus": "-",
    "times": "*",
    "multiplied by": "*",
    "divided by": "/",
    "of": "of",
}
# Single letters that are words or units when they stand alone; any other letter is an unknown.
_LETTER_WORDS = frozenset("aIgmlLshd")
# Short words that may follow a number without a space and are not a product of unknowns.
_SHORT_UNITS = frozenset(["th", "ths", "st", "nd", "nds", "rd", "rds", "am", "pm", "cm", "mm", "km", "kg", "mg", "ml"])
_SHORT_UNITS |= frozenset(
    ["oz", "lb", "lbs", "ft", "in", "mi", "mph", "kph", "min", "hr", "hrs", "sec", "gb", "mb", "g"]
)


class Token(NamedTuple):
    """One token.

    Attributes:
        kind: What it is; "frac" is the LaTeX command, "{" and "}" are "open" and "close".
        text: An operator's canonical sign, else the characters.
        start: First character, an offset into the whole text.
        end: One past the last.
        value: A number's exact value, percent sign not applied.
        decimals: Digits after a number's point.
        percent: Whether a percent sign follows a number.
        spelled: Whether an operator is a word.
    """

    kind: TokenKind
    text: str
    start: int
    end: int
    value: Fraction = Fraction(0)
    decimals: int = 0
    percent: bool = False
    spelled: bool = False


def tokenize(text: str, start: int = 0, end: int | None = None) -> list[Token]:
    """The tokens of `text[start:end]`, blanks and currency signs left out."""
    tokens: list[Token] = []
    for match in _SCANNER.finditer(text, start, len(text) if end is None else end):
        kind = match.lastgroup or "break"
        piece = match.group()
        if kind in ("blank", "bold", "marker"):
            continue
        if kind == "percent" and tokens and tokens[-1].kind == "number" and not tokens[-1].percent:
            last = tokens.pop()
            tokens.append(Token("number", last.text, last.start, match.end(), last.value, last.decimals, percent=True))
        else:
            tokens.append(_token(kind, piece, match.start(), match.end(), tokens[-1] if tokens else None))
    return tokens


def _token(kind: str, piece: str, start: int, end: int, previous: Token | None) -> Token:
    if kind == "number":
        return _number(piece, start, end)
    if kind in _OPERATORS:
        return Token("operator", _OPERATORS[kind], start, end)
    if kind == "wordop":
        return Token("operator", _WORD_OPERATORS[piece], start, end, spelled=True)
    if kind in ("open", "close"):
        return Token("open" if kind == "open" else "close", piece[-1], start, end)
    if kind == "brace":
        return Token("open" if piece == "{" else "close", piece, start, end)
    if kind == "equals":
        return Token("equals", "≈" if piece in ("≈", r"\approx") else "=", start, end)
    if kind == "frac":
        return Token("frac", piece, start, end)
    if kind == "text":
        return Token("word", piece, start, end)
    if kind == "command":
        # A root, a logarithm, a sum: not read, and whatever touches it is not complete without it.
        return Token("variable", piece, start, end)
    if kind == "word":
        adjacent = previous is not None and previous.kind in ("number", "close") and previous.end == start
        behind_brace = previous is not None and previous.text == "}"
        product = (adjacent or behind_brace) and len(piece) <= 3 and piece.lower() not in _SHORT_UNITS
        indexed = any(c == "_" or c.isdigit() for c in piece)
        if product or indexed or (len(piece) == 1 and piece not in _LETTER_WORDS):
            return Token("variable", piece, start, end)
        return Token("word", piece, start, end)
    # "odd" too: a time (6:30, 0630), a ratio, digits grouped by spaces, a list without spaces.
    return Token("break", piece, start, end)


def _number(piece: str, start: int, end: int) -> Token:
    digits = (
        piece.replace("{,}", "")
        .replace("\\,", "")
        .replace("\\!", "")
        .replace(",", "")
        .replace("...", "")
        .replace("…", "")
    )
    if len(digits) > _MAX_DIGITS:
        return Token("break", piece, start, end)
    decimals = len(digits.partition(".")[2])
    return Token("number", digits, start, end, Fraction(digits if digits[0] != "." else "0" + digits), decimals)
