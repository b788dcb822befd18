"""`calculate`: a calculator for text that a model wrote: bounded, exact where it can be, and nothing is executed."""

from __future__ import annotations

import itertools
import re
from fractions import Fraction

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
_ASKED = re.compile(r"[=?\s]*\Z")
_SCIENTIFIC = re.compile(r"(?<=[\d.])[eE][+-]?(?P<power>\d+)(?![\w.])")
_LIKE_SCIENTIFIC = re.compile(r"[\d.]\s*[eE]\s*[+-]?\.?\d|(?<![A-Za-z\\])[eE]\s*\.?\d")
_OTHER_BASE = re.compile(r"(?<![\w.])0+[xXbBoO][0-9A-Fa-f]")
# "3 x 4" with spaces is a product, unless x is also written where only a variable can stand.
_TIMES = re.compile(r"(?<=[\d.)%])\s+[xX]\s+(?=[\d.(-])")
_LETTER_X = re.compile(r"(?<![A-Za-z])[xX](?![A-Za-z])")
_LONGEST_POWER = 6


def calculate(text: str, *, timeout: float = 5.0) -> str:
    """The value of an expression, the solutions of an equation, or "error: ..." with the reason; never raises.

    Read by stepgym's own reader of mathematics (`+ - * / ^ **`, `3 x 4`, parentheses, roots, factorials, LaTeX,
    thousands separators, dollars, `1.5e3`, `20% of 50`), which never evaluates text as code and bounds every number.
    Rational values are exact, others rounded to ten digits. Equalities of numbers, chains too, are true or false. An
    expression with variables is simplified, an equation with one unknown solved, and `simplify(...)`, `expand(...)`,
    `factor(...)`, `solve(equation, x)` ask for it by name: SymPy works on the tree, in a worker process. Only that
    something took too long may differ from one run to the next.

    Args:
        text: What to compute.
        timeout: Seconds after which symbolic work is given up; where workers must be started, that comes on top.
    """
    if len(text) > _LONGEST:
        return f"error: the expression has {len(text):,} characters, more than the {_LONGEST:,} that are read"
    try:
        return _calculated(text.replace("\\$", "").replace("$", "").strip(), timeout)
    except ZeroDivisionError:
        return "error: division by zero"
    except InexactError:
        return "error: this cannot be computed"
    except (TooLargeError, UndefinedError, UnreadableError) as error:
        return f"error: {error}"
    except RecursionError:
        return "error: nested too deep"


def _calculated(text: str, timeout: float) -> str:
    if not _LETTER_X.search(product := _TIMES.sub(" * ", text)):
        text = product
    plain = _ASKED.sub("", text)
    if not plain:
        raise UnreadableError("there is nothing to compute")
    _check_numbers(plain)
    command = _COMMAND.fullmatch(plain)
    if command is not None:
        unknown = _UNKNOWN.search(command["rest"]) if command["name"] == "solve" else None
        inside = command["rest"][: unknown.start()] if unknown else command["rest"]
        return _symbolic(command["name"], _read(inside), unknown["name"] if unknown else "", timeout)
    if _REMAINDER.search(plain):
        raise UnreadableError("% is a percent sign here; write 7 mod 3 for a remainder, 20% of 50 for a share")
    sides = [_read(side) for side in plain.replace("==", "=").split("=")]
    unknowns = any(symbols(side) for side in sides)
    if "=" in text[len(plain) :] and (unknowns or len(sides) > 1 or not _is_calculation(sides[0])):
        raise UnreadableError("there is nothing behind the equals sign")
    if len(sides) == 1:
        return _symbolic("simplify", sides[0], "", timeout) if unknowns else _value(sides[0])
    if not unknowns:
        return _compared(sides)
    if len(sides) > 2:
        raise UnreadableError("expected one equals sign in an equation with variables")
    return _symbolic("solve", Node("equation", tuple(sides)), "", timeout)


def _check_numbers(text: str) -> None:
    """Refuse spellings of numbers that would be read as products, such as 0 * x * 1F and 1 * e * 1000000."""
    if _OTHER_BASE.search(text):
        raise UnreadableError("numbers are read in base ten only, not as 0x1F, 0b11 or 0o17")
    if any(len(number["power"]) > _LONGEST_POWER for number in _SCIENTIFIC.finditer(text)):
        raise TooLargeError("a power of ten is too large")
    if _LIKE_SCIENTIFIC.search(_SCIENTIFIC.sub("", text)):
        raise UnreadableError("write scientific notation as 1.5e3, and a product with the number e as 2*e*5")


def _read(text: str) -> Node:
    """The expression or equation in `text`."""
    if text.replace("==", "=").count("=") > 1:
        raise UnreadableError("expected at most one equals sign here")
    word = next((word for word in _WORD.findall(text) if not _FUNCTIONS.fullmatch(word)), "")
    node = shaped(parse(_PERCENT_OF.sub("% *", text)))
    node = node.args[0] if node.op == "quantity" else node
    sides = node.args if node.op in ("equation", "assign") else (node,)
    if not all(is_expression(side) for side in sides):
        raise UnreadableError("expected an expression such as 3 * (4 + 5), or an equation such as 2x + 3 = 7")
    if word and any(symbols(side) for side in sides):
        raise UnreadableError(f"{word[:20]!r} is no function or number here")
    return node


def _is_calculation(node: Node) -> bool:
    """Whether there is more to an expression than a number."""
    return bool(node.args) and not (node.op == "neg" and not node.args[0].args)


def _compared(sides: list[Node]) -> str:
    """Whether all sides of an equality or a chain of them have the same value; else the first that differs."""
    known = [(_exact_value(side), _value(side)) for side in sides]
    for (left, shown), (right, other) in itertools.pairwise(known):
        if left is not None and right is not None and left != right and shown == other:
            return f"false: the sides differ by {number_text(abs(left - right))}"
        if shown != other:
            return f"false: {shown} on the left, {other} on the right"
    return "true"


def _exact_value(node: Node) -> Fraction | None:
    try:
        return exact(node)
    except InexactError:
        return None


def _value(node: Node) -> str:
    """The value of an expression without variables."""
    value = _exact_value(node)
    if value is not None:
        return number_text(value)
    rounded = precise(node, {}, real=True)
    if rounded.imag:
        raise UndefinedError("the value is no real number")
    return f"about {multiprecision().nstr(rounded.real, 10)}"


def _symbolic(name: str, node: Node, unknown: str, timeout: float) -> str:
    """What SymPy makes of a tree."""
    from stepgym.envs.tools.algebra import work_out

    return work_out(name, node, unknown, timeout=timeout)
