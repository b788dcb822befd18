"""The tree as C++: one statement a line, braces always, two spaces of indentation, no warnings with -Wall."""

from __future__ import annotations

from stepgym.envs.programs.lines import Line
from stepgym.envs.programs.tree import (
    Append,
    Arith,
    Assign,
    Break,
    Call,
    Case,
    Compare,
    Declare,
    Define,
    DefineVector,
    Expression,
    For,
    ForEach,
    Function,
    Item,
    Length,
    Letter,
    Logic,
    Name,
    Not,
    Number,
    Print,
    Read,
    Rearrange,
    Return,
    Statement,
    Step,
    Swap,
    Text,
    ToLetter,
    Type,
    While,
)

HEADER = ("#include <bits/stdc++.h>", "using namespace std;")
"""The first two lines of every program."""

_LEVELS = {"||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6}
_UNARY = 7


def expression(node: Expression, level: int = 0) -> str:
    """An expression, in parentheses where it binds less than `level`."""
    match node:
        case Number(value=value):
            return str(value) if value >= 0 or level < _UNARY else f"({value})"
        case Letter(value=value):
            return f"'{value}'"
        case Text(value=value):
            return f'"{value}"'
        case Name(name=name):
            return name
        case Item(base=base, index=index):
            return f"{base.name}[{expression(index)}]"
        case Arith(op=op, left=left, right=right) | Compare(op=op, left=left, right=right):
            own = _LEVELS[op]
            text = f"{expression(left, own)} {op} {expression(right, own + 1)}"
        case Logic(op=op, left=left, right=right):
            # g++ warns of && beside || without parentheses.
            own = _LEVELS[op]
            text = f"{_operand(left, op)} {op} {_operand(right, op)}"
        case Not(inner=inner):
            return f"!{expression(inner, _UNARY)}"
        case Call(function=function, arguments=arguments):
            return f"{function}({', '.join(map(expression, arguments))})"
        case Length(base=base):
            return f"{base.name}.size()"
        case ToLetter(code=code):
            return f"char({expression(code)})"
    return f"({text})" if own < level else text


def statement(node: Statement) -> str:
    """A statement that is one line."""
    match node:
        case Declare(type=kind, names=names):
            return f"{kind} {', '.join(names)};"
        case Define(type=kind, name=name, value=value):
            return f"{kind} {name};" if value is None else f"{kind} {name} = {expression(value)};"
        case DefineVector(name=name, size=size, fill=fill):
            filled = "" if fill is None else f", {expression(fill)}"
            return f"vector<int> {name}({expression(size)}{filled});"
        case Read(targets=targets):
            return "".join(["cin", *(f" >> {expression(target)}" for target in targets), ";"])
        case Assign(target=target, op=op, value=value):
            return f"{expression(target)} {op} {expression(value)};"
        case Step(target=target, by=by):
            return f"{expression(target)}{'++' if by > 0 else '--'};"
        case Print(parts=parts, newline=newline):
            shown = [f" << {expression(part, _LEVELS['+'])}" for part in parts]
            return "".join(["cout", *shown, " << endl;" if newline else ";"])
        case Break():
            return "break;"
        case Return(value=value):
            return f"return {expression(value)};"
        case Append(vector=vector, value=value):
            return f"{vector.name}.push_back({expression(value)});"
        case Swap(left=left, right=right):
            return f"swap({expression(left)}, {expression(right)});"
        case Rearrange(how=how, base=base):
            return f"{how}({base.name}.begin(), {base.name}.end());"
    raise TypeError(f"{type(node).__name__} is no statement of one line")


def line(item: Line) -> str:
    """One line of the program, without its indentation."""
    match item.kind, item.part:
        case "include", _:
            return HEADER[0]
        case "namespace", _:
            return HEADER[1]
        case "function", Function(name=name, type=kind, parameters=parameters):
            return f"{kind} {name}({', '.join(_parameter(*parameter) for parameter in parameters)}) {{"
        case "main", _:
            return "int main() {"
        case "if", Case(condition=condition):
            return f"if ({expression(condition)}) {{"
        case "else if", Case(condition=condition):
            return f"}} else if ({expression(condition)}) {{"
        case "else", _:
            return "} else {"
        case "loop", For(name=name, first=first, compare=compare, last=last, step=step):
            head = f"int {name} = {expression(first)}; {name} {compare} {expression(last)}"
            return f"for ({head}; {_stride(name, step)}) {{"
        case "loop", ForEach(type=kind, name=name, over=over):
            return f"for ({kind} {name} : {over.name}) {{"
        case "loop", While(condition=condition):
            return f"while ({expression(condition)}) {{"
        case "zero", _:
            return "return 0;"
        case "end", _:
            return "}"
        case "statement", part if part is not None and not isinstance(part, Case | Function):
            return statement(part)
    raise TypeError(f"no line is made of {item}")


def _operand(node: Expression, op: str) -> str:
    text = expression(node, _LEVELS[op])
    return f"({text})" if isinstance(node, Logic) and node.op != op and not text.startswith("(") else text


def _stride(name: str, step: int) -> str:
    if abs(step) == 1:
        return f"{name}{'++' if step > 0 else '--'}"
    return f"{name} {'+' if step > 0 else '-'}= {abs(step)}"


def _parameter(kind: Type, name: str) -> str:
    return f"const {kind}& {name}" if kind in ("string", "vector<int>") else f"{kind} {name}"
