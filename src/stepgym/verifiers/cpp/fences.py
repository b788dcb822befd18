"""The fenced blocks of a Markdown text, read as models write them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stepgym.verifiers.cpp.tokens import tokenize

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)", re.DOTALL)
_CPP_TAG = re.compile(r"[{.\s]*(?:cpp|c\+\+|cc|cxx)(?:[0-9][0-9a-z])?(?![\w+#-])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        info: What stands behind the opening fence, for example "cpp".
        start: Offset of the first character of its content.
        end: One past the last.
    """

    info: str
    start: int
    end: int

    @property
    def is_cpp(self) -> bool:
        """Whether it is tagged as C++."""
        return _CPP_TAG.match(self.info) is not None


def read_blocks(text: str) -> list[Block]:
    """The fenced blocks of `text`, in order.

    A closing fence has the character of the opening one and is at least as long (CommonMark 0.31, section 4.5). More
    than there, a fence with a tag ends the block that was left open before it, and a fence behind the last line of
    code closes too. The last block may be left open.
    """
    blocks: list[Block] = []
    fence, info, start = "", "", 0
    place = 0
    for line in text.split("\n"):
        following = min(place + len(line) + 1, len(text))
        found = _fence(line)
        if not fence:
            if found is not None:
                (fence, info), start = found, following
        elif found is not None and found[0].startswith(fence):
            blocks.append(Block(info, start, place))
            (fence, info), start = found, following
            if not info:
                fence = ""
        elif line.endswith((fence, " ", "\t", "\r")):
            code = _code_before(line, fence)
            if code is not None and _closes_code(code, line):
                blocks.append(Block(info, start, place + len(code)))
                fence = ""
        place = following
    if fence:
        code = _code_before(text[start:], fence)
        blocks.append(Block(info, start, len(text) if code is None else start + len(code)))
    return blocks


def _fence(line: str) -> tuple[str, str] | None:
    """The fence of a line and what stands behind it."""
    match = _FENCE.match(line)
    if match is None or (match[1][0] == "`" and "`" in match[2]):
        return None
    return match[1], match[2].strip()


def _code_before(text: str, fence: str) -> str | None:
    """What stands before a closing fence at the end of `text`; None if it does not end with one."""
    body = text.rstrip()
    code = body.rstrip(fence[0])
    return code if len(body) - len(code) >= len(fence) else None


def _closes_code(code: str, line: str) -> bool:
    """Whether a fence at the end of a line closes the block: not in a comment or a text, where examples have fences."""
    if not code.strip() or code.strip() == "*" or code.lstrip().startswith("* "):
        return False
    return any(token.start == len(code) for token in tokenize(line))
