"""Cutting LaTeX commands into tokens."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

from stepgym.verifiers.math.token_words import WordCutter
from stepgym.verifiers.math.tree import UnreadableError
from stepgym.verifiers.math.vocabulary import (
    COMMANDS,
    DROP_WITH_ARGUMENT,
    FUNCTIONS,
    INVISIBLE,
    OPAQUE,
    REFUSED,
    TEXT_COMMANDS,
)

_ARGUMENT = re.compile(r"\s*(?:\{[^{}]*\}|\S)")


class CommandCutter(WordCutter, ABC):
    """The rules for commands; those for what stands around them come with the tokeniser."""

    @abstractmethod
    def cut(self, position: int, end: int, *, words: bool) -> None:
        """Cut a part of the text; with `words`, letters are words and not symbols."""

    def command(self, name: str, position: int, end: int, words: bool) -> int:
        """Cut one command; the position after it."""
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
        r"""Cut the argument of `\text` and the like; the position after it."""
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
