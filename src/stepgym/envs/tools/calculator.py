"""`calculate`: a calculator for text that a model wrote: bounded, exact where it can be, and nothing is executed."""

from __future__ import annotations

import re

from stepgym.envs.tools.number_text import number_text
from stepgym.verifiers.math.exact import InexactError, UndefinedError, exact
from stepgym.verifiers.math.parse import parse
from stepgym.verifiers.math.precise import multiprecision, precise
from stepgym.verifiers.math.shape import shaped
from stepgym.verifiers.math.tree import Node, TooLargeError, UnreadableError, is_expression, symbols

_LONGEST = 1_000
_FUNCTIONS = re.compile(
    r"sqrt|cbrt|root|log|ln|exp|abs|floor|ceil|min|max|gcd|lcm|mod|(?:arc)?(?:sin|cos|tan)h?|cot|sec|csc", re.IGNORECASE
)
_WORD = re.compile(r"(?<!\\)\b[A-Za-z]{3,}")
_COMMAND = re.compile(r"(?P<name>solve|simplify|expand|factor)\s*\((?P<rest>.*)\)", re.DOTALL)
_UNKNOWN = re.compile(r",\s*(?P<name>[A-Za-z])\s*$")
_PERCENT_OF = re.compile(r"(?:\\?%)\s*of\b")
_REMAINDER = re.compile(r"%\s*[0-9(]")


def calculate(text: str, *, timeout: float = 5.0) -> str:
    """The value of an expression, the solutions of an equation, or "error: ..." with the reason; never raises.

    Read by stepgym's own reader of mathematics (`+ - * / ^ **`, parentheses, roots, factorials, LaTeX, thousands
    separators, dollars, `20% of 50`), which never evaluates text as code and bounds every number. Rational values are
    exact, others rounded to ten digits. An expression with variables is simplified, an equation with one unknown
    solved, and `simplify(...)`, `expand(...)`, `factor(...)`, `solve(equation, x)` ask for it by name: SymPy works
    on the tree, in a worker process. Only that something took too long may differ from one run to the next.

    Args:
        text: What to compute.
        timeout: Seconds after which symbolic work is given up; where workers must be started, that comes on top.
    """
    if len(text) > _LONGEST:
        return f"error: the expression has {len(text):,} characters, more than the {_LONGEST:,} that are read"
    try:
        return _calculated(text.replace("\\$", "").replace("$", "").strip().rstrip("=? \t"), timeout)
    except ZeroDivisionError:
        return "error: division by zero"
    except InexactError:
        return "error: this cannot be computed"
    except (TooLargeError, UndefinedError, UnreadableError) as error:
        return f"error: {error}"
    except RecursionError:
        return "error: nested too deep"


def _calculated(text: str, timeout: float) -> str:
    if not text:
        raise UnreadableError("there is nothing to compute")
    command = _COMMAND.fullmatch(text)
    if command is not None:
        unknown = _UNKNOWN.search(command["rest"]) if command["name"] == "solve" else None
        inside = command["rest"][: unknown.start()] if unknown else command["rest"]
        return _symbolic(command["name"], _read(inside), unknown["name"] if unknown else "", timeout)
    if _REMAINDER.search(text):
        raise UnreadableError("% is a percent sign here; write 7 mod 3 for a remainder, 20% of 50 for a share")
    if text.count("=") == 1:
        sides = [_read(side) for side in text.split("=")]
        if any(symbols(side) for side in sides):
            return _symbolic("solve", Node("equation", tuple(sides)), "", timeout)
        left, right = map(_value, sides)
        return "true" if left == right else f"false: {left} on the left, {right} on the right"
    node = _read(text)
    if symbols(node):
        return _symbolic("simplify", node, "", timeout)
    return _value(node)


def _read(text: str) -> Node:
    """The expression or equation in `text`."""
    word = next((word for word in _WORD.findall(text) if not _FUNCTIONS.fullmatch(word)), "")
    node = shaped(parse(_PERCENT_OF.sub("% *", text)))
    node = node.args[0] if node.op == "quantity" else node
    sides = node.args if node.op in ("equation", "assign") else (node,)
    if not all(is_expression(side) for side in sides):
        raise UnreadableError("expected an expression such as 3 * (4 + 5), or an equation such as 2x + 3 = 7")
    if word and any(symbols(side) for side in sides):
        raise UnreadableError(f"{word[:20]!r} is no function or number here")
    return node


def _value(node: Node) -> str:
    """The value of an expression without variables."""
    try:
        return number_text(exact(node))
    except InexactError:
        value = precise(node, {}, real=True)
    if value.imag:
        raise UndefinedError("the value is no real number")
    return f"about {multiprecision().nstr(value.real, 10)}"


def _symbolic(name: str, node: Node, unknown: str, timeout: float) -> str:
    """What SymPy makes of a tree."""
    from stepgym.envs.tools.algebra import work_out

    return work_out(name, node, unknown, timeout=timeout)
