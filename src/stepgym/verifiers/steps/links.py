"""Links of calculations in running text: each `a = b` between two readable expressions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stepgym.verifiers.steps.reader import Expression, parse_expression
from stepgym.verifiers.steps.tokens import Token, tokenize
from stepgym.verifiers.steps.units import may_be_unit

# Units may stand between an expression and its sign of equality.
_MAX_WORDS = 4


@dataclass(frozen=True, slots=True)
class Link:
    """One `left = right`.

    Attributes:
        left: The expression before the sign.
        right: The expression behind it.
        relation: "=" or "≈".
    """

    left: Expression
    right: Expression
    relation: str

    @property
    def is_claim(self) -> bool:
        """Whether both sides are read in full; `x + 3 = 5` is no claim."""
        return not (self.left.hooked or self.right.hooked)

    @property
    def is_scaled(self) -> bool:
        """Whether a word beside one of the sides changes its value."""
        return self.left.scaled or self.right.scaled

    @property
    def start(self) -> int:
        """First character."""
        return self.left.start

    @property
    def end(self) -> int:
        """One past the last character."""
        return self.right.end


def find_links(text: str, start: int = 0, end: int | None = None) -> Iterator[Link]:
    """The links in a stretch of running text, in order, each side as long as it can be read."""
    tokens = tokenize(text, start, end)
    index = 0
    before: Expression | None = None
    while index < len(tokens):
        expression = parse_expression(tokens, index)
        if expression is None:
            before, index = None, index + 1
            continue
        if before is not None:
            yield Link(before, expression, tokens[index - 1].text)
        at = _equals_behind(tokens, expression.stop)
        # A number that opens a chain is no calculation: "the 5 friends = 75 + 15".
        opens = before is None and expression.is_number
        before = None if at is None or opens else expression
        index = at + 1 if at is not None else max(expression.stop, index + 1)


def parse_chain(text: str, start: int, end: int) -> list[Link]:
    """The links of `a = b = c` when that is all the stretch of text holds, else none."""
    tokens = tokenize(text, start, end)
    links: list[Link] = []
    before: Expression | None = None
    index = 0
    while True:
        expression = parse_expression(tokens, index, formal=True)
        if expression is None or expression.hooked:
            return []
        if before is not None:
            links.append(Link(before, expression, tokens[index - 1].text))
        if expression.stop == len(tokens):
            return links
        if tokens[expression.stop].kind != "equals":
            return []
        before, index = expression, expression.stop + 1


def _equals_behind(tokens: list[Token], index: int) -> int | None:
    """The index of the sign of equality behind an expression and its unit."""
    at = index
    while at < len(tokens) and at - index <= _MAX_WORDS:
        if tokens[at].kind == "equals":
            return at
        if not may_be_unit(tokens[at]):
            return None
        at += 1
    return None
