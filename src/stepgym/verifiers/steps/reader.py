"""Reading arithmetic expressions out of running text: greedy, bounded, units skipped where people write them.

`5 apples + 3 apples`, `$12/hour * 3 hours` and `20% of 80` are read as what their numbers and operators say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stepgym.verifiers.steps.expression import Node
from stepgym.verifiers.steps.parser import NoExpressionError, Parser
from stepgym.verifiers.steps.tokens import Token
from stepgym.verifiers.steps.units import SCALES, may_be_unit

# Words before "of" that make it a product: "half of 10 + 5" is not 15.
_SHARES = frozenset(["half", "third", "thirds", "quarter", "quarters", "fourth", "fourths", "fifth", "fifths"])
_SHARES |= frozenset(["sixth", "eighth", "tenth"])
_SEPARATORS = frozenset("\n:;,.&?!")
# Signs of other notations: a factorial, an operation that the problem defines.
_FOREIGN = frozenset("!@#|")
_MAX_UNIT_WORDS = 4
_BOXES = ("\\boxed", "\\fbox")


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression and where it stands.

    Attributes:
        node: The operations.
        start: First character.
        end: One past the last character, units behind the last number left out.
        stop: Index of the first token that is not part of it, units included.
        hooked: An operator with something unreadable on its other side touches the expression, as in `x + 3`.
        scaled: A word that changes its value touches it, as in `3 dozen`.
    """

    node: Node
    start: int
    end: int
    stop: int
    hooked: bool
    scaled: bool

    @property
    def is_number(self) -> bool:
        """Whether it is a single number, perhaps negative."""
        node = self.node.left if self.node.operator == "neg" else self.node
        return node is not None and node.token is not None


def parse_expression(tokens: Sequence[Token], index: int, *, formal: bool = False) -> Expression | None:
    """The longest expression that starts at `tokens[index]`, None when none does.

    Args:
        tokens: Tokens of a text.
        index: Where to start.
        formal: Read as a calculator does: no units, no mixed numbers, `a / b/c` is `(a / b) / c`.
    """
    parser = Parser(tokens, index, formal)
    try:
        node = parser.sum(0)
    except NoExpressionError:
        return None
    stop = parser.index
    hooked = _goes_on(tokens, stop) or _hangs_behind(tokens, index)
    beside = [tokens[at].text.lower() for at in (index - 1, stop) if 0 <= at < len(tokens)]
    scaled = any(word in SCALES for word in beside)
    return Expression(node, tokens[index].start, parser.last_end, stop, hooked, scaled)


def _goes_on(tokens: Sequence[Token], stop: int) -> bool:
    """Whether what stands at `tokens[stop]` belongs to the expression before it though it could not be read."""
    last = tokens[stop - 1]
    following = tokens[stop] if stop < len(tokens) else None
    if following is None:
        return False
    beyond = tokens[stop + 1] if stop + 1 < len(tokens) else None
    adjacent = following.start == last.end
    if following.kind == "open":
        return not _is_remark(tokens, stop)
    if following.kind == "operator":
        return not following.spelled and not _reads_as_text(tokens, stop)
    if following.kind == "number":
        return last.kind == "close" and adjacent
    if following.text in _BOXES:
        return adjacent  # 35\boxed{680} is one number
    if following.text == "." and beyond is not None:
        return beyond.kind == "variable" and beyond.start == following.end  # 0.\overline{3}
    if _is_ratio(tokens, stop):
        return True
    foreign = following.text == "!" or (adjacent and following.text in _FOREIGN)
    return foreign or following.kind in ("variable", "frac")


def _is_ratio(tokens: Sequence[Token], stop: int) -> bool:
    """Whether a colon and another number follow, perhaps behind a unit: `3 : 4`, `88 cm : 2 km`."""
    at = stop
    while at < len(tokens) - 2 and at - stop < _MAX_UNIT_WORDS and may_be_unit(tokens[at]):
        at += 1
    apart = at < len(tokens) - 1 and tokens[at].start > tokens[at - 1].end
    return apart and tokens[at].text == ":" and tokens[at + 1].kind == "number"


def _hangs_behind(tokens: Sequence[Token], index: int) -> bool:
    """Whether what stands before `tokens[index]` belongs to the expression though it could not be read."""
    first = tokens[index]
    if first.text == "{":
        return True
    before = tokens[index - 1] if index > 0 else None
    if before is None:
        return False
    beyond = tokens[index - 2] if index > 1 else None
    adjacent = before.end == first.start
    if before.text == "of":
        return beyond is not None and (beyond.text.lower() in _SHARES or beyond.kind in ("number", "variable"))
    if before.kind == "open":
        # An unclosed parenthesis, 100 + (100 * 0.1 = 110, or the argument of a function.
        touches = beyond is not None and beyond.kind == "word" and beyond.end == before.start
        return (
            touches
            or before.text == "{"
            or (beyond is not None and beyond.kind in ("operator", "number", "close", "variable"))
        )
    if first.kind == "operator":
        # A sign is the expression's own only behind something that cannot be its left side.
        return before.kind != "equals" and before.text not in _SEPARATORS
    if before.kind in ("word", "close") and (adjacent or (before.kind == "close" and first.kind == "open")):
        return True
    if before.text == "\n":
        return beyond is not None and beyond.kind == "operator" and not beyond.spelled
    if before.text == ".":
        return beyond is not None and beyond.kind == "operator"  # . 84
    unreadable = before.kind == "break" and (before.text[:1].isdigit() or (adjacent and before.text in _FOREIGN))
    return unreadable or before.kind in ("operator", "variable", "frac", "number")


def _reads_as_text(tokens: Sequence[Token], index: int) -> bool:
    """Whether the sign at `index` is a dash or a "per" in a sentence rather than an operation on something unknown."""
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    if following is None:
        return True
    return following.text not in _BOXES and tokens[index].text in ("-", "/") and following.kind in ("word", "break")


def _is_remark(tokens: Sequence[Token], index: int) -> bool:
    """Whether the parenthesis at `index` holds words: `24 (clips)`, but not `3 (m-1)` and `3(PH)`."""
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    apart = tokens[index].start > tokens[index - 1].end
    if tokens[index].text != "(" or following is None or not apart:
        return False
    return following.kind == "break" or (following.kind == "word" and len(following.text) > 1)
