"""Cutting an answer into tokens: LaTeX, plain mathematics and words, without building any number."""

from __future__ import annotations

import re
from typing import NamedTuple

from stepgym.verifiers.math.tree import MAX_CHARACTERS, MAX_DEPTH, MAX_TOKENS, TooLargeError, UnreadableError
from stepgym.verifiers.math.vocabulary import (
    CHARACTER_MAP,
    COMMANDS,
    DROP_WITH_ARGUMENT,
    FUNCTION_ALIASES,
    FUNCTIONS,
    INVISIBLE,
    NUMBER_WORDS,
    OPAQUE,
    ORDINALS,
    REFUSED,
    SHORT_WORDS,
    TEXT_COMMANDS,
    UNIT_WORDS,
)


class Token(NamedTuple):
    """One token.

    Kinds: n number, s symbol, c constant, f function, w word, k keyword (and, or, if), o operator or bracket,
    r relation, L command with arguments, e empty set, d dots, b begin of an environment, E its end, O opaque.
    """

    kind: str
    value: str
    spaced: bool = False


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
_ARGUMENT = re.compile(r"\s*(?:\{[^{}]*\}|\S)")
_AMOUNT = re.compile(r"\s*(?:\d|\.\d|\\[dt]?frac)")
_KEYWORDS = frozenset({"and", "or", "if", "where", "with", "mod", "in", "for", "otherwise"})


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
    return _Cutter(text, commas).run()


def _unescape(text: str) -> str:
    r"""Undo a doubled escape: `\\frac` as it stands in JSON; row ends inside matrices stay."""
    if "\\begin" in text:
        return re.sub(r"(?<!\\)\\\\(?=(?:frac|dfrac|tfrac|sqrt|begin|end|left|right|pi|cdot)\b)", r"\\", text)
    return re.sub(r"(?<!\\)\\\\(?=[A-Za-z{}%$!,;])", r"\\", text)


def _repeated(number: str) -> str:
    """`0.1666` before dots is 0.1(6); without a repetition the digits stand for themselves."""
    m = _REPETEND.fullmatch(number)
    return f"{m.group(1)}({m.group(3) or m.group(4)})" if m is not None else number


class _Cutter:
    def __init__(self, text: str, commas: bool) -> None:
        self.text = text
        self.commas = commas
        self.out: list[Token] = []
        self.spaced = False
        self.depth = 0

    def add(self, kind: str, value: str) -> None:
        self.out.append(Token(kind, value, self.spaced))
        self.spaced = False
        if len(self.out) > MAX_TOKENS:
            raise TooLargeError(f"the answer has more than {MAX_TOKENS} tokens")

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
        """A dollar sign counts before an amount; elsewhere it is a delimiter that was left over."""
        if _AMOUNT.match(self.text, position, end) is not None:
            self.add("o", "$")

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

    def word(self, piece: str, words: bool) -> None:
        lower = piece.lower()
        if lower in _KEYWORDS:
            self.add("k", lower)
        elif words:
            self.add("w", piece)
        elif piece == "U" and self.out and self.out[-1].value in (")", "]", "\\}"):
            self.add("o", "cup")
        elif len(piece) == 1:
            self.add(*(("c", piece) if piece in ("e", "i") else ("s", piece)))
        elif piece in FUNCTIONS:
            self.function(piece)
        elif piece == "pi":
            self.add("c", "pi")
        elif lower in ("inf", "infinity", "oo", "infty"):
            self.add("c", "inf")
        elif (
            lower in SHORT_WORDS
            or lower in ORDINALS
            or lower in UNIT_WORDS
            or lower in NUMBER_WORDS
            or len(piece) > 3
            or "-" in piece
        ):
            self.long_word(piece)
        elif piece.isupper():
            self.add("s", piece)
        elif not self.split_function(piece):
            if piece.islower():
                for letter in piece:
                    self.add(*(("c", letter) if letter in ("e", "i") else ("s", letter)))
            else:
                self.add("w", piece)

    def long_word(self, piece: str) -> None:
        if not (piece.islower() and self.split_function(piece)):
            self.add("w", piece)

    def split_function(self, piece: str) -> bool:
        """Whether `piece` is a function written against its argument: `sinx`, `cosb`, `lnx`, `sqrtx`."""
        if piece[:-1] in FUNCTIONS and piece[-1] in "abctuvwxyz" and len(piece) > 2:
            self.function(piece[:-1])
            self.add("s", piece[-1])
            return True
        if piece[1:] in ("pi", "sin", "cos", "tan", "ln", "log", "sqrt") and piece[0] not in "ha":
            self.add("s", piece[0])
            self.word(piece[1:], False)
            return True
        return False

    def identifier(self, piece: str) -> None:
        m = re.fullmatch(r"([a-z]+)(\d+)([a-z]?)", piece)
        if m is not None and m.group(1) in FUNCTIONS | {"pi"}:
            self.word(m.group(1), False)
            self.add("n", m.group(2))
            if m.group(3):
                self.word(m.group(3), False)
        else:
            self.add("w", piece)

    def function(self, name: str) -> None:
        name = FUNCTION_ALIASES.get(name, name)
        if name == "mod":
            self.add("o", "bmod")
        else:
            self.add("L" if name == "sqrt" else "f", name)

    def command(self, name: str, position: int, end: int, words: bool) -> int:
        if name in INVISIBLE:
            if name == "angle" and self.out and self.out[-1][:2] == ("s", "m"):
                self.out.pop()  # m\angle A is the measure of the angle.
            if name in ("left", "right") and self.text.startswith(".", position):
                return position + 1
            return position
        if name in TEXT_COMMANDS:
            return self.text_command(name, position, end)
        if name in DROP_WITH_ARGUMENT:
            m = _ARGUMENT.match(self.text, position, end)
            return m.end() if m is not None else position
        token = COMMANDS.get(name)
        if token is not None:
            if token[0] == "_":
                self.spaced = True
            else:
                self.add(*token)
            return position
        if name == "mathbb":
            m = _ARGUMENT.match(self.text, position, end)
            if m is not None:
                self.add("s", "\\mathbb{" + m.group().strip(" {}") + "}")
                return m.end()
        if name in OPAQUE:
            self.add("O", name)
            return position
        if name in REFUSED or words:
            raise UnreadableError(f"\\{name} has no place in an answer")
        # Two commands without a space between them: \pir, \cdotx.
        for size in range(len(name) - 1, 1, -1):
            token = COMMANDS.get(name[:size])
            if token is not None and token[0] in "cos" and len(name) - size == 1:
                self.add(*token)
                self.word(name[size:], False)
                return position
        self.add("s", "\\" + name)
        return position

    def text_command(self, name: str, position: int, end: int) -> int:
        text = self.text
        while position < end and text[position].isspace():
            position += 1
        if position >= end or text[position] != "{":
            return position
        close = matching_brace(text, position, end)
        if close < 0:
            raise UnreadableError("a brace is not closed")
        content = text[position + 1 : close].strip()
        if name in ("mathrm", "operatorname") and (content in COMMANDS or len(content) == 1):
            token = COMMANDS.get(content) if len(content) > 1 else None
            if token is not None and token[0] in "fc":
                self.add(*token)
            elif content in FUNCTIONS:
                self.function(content)
            elif content in ("e", "i"):
                self.add("c", content)
            else:
                self.cut(position + 1, close, words=True)
        elif name == "operatorname" and content in FUNCTIONS:
            self.function(content)
        elif any(mark in content for mark in ("$", "\\")):
            self.cut(position + 1, close, words="\\" not in content)
        else:
            self.spaced = True
            self.cut(position + 1, close, words=True)
            self.spaced = True
        return close + 1


def matching_brace(text: str, opening: int, end: int) -> int:
    """The index of the brace that closes the one at `opening`, or -1; escaped braces do not count."""
    depth = 0
    position = opening
    while position < end:
        character = text[position]
        if character == "\\":
            position += 2
            continue
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return position
        position += 1
    return -1
