"""Reading the tokens of an answer into a tree: a recursive descent whose depth is capped."""

from __future__ import annotations

import re
from fractions import Fraction

from stepgym.verifiers.math.tokens import Token, tokenise
from stepgym.verifiers.math.tree import (
    EMPTY,
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_ITEMS,
    Node,
    OpaqueError,
    TooLargeError,
    UnreadableError,
    contains,
    num,
)
from stepgym.verifiers.math.vocabulary import LONE_UNITS, MULTIPLIERS, UNIT_WORDS, UNITS

_END = Token("end", "")
_PADDING = (_END,) * 8
_OPENING = frozenset({"(", "[", "{", "\\{", "langle", "lfloor", "lceil"})
_CLOSING = frozenset({")", "]", "}", "\\}", "rangle", "rfloor", "rceil"})
_MATRICES = frozenset({"pmatrix", "bmatrix", "matrix", "vmatrix", "Bmatrix", "Vmatrix", "smallmatrix", "array"})
_POSTFIX_UNITS = frozenset({"^", "/"})
_FUNCTION_LETTERS = frozenset({"f", "g", "h", "F", "G", "H"})
_BLACKBOARD = {"R": "reals", "Z": "integers", "Q": "rationals", "N": "naturals", "C": "complexes"}


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


def read_number(text: str) -> Node:
    """The number a digit string stands for; `0.1(6)` repeats, `1e5` is scientific."""
    mantissa, _, exponent = text.lower().partition("e")
    repeating = ""
    if mantissa.endswith(")"):
        mantissa, _, repeating = mantissa[:-1].partition("(")
    whole, _, decimals = mantissa.partition(".")
    power = int(exponent) if exponent else 0
    if len(whole) + len(decimals) + len(repeating) + abs(power) > MAX_DIGITS:
        raise TooLargeError(f"a number has more than {MAX_DIGITS} digits")
    if not repeating and not decimals and not exponent:
        return num(int(whole))
    value = Fraction(int(whole + decimals or "0"), 10 ** len(decimals))
    if repeating:
        value += Fraction(int(repeating), (10 ** len(repeating) - 1) * 10 ** len(decimals))
        return num(value)
    value *= Fraction(10) ** power
    significant = len((whole + decimals).lstrip("0"))
    return Node("dec", (), (value, len(decimals) - power, significant))


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = [*tokens, *_PADDING]
        self.position = 0
        self.depth = 0
        self.bars = 0

    # Tokens ---------------------------------------------------------------------------------------------------------

    def peek(self, ahead: int = 0) -> Token:
        return self.tokens[self.position + ahead]

    def take(self) -> Token:
        token = self.tokens[self.position]
        if token.kind != "end":
            self.position += 1
        return token

    def at(self, *values: str) -> bool:
        token = self.tokens[self.position]
        return token.kind == "o" and token.value in values

    def expect(self, value: str) -> None:
        if not self.at(value):
            raise UnreadableError(f"expected {value!r}, found {self.peek().value or 'the end'!r}")
        self.position += 1

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooLargeError(f"the answer is nested more than {MAX_DEPTH} deep")

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

    matrix_depth = 0
    in_set = False

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
            return _clock(Node("ratio", (parts[0], num(last.value[0]))), last.value[2])
        written = [t.value for t in self.tokens[self.position - 3 : self.position]]
        clock = len(parts) == 2 and len(written[-1]) == 2 and len(written[0]) <= 2 and written[-1].isdecimal()
        return Node("ratio", tuple(parts), clock)

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
                right = _negated(right)
            if op in ("pm", "mp"):
                terms = [Node(op, (_sum(terms), right))]
            else:
                terms.append(right)
        self.depth -= 1
        return _lift_unit(_sum(terms))

    def product(self) -> Node:
        node = self.unary()
        while True:
            token = self.peek()
            if token.kind == "o":
                if token.value == "*":
                    self.take()
                    node = _times(node, self.unary())
                    continue
                if token.value == "/":
                    self.take()
                    node = _lifted(Node, "div", node, self.unary())
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
            elif token.kind == "k" and token.value == "in" and self.ends_with_inches():
                self.tokens[self.position] = Token("w", "in")
                continue
            elif token.kind == "w" or (token.kind == "s" and self.lone_unit(node)):
                node = self.with_unit(node)
                continue
            if not self.starts_factor(token):
                return node
            node = self.juxtaposed(node, token)

    def juxtaposed(self, node: Node, token: Token) -> Node:
        """A factor written against the one before it, or the fraction of a mixed number."""
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
                return _mixed(node, part)
            if node.op in ("num", "dec") or (node.op == "neg" and node.args[0].op in ("num", "dec")):
                raise UnreadableError("two numbers stand side by side")
        right = self.power()
        if token.kind == "L" and right.op in ("percent", "degree") and _is_proper(right.args[0]):
            return Node(right.op, (_mixed(node, right.args[0]),)) if node.op == "num" else _times(node, right)
        if token.kind == "L" and token.value == "frac" and _is_proper(right):
            if node.op == "num" and isinstance(node.value, int):
                return _mixed(node, right)
            if node.op == "neg" and node.args[0].op == "num":
                return _mixed(node, right)
        return _times(node, right)

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
                return _negated(inner)
            return inner if op == "+" else Node(op, (num(0), inner))
        return self.power()

    def power(self) -> Node:
        self.enter()
        node = self.postfix()
        self.depth -= 1
        return node

    def postfix(self) -> Node:
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
            return Node("quantity", base.args, f"{base.value}^{exponent.value}")
        return Node("pow", (base, exponent))

    def exponent(self) -> Node:
        self.enter()
        if self.at("-", "+"):
            op = self.take().value
            inner = self.exponent()
            self.depth -= 1
            return _negated(inner) if op == "-" else inner
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
                return _based(str(node.value), int(index))
            raise UnreadableError(f"{index!r} is not a number base")
        return Node("sym", (), f"{node.value}_{index}")

    # Atoms ----------------------------------------------------------------------------------------------------------

    def atom(self) -> Node:
        token = self.take()
        kind, value = token.kind, token.value
        if kind == "n":
            return read_number(value)
        if kind == "s":
            return self.symbol(value)
        if kind == "c":
            return Node("const", (), value)
        if kind == "o":
            return self.bracketed(value)
        if kind == "f":
            return self.function(value)
        if kind == "L":
            return self.built(value)
        if kind == "b":
            return self.environment(value)
        if kind == "e":
            return EMPTY
        if kind == "w":
            return self.words(token)
        if kind == "d":
            return Node("sym", (), "...")
        if kind == "O":
            raise OpaqueError(f"\\{value} is not evaluated")
        raise UnreadableError(f"unexpected {value or 'end'!r}")

    def symbol(self, name: str) -> Node:
        if name.startswith("\\mathbb{"):
            return Node("sym", (), name)
        if name in _FUNCTION_LETTERS or self.is_defined(name):
            primes = 0
            while primes < 4 and self.peek(primes) == ("o", "'", False):
                primes += 1
            after = self.peek(primes)
            if after.kind == "o" and after.value == "(":
                self.position += primes
                argument = self.bracketed(self.take().value)
                return Node(
                    "fn", argument.args if argument.op == "tuple" else (argument,), f":{name}{primes * chr(39)}"
                )
        return Node("sym", (), name)

    def is_defined(self, name: str) -> bool:
        """Whether `P(x) =` begins the answer: a letter applied to a letter or number that a relation follows."""
        if self.position != 1 or len(name) != 1 or self.peek() != ("o", "(", False):
            return False
        return self.peek(1).kind in "sn" and self.peek(2).value == ")" and self.peek(3).kind == "r"

    def words(self, token: Token) -> Node:
        if self.peek().kind == "w" or len(token.value) > 1:
            raise UnreadableError("words stand where a value was expected")
        return Node("text", (), token.value)

    def bracketed(self, value: str) -> Node:
        if value in ("|", "||"):
            self.bars += 1
            inner = self.sum()
            self.bars -= 1
            self.expect(value)
            return Node("fn", (inner,), "abs" if value == "|" else "norm")
        if value == "$":
            inner = self.product()
            return Node("quantity", (inner,), "dollars") if inner.op != "quantity" else inner
        if value not in _OPENING:
            raise UnreadableError(f"unexpected {value!r}")
        self.enter()
        bars, self.bars = self.bars, 0
        outer, self.matrix_depth = self.matrix_depth, 0
        inside, self.in_set = self.in_set, value == "\\{"
        if value in ("(", "[", "\\{", "langle", "{") and self.at(")", "]", "\\}", "rangle", "}"):
            node: Node | None = None
        else:
            node = self.statement()
        builder = None
        if value in ("\\{", "{") and self.at("|", ":"):
            self.take()
            builder = self.statement()
        closing = self.take()
        if closing.kind != "o" or closing.value not in _CLOSING:
            raise UnreadableError("a bracket is not closed")
        self.bars, self.matrix_depth, self.in_set = bars, outer, inside
        self.depth -= 1
        return _close(value, closing.value, node, builder)

    def function(self, name: str) -> Node:
        power = base = None
        for _ in range(2):
            if self.at("^") and power is None:
                self.take()
                power = self.exponent()
            elif self.at("_") and base is None:
                self.take()
                base = self.atom()
        self.enter()
        if self.at("(", "{", "[") or (self.at("|") and self.bars == 0):
            argument = self.bracketed(self.take().value)
            while self.at("^", "!") and self.tokens[self.position - 1].value == "}":
                argument = Node("pow", (argument, (self.take(), self.exponent())[1]))
        else:
            argument = self.bare_argument()
        self.depth -= 1
        arguments = argument.args if argument.op in ("tuple", "list") else (argument,)
        if base is not None:
            arguments = (*arguments, base)
        if power is not None:
            inverse = power == Node("neg", (num(1),)) or power == num(-1)
            if inverse and name in ("sin", "cos", "tan", "cot", "sec", "csc"):
                return Node("fn", arguments, "arc" + name)
            return Node("pow", (Node("fn", arguments, name), power))
        return Node("fn", arguments, name)

    def bare_argument(self) -> Node:
        """The argument of a function without brackets: `\\sin 2x`, `\\cos 9^\\circ`, `\\ln \\frac12`."""
        if self.at("-", "+"):
            negative = self.take().value == "-"
            inner = self.bare_argument()
            return _negated(inner) if negative else inner
        node = self.power()
        while (token := self.peek()).kind in "nscL" and (token.kind != "n") and token.value != "pmod":
            node = _times(node, self.power())
        if self.at("/") and self.peek(1).kind == "n" and node.op in ("const", "mul", "num"):
            self.take()  # sin pi/6 means sin(pi/6).
            node = Node("div", (node, self.power()))
        return node

    def built(self, name: str) -> Node:
        if name == "frac":
            top = self.argument()
            return _lifted(Node, "div", top, self.argument())
        if name == "binom":
            return Node("fn", (self.argument(), self.argument()), "binomial")
        if name == "pmod":
            raise UnreadableError("a modulus stands alone")
        index = num(2)
        if self.at("["):
            self.take()
            index = self.sum()
            self.expect("]")
        self.enter()
        if self.at("{", "("):
            inner = self.bracketed(self.take().value)
        elif self.peek().kind == "n" and not self.peek().spaced and "." not in self.peek().value:
            inner = read_number(self.take().value)
        else:
            inner = self.power_free()
        self.depth -= 1
        return Node("fn", (inner,), "sqrt") if index == num(2) else Node("fn", (inner, index), "root")

    def power_free(self) -> Node:
        token = self.peek()
        if token.kind in ("n", "s", "c", "L", "f"):
            return self.atom()
        raise UnreadableError("a root has no argument")

    def argument(self) -> Node:
        """An argument of a command: a group, one digit, or one atom."""
        token = self.peek()
        if token.kind == "n" and len(token.value) > 1 and token.value.isdecimal():
            self.tokens[self.position] = Token("n", token.value[1:])
            return num(int(token.value[0]))
        if token.kind == "o" and token.value == "-":
            raise UnreadableError("a fraction has no argument")
        return self.atom()

    def modulus(self, node: Node) -> Node:
        grouped = self.at("(")
        if grouped:
            self.take()
        self.take()
        modulus = self.atom()
        if grouped:
            self.expect(")")
        return Node("mod", (node, modulus), "residue")

    def environment(self, name: str) -> Node:
        if name in ("aligned", "align", "gathered", "split", "cases", "equation"):
            if name != "cases":  # Alignment marks mean nothing; rows do.
                rest = (t for t in self.tokens[self.position :] if t[:2] != ("o", "&"))
                self.tokens = [*self.tokens[: self.position], *rest]
            return self.rows(name, cases=name == "cases")
        if name not in _MATRICES:
            raise UnreadableError(f"the environment {name!r} is not read")
        return self.rows(name, cases=False)

    def rows(self, name: str, *, cases: bool) -> Node:
        self.enter()
        outer, self.matrix_depth = self.matrix_depth, 1
        rows: list[list[Node]] = [[]]
        while True:
            token = self.peek()
            if token.kind == "E":
                self.take()
                break
            if token.kind == "end":
                raise UnreadableError("an environment is not closed")
            if token.kind == "o" and token.value == "&":
                self.take()
                continue
            if token.kind == "o" and token.value == "row":
                self.take()
                rows.append([])
                continue
            if cases and token.kind == "o" and token.value in (",", "."):
                self.take()
                continue
            if token.kind == "s" and token.value == "\\hline":
                self.take()
                continue
            rows[-1].append(self.statement() if cases else self.relation())
            if len(rows[-1]) * len(rows) > MAX_ITEMS:
                raise TooLargeError(f"a matrix has more than {MAX_ITEMS} entries")
        self.matrix_depth = outer
        self.depth -= 1
        filled = [tuple(r) for r in rows if r]
        if not filled:
            raise UnreadableError("a matrix is empty")
        if cases:
            return Node("pieces", tuple(Node("tuple", r) for r in filled))
        if name not in _MATRICES:
            cells = [c for r in filled for c in r]
            return cells[0] if len(cells) == 1 else Node("list", tuple(cells), ",")
        if len({len(r) for r in filled}) != 1:
            raise UnreadableError("the rows of a matrix differ in length")
        matrix = Node("matrix", tuple(Node("tuple", r) for r in filled))
        return Node("fn", (matrix,), "det") if name == "vmatrix" else matrix

    # Units ----------------------------------------------------------------------------------------------------------

    def lone_unit(self, node: Node) -> bool:
        """Whether `5 m` or `3 s` ends here: a number, a space, one letter that is a unit, nothing else."""
        token = self.peek()
        if token.value not in LONE_UNITS or node.op not in ("num", "dec"):
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

    def ends_with_inches(self) -> bool:
        """Whether this `in` is the unit: nothing, a power or a bracket follows."""
        after = self.peek(1)
        return after.kind == "end" or (after.kind == "o" and after.value in ("^", ".", ")", "}", ","))

    def with_unit(self, node: Node) -> Node:
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
            node = _times(node, num(MULTIPLIERS[parts.pop(0).lower()]))
            if not parts:
                return node
        unit = " ".join(parts)
        if unit.replace(" ", "").lower() in ("am", "pm"):
            return _clock(node, unit.replace(" ", "").lower())
        if unit.lower() in ("percent", "pct", "percentage", "percentage points"):
            return Node("percent", (node,))
        if unit.lower() in ("degrees", "degree", "deg"):
            return Node("degree", (node,))
        if node.op == "quantity":
            return Node("quantity", node.args, f"{node.value} {unit}")
        return Node("quantity", (node,), unit)


# Building ---------------------------------------------------------------------------------------------------------


def _sum(terms: list[Node]) -> Node:
    return terms[0] if len(terms) == 1 else Node("add", tuple(terms))


def _negated(node: Node) -> Node:
    if node.op in ("quantity", "percent", "degree"):
        return Node(node.op, (_negated(node.args[0]),), node.value)
    return Node("neg", (node,))


def _times(left: Node, right: Node) -> Node:
    if left.op == "quantity":
        return Node("quantity", (_times(left.args[0], right),), left.value)
    return Node("mul", (*left.args, right) if left.op == "mul" else (left, right))


def _lifted(make: type[Node], op: str, left: Node, right: Node) -> Node:
    if left.op == "quantity" and left.value == "dollars":
        return Node("quantity", (make(op, (left.args[0], right)),), left.value)
    return make(op, (left, right))


def _lift_unit(node: Node) -> Node:
    """A unit after the last term belongs to the whole sum: `40 + 5\\sqrt{3}\\text{ feet}`."""
    if node.op in ("add", "pm", "mp") and node.args[-1].op == "quantity":
        last = node.args[-1]
        if not any(contains(a, "quantity") for a in node.args[:-1]):
            return Node("quantity", (Node(node.op, (*node.args[:-1], last.args[0])),), last.value)
    return node


def _clock(node: Node, half: str) -> Node:
    """A time of day: hours, minutes and the half of the day."""
    numbers = [n.value for n in (node.args if node.op == "ratio" else (node,)) if n.op == "num"]
    if not 1 <= len(numbers) <= 2 or not all(isinstance(n, int) and 0 <= n < 60 for n in numbers):
        raise UnreadableError("a time of day was expected")
    return Node("clock", (), (numbers[0], numbers[1] if len(numbers) == 2 else 0, half))


def _is_proper(node: Node) -> bool:
    return node.op == "div" and all(a.op == "num" and isinstance(a.value, int) for a in node.args)


def _mixed(whole: Node, part: Node) -> Node:
    if whole.op == "neg":
        return Node("neg", (Node("add", (whole.args[0], part)),))
    return Node("add", (whole, part))


def _based(digits: str, base: int) -> Node:
    if not digits.isalnum():
        raise UnreadableError("a numeral with a base was expected")
    value = 0
    for digit in digits:
        d = int(digit, 36)
        if d >= base:
            raise UnreadableError(f"{digit!r} is not a digit in base {base}")
        value = value * base + d
    return Node("based", (), (digits, base, value))


def _close(opening: str, closing: str, node: Node | None, builder: Node | None) -> Node:
    if builder is not None:
        if node is None:
            raise UnreadableError("a set has no element")
        return Node("builder", (node, builder))
    if opening in ("lfloor", "lceil"):
        if node is None:
            raise UnreadableError("a rounding has no argument")
        return Node("fn", (node,), "floor" if opening == "lfloor" else "ceil")
    if node is None:
        if opening == "\\{" or opening == "{":
            return EMPTY
        raise UnreadableError("a pair of brackets is empty")
    items = node.args if node.op == "list" else (node,)
    if opening == "{" and closing == "}":
        return node
    if opening == "\\{" and closing == "\\}":
        return Node("set", items)
    if opening == "langle":
        return Node("tuple", items)
    if opening == "(" and closing == ")":
        return Node("tuple", items) if len(items) > 1 else node
    if opening == "[" and closing == "]":
        return Node("bracket", items)
    if opening in "([" and closing in ")]" and len(items) == 2:
        return Node("interval", items, (opening == "[", closing == "]"))
    raise UnreadableError(f"{opening!r} is closed by {closing!r}")
