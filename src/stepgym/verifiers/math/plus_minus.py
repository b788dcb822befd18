"""Plus-minus signs: the answers that an expression with them stands for."""

from __future__ import annotations

from stepgym.verifiers.math.tree import (
    Node,
    contains,
    walk,
)


def signs(node: Node) -> list[Node]:
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


def spread(node: Node, variants: list[Node]) -> Node:
    """A list of the variants; in a set, each item is spread by itself."""
    if node.op == "set":
        items: list[Node] = []
        for a in node.args:
            items.extend(signs(a) if contains(a, "pm") or contains(a, "mp") else [a])
        return Node("set", tuple(items))
    return Node("list", tuple(variants), "pm")
