"""Reading arithmetic expressions out of running text: greedy, bounded, units skipped where people write them.

`5 apples + 3 apples`, `$12/hour * 3 hours` and `20% of 80` are read as what their numbers and operators say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stepgym.verifiers.steps.expression import Node
from stepgym.verifiers.steps.tokens import Token

_MAX_OPERANDS = 100
_MAX_DEPTH = 16
_MAX_UNIT_WORDS = 4


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words behind a number that are no unit: with one of them between, two numbers do not belong together.
_NOT_UNITS = _words(
    "and or but so then since because if when while which that is are was were has have had than as to by with"
)
# Words that change the value of the number beside them.
_SCALES = _words("hundred thousand million billion dozen half twice double triple am pm")
# Words before "of" that make it a product: "half of 10 + 5" is not 15.
_SHARES = _words("half third thirds quarter quarters fourth fourths fifth fifths sixth eighth tenth")
_SEPARATORS = frozenset("\n:;,.&?!")
_ORDINAL_ENDS = _words("th ths rd rds nd nds")


class _NoExpressionError(Exception):
    """The tokens at this place are not an expression."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression and where it stands.

    Attributes:
        node: The operations.
        start: First character.
        end: One past the last character, units behind the last number left out.
        stop: Index of the first token that is not part of it, units included.
        hooked: An operator with something unreadable on its other side touches the expression, as in `x + 3`.
        scaled: A word that changes its value touches it, as in `3 dozen`.
    """

    node: Node
    start: int
    end: int
    stop: int
    hooked: bool
    scaled: bool

    @property
    def is_number(self) -> bool:
        """Whether it is a single number, perhaps negative."""
        node = self.node.left if self.node.operator == "neg" else self.node
        return node is not None and node.token is not None


def parse_expression(tokens: Sequence[Token], index: int, *, formal: bool = False) -> Expression | None:
    """The longest expression that starts at `tokens[index]`, None when none does.

    Args:
        tokens: Tokens of a text.
        index: Where to start.
        formal: Read as a calculator does: no units, no mixed numbers, `a / b/c` is `(a / b) / c`.
    """
    parser = _Parser(tokens, index, formal)
    try:
        node = parser.sum(0)
    except _NoExpressionError:
        return None
    stop = parser.index
    following = tokens[stop] if stop < len(tokens) else None
    dangling = following is not None and (
        following.kind in ("variable", "frac")
        or following.text == "!"
        or (following.kind == "open" and not _is_remark(tokens, stop))
        or (following.kind == "operator" and not following.spelled and not _reads_as_text(tokens, stop))
    )
    hooked = dangling or _hangs_behind(tokens, index)
    beside = [tokens[at].text.lower() for at in (index - 1, stop) if 0 <= at < len(tokens)]
    scaled = any(word in _SCALES for word in beside)
    return Expression(node, tokens[index].start, parser.last_end, stop, hooked, scaled)


def may_be_unit(token: Token) -> bool:
    """Whether a token may be a word of the unit behind a number."""
    return token.kind == "word" and token.text.lower() not in _NOT_UNITS and token.text.lower() not in _SCALES


def _hangs_behind(tokens: Sequence[Token], index: int) -> bool:
    """Whether what stands before `tokens[index]` belongs to the expression though it could not be read."""
    first = tokens[index]
    if first.text == "{":
        return True
    before = tokens[index - 1] if index > 0 else None
    if before is None:
        return False
    beyond = tokens[index - 2] if index > 1 else None
    adjacent = before.end == first.start
    if before.text == "of":
        return beyond is not None and (beyond.text.lower() in _SHARES or beyond.kind in ("number", "variable"))
    if before.kind == "open":
        # An unclosed parenthesis, 100 + (100 * 0.1 = 110, or the argument of a function.
        touches = beyond is not None and beyond.kind == "word" and beyond.end == before.start
        return (
            touches
            or before.text == "{"
            or (beyond is not None and beyond.kind in ("operator", "number", "close", "variable"))
        )
    if first.kind == "operator":
        # A sign is the expression's own only behind something that cannot be its left side.
        return before.kind != "equals" and before.text not in _SEPARATORS
    if before.kind in ("word", "close") and (adjacent or (before.kind == "close" and first.kind == "open")):
        return True
    if before.text == "\n":
        return beyond is not None and beyond.kind == "operator" and not beyond.spelled
    unreadable = before.kind == "break" and before.text[:1].isdigit()
    return unreadable or before.kind in ("operator", "variable", "frac", "number")


def _reads_as_text(tokens: Sequence[Token], index: int) -> bool:
    """Whether the sign at `index` is a dash or a "per" in a sentence rather than an operation on something unknown."""
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    if following is None:
        return True
    return tokens[index].text in ("-", "/") and following.kind in ("word", "break")


def _is_remark(tokens: Sequence[Token], index: int) -> bool:
    """Whether the parenthesis at `index` holds words: `24 (clips)`."""
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    return tokens[index].text == "(" and following is not None and following.kind in ("word", "break")


class _Parser:
    """Recursive descent with capped depth; `index` is the next token."""

    def __init__(self, tokens: Sequence[Token], index: int, formal: bool) -> None:
        self.tokens = tokens
        self.formal = formal
        self.index = index
        self.last_end = 0
        self.operands = 0

    def peek(self) -> Token | None:
        return self.tokens[self.index] if self.index < len(self.tokens) else None

    def sum(self, depth: int) -> Node:
        return self._chain(depth, ("+", "-"), self.product)

    def product(self, depth: int) -> Node:
        return self._chain(depth, ("*", "/", "//", "of"), self.factor)

    def _chain(self, depth: int, operators: tuple[str, ...], read: Callable[[int], Node]) -> Node:
        node = read(depth)
        while True:
            at, end = self.index, self.last_end
            operator = self._operator(operators)
            if operator is None or (operator == "of" and not self._is_share(node, at)):
                self.index = at
                return node
            try:
                divisor = self._divisor() if operator == "/" else None
                node = Node(operator, node, divisor or read(depth))
            except _NoExpressionError:
                # A dash, a slash before a unit, or the end: the expression ends before it.
                self.index, self.last_end = at, end
                if operator == "/" and self._skip_per():
                    continue
                return node

    def _divisor(self) -> Node | None:
        """Consume `1/3` in `25 / 1/3`: written without spaces behind a space, it is one fraction."""
        fraction = self._tight_fraction(self.index)
        if fraction is None or self.tokens[self.index - 1].end == fraction[0].start:
            return None
        self.index += 3
        self.last_end = fraction[1].end
        return Node("/", Node("", token=fraction[0]), Node("", token=fraction[1]))

    def _is_share(self, node: Node, at: int) -> bool:
        """Whether the "of" just read means a product: `20% of`, `2/3 of`, `3/4ths of`, but not `3 of`."""
        share = node.operator == "/" or (node.token is not None and node.token.percent)
        return share and (self.index - 1 == at or self.tokens[at].text in _ORDINAL_ENDS)

    def _operator(self, operators: tuple[str, ...]) -> str | None:
        """Consume the next operator if it is one of `operators`, units before it too."""
        index = self._after_units(self.index)
        token = self.tokens[index] if index < len(self.tokens) else None
        if token is not None and token.kind == "operator" and token.text in operators:
            self.index = index + 1
            return token.text
        last = self.tokens[self.index - 1]
        adjacent = token is not None and index == self.index and token.start == last.end
        if "*" in operators and token is not None and token.text in ("(", "[") and last.kind in ("close", "number"):
            return "*" if adjacent else None
        return None

    def _after_units(self, index: int) -> int:
        """The index behind the unit at `index` if an operator, "=" or a closing parenthesis follows it."""
        at = index
        while not self.formal and at < len(self.tokens) and at - index < _MAX_UNIT_WORDS:
            token = self.tokens[at]
            if not may_be_unit(token):
                break
            at += 1
        following = self.tokens[at] if at < len(self.tokens) else None
        return at if following is not None and following.kind in ("operator", "equals", "close") else index

    def _skip_per(self) -> bool:
        """Consume `/ hour`."""
        index = self._after_units(self.index)
        following = self.tokens[index + 1] if index + 1 < len(self.tokens) else None
        if following is None or following.kind != "word":
            return False
        self.index = index + 2
        return True

    def factor(self, depth: int) -> Node:
        node = self.atom(depth)
        token = self.peek()
        if token is not None and token.kind == "operator" and token.text == "^":
            self.index += 1
            return Node("^", node, self.atom(depth))
        return node

    def atom(self, depth: int) -> Node:
        token = self.peek()
        self.operands += 1
        if token is None or depth > _MAX_DEPTH or self.operands > _MAX_OPERANDS:
            raise _NoExpressionError
        if token.kind == "number":
            return self._number(token)
        if token.kind == "operator" and token.text in "+-" and not token.spelled:
            self.index += 1
            operand = self.factor(depth + 1)
            return Node("neg", operand) if token.text == "-" else operand
        if token.kind == "open":
            return self._group(depth)
        if token.kind == "frac":
            self.index += 1
            return Node("/", self._group(depth), self._group(depth))
        raise _NoExpressionError

    def _number(self, token: Token) -> Node:
        self.index += 1
        self.last_end = token.end
        whole = Node("", token=token)
        if token.decimals or token.percent:
            return whole
        mixed = self._fraction_behind(token)
        return whole if mixed is None else Node("+", whole, mixed)

    def _fraction_behind(self, whole: Token) -> Node | None:
        """Consume the fraction of a mixed number: `3 1/2`, `3 and 1/2`, `3 and (1/2)`."""
        at = self.index
        if at < len(self.tokens) and self.tokens[at].text == "and":
            at += 1
        grouped = at > self.index and at < len(self.tokens) and self.tokens[at].text == "("
        at += grouped
        fraction = self._tight_fraction(at)
        if fraction is None or self.tokens[at].start == whole.end:
            return None
        above, below = fraction
        if grouped and (at + 3 >= len(self.tokens) or self.tokens[at + 3].text != ")"):
            return None
        if above.value >= below.value:
            return None
        self.index = at + 3 + grouped
        self.last_end = self.tokens[self.index - 1].end
        return Node("/", Node("", token=above), Node("", token=below))

    def _tight_fraction(self, at: int) -> tuple[Token, Token] | None:
        """The two whole numbers of `1/2` written without spaces."""
        parts = self.tokens[at : at + 3]
        if (
            self.formal
            or len(parts) < 3
            or parts[0].kind != "number"
            or parts[2].kind != "number"
            or parts[1].text != "/"
        ):
            return None
        tight = parts[0].end == parts[1].start and parts[1].end == parts[2].start
        whole = not any(p.decimals or p.percent for p in (parts[0], parts[2]))
        return (parts[0], parts[2]) if tight and whole else None

    def _group(self, depth: int) -> Node:
        token = self.peek()
        if token is None or token.kind != "open":
            raise _NoExpressionError
        self.index += 1
        node = self.sum(depth + 1)
        self.index = self._after_units(self.index)
        closing = self.peek()
        if closing is None or closing.kind != "close" or closing.text != {"(": ")", "[": "]", "{": "}"}[token.text]:
            raise _NoExpressionError
        self.index += 1
        self.last_end = closing.end
        return node
