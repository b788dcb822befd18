"""Bringing an answer into the shape in which it is compared: assignments, equations, regions, lists, matrices."""

from __future__ import annotations

from fractions import Fraction

from stepgym.verifiers.math import region as regions
from stepgym.verifiers.math.canonical import polynomial_form
from stepgym.verifiers.math.exact import InexactError, UndefinedError
from stepgym.verifiers.math.tree import (
    EXPRESSION_OPS,
    INFINITY,
    REALS,
    ZERO,
    Node,
    TooLargeError,
    UnreadableError,
    contains,
    exact_number,
    is_expression,
    num,
    symbols,
    walk,
)

_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}
_EQUALS = frozenset({"=", "==", "~"})


def shaped(node: Node) -> Node:
    """The answer in its final shape.

    Besides the operators of `Node` it holds: assign (name, value), equation (left, right), inequality (left, right;
    "<" or "<="), region, system of assignments, all (conditions that hold together).
    """
    if not node.args:
        return _shape(node)
    ops = {n.op for n in walk(node)}
    if "pm" in ops or "mp" in ops:
        variants = _signs(node)
        if len(variants) > 1:
            node = _spread(node, variants)
    return _shape(node) if ops - EXPRESSION_OPS else node


def _shape(node: Node) -> Node:
    op, args = node.op, node.args
    if op == "rel":
        return _relation(node)
    if op == "list":
        return _list(node)
    if op in ("union", "inter", "minus"):
        return _sets(node)
    if op == "builder":
        return _builder(node)
    if op == "sym" and node.value == "\\mathbb{R}":
        return Node("region", (REALS,))
    if op == "mod" and node.value == "residue":
        return _shape(args[0])
    if op == "bracket":
        if len(args) == 1:
            return _shape(args[0])
        if all(a.op in ("bracket", "tuple") for a in args) and len({len(a.args) for a in args}) == 1:
            return Node("matrix", tuple(Node("tuple", tuple(_shape(c) for c in a.args)) for a in args))
    if op == "set":
        items = [_shape(a) for a in args]
        if len(items) == 1 and items[0].op in ("assign", "region", "inequality"):
            return items[0]
        return Node("set", tuple(a.args[1] if a.op == "assign" else a for a in items))
    if op in ("tuple", "bracket", "interval", "ratio"):
        return Node(op, tuple(_value_of(_shape(a)) for a in args), node.value)
    if op in ("add", "mul", "neg", "div", "pow", "fn") and contains(node, "matrix"):
        return _matrix_arithmetic(node)
    if op == "pieces":
        return Node("pieces", args)
    return node


def _value_of(node: Node) -> Node:
    return node.args[1] if node.op == "assign" else node


# Plus-minus -------------------------------------------------------------------------------------------------------


def _signs(node: Node) -> list[Node]:
    r"""The answers an expression with plus-minus stands for; `\mp` follows the sign of `\pm`."""
    correlated = contains(node, "mp")
    count = 1 if correlated else min(3, sum(1 for n in walk(node) if n.op == "pm"))
    if node.op == "list":
        return [node]
    return [_signed(node, [bool(k >> j & 1) for j in range(count)] * 64, [0]) for k in range(2**count)]


def _signed(node: Node, minus: list[bool], used: list[int]) -> Node:
    if node.op in ("pm", "mp"):
        index = used[0] if node.op == "pm" else 0
        used[0] += node.op == "pm"
        negative = minus[min(index, len(minus) - 1)] != (node.op == "mp")
        left, right = (_signed(a, minus, used) for a in node.args)
        return Node("add", (left, Node("neg", (right,)) if negative else right))
    if not node.args:
        return node
    return Node(node.op, tuple(_signed(a, minus, used) for a in node.args), node.value)


def _spread(node: Node, variants: list[Node]) -> Node:
    if node.op == "set":
        items: list[Node] = []
        for a in node.args:
            items.extend(_signs(a) if contains(a, "pm") or contains(a, "mp") else [a])
        return Node("set", tuple(items))
    return Node("list", tuple(variants), "pm")


def _list(node: Node) -> Node:
    items: list[Node] = []
    for a in node.args:
        items.extend(_signs(a) if contains(a, "pm") or contains(a, "mp") else [a])
    items = [a for a in items if not _is_qualifier(a)] or items
    if len(items) == 1:
        return _shape(items[0])
    items = [_shape(a) for a in items]
    if all(a.op == "assign" for a in items):
        names = [a.args[0] for a in items]
        if len(set(names)) == 1:
            return Node("list", tuple(a.args[1] for a in items), node.value)
        if len(set(names)) == len(names):
            return Node("system", tuple(items))
        return Node("list", tuple(items), node.value)
    if items[0].op == "assign" and all(is_expression(a) for a in items[1:]):
        # "x = 1, 2": the name goes with every value.
        return Node("list", (items[0].args[1], *items[1:]), node.value)
    if node.value in ("and", "or") and any(_is_unbounded(a) for a in items):
        # "(-inf, 1) or (2, inf)"
        as_regions = [regions.as_region(a) for a in items]
        items = [a for a in as_regions if a is not None] if None not in as_regions else items
    if all(a.op == "region" for a in items):
        try:
            joined = items[0]
            for a in items[1:]:
                joined = regions.intersection(joined, a) if node.value == "and" else regions.union(joined, a)
            return joined
        except UnreadableError:
            pass
    return Node("list", tuple(items), node.value)


def _is_qualifier(node: Node) -> bool:
    r"""Whether an item only says what a letter stands for: `k \in \mathbb{Z}`."""
    return node.op == "rel" and node.value == ("in",) and node.args[1].op == "sym" and node.args[0].op == "sym"


def _is_unbounded(node: Node) -> bool:
    return node.op in ("tuple", "interval") and any(contains(a, "const") and _endless(a) for a in node.args)


def _endless(node: Node) -> bool:
    return node == INFINITY or (node.op == "neg" and node.args[0] == INFINITY)


# Relations --------------------------------------------------------------------------------------------------------


def _relation(node: Node) -> Node:
    members, relations = node.args, node.value
    if all(r in _EQUALS for r in relations):
        return _equality(members, relations)
    if "in" in relations:
        return _shape(members[-1])
    parts = []
    for left, relation, right in zip(members, relations, members[1:], strict=False):
        if relation not in _FLIPPED:
            raise UnreadableError(f"{relation!r} in a chain of inequalities")
        parts.append(_inequality(left, relation, right))
    if all(p.op == "region" for p in parts):
        names = symbols(node)
        if len(names) == 1:
            joined = parts[0]
            for p in parts[1:]:
                joined = regions.intersection(joined, p)
            return Node("region", joined.args, next(iter(names)))
    if all(r in (">", ">=") for r in relations):
        parts.reverse()  # c > b > a is a < b < c.
    return parts[0] if len(parts) == 1 else Node("all", tuple(parts))


def _names_something(node: Node) -> bool:
    if node.op == "sym" or (node.op == "fn" and node.value.startswith(":")) or node.op == "text":
        return True
    if node.op in ("tuple", "ratio"):
        return all(a.op == "sym" for a in node.args)
    if node.op == "fn" and node.value in ("det", "gcd", "lcm", "min", "max"):
        return bool(symbols(node))
    # The length |AB| of a segment.
    if node.op == "fn" and node.value in ("abs", "norm"):
        return node.args[0].op == "sym" and len(node.args[0].value) > 1
    if node.op == "fn" and node.value in ("sin", "cos", "tan", "cot", "sec", "csc"):
        return node.args[0].op == "sym"
    if node.op == "div":  # dy/dx
        return all(a.op == "mul" and a.args[0] == Node("sym", (), "d") for a in node.args)
    return False


def _equality(members: tuple[Node, ...], relations: tuple[str, ...]) -> Node:
    if "~" in relations and relations[0] != "~":
        members = members[: relations.index("~") + 1]
    first, last = members[0], members[-1]
    if _names_something(first) and not (first.op == "sym" and first.value in symbols(last)):
        return Node("assign", (first, _value_of(_shape(last))))
    if relations == ("~",) and not symbols(first) and first.op != "dec":
        return _shape(first)  # "1/3 ~ 0.333": the exact side counts.
    if not is_expression(first) or not is_expression(last):
        return Node("assign", (first, _value_of(_shape(last))))
    if len(members) == 2 and last.op == "sym" and last.value not in symbols(first):
        return Node("assign", (last, _value_of(_shape(first))))
    if len(members) == 2 and "~" not in relations and _contradicts(first, last):
        return Node("equation", (first, last))  # "5 = 4" is no way to answer 4.
    if len(members) > 2 or relations == ("~",) or not (symbols(first) or symbols(last)):
        return _shape(last)
    return Node("equation", (first, last))


def _contradicts(first: Node, last: Node) -> bool:
    """Whether two written numbers that are said to be equal differ by more than rounding."""
    literal = all(n.op in ("num", "dec") or (n.op == "neg" and n.args[0].op in ("num", "dec")) for n in (first, last))
    a, b = (exact_number(n) for n in (first, last))
    return (
        literal and a is not None and b is not None and 50 * abs(Fraction(a - b)) > abs(Fraction(a)) + abs(Fraction(b))
    )


def _inequality(left: Node, relation: str, right: Node) -> Node:
    """A region when it is linear in one variable, else left - right compared with zero."""
    if relation in (">", ">="):
        left, right, relation = right, left, _FLIPPED[relation]
    names = symbols(left) | symbols(right)
    if len(names) == 1:
        solved = _linear(left, relation, right, names.pop())
        if solved is not None:
            return solved
    return Node("inequality", (left, right), relation)


def _linear(left: Node, relation: str, right: Node, name: str) -> Node | None:
    x = Node("sym", (), name)
    if left == x and name not in symbols(right):
        bound, positive = right, True
    elif right == x and name not in symbols(left):
        bound, positive = left, False
    else:
        try:
            top, bottom = polynomial_form(Node("add", (left, Node("neg", (right,)))))
        except (InexactError, TooLargeError, UndefinedError):
            return None
        key = (("v" + name, 1),)
        if list(bottom) != [()] or not set(top) <= {(), key} or key not in top:
            return None
        slope, rest = top[key] / bottom[()], top.get((), 0) / bottom[()]
        bound, positive = num(-rest / slope), slope > 0
    if relation in ("=", "!="):
        value = regions.region([regions.point(bound)])
        return regions.complement(value) if relation == "!=" else value
    closed = relation == "<="
    low, high = (regions.MINUS_INFINITY, bound) if positive else (bound, INFINITY)
    piece = regions.interval(low, high, closed and not positive, closed and positive)
    return Node("region", regions.region([piece]).args, name)


# Sets and matrices ------------------------------------------------------------------------------------------------


def _sets(node: Node) -> Node:
    parts = [regions.as_region(_shape(a)) for a in node.args]
    if any(p is None for p in parts):
        raise UnreadableError("a union of things that are not sets of numbers")
    result = parts[0]
    for part in parts[1:]:
        assert result is not None
        assert part is not None
        if node.op == "union":
            result = regions.union(result, part)
        elif node.op == "inter":
            result = regions.intersection(result, part)
        else:
            result = regions.intersection(result, regions.complement(part))
    assert result is not None
    return result


def _builder(node: Node) -> Node:
    element, condition = node.args
    inner = _shape(condition)
    if inner.op == "region":
        return inner
    if inner.op == "list" and all(a.op == "region" for a in inner.args):
        return inner.args[0]
    return Node("builder", (element, inner))


def _matrix_arithmetic(node: Node) -> Node:
    op = node.op
    args = [_shape(a) for a in node.args]
    matrices = [a for a in args if a.op == "matrix"]
    if op == "neg" and len(matrices) == 1:
        return _mapped(args[0], lambda c: Node("neg", (c,)))
    if op == "add" and len(matrices) == len(args):
        result = args[0]
        for other in args[1:]:
            if _dimensions(result) != _dimensions(other):
                raise UnreadableError("a sum of matrices of different shapes")
            rows = zip(result.args, other.args, strict=True)
            result = Node(
                "matrix",
                tuple(
                    Node("tuple", tuple(Node("add", pair) for pair in zip(r.args, s.args, strict=True)))
                    for r, s in rows
                ),
            )
        return result
    if op == "mul":
        result = args[0]
        for other in args[1:]:
            result = _product(result, other)
        return result
    if op == "div" and args[0].op == "matrix" and args[1].op != "matrix":
        return _mapped(args[0], lambda c: Node("div", (c, args[1])))
    if op == "fn" and node.value == "det" and args[0].op == "matrix":
        return _determinant([list(r.args) for r in args[0].args])
    raise UnreadableError("matrix arithmetic of this kind is not evaluated")


def _mapped(matrix: Node, change: object) -> Node:
    assert callable(change)
    return Node("matrix", tuple(Node("tuple", tuple(change(c) for c in r.args)) for r in matrix.args))


def _dimensions(matrix: Node) -> tuple[int, int]:
    return len(matrix.args), len(matrix.args[0].args)


def _product(left: Node, right: Node) -> Node:
    if left.op != "matrix" and right.op != "matrix":
        return Node("mul", (left, right))
    if left.op != "matrix" or right.op != "matrix":
        scalar, matrix = (left, right) if right.op == "matrix" else (right, left)
        return _mapped(matrix, lambda c: Node("mul", (scalar, c)))
    (rows, inner), (also, columns) = _dimensions(left), _dimensions(right)
    if inner != also or rows * columns * inner > 2_000:
        raise UnreadableError("a product of matrices that do not fit")
    return Node(
        "matrix",
        tuple(
            Node(
                "tuple",
                tuple(
                    Node("add", tuple(Node("mul", (r.args[k], right.args[k].args[c])) for k in range(inner)))
                    for c in range(columns)
                ),
            )
            for r in left.args
        ),
    )


def _determinant(rows: list[list[Node]]) -> Node:
    n = len(rows)
    if n > 4 or any(len(r) != n for r in rows):
        raise UnreadableError("a determinant of this shape is not evaluated")
    if n == 1:
        return rows[0][0]
    terms = []
    for c in range(n):
        minor = _determinant([r[:c] + r[c + 1 :] for r in rows[1:]])
        term = Node("mul", (rows[0][c], minor))
        terms.append(Node("neg", (term,)) if c % 2 else term)
    return Node("add", tuple(terms)) if terms else ZERO
