"""`Builder`: a program under construction, with its names, what it reads and what it still has to print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from stepgym.envs.programs.draw import Draw
from stepgym.envs.programs.inputs import Numbers, Reads
from stepgym.envs.programs.lines import count_lines
from stepgym.envs.programs.tree import (
    Arith,
    Compare,
    Declare,
    Define,
    Expression,
    Function,
    Logic,
    Name,
    Number,
    Print,
    Program,
    Read,
    Statement,
    Text,
    walk,
)

_SPARE = ("u", "v", "w", "p", "q", "d", "e", "g", "h")
_VALUES = ("a", "b", "c", "x", "y", "z")
_COUNTS = ("n", "m", "k")
RANGES = {"value": (-20, 20), "count": (0, 12), "large": (0, 5000)}
"""What is read for each role of an integer: any value, the length of a loop, a number of several digits."""


class Builder:
    """Collects the statements of `main` and the functions.

    Attributes:
        draw: Where all choices come from.
        level: The difficulty, 1 to 5.
        values: Integer variables that may be used and changed.
        counts: Integer variables that hold 0 to 12 and are never changed.
        pending: Results that nothing has used or printed yet.
        vectors: The vectors that were read.
        strings: The strings that were read.
        length: The variable that holds the length of the vector.
        size: The variable that holds the length of the first string, once it is defined.
        alphabet: What the strings are made of.
        letter: The name of the characters that loops go over.
        functions: The functions so far.
        reads: What the program reads, in order.
    """

    def __init__(self, draw: Draw, level: int) -> None:
        self.draw = draw
        self.level = level
        self.values: list[str] = []
        self.counts: list[str] = []
        self.pending: list[str] = []
        self.vectors: list[str] = []
        self.strings: list[str] = []
        self.length = ""
        self.size = ""
        self.alphabet = ""
        self.letter = ""
        self.functions: list[Function] = []
        self.reads: list[Reads] = []
        self._body: list[Statement] = []
        self._read: list[tuple[Declare, Numbers]] = []
        self._taken: set[str] = set()

    @property
    def lines(self) -> int:
        """Lines so far, without the frame; pending results need one more."""
        of_functions = sum(count_lines(function.body) + 2 for function in self.functions)
        return count_lines(tuple(self._body)) + of_functions + bool(self.pending)

    def finish(self) -> tuple[Program, list[Reads]]:
        """The program and what it reads; integers that nothing uses are not read after all."""
        everything = Program(tuple(self.functions), tuple(self._body))
        mentions = Counter(node.name for node in walk(everything) if isinstance(node, Name))
        body, reads = list(self._body), list(self.reads)
        for declared, numbers in self._read:
            # Reading mentions every name once.
            kept = [place for place, name in enumerate(declared.names) if mentions[name] > 1]
            at, item = (
                next(i for i, one in enumerate(among) if one is it)
                for among, it in ((body, declared), (reads, numbers))
            )
            names = tuple(declared.names[place] for place in kept)
            body[at : at + 2] = [Declare("int", names), Read(tuple(map(Name, names)))] if names else []
            reads[item : item + 1] = [Numbers(tuple(numbers.ranges[place] for place in kept))] if names else []
        return Program(everything.functions, tuple(body)), reads

    def add(self, *statements: Statement) -> None:
        """Append statements to `main`."""
        self._body += statements

    def fresh(self, *wishes: str) -> str:
        """A new name, one of `wishes` if one is free."""
        free = [name for name in wishes if name not in self._taken] or [n for n in _SPARE if n not in self._taken]
        name = self.draw.choice(free) if free else f"t{len(self._taken)}"
        self._taken.add(name)
        return name

    def read(self, *roles: str) -> list[Name]:
        """Declare and read integers with roles of `RANGES`."""
        names = []
        for role in roles:
            name = self.fresh(*(_COUNTS if role == "count" else _VALUES))
            names.append(name)
            (self.counts if role == "count" else self.values).append(name)
        self._read_numbers(tuple(names), roles)
        return [Name(name) for name in names]

    def read_as(self, name: str, role: str, *more: str) -> None:
        """Declare and read integers under these (fresh) names, which stay out of `values`."""
        self._read_numbers((name, *more), (role,) * (1 + len(more)))

    def _read_numbers(self, names: tuple[str, ...], roles: tuple[str, ...]) -> None:
        declared, numbers = Declare("int", names), Numbers(tuple(RANGES[role] for role in roles))
        self.add(declared, Read(tuple(map(Name, names))))
        self.reads.append(numbers)
        self._read.append((declared, numbers))

    def count(self) -> Name:
        """A variable that can bound a loop, read now if there is none."""
        return Name(self.draw.choice(self.counts)) if self.counts else self.read("count")[0]

    def pick(self) -> Name:
        """A variable to work on, rather one whose value nothing has used yet."""
        usable = self.values or self.counts or [self.read("value")[0].name]
        waiting = [name for name in self.pending if name in usable]
        return self.used(self.draw.choice(waiting if waiting and self.draw.chance(0.6) else usable))

    def changeable(self) -> Name:
        """A variable that may be changed; it has to be printed afterwards."""
        name = self.draw.choice(self.values) if self.values else self.read("value")[0].name
        if name not in self.pending:
            self.pending.append(name)
        return Name(name)

    def used(self, name: str) -> Name:
        """Note that the value of `name` has had an effect."""
        if name in self.pending:
            self.pending.remove(name)
        return Name(name)

    def result(self, name: str) -> Name:
        """A new integer variable that holds a result: to be used or printed later."""
        self.values.append(name)
        self.pending.append(name)
        return Name(name)

    def constant(self, low: int = 2, high: int = 9) -> Number:
        """A constant."""
        return Number(self.draw.between(low, high))

    def peek(self) -> Name:
        """A variable that `arithmetic` may use as second operand."""
        return Name(self.draw.choice(self.values or self.counts))

    def arithmetic(self, subject: Expression | None = None, other: Expression | None = None) -> Expression:
        """A small calculation with `subject`, or with a variable; the second operand may be `other` or a constant."""
        left = self.pick() if subject is None else subject
        if subject is None and other is None and self.draw.chance(0.5):
            other = self.peek()
        right = other if other is not None and self.draw.chance(0.6) else self.constant()
        op = self.draw.choice("++--*" if isinstance(right, Name) else "++--**/%")
        if isinstance(right, Name):
            self.used(right.name)
            op = "+" if right == left and op == "-" else op
        simple = Arith(op, left, right)
        if self.level >= 3 and self.draw.chance(0.25):
            if op in "+-":
                return Arith("*", simple, self.constant(2, 4))
            return Arith(self.draw.choice("+-"), simple, self.constant())
        return simple

    def condition(
        self, subject: Expression | None = None, *, joined: bool | None = None, alone: bool = False
    ) -> Expression:
        """A comparison of `subject`, or of a variable.

        Args:
            subject: What is compared; None picks a variable.
            joined: Whether there are two comparisons with && or ||; None leaves it to the level.
            alone: Compare with constants only, as a function has to that knows no other variable.
        """
        left = self.pick() if subject is None else subject
        if joined is None:
            joined = self.level >= 2 and self.draw.chance(0.2)
        if joined:
            op = self.draw.choice(("&&", "||"))
            parts = [self._comparison(left, alone=alone, equality="==" if op == "||" else "!=") for _ in range(2)]
            return Logic(op, parts[0], parts[1]) if parts[0] != parts[1] else parts[0]
        return self._comparison(left, alone=alone)

    def _comparison(self, left: Expression, *, alone: bool, equality: str = "") -> Expression:
        if self.draw.chance(0.3):
            divisor = self.draw.choice((2, 2, 2, 3, 4, 5))
            return Compare(self.draw.choice(("==", "!=")), Arith("%", left, Number(divisor)), Number(0))
        op = self.draw.choice(("<", "<=", ">", ">=", equality or "!=", equality or "=="))
        others = [name for name in self.values + self.counts if Name(name) != left]
        if isinstance(left, Name) and others and not alone and self.draw.chance(0.4):
            return Compare(op, left, self.used(self.draw.choice(others)))
        return Compare(op, left, Number(self.draw.choice((0, self.draw.between(1, 10), self.draw.between(-5, 10)))))

    def print_pending(self) -> None:
        """Print all results that nothing has used, on one line or on one each."""
        names = list(map(Name, self.pending))
        self.pending.clear()
        if len(names) > 1 and (len(names) > 3 or self.level < 3 or self.draw.chance(0.7)):
            parts: list[Expression] = [names[0]]
            for name in names[1:]:
                parts += [Text(" "), name]
            self.add(Print(tuple(parts)))
        else:
            self.add(*(Print((name,)) for name in names))


@dataclass(frozen=True, slots=True)
class Fragment:
    """Some lines with a meaning of their own, such as "count the even ones".

    Attributes:
        write: Adds them to a builder.
        lines: At most how many they are, results to be printed left out.
        level: The least difficulty at which they are used.
    """

    write: Callable[[Builder], None]
    lines: int
    level: int = 1


def new_int(name: str, value: Expression) -> Define:
    """`int name = value;`."""
    return Define("int", name, value)
