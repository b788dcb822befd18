"""Arithmetic with written matrices."""

from __future__ import annotations

from stepgym.verifiers.math.tree import (
    ZERO,
    Node,
    UnreadableError,
)


def matrix_arithmetic(node: Node) -> Node:
    """The matrix, or the determinant, that an operation on shaped operands stands for."""
    op, args = node.op, node.args
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
