"""The grammar of arithmetic in running text: recursive descent, greedy and bounded; units are skipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stepgym.verifiers.steps.expression import Node
from stepgym.verifiers.steps.tokens import Token
from stepgym.verifiers.steps.units import may_be_unit

_MAX_OPERANDS = 100
_MAX_DEPTH = 16
_MAX_UNIT_WORDS = 4
_ORDINAL_ENDS = frozenset(["th", "ths", "rd", "rds", "nd", "nds"])


class NoExpressionError(Exception):
    """The tokens at this place are not an expression."""


class Parser:
    """Recursive descent with capped depth; `index` is the next token."""

    def __init__(self, tokens: Sequence[Token], index: int, formal: bool) -> None:
        self.tokens = tokens
        self.formal = formal
        self.index = index
        self.last_end = 0
        self.operands = 0
        self.braces = 0

    def peek(self) -> Token | None:
        """The next token."""
        return self.tokens[self.index] if self.index < len(self.tokens) else None

    def sum(self, depth: int) -> Node:
        """Terms with + and - between them."""
        return self._chain(depth, ("+", "-"), self.product)

    def product(self, depth: int) -> Node:
        """Factors with a multiplication or division, perhaps unwritten, between them."""
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
            except NoExpressionError:
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
            # Letters in braces are unknowns, 2^{2abcd}, unless they are set as text.
            if not may_be_unit(token) or (self.braces and not token.text.startswith("\\")):
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
        """An atom, perhaps with an exponent."""
        node = self.atom(depth)
        token = self.peek()
        if token is not None and token.kind == "operator" and token.text == "^":
            self.index += 1
            return Node("^", node, self.atom(depth))
        return node

    def atom(self, depth: int) -> Node:
        """A number, a sign with its operand, a group or a fraction; raises `NoExpressionError`."""
        token = self.peek()
        self.operands += 1
        if token is None or depth > _MAX_DEPTH or self.operands > _MAX_OPERANDS:
            raise NoExpressionError
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
        raise NoExpressionError

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
            raise NoExpressionError
        self.index += 1
        self.braces += token.text == "{"
        node = self.sum(depth + 1)
        self.index = self._after_units(self.index)
        self.braces -= token.text == "{"
        closing = self.peek()
        if closing is None or closing.kind != "close" or closing.text != {"(": ")", "[": "]", "{": "}"}[token.text]:
            raise NoExpressionError
        self.index += 1
        self.last_end = closing.end
        return node
