"""The tree of a Monte-Carlo tree search: which node to visit next, and what is learned from it.

Actions of a language model cannot be listed, so at every node one choice is "draw a new action", beside those drawn
already. It competes under the same PUCT rule, with the probability of everything not drawn yet as its prior and the
node's own V as its value. Where the policy is sure, one draw is enough; where it is not, the tree grows wide.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False, slots=True)
class TreeNode:
    """A state of the search.

    Attributes:
        action: The text that led here; "" at the root.
        value: V of the state, or its outcome where the search may see it.
        parent: The state before; None at the root.
        ended: Nothing can be drawn here any more.
        finished: It is an end of the task, not a limit.
        probability: Of the action, under the policy, where it is known.
        state: What the search needs to go on from here.
        times: How often the action was drawn.
        draws: Actions drawn here, repeated ones included.
        visits: Simulations through here.
        total: Sum of their values.
        children: The different actions drawn here, in the order they were found.
    """

    action: str = ""
    value: float = 0.0
    parent: TreeNode | None = field(default=None, repr=False)
    ended: bool = False
    finished: bool = False
    probability: float | None = None
    state: Any = field(default=None, repr=False)
    times: int = 0
    draws: int = 0
    visits: int = 0
    total: float = 0.0
    children: list[TreeNode] = field(default_factory=list, repr=False)

    @property
    def cut(self) -> bool:
        """A limit ended it in the middle of something: never visited again, chosen where there is no other."""
        return self.ended and not self.finished

    @property
    def mean(self) -> float:
        """Mean value of the simulations through here."""
        return self.total / self.visits if self.visits else self.value

    @property
    def prior(self) -> float:
        """The policy's preference for this action among its siblings: its share of the draws."""
        return 1.0 if self.parent is None or not self.parent.draws else self.times / self.parent.draws

    @property
    def unseen(self) -> float:
        """The probability that a draw gives a new action.

        Exact where the policy says how likely its actions are, else estimated as by Good and Turing: the share of
        draws that came up once.
        """
        if not self.draws:
            return 1.0
        whole = [child for child in self.children if not child.cut]
        known = [child.probability for child in whole if child.probability is not None]
        if len(known) == len(whole):
            return max(0.0, 1.0 - math.fsum(known))
        return sum(child.times == 1 for child in whole) / self.draws

    def child(self, action: str, *, cut: bool = False) -> TreeNode | None:
        """The child with this action; one that was cut is another than the whole one with the same text."""
        return next((child for child in self.children if child.action == action and child.cut == cut), None)

    def path(self) -> list[TreeNode]:
        """The nodes from the root to here, both included."""
        nodes = [self]
        while nodes[-1].parent is not None:
            nodes.append(nodes[-1].parent)
        return nodes[::-1]

    def __iter__(self) -> Iterator[TreeNode]:
        """All nodes from here down, parents before children, children in the order they were found."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.children[::-1]


def select(root: TreeNode, explore: float) -> TreeNode:
    """The node to simulate next: one where a new action is drawn, or one that has ended.

    At every node the choice with the highest `Q + explore * P * sqrt(N) / (1 + n)` is taken, where N are the node's
    visits and P, n and Q the prior, the visits and the mean value of an action drawn before; for a new action P is
    `unseen`, n the draws made here and Q the node's own value.

    References:
        D. Silver et al., Mastering the game of Go without human knowledge, Nature 550, 2017 (PUCT).
    """
    node = root
    while not node.ended:
        unseen, width = node.unseen, math.sqrt(max(1, node.visits))
        whole = [child for child in node.children if not child.cut]
        best = max(whole, key=lambda child: _puct(child, width, explore), default=None)
        if best is None or (
            unseen > 0 and node.value + explore * unseen * width / (1 + node.draws) > _puct(best, width, explore)
        ):
            return node
        node = best
    return node


def _puct(child: TreeNode, width: float, explore: float) -> float:
    return child.mean + explore * child.prior * width / (1 + child.visits)


def back_up(node: TreeNode) -> None:
    """One more simulation that ended in `node`."""
    for passed in node.path():
        passed.visits += 1
        passed.total += node.value


def forks(root: TreeNode, first: TreeNode | None = None) -> Iterator[tuple[TreeNode, TreeNode | None, int | None]]:
    """Every finished leaf with the leaf it branched off from and the number of actions they share.

    Args:
        root: The tree.
        first: The leaf to begin with, from which the others branch off; the first one found if absent.
    """
    leaves = [node for node in root if node.ended and (node.finished or node is first)]
    if first is not None:
        leaves = [first, *(leaf for leaf in leaves if leaf is not first)]
    through: dict[int, TreeNode] = {}
    for leaf in leaves:
        path = leaf.path()
        shared = sum(id(node) in through for node in path)
        if shared:
            yield leaf, through[id(path[shared - 1])], shared - 1
        else:
            yield leaf, None, None
        for node in path:
            through.setdefault(id(node), leaf)
