"""The tree of a search: which node comes next, what visits sum up to, how paths become branches."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents import Completion, Request, ScriptedPolicy
from stepgym.agents.search import SearchBudget, TreeNode
from stepgym.agents.search.simulation import simulate
from stepgym.agents.search.spending import Spending
from stepgym.agents.search.tree import forks, select


class RandomTree:
    """Words over `letters` up to `depth`, each drawn with equal probability; the value of a word is a hash of it."""

    most = 3

    def __init__(self, seed: int, letters: str, depth: int, *, known: bool) -> None:
        self.random, self.letters, self.depth, self.known = random.Random(seed), letters, depth, known

    def node(self, word: str, *, cut: bool = False) -> TreeNode:
        over = len(word) >= self.depth
        share = 1 / len(self.letters) if self.known else None
        return TreeNode(word[-1:], ended=over or cut, finished=over and not cut, probability=share, state=word)

    async def draw(self, node: TreeNode, n: int, limit: int) -> list[TreeNode]:
        assert not node.ended
        return [self.node(node.state + self.random.choice(self.letters)) for _ in range(n)]

    async def read(self, nodes: Sequence[TreeNode]) -> None:
        for node in nodes:
            node.value = random.Random(node.state).random()


def grow(tree: RandomTree, *, expand: int, explore: float, rounds: int) -> TreeNode:
    async def run() -> TreeNode:
        root = tree.node("")
        await tree.read([root])
        root.visits, root.total = 1, root.value
        spending = Spending(ScriptedPolicy(["unused"]), SearchBudget())
        assert await simulate(root, tree, spending, expand=expand, explore=explore, rounds=rounds) == rounds
        return root

    return asyncio.run(run())


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 99), st.integers(1, 4), st.sampled_from([0.0, 0.5, 2.0]), st.integers(1, 40), st.booleans())
def test_visits_and_values_sum_up(seed: int, expand: int, explore: float, rounds: int, known: bool) -> None:
    root = grow(RandomTree(seed, "abc", 3, known=known), expand=expand, explore=explore, rounds=rounds)
    for node in root:
        below = sum(child.visits for child in node.children)
        if not node.ended:
            assert node.visits == 1 + below
            assert node.total == pytest.approx(node.value + sum(child.total for child in node.children))
        else:
            assert (below, node.total) == (0, pytest.approx(node.visits * node.value))
        assert node.draws == sum(child.times for child in node.children)
        assert len({child.action for child in node.children}) == len(node.children)
        assert node.path()[0] is root
        assert 0 <= node.unseen <= 1


def test_a_policy_without_choices_is_asked_once() -> None:
    root = grow(RandomTree(0, "a", 4, known=True), expand=1, explore=5.0, rounds=30)
    assert [node.draws for node in root] == [1, 1, 1, 1, 0]
    assert root.visits == 31 - 0


def test_what_is_not_drawn_yet() -> None:
    node = TreeNode()
    assert node.unseen == 1
    node.draws = 4
    node.children = [TreeNode("a", probability=0.5, times=3), TreeNode("b", probability=0.2, times=1)]
    assert node.unseen == pytest.approx(0.3)
    node.children[0].probability = None
    assert node.unseen == 1 / 4  # Good and Turing: one of four draws came up once
    node.children = [TreeNode("a", ended=True, probability=0.9)]
    assert node.unseen == 1  # a cut action is no action
    node.children = [TreeNode("a", probability=0.7), TreeNode("b", probability=0.7)]
    assert node.unseen == 0


def test_selection_weighs_value_against_prior() -> None:
    root = TreeNode(value=0.5, visits=9, draws=4)
    good = TreeNode("a", 0.9, root, visits=4, total=3.6, times=1, probability=0.3, ended=True, finished=True)
    likely = TreeNode("b", 0.1, root, visits=4, total=0.4, times=3, probability=0.7, ended=True, finished=True)
    root.children = [good, likely]
    assert select(root, 0.0) is good
    assert select(root, 1.0) is good  # 0.9 + 0.25 * 3 / 5 against 0.1 + 0.75 * 3 / 5
    assert select(root, 3.0) is likely
    good.probability = 0.1
    assert select(root, 0.0) is good
    assert select(root, 30.0) is likely
    likely.probability = 0.2  # most of what the policy may do is unknown
    assert select(root, 10.0) is root
    good.finished = likely.finished = False  # cut: nothing to visit
    assert select(root, 0.0) is root


def test_paths_branch_off_from_each_other() -> None:
    def leaf(parent: TreeNode, action: str, *, finished: bool = True) -> TreeNode:
        node = TreeNode(action, parent=parent, ended=True, finished=finished)
        parent.children.append(node)
        return node

    def inner(parent: TreeNode, action: str) -> TreeNode:
        node = TreeNode(action, parent=parent)
        parent.children.append(node)
        return node

    root = TreeNode()
    a, b = inner(root, "a"), inner(root, "b")
    ax, ay = leaf(a, "x"), leaf(a, "y")
    leaf(b, "cut", finished=False)
    bz = leaf(b, "z")
    assert list(forks(root)) == [(ax, None, None), (ay, ax, 1), (bz, ax, 0)]
    assert list(forks(root, bz)) == [(bz, None, None), (ax, bz, 0), (ay, ax, 1)]


def test_requests_that_break_the_budget_are_refused() -> None:
    from stepgym.agents import PolicyError

    class Greedy:
        def __init__(self, *completions: Completion) -> None:
            self.completions = list(completions)

        async def generate(self, request: Request) -> list[Completion]:
            return self.completions

    def draw(policy: Greedy, tokens: int | None = 9) -> list[Completion]:
        return asyncio.run(Spending(policy, SearchBudget(tokens=tokens)).draw(Request(()), 3))

    with pytest.raises(PolicyError, match="at most 3 tokens, got 4"):
        draw(Greedy(Completion("abcd", True, (1,), (1, 2, 3, 4))))
    with pytest.raises(PolicyError, match="1 completions, got 0"):
        draw(Greedy())
    with pytest.raises(PolicyError, match="no token ids"):
        draw(Greedy(Completion("abcd")))
    assert draw(Greedy(Completion("abcd")), None)[0].text == "abcd"


def test_what_a_policy_raises_is_named() -> None:
    from stepgym.agents import PolicyError

    class Broken:
        name = "broken"

        async def generate(self, request: Request) -> list[Completion]:
            raise ZeroDivisionError("a defect")

    with pytest.raises(PolicyError, match="broken: ZeroDivisionError: a defect"):
        asyncio.run(Spending(Broken(), SearchBudget()).draw(Request(()), 3))
