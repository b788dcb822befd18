"""Reading LaTeX environments: matrices, aligned rows, cases."""

from __future__ import annotations

from abc import abstractmethod

from stepgym.verifiers.math.cursor import Cursor
from stepgym.verifiers.math.tree import MAX_ITEMS, Node, TooLargeError, UnreadableError

_MATRICES = frozenset({"pmatrix", "bmatrix", "matrix", "vmatrix", "Bmatrix", "Vmatrix", "smallmatrix", "array"})


class Environments(Cursor):
    """The rules for environments; those for what stands in their cells come with the parser."""

    matrix_depth = 0

    @abstractmethod
    def statement(self) -> Node:
        """Items separated by commas."""

    @abstractmethod
    def relation(self) -> Node:
        """One item."""

    def environment(self, name: str) -> Node:
        """A matrix, aligned rows or cases."""
        if name in ("aligned", "align", "gathered", "split", "cases", "equation"):
            if name != "cases":  # Alignment marks mean nothing; rows do.
                rest = (t for t in self.tokens[self.position :] if t[:2] != ("o", "&"))
                self.tokens = [*self.tokens[: self.position], *rest]
            return self.rows(name, cases=name == "cases")
        if name not in _MATRICES:
            raise UnreadableError(f"the environment {name!r} is not read")
        return self.rows(name, cases=False)

    def rows(self, name: str, *, cases: bool) -> Node:
        """The rows of an environment up to its end."""
        self.enter()
        outer, self.matrix_depth = self.matrix_depth, 1
        rows: list[list[Node]] = [[]]
        while True:
            token = self.peek()
            if token.kind == "E":
                self.take()
                break
            if token.kind == "end":
                raise UnreadableError("an environment is not closed")
            if token.kind == "o" and token.value == "&":
                self.take()
                continue
            if token.kind == "o" and token.value == "row":
                self.take()
                rows.append([])
                continue
            if cases and token.kind == "o" and token.value in (",", "."):
                self.take()
                continue
            if token.kind == "s" and token.value == "\\hline":
                self.take()
                continue
            rows[-1].append(self.statement() if cases else self.relation())
            if len(rows[-1]) * len(rows) > MAX_ITEMS:
                raise TooLargeError(f"a matrix has more than {MAX_ITEMS} entries")
        self.matrix_depth = outer
        self.depth -= 1
        filled = [tuple(r) for r in rows if r]
        if not filled:
            raise UnreadableError("a matrix is empty")
        if cases:
            return Node("pieces", tuple(Node("tuple", r) for r in filled))
        if name not in _MATRICES:
            cells = [c for r in filled for c in r]
            return cells[0] if len(cells) == 1 else Node("list", tuple(cells), ",")
        if len({len(r) for r in filled}) != 1:
            raise UnreadableError("the rows of a matrix differ in length")
        matrix = Node("matrix", tuple(Node("tuple", r) for r in filled))
        return Node("fn", (matrix,), "det") if name == "vmatrix" else matrix
