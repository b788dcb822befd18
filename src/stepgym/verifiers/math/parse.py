"""Reading the tokens of an answer into a tree: a recursive descent whose depth is capped."""

from __future__ import annotations

from stepgym.verifiers.math.build import (
    clock,
    compound,
    is_proper,
    lifted,
    mixed,
    negated,
    read_number,
    summed,
    times,
    with_unit_outside,
)
from stepgym.verifiers.math.cursor import Token
from stepgym.verifiers.math.postfixes import Postfixes
from stepgym.verifiers.math.tokens import tokenise
from stepgym.verifiers.math.tree import MAX_ITEMS, Node, TooLargeError, UnreadableError, num

_OPENING = frozenset({"(", "[", "{", "langle", "lfloor", "lceil"})
_CLOSING = frozenset({")", "]", "}", "\\}", "rangle", "rfloor", "rceil"})


def parse(text: str, *, commas: bool = True) -> Node:
    """The tree of an answer.

    Args:
        text: The answer, without math delimiters around it.
        commas: Whether `1,000` is one number.

    Raises:
        UnreadableError: The text is not in the grammar.
        TooLargeError: A cap on length, depth or digits was reached.
    """
    parser = _Parser(tokenise(text, commas=commas))
    node = parser.statement()
    if parser.peek().kind != "end":
        raise UnreadableError(f"unexpected {parser.peek().value!r}")
    return node


class _Parser(Postfixes):
    # Lists, relations, sets -----------------------------------------------------------------------------------------

    def statement(self) -> Node:
        """Items separated by commas, semicolons, `and`, `or`."""
        self.enter()
        while self.peek().kind == "k" and self.peek().value in ("if", "where", "and", "for"):
            self.take()
        items = [self.relation()]
        joined = ""
        while True:
            token = self.peek()
            if token.kind == "o" and token.value in (",", ";", "&") and not (token.value == "&" and self.in_matrix()):
                self.take()
                separator = token.value
                if self.peek().kind == "k" and self.peek().value in ("and", "or"):
                    separator = self.take().value
            elif token.kind == "k" and token.value in ("and", "or"):
                separator = self.take().value
            else:
                break
            following = self.peek()
            if following.kind == "end" or (following.kind == "o" and following.value in _CLOSING):
                break  # A trailing separator.
            joined = separator if separator in ("and", "or") else joined or separator
            items.append(self.relation())
            if len(items) > MAX_ITEMS:
                raise TooLargeError(f"the answer lists more than {MAX_ITEMS} items")
        self.depth -= 1
        return items[0] if len(items) == 1 else Node("list", tuple(items), joined)

    def in_matrix(self) -> bool:
        return self.matrix_depth > 0

    def relation(self) -> Node:
        if self.peek().kind == "r" and self.peek().value in ("=", "~"):
            self.take()  # A leading equals sign: "= 5".
        first = self.ratio()
        members, relations = [first], []
        while self.peek().kind == "r":
            relations.append(self.take().value)
            members.append(self.ratio())
        return Node("rel", tuple(members), tuple(relations)) if relations else first

    def ratio(self) -> Node:
        first = self.union()
        if self.at("choose"):
            self.take()
            return Node("fn", (first, self.union()), "binomial")
        if not self.at(":") or self.bars or (self.in_set and first.op != "num"):
            return first
        parts = [first]
        while self.at(":"):
            self.take()
            parts.append(self.union())
        last = parts[-1]
        if last.op == "clock" and len(parts) == 2 and parts[0].op == "num":
            return clock(Node("ratio", (parts[0], num(last.value[0]))), last.value[2])
        written = [t.value for t in self.tokens[self.position - 3 : self.position]]
        as_time = len(parts) == 2 and len(written[-1]) == 2 and len(written[0]) <= 2 and written[-1].isdecimal()
        return Node("ratio", tuple(parts), as_time)

    def union(self) -> Node:
        node = self.sum()
        while self.at("cup", "cap", "setminus"):
            op = {"cup": "union", "cap": "inter", "setminus": "minus"}[self.take().value]
            right = self.sum()
            node = Node(op, (*node.args, right) if node.op == op == "union" else (node, right))
        return node

    # Arithmetic -----------------------------------------------------------------------------------------------------

    def sum(self) -> Node:
        self.enter()
        node = self.product()
        terms = [node]
        while self.at("+", "-", "pm", "mp"):
            op = self.take().value
            right = self.product()
            if op == "-":
                right = negated(right)
            if op in ("pm", "mp"):
                terms = [Node(op, (summed(terms), right))]
            else:
                terms.append(right)
        self.depth -= 1
        return with_unit_outside(summed(terms))

    def product(self) -> Node:
        node = self.unary()
        while True:
            token = self.peek()
            if token.kind == "o":
                if token.value == "*":
                    self.take()
                    node = times(node, self.unary())
                    continue
                if token.value == "/":
                    self.take()
                    node = lifted(Node, "div", node, self.unary())
                    continue
                if token.value == "bmod":
                    self.take()
                    node = Node("mod", (node, self.unary()), "binary")
                    continue
                if token.value == "(" and self.peek(1).kind in "oL" and self.peek(1).value in ("bmod", "pmod"):
                    node = self.modulus(node)
                    continue
            elif token.kind == "L" and token.value == "pmod":
                node = self.modulus(node)
                continue
            elif token.kind == "k" and token.value == "in" and self.ends_as_unit():
                self.tokens[self.position] = Token("w", "in")
                continue
            elif token.kind == "f" and token.value == "min" and self.ends_as_unit():
                # Minutes: as the minimum it would have an argument.
                self.tokens[self.position] = Token("w", "min")
                continue
            elif token.kind == "w" or (token.kind == "s" and self.lone_unit(node)):
                node = self.with_unit(node)
                continue
            if not self.starts_factor(token):
                return node
            node = self.juxtaposed(node, token)

    def juxtaposed(self, node: Node, token: Token) -> Node:
        """A factor written against the one before it, or the fraction of a mixed number."""
        if token.kind == "n" and node.op == "quantity":
            part = self.power()
            while self.peek().kind in ("w", "f") or (self.peek().kind == "s" and self.lone_unit(part)):
                part = self.with_unit(part)
            whole = compound([node, part])
            if whole is None:
                raise UnreadableError("a number stands behind a unit")
            return whole
        if token.kind == "n":
            fraction = self.peek(1)
            if (
                node.op in ("num", "neg")
                and token.spaced
                and fraction == ("o", "/", False)
                and self.peek(2).kind == "n"
                and (node.op == "num" or node.args[0].op == "num")
                and "." not in token.value + self.peek(2).value
            ):
                part = Node("div", (read_number(self.take().value), read_number((self.take(), self.take())[1].value)))
                return mixed(node, part)
            if node.op in ("num", "dec") or (node.op == "neg" and node.args[0].op in ("num", "dec")):
                raise UnreadableError("two numbers stand side by side")
        right = self.power()
        if token.kind == "L" and right.op in ("percent", "degree") and is_proper(right.args[0]):
            return Node(right.op, (mixed(node, right.args[0]),)) if node.op == "num" else times(node, right)
        if token.kind == "L" and token.value == "frac" and is_proper(right):
            if node.op == "num" and isinstance(node.value, int):
                return mixed(node, right)
            if node.op == "neg" and node.args[0].op == "num":
                return mixed(node, right)
        return times(node, right)

    def starts_factor(self, token: Token) -> bool:
        if token.kind in "nscfLeO":
            return True
        if token.kind == "b":
            return True
        if token.kind != "o":
            return False
        if token.value in ("|", "||"):
            return self.bars == 0 and self.closing_bar(token.value)
        return token.value in _OPENING and token.value != "\\{"

    def closing_bar(self, bar: str) -> bool:
        return any(t.kind == "o" and t.value == bar for t in self.tokens[self.position + 1 : self.position + 200])

    def unary(self) -> Node:
        if self.at("-", "+", "pm", "mp"):
            self.enter()
            op = self.take().value
            inner = self.unary()
            self.depth -= 1
            if op == "-":
                return negated(inner)
            return inner if op == "+" else Node(op, (num(0), inner))
        return self.power()
