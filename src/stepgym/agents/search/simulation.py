"""`simulate`: Monte-Carlo tree search over whatever an `Expander` can draw and read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from stepgym.agents.search.spending import Spending
from stepgym.agents.search.tree import TreeNode, back_up, select
from stepgym.errors import InvalidInputError

SIMULATIONS = 64


class Expander(Protocol):
    """What a tree is made of: steps of an answer, or actions in an environment."""

    most: int
    """Tokens one action may have."""

    async def draw(self, node: TreeNode, n: int, limit: int) -> Sequence[TreeNode]:
        """`n` actions drawn at `node`, of at most `limit` tokens each, as nodes that hang nowhere yet."""
        ...

    async def read(self, nodes: Sequence[TreeNode]) -> None:
        """Set the `value` of nodes that were drawn."""
        ...


async def simulate(
    root: TreeNode,
    expander: Expander,
    spending: Spending,
    *,
    expand: int,
    explore: float,
    rounds: int,
    enough: float | None = None,
) -> int:
    """Grow the tree under `root`; the number of simulations played.

    Stops after `rounds` simulations, when the budget does not give the next draw a token, or at a finished path worth
    `enough`. A simulation draws one action at a node that is new, since the policy may be sure of what comes, and
    `expand` at one that it comes back to; each different action counts as one visit.
    """
    played = 0
    while played < rounds:
        node = select(root, explore)
        if node.ended:
            back_up(node)
        else:
            draws = expand if node.draws and spending.share(expand, expander.most) else 1
            limit = spending.share(draws, expander.most)
            if limit < 1:
                break
            new = []
            for drawn in await expander.draw(node, draws, limit):
                known = node.child(drawn.action, cut=drawn.cut)
                node.draws += 1
                if known is None:
                    drawn.parent = node
                    node.children.append(drawn)
                    new.append(drawn)
                (known or drawn).times += 1
            await expander.read(new)
            for child in new:
                if not child.cut:
                    back_up(child)
            if enough is not None and any(child.finished and child.value >= enough for child in new):
                return played + 1
        played += 1
    return played


def check_simulation(*, expand: int, explore: float) -> None:
    """Raise `InvalidInputError` for settings no search can run with."""
    if expand < 1 or explore < 0:
        raise InvalidInputError(f"expected expand >= 1 and explore >= 0, got {expand} and {explore}")
