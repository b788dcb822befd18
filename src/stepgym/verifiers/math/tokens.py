"""Cutting an answer into tokens: LaTeX, plain mathematics and words, without building any number."""

from __future__ import annotations

import re

from stepgym.verifiers.math.cursor import Token
from stepgym.verifiers.math.token_commands import CommandCutter
from stepgym.verifiers.math.tree import MAX_CHARACTERS, MAX_DEPTH, TooLargeError, UnreadableError
from stepgym.verifiers.math.vocabulary import (
    CHARACTER_MAP,
)

_TOKEN = re.compile(
    r"""(?P<space>(?:\s|~|\\[,;:!>\s/])+)
    |(?P<number>(?:\d{1,3}(?:(?:,|[ ]?\{,[ ]?\}(?:\\!)?|,[ ]?\\!\s?|\\,|\\;|\\[ ]|[ ])\d{3})+(?![\d])|\d+)
        (?:\.\d+|\.(?=\\overline))?|\.\d+)
    |(?P<env>\\(?:begin|end)\s*\{\s*[A-Za-z]{1,20}\*?\s*\}(?:\s*\{[lcr|@{}\s]*\}|\s*\[[lcr|]*\])?)
    |\\(?P<command>[A-Za-z]+)\*?
    |(?P<escape>\\.)
    |(?P<identifier>[A-Za-z]{2,}(?:_[A-Za-z]{2,}|\d+[A-Za-z]+)+|[A-Za-z]\d+[A-Za-z]{2,}\w*|__\w*)
    |(?P<word>[A-Za-z]+(?:-[A-Za-z]{2,})*)
    |(?P<operator><=|>=|!=|<>|\*\*|==|->|=>|\|\||!!|\.\.\.|[-+*/^_()\[\]{}|=<>,;:!%&$'.?"`\#@])
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_OPERATORS = {
    "<=": ("r", "<="),
    ">=": ("r", ">="),
    "!=": ("r", "!="),
    "<>": ("r", "!="),
    "==": ("r", "="),
    "=": ("r", "="),
    "<": ("r", "<"),
    ">": ("r", ">"),
    "**": ("o", "^"),
    "...": ("d", "..."),
}
_ESCAPES = {
    "\\{": ("o", "\\{"),
    "\\}": ("o", "\\}"),
    "\\%": ("o", "%"),
    "\\$": ("o", "$"),
    "\\|": ("o", "||"),
    "\\\\": ("o", "row"),
    "\\&": ("k", "and"),
    "\\(": ("_", ""),
    "\\)": ("_", ""),
    "\\[": ("_", ""),
    "\\]": ("_", ""),
    "\\_": ("o", "_"),
    "\\#": ("o", "#"),
    "\\-": ("_", ""),
}
_SEPARATOR = re.compile(r"[^\d.]")
_DOTS = re.compile(r"\s*(?:\.{3}|\\[lc]?dots\b)")
_REPETEND = re.compile(r"(\d*\.\d*?)((\d)\3{2,}|(\d{2,9}?)\4+)$")
_ORDINAL = re.compile(r"(?:\^\s*\{?\s*)?(?:\\(?:text|mathrm|textrm)\s*\{\s*)?(?:st|nd|rd|th)\b\s*\}{0,2}")
_SCIENTIFIC = re.compile(r"[eE][+-]?\d{1,6}(?![\w.])")
_REPEATING = re.compile(r"\\(?:overline|bar|dot)\s*\{?(\d{1,200})\}?")
_AMOUNT = re.compile(r"\s*(?:\d|\.\d|\\[dt]?frac)")


def tokenise(text: str, *, commas: bool = True) -> list[Token]:
    """The tokens of an answer.

    Args:
        text: The answer without math delimiters around it.
        commas: Whether `1,000` is one number (else a list of two).

    Raises:
        TooLargeError: The text is longer than the caps allow.
        UnreadableError: It holds a character or a command that no answer has.
    """
    if len(text) > MAX_CHARACTERS:
        raise TooLargeError(f"the answer is longer than {MAX_CHARACTERS} characters")
    if not text.isascii():
        text = text.translate(CHARACTER_MAP)
    if "\\\\" in text:
        text = _unescape(text)
    return _Cutter(text, commas=commas).run()


def _unescape(text: str) -> str:
    r"""Undo a doubled escape: `\\frac` as it stands in JSON; row ends inside matrices stay."""
    if "\\begin" in text:
        return re.sub(r"(?<!\\)\\\\(?=(?:frac|dfrac|tfrac|sqrt|begin|end|left|right|pi|cdot)\b)", r"\\", text)
    return re.sub(r"(?<!\\)\\\\(?=[A-Za-z{}%$!,;])", r"\\", text)


def _repeated(number: str) -> str:
    """`0.1666` before dots is 0.1(6); without a repetition the digits stand for themselves."""
    m = _REPETEND.fullmatch(number)
    return f"{m.group(1)}({m.group(3) or m.group(4)})" if m is not None else number


class _Cutter(CommandCutter):
    def run(self) -> list[Token]:
        self.cut(0, len(self.text), words=False)
        return self.out

    def cut(self, position: int, end: int, *, words: bool) -> None:
        """Cut `text[position:end]`; with `words`, letters are words and not symbols."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooLargeError(f"text is nested more than {MAX_DEPTH} deep")
        match = _TOKEN.match
        text = self.text
        while position < end:
            m = match(text, position, end)
            if m is None:
                raise UnreadableError("the answer holds a stray backslash")
            kind = m.lastgroup
            position = m.end()
            piece = m.group()
            if kind == "space":
                self.spaced = True
            elif kind == "number":
                position = self.number(piece, position, end)
            elif kind == "operator" and piece == "$":
                self.currency(position, end)
            elif kind == "operator":
                self.add(*_OPERATORS.get(piece, ("o", piece)))
            elif kind == "word":
                self.word(piece, words)
            elif kind == "command":
                position = self.command(m.group("command"), position, end, words)
            elif kind == "escape":
                token = _ESCAPES.get(piece)
                if token is None:
                    raise UnreadableError(f"unknown LaTeX command {piece!r}")
                if piece == "\\$":
                    self.currency(position, end)
                elif token[0] != "_":
                    self.add(*token)
            elif kind == "env":
                name = re.sub(r"[^A-Za-z]", "", piece[piece.index("{") : piece.index("}")])
                self.add("b" if piece.startswith("\\b") else "E", name)
            elif kind == "identifier":
                self.identifier(piece)
            elif piece.isalpha() or piece.isalnum():
                self.add("s", piece)
            else:
                raise UnreadableError(f"unexpected character {piece!a}")
        self.depth -= 1

    def currency(self, position: int, end: int) -> None:
        """A dollar sign counts before an amount, and behind a number if it is escaped or stands apart.

        Elsewhere it is a delimiter that was left over.
        """
        if _AMOUNT.match(self.text, position, end) is not None:
            self.add("o", "$")
        elif self.out and self.out[-1].kind == "n" and (self.spaced or self.text[position - 2] == "\\"):
            self.identifier("dollars")

    def number(self, piece: str, position: int, end: int) -> int:
        if len(piece) > 3 and _SEPARATOR.search(piece):
            if not self.commas and re.search(r"\d,\d", piece):
                # Give back everything from the first plain comma on: it separates items.
                first = piece.index(",")
                self.add("n", _SEPARATOR.sub("", piece[:first]))
                return position - (len(piece) - first)
            piece = _SEPARATOR.sub("", piece)
        m = _REPEATING.match(self.text, position, end)
        if m is not None:
            self.add("n", f"{piece}({m.group(1)})")
            return m.end()
        if "." in piece and (m := _DOTS.match(self.text, position, end)) is not None:
            self.add("n", _repeated(piece))
            return m.end()
        m = _SCIENTIFIC.match(self.text, position, end)
        if m is not None:
            piece += m.group()
            position = m.end()
        self.add("n", piece)
        m = _ORDINAL.match(self.text, position, end)
        return m.end() if m is not None and piece.isdecimal() else position
