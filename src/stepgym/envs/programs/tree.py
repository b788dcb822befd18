"""The tree of a small typed program: what the generator builds and everything else reads.

A program has functions and the body of `main`. Types are "int", "bool", "char", "string" and "vector<int>"; functions
take vectors and strings by constant reference. Names are declared once per function, so that scopes never hide one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

Type = Literal["int", "bool", "char", "string", "vector<int>"]


@dataclass(frozen=True, slots=True)
class Number:
    """An integer constant."""

    value: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A constant of type char."""

    value: str


@dataclass(frozen=True, slots=True)
class Text:
    """A constant string of printable ASCII without quotes and backslashes."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str
    type: Type = "int"


@dataclass(frozen=True, slots=True)
class Item:
    """An element of a vector or a character of a string."""

    base: Name
    index: Expression


@dataclass(frozen=True, slots=True)
class Arith:
    """`left op right` with one of + - * / %; on a string, + joins; on two characters, - is their distance."""

    op: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Compare:
    """`left op right` with one of == != < <= > >=."""

    op: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Logic:
    """`left op right` with && or ||."""

    op: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Not:
    """`!inner`."""

    inner: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function of the program, or of max, min or abs."""

    function: str
    arguments: tuple[Expression, ...]
    type: Type = "int"


@dataclass(frozen=True, slots=True)
class Length:
    """How many elements or characters; only as the value of a definition, where it is no unsigned comparison."""

    base: Name


@dataclass(frozen=True, slots=True)
class ToLetter:
    """`char(code)`."""

    code: Expression


Expression: TypeAlias = Number | Letter | Text | Name | Item | Arith | Compare | Logic | Not | Call | Length | ToLetter


@dataclass(frozen=True, slots=True)
class Declare:
    """`int a, b;`, to be read before use."""

    type: Type
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Define:
    """`int a = value;`; without a value an empty string or vector."""

    type: Type
    name: str
    value: Expression | None = None


@dataclass(frozen=True, slots=True)
class DefineVector:
    """`vector<int> a(size);` or `vector<int> a(size, fill);`."""

    name: str
    size: Expression
    fill: Expression | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """`cin >> a >> b;`."""

    targets: tuple[Name | Item, ...]


@dataclass(frozen=True, slots=True)
class Assign:
    """`target op value;` with = += -= *= /= %=."""

    target: Name | Item
    op: str
    value: Expression


@dataclass(frozen=True, slots=True)
class Step:
    """`target++;` or `target--;`."""

    target: Name | Item
    by: int = 1


@dataclass(frozen=True, slots=True)
class Case:
    """One condition of an `If` and what is done where it is the first that holds."""

    condition: Expression
    body: Block


@dataclass(frozen=True, slots=True)
class If:
    """`if`, `else if`..., `else`."""

    cases: tuple[Case, ...]
    otherwise: Block = ()


@dataclass(frozen=True, slots=True)
class For:
    """`for (int name = first; name compare last; name += step)`."""

    name: str
    first: Expression
    compare: str
    last: Expression
    step: int
    body: Block


@dataclass(frozen=True, slots=True)
class ForEach:
    """`for (type name : over)`."""

    type: Type
    name: str
    over: Name
    body: Block


@dataclass(frozen=True, slots=True)
class While:
    """`while (condition)`."""

    condition: Expression
    body: Block


@dataclass(frozen=True, slots=True)
class Print:
    """`cout << a << " " << b << endl;`; without `newline` no endl."""

    parts: tuple[Expression, ...]
    newline: bool = True


@dataclass(frozen=True, slots=True)
class Break:
    """`break;`."""


@dataclass(frozen=True, slots=True)
class Return:
    """`return value;` of a function."""

    value: Expression


@dataclass(frozen=True, slots=True)
class Append:
    """`vector.push_back(value);`."""

    vector: Name
    value: Expression


@dataclass(frozen=True, slots=True)
class Swap:
    """`swap(left, right);`."""

    left: Name | Item
    right: Name | Item


@dataclass(frozen=True, slots=True)
class Rearrange:
    """`sort(a.begin(), a.end());` or the same with reverse."""

    how: Literal["sort", "reverse"]
    base: Name


Statement: TypeAlias = (
    Declare
    | Define
    | DefineVector
    | Read
    | Assign
    | Step
    | If
    | For
    | ForEach
    | While
    | Print
    | Break
    | Return
    | Append
    | Swap
    | Rearrange
)
Block: TypeAlias = tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A function; `parameters` are pairs of type and name."""

    name: str
    type: Type
    parameters: tuple[tuple[Type, str], ...]
    body: Block


@dataclass(frozen=True, slots=True)
class Program:
    """Functions in the order of their definition, then the body of `main` without its `return 0;`."""

    functions: tuple[Function, ...]
    body: Block


Node: TypeAlias = Expression | Statement | Case | Function | Program


def type_of(expression: Expression) -> Type:
    """The C++ type of an expression."""
    match expression:
        case Name(type=kind) | Call(type=kind):
            return kind
        case Item(base=base):
            return "char" if base.type == "string" else "int"
        case Letter() | ToLetter():
            return "char"
        case Text():
            return "string"
        case Compare() | Logic() | Not():
            return "bool"
        case Arith(left=left):
            return "string" if type_of(left) == "string" else "int"
        case _:
            return "int"


def children(node: Node) -> Iterator[Node]:
    """The nodes right below `node`."""
    for field in fields(node):
        value = getattr(node, field.name)
        for item in value if isinstance(value, tuple) else (value,):
            if hasattr(item, "__dataclass_fields__"):
                yield item


def walk(node: Node) -> Iterator[Node]:
    """`node` and all nodes below it."""
    yield node
    for child in children(node):
        yield from walk(child)
