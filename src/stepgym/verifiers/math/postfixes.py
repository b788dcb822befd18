"""Reading what stands behind a value: exponents, signs, subscripts, units."""

from __future__ import annotations

import re

from stepgym.verifiers.math.atoms import Atoms
from stepgym.verifiers.math.build import (
    clock,
    negated,
    numeral,
    times,
)
from stepgym.verifiers.math.tree import Node, UnreadableError, num
from stepgym.verifiers.math.unit_names import LONE_UNITS, UNIT_WORDS, UNITS
from stepgym.verifiers.math.vocabulary import MULTIPLIERS


class Postfixes(Atoms):
    """The rules for what follows a value."""

    def power(self) -> Node:
        """A factor with its exponents."""
        self.enter()
        node = self.postfix()
        self.depth -= 1
        return node

    def postfix(self) -> Node:
        """An atom and the marks behind it."""
        node = self.atom()
        while True:
            token = self.peek()
            if token.kind != "o":
                return node
            if token.value == "^":
                self.take()
                node = self.raised(node)
            elif token.value == "!":
                self.take()
                node = Node("fn", (node,), "factorial")
            elif token.value == "!!":
                self.take()
                node = Node("fn", (node,), "factorial2")
            elif token.value == "%":
                self.take()
                node = Node("percent", (node,))
            elif token.value == "deg":
                self.take()
                node = Node("degree", (node,))
            elif token.value == "'" and node.op in ("sym", "num", "degree"):
                self.take()
                if node.op == "sym":
                    node = Node("sym", (), node.value + "'")
                else:
                    raise UnreadableError("minutes of arc are not read")
            elif token.value == "_" and node.op in ("num", "sym", "text"):
                self.take()
                node = self.subscripted(node)
            else:
                return node

    def raised(self, base: Node) -> Node:
        """What a caret behind a base means."""
        token = self.peek()
        if token == ("s", "\\circ", False) or (token.kind == "s" and token.value == "\\circ"):
            self.take()
            return Node("degree", (base,))
        if token.kind == "o" and token.value == "{" and self.peek(1).value == "\\circ" and self.peek(2).value == "}":
            self.position += 3
            if self.peek().kind == "s" and self.peek().value in ("F", "C") and not self.peek().spaced:
                self.take()
            return Node("degree", (base,))
        if token.kind == "o" and token.value == "'":
            self.take()
            return Node("sym", (), f"{base.value}'")
        if token.kind == "o" and token.value == "deg":
            self.take()
            return Node("degree", (base,))
        exponent = self.exponent()
        if base.op == "quantity":
            # A bracket such as (5 cm)^2: number and unit are raised. Behind a bare unit the caret is read with it.
            if exponent.op != "num" or not isinstance(exponent.value, int):
                raise UnreadableError("a quantity is raised to something that is no whole number")
            return Node("quantity", (Node("pow", (base.args[0], exponent)),), f"{base.value}^{exponent.value}")
        return Node("pow", (base, exponent))

    def exponent(self) -> Node:
        """What stands after a caret."""
        self.enter()
        if self.at("-", "+"):
            op = self.take().value
            inner = self.exponent()
            self.depth -= 1
            return negated(inner) if op == "-" else inner
        node = self.atom()
        if self.at("^"):
            self.take()
            node = Node("pow", (node, self.exponent()))
        while self.at("!"):
            self.take()
            node = Node("fn", (node,), "factorial")
        self.depth -= 1
        return node

    def subscripted(self, node: Node) -> Node:
        """A numeral with its base, or a variable with its index."""
        if self.at("{"):
            depth, start = 0, self.position
            while True:
                token = self.take()
                depth += (token.kind == "o" and token.value == "{") - (token.kind == "o" and token.value == "}")
                if depth == 0:
                    break
                if token.kind == "end":
                    raise UnreadableError("a brace is not closed")
            index = "".join(t.value for t in self.tokens[start + 1 : self.position - 1])
        else:
            index = self.take().value
        index = index.replace(" ", "")
        if node.op == "num" or (node.op == "text" and re.fullmatch(r"[0-9A-Z]+", str(node.value))):
            if index.isdecimal() and len(index) <= 3 and 2 <= int(index) <= 36:
                return numeral(str(node.value), int(index))
            raise UnreadableError(f"{index!r} is not a number base")
        return Node("sym", (), f"{node.value}_{index}")

    # Units ----------------------------------------------------------------------------------------------------------

    def lone_unit(self, node: Node) -> bool:
        """Whether `5 m` or `3 s` ends here: a number, a space, one letter that is a unit, nothing else."""
        token = self.peek()
        value = node.args[0] if node.op == "neg" else node
        if token.value not in LONE_UNITS or value.op not in ("num", "dec"):
            return False
        rest = [t.value for t in self.tokens[self.position + 1 :] if t.kind != "end"]
        if token.spaced and rest[:1] == ["/"] and rest[1:2] and rest[1] in UNITS:
            return rest[2:] in ([], ["^", "2"], ["^", "{", "2", "}"])
        return (token.spaced and not rest) or rest in (
            ["^", "2"],
            ["^", "3"],
            ["^", "{", "2", "}"],
            ["^", "{", "3", "}"],
        )

    def ends_as_unit(self) -> bool:
        """Whether this `in` or `min` is the unit: nothing, a power or a bracket follows."""
        after = self.peek(1)
        return after.kind == "end" or (after.kind == "o" and after.value in ("^", ".", ")", "}", ","))

    def with_unit(self, node: Node) -> Node:
        """A value and the words behind it."""
        if node.op == "sym" and node.value in ("a", "A", "I"):
            raise UnreadableError("an article or a pronoun stands before words")
        parts: list[str] = []
        while True:
            token = self.peek()
            if token.kind in ("w", "f") or (token.kind == "s" and token.value.isalpha()):
                if token.kind != "w" and parts and token.value not in UNIT_WORDS:
                    break
                parts.append(self.take().value)
            elif token.kind == "k" and token.value in ("in", "for", "with", "if") and parts:
                parts.append(self.take().value)
            elif token.kind == "o" and token.value == "^" and parts:
                self.take()
                exponent = self.exponent()
                parts.append(f"^{exponent.value}")
            elif token.kind == "o" and token.value in ("/", ".", "'", "-") and parts:
                self.take()
                if token.value == "/":
                    parts.append("per")
            elif token.kind == "o" and token.value == "%":
                self.take()
            else:
                break
        if len(parts) > 12:
            raise UnreadableError("a sentence stands where a unit was expected")
        if parts and parts[0].lower() in MULTIPLIERS:
            node = times(node, num(MULTIPLIERS[parts.pop(0).lower()]))
            if not parts:
                return node
        unit = " ".join(parts)
        if unit.replace(" ", "").lower() in ("am", "pm"):
            return clock(node, unit.replace(" ", "").lower())
        if unit.lower() in ("percent", "pct", "percentage", "percentage points"):
            return Node("percent", (node,))
        if unit.lower() in ("degrees", "degree", "deg"):
            return Node("degree", (node,))
        if node.op == "quantity":
            return Node("quantity", node.args, f"{node.value} {unit}")
        return Node("quantity", (node,), unit)
