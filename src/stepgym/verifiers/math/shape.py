"""Bringing an answer into the shape in which it is compared: assignments, equations, regions, lists, matrices."""

from __future__ import annotations

from stepgym.verifiers.math import region as regions
from stepgym.verifiers.math.build import compound
from stepgym.verifiers.math.matrices import matrix_arithmetic
from stepgym.verifiers.math.plus_minus import signs, spread
from stepgym.verifiers.math.relations import contradicts, inequality, names_something
from stepgym.verifiers.math.tree import (
    EXPRESSION_OPS,
    INFINITY,
    REALS,
    Node,
    UnreadableError,
    contains,
    is_expression,
    symbols,
    walk,
)

_RELATIONS = frozenset({"<", ">", "<=", ">=", "=", "!="})
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
        variants = signs(node)
        if len(variants) > 1:
            node = spread(node, variants)
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
        return matrix_arithmetic(Node(op, tuple(_shape(a) for a in args), node.value))
    if op == "pieces":
        return Node("pieces", args)
    return node


def _value_of(node: Node) -> Node:
    return node.args[1] if node.op == "assign" else node


def _list(node: Node) -> Node:
    items: list[Node] = []
    for a in node.args:
        items.extend(signs(a) if contains(a, "pm") or contains(a, "mp") else [a])
    items = [a for a in items if not _is_qualifier(a)] or items
    if len(items) == 1:
        return _shape(items[0])
    items = [_shape(a) for a in items]
    if node.value == "and" and all(a.op == "quantity" for a in items):
        whole = compound(items)
        if whole is not None:
            return whole
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
        if relation not in _RELATIONS:
            raise UnreadableError(f"{relation!r} in a chain of inequalities")
        parts.append(inequality(left, relation, right))
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


def _equality(members: tuple[Node, ...], relations: tuple[str, ...]) -> Node:
    if "~" in relations and relations[0] != "~":
        members = members[: relations.index("~") + 1]
    first, last = members[0], members[-1]
    if names_something(first) and not (first.op == "sym" and first.value in symbols(last)):
        return Node("assign", (first, _value_of(_shape(last))))
    if relations == ("~",) and not symbols(first) and first.op != "dec":
        return _shape(first)  # "1/3 ~ 0.333": the exact side counts.
    if not is_expression(first) or not is_expression(last):
        return Node("assign", (first, _value_of(_shape(last))))
    if len(members) == 2 and last.op == "sym" and last.value not in symbols(first):
        return Node("assign", (last, _value_of(_shape(first))))
    if len(members) == 2 and "~" not in relations and contradicts(first, last):
        return Node("equation", (first, last))  # "5 = 4" is no way to answer 4.
    if len(members) > 2 or relations == ("~",) or not (symbols(first) or symbols(last)):
        return _shape(last)
    return Node("equation", (first, last))


# Sets -------------------------------------------------------------------------------------------------------------


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
