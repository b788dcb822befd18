"""The tree as pseudo-code: one line of English for each line of C++, in phrasings that a draw chooses."""

from __future__ import annotations

from collections.abc import Sequence

from stepgym.envs.programs.cpp import HEADER
from stepgym.envs.programs.cpp import expression as code
from stepgym.envs.programs.draw import Draw
from stepgym.envs.programs.english_expressions import say
from stepgym.envs.programs.lines import Line
from stepgym.envs.programs.tree import (
    Append,
    Assign,
    Break,
    Case,
    Declare,
    Define,
    DefineVector,
    Expression,
    For,
    ForEach,
    Function,
    If,
    Item,
    Name,
    Print,
    Read,
    Rearrange,
    Return,
    Statement,
    Step,
    Swap,
    Text,
    Type,
    While,
    type_of,
)

_TYPES = {"int": "integer", "bool": "boolean", "char": "character", "string": "string", "vector<int>": "vector"}
_CHANGES = {
    "+=": ("add {v} to {t}", "increase {t} by {v}", "{t} += {v}"),
    "-=": ("subtract {v} from {t}", "decrease {t} by {v}", "{t} -= {v}"),
    "*=": ("multiply {t} by {v}", "{t} *= {v}"),
    "/=": ("divide {t} by {v}", "{t} /= {v}"),
    "%=": ("reduce {t} modulo {v}", "{t} %= {v}"),
}


def line(item: Line, draw: Draw) -> str:
    """The pseudo-code of one line, without its indentation; the header is shown as it is."""
    match item.kind, item.part:
        case "include", _:
            return HEADER[0]
        case "namespace", _:
            return HEADER[1]
        case "function", Function() as function:
            return _function(function, draw)
        case "main", _:
            return draw.choice(("main function", "start of main", "in the main function"))
        case "if", Case(condition=condition):
            return draw.choice(("if {}", "if {}, then", "check if {}")).format(say(condition, draw))
        case "else if", Case(condition=condition):
            return draw.choice(("else if {}", "otherwise if {}")).format(say(condition, draw))
        case "else", _:
            return draw.choice(("else", "otherwise"))
        case "loop", For() as loop:
            return _for(loop, draw)
        case "loop", ForEach(type=kind, name=name, over=over):
            return draw.choice(("for each {} {} in {}", "for every {} {} of {}")).format(_TYPES[kind], name, over.name)
        case "loop", While(condition=condition):
            return draw.choice(("while {}", "as long as {}", "repeat while {}")).format(say(condition, draw))
        case "zero", _:
            return "return 0"
        case "end", part:
            return _end(part, draw)
        case "statement", part if part is not None and not isinstance(part, Case | Function):
            return _statement(part, draw)
    raise TypeError(f"no line is made of {item}")


def _statement(node: Statement, draw: Draw) -> str:
    words: Sequence[str]
    match node:
        case Declare(type=kind, names=names):
            return f"{draw.choice(('create', 'declare'))} {_typed(kind, names)}"
        case Define(type=kind, name=name, value=None):
            return f"create an empty {_TYPES[kind]} {name}"
        case Define(type=kind, name=name, value=value) if value is not None:
            words = ("create {} {} = {}", "let {} {} be {}", "create {} {} with value {}", "set new {} {} to {}")
            return draw.choice(words).format(_TYPES[kind], name, say(value, draw))
        case DefineVector(name=name, size=size, fill=fill):
            what = f"create a vector {name} of {code(size)} integers"
            return what if fill is None else f"{what}, all {code(fill)}"
        case Read(targets=targets):
            return f"{draw.choice(('read', 'input', 'get'))} {_listed(targets)}"
        case Assign(target=target, op="=", value=value):
            words = ("set {} to {}", "assign {1} to {0}", "let {} be {}", "{} = {}")
            words = words if isinstance(target, Name) or type_of(target) == "int" else words[:2]
            return draw.choice(words).format(code(target), say(value, draw))
        case Assign(target=target, op=op, value=value):
            if type_of(target) == "string":
                words = ("append {v} to {t}", "add {v} to the end of {t}")
            else:
                words = _CHANGES[op]
            return draw.choice(words).format(t=code(target), v=code(value))
        case Step(target=target, by=by):
            words = ("increase {} by one", "increment {}", "{}++") if by > 0 else ("decrease {} by one", "decrement {}")
            return draw.choice(words).format(code(target))
        case Print(parts=parts, newline=newline):
            return _print(parts, newline, draw)
        case Break():
            return draw.choice(("break", "leave the loop", "stop the loop"))
        case Return(value=value):
            return f"return {say(value, draw)}"
        case Append(vector=vector, value=value):
            return draw.choice(("append {} to {}", "push {} onto {}")).format(code(value), vector.name)
        case Swap(left=left, right=right):
            return draw.choice(("swap {} and {}", "exchange {} and {}")).format(code(left), code(right))
        case Rearrange(how=how, base=base):
            return f"{how} {base.name}"
    raise TypeError(f"{type(node).__name__} is no statement of one line")


def _print(parts: Sequence[Expression], newline: bool, draw: Draw) -> str:
    verb = draw.choice(("print", "output", "write"))
    if not parts:
        return f"{verb} a line break"
    shown = [say(part, draw) if len(parts) == 1 else code(part) for part in parts]
    match parts:
        case [one, Text(value=" ")]:
            what = f"{code(one)} and a space"
        case [one, Text(value=" "), other] if not isinstance(one, Text) and not isinstance(other, Text):
            what = f"{shown[0]} and {shown[2]} with a space between"
        case _:
            what = ", ".join(shown)
    return f"{verb} {what}" if newline else f"{verb} {what}, no line break"


def _for(loop: For, draw: Draw) -> str:
    first, last = code(loop.first), code(loop.last)
    inclusive = loop.compare in ("<=", ">=")
    down = loop.step < 0
    by = "" if abs(loop.step) == 1 else f" in steps of {abs(loop.step)}"
    if down:
        words = ["for {} from {} down to {}"] if inclusive else ["for {} from {} down to {} exclusive"]
    elif inclusive:
        words = ["for {} from {} to {}", "for {} = {} to {} inclusive", "loop {} from {} to {}"]
    else:
        words = ["for {} from {} to {} exclusive", "for {} = {} to {} exclusive", "loop {0} from {1} while {0} < {2}"]
    return draw.choice(words).format(loop.name, first, last) + by


def _end(part: object, draw: Draw) -> str:
    match part:
        case If():
            return draw.choice(("end", "end if"))
        case For() | ForEach() | While():
            return draw.choice(("end", "end loop"))
        case Function():
            return draw.choice(("end", "end of function"))
        case _:
            return "end"


def _function(function: Function, draw: Draw) -> str:
    given = _both([f"{_TYPES[kind]} {name}" for kind, name in function.parameters])
    words = ("function {0} of {2} that returns {1}", "define function {0} with {2}, returning {1}")
    article = {"int": "an integer", "bool": "a boolean", "char": "a character", "string": "a string"}
    return draw.choice(words).format(function.name, article[function.type], given)


def _typed(kind: Type, names: Sequence[str]) -> str:
    return f"{_TYPES[kind]}{'s' if len(names) > 1 else ''} {_both(names)}"


def _listed(targets: Sequence[Name | Item]) -> str:
    return _both([code(target) for target in targets])


def _both(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
