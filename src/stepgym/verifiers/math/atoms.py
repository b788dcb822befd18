"""Reading the parts of an expression: symbols, brackets, functions, commands with arguments, matrices."""

from __future__ import annotations

from abc import abstractmethod

from stepgym.verifiers.math.build import closed, lifted, negated, read_number, times
from stepgym.verifiers.math.cursor import Token
from stepgym.verifiers.math.environments import Environments
from stepgym.verifiers.math.tree import EMPTY, Node, OpaqueError, UnreadableError, num, symbols

_OPENING = frozenset({"(", "[", "{", "\\{", "langle", "lfloor", "lceil"})
_CLOSING = frozenset({")", "]", "}", "\\}", "rangle", "rfloor", "rceil"})
_CURRENCIES = frozenset({"euros", "pounds", "yen", "rupees", "dollars", "USD", "EUR", "GBP"})
_FUNCTION_LETTERS = frozenset({"f", "g", "h", "F", "G", "H"})


class Atoms(Environments):
    """The rules for the smallest parts; those for what stands around them come with the parser."""

    bars = 0  # open absolute values
    in_set = False

    @abstractmethod
    def sum(self) -> Node:
        """Terms."""

    @abstractmethod
    def product(self) -> Node:
        """Factors."""

    @abstractmethod
    def power(self) -> Node:
        """A factor with its exponents."""

    @abstractmethod
    def exponent(self) -> Node:
        """What stands after a caret."""

    # Atoms ----------------------------------------------------------------------------------------------------------

    def atom(self) -> Node:
        """One atom: a number, a symbol, a bracket, a function, a command with its arguments."""
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
        """A variable, or a letter applied as a function."""
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
        """One letter in text; longer words are no value."""
        if token.value in _CURRENCIES and self.peek().kind == "n":
            return Node("quantity", (self.product(),), token.value)
        if self.peek().kind == "w" or len(token.value) > 1:
            raise UnreadableError("words stand where a value was expected")
        return Node("text", (), token.value)

    def bracketed(self, value: str) -> Node:
        """What stands in brackets that were just opened."""
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
        inside, self.in_set = self.in_set, value == "\\{" or (value == "{" and self.has_condition())
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
        return closed(value, closing.value, node, builder)

    def has_condition(self) -> bool:
        """Whether a colon and then a relation stand in the brace that was just opened: {x : x > 2}."""
        colon = False
        for token in self.tokens[self.position : self.position + 60]:
            if token.kind in ("o", "end") and token.value in ("{", "}", ""):
                return False
            colon = colon or (token.kind == "o" and token.value == ":")
            if colon and token.kind == "r":
                return True
        return False

    def function(self, name: str) -> Node:
        """A function with its power, base and argument."""
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
        if name == "binomial" and len(arguments) != 2:
            raise UnreadableError("a binomial coefficient has two arguments")
        if base is not None:
            arguments = (*arguments, base)
        if power is not None:
            inverse = power == Node("neg", (num(1),)) or power == num(-1)
            if inverse and name in ("sin", "cos", "tan", "cot", "sec", "csc"):
                return Node("fn", arguments, "arc" + name)
            return Node("pow", (Node("fn", arguments, name), power))
        return Node("fn", arguments, name)

    def bare_argument(self) -> Node:
        r"""The argument of a function without brackets: `\sin 2x`, `\cos 9^\circ`, `\ln \frac12`."""
        if self.at("-", "+"):
            negative = self.take().value == "-"
            inner = self.bare_argument()
            return negated(inner) if negative else inner
        node = self.power()
        while (token := self.peek()).kind in "nscL" and (token.kind != "n") and token.value != "pmod":
            node = times(node, self.power())
        if self.at("/") and self.peek(1).kind == "n" and node.op in ("const", "mul", "num"):
            self.take()  # sin pi/6 means sin(pi/6).
            node = Node("div", (node, self.power()))
        return node

    def built(self, name: str) -> Node:
        """A LaTeX command with arguments: a fraction, a root, a binomial coefficient."""
        if name == "frac":
            top = self.argument()
            return lifted(Node, "div", top, self.argument())
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
        if index == num(2):
            return Node("fn", (inner,), "sqrt")
        if symbols(index):
            return Node("pow", (inner, Node("div", (num(1), index))))
        return Node("fn", (inner, index), "root")

    def power_free(self) -> Node:
        """The unbracketed argument of a root."""
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
        """A modulus after its residue."""
        grouped = self.at("(")
        if grouped:
            self.take()
        self.take()
        modulus = self.atom()
        if grouped:
            self.expect(")")
        return Node("mod", (node, modulus), "residue")
