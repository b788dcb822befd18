"""A tree of the actions of an episode, for `mcts` in an environment that can fork."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gymnasium

from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.agents.episodes import Episode
from stepgym.agents.policy import Completion, Policy, Request, Sampling, ValueFunction
from stepgym.agents.search.partial import probability
from stepgym.agents.search.position import Forks, Position
from stepgym.agents.search.result import SearchBudget, SearchedEpisode
from stepgym.agents.search.scoring import Scorer, check_tokenizer
from stepgym.agents.search.searching_agent import SearchingAgent, play_with
from stepgym.agents.search.simulation import SIMULATIONS, check_simulation, simulate
from stepgym.agents.search.spending import Spending
from stepgym.agents.search.tree import TreeNode, forks
from stepgym.agents.seeds import derive_seed
from stepgym.errors import InvalidInputError


class TreeAgent(SearchingAgent):
    """Grows a tree before every action, plays the most visited one, and goes on in its part of the tree.

    Args:
        policy: Draws the actions.
        env: What is being played; it can fork.
        scorer: Reads V.
        expand: Actions drawn at once at a node that is widened.
        explore: Weight of the priors.
        use_outcome: Whether the search sees rewards.
        budget: For each action that is played.
        prompt: How the conversation is shown.
        sampling: How actions are drawn.
    """

    def __init__(
        self,
        policy: Policy,
        env: gymnasium.Env[Any, Any],
        scorer: Scorer,
        *,
        expand: int,
        explore: float,
        use_outcome: bool,
        budget: SearchBudget,
        prompt: PromptFormat | None,
        sampling: Sampling | None,
    ) -> None:
        super().__init__(policy, env, name=f"mcts-{expand}", prompt=prompt, sampling=sampling)
        self.root: TreeNode | None = None
        self.played: TreeNode | None = None
        self._drawn_from, self._scorer, self._budget = policy, scorer, budget
        self._expand, self._explore, self._use_outcome = expand, explore, use_outcome

    async def choose(self, position: Position, request: Request) -> Completion:
        """The most visited action; of equal ones the one with the higher mean, then the earlier."""
        spending = Spending(self._drawn_from, self._budget)
        expander = _Actions(self.forks, self._scorer, spending, request, use_outcome=self._use_outcome)
        try:
            node = await self._node(position, expander)
            rounds = self._budget.rounds or SIMULATIONS
            await simulate(node, expander, spending, expand=self._expand, explore=self._explore, rounds=rounds)
        finally:
            self.tokens_spent += spending.tokens
        if not node.children:
            raise InvalidInputError("the budget does not give an action a token")
        self.played = max(node.children, key=lambda child: (not child.cut, child.visits, child.mean))
        completion: Completion = self.played.state[1]
        return completion

    async def _node(self, position: Position, expander: _Actions) -> TreeNode:
        """The node of `position`: where the last action led in the tree, unless the environment answered otherwise."""
        played = self.played
        if played is not None and played.state[0] is not None:
            there: Position = played.state[0]
            if there.observation == position.observation and there.prompt == position.prompt:
                return played
            played.state = (replace(position, steps=there.steps), played.state[1])
            played.ended = played.finished = False
            played.draws = 0
            played.children.clear()
            await expander.read([played])
            return played
        self.root = TreeNode(state=(position, None))
        await expander.read([self.root])
        self.root.visits, self.root.total = 1, self.root.value
        return self.root


class _Actions:
    """Draws and plays actions, see `Expander`."""

    def __init__(
        self, forks: Forks, scorer: Scorer, spending: Spending, request: Request, *, use_outcome: bool
    ) -> None:
        self.most = request.sampling.max_tokens
        self._forks, self._scorer, self._spending, self._request = forks, scorer, spending, request
        self._use_outcome = use_outcome

    async def draw(self, node: TreeNode, n: int, limit: int) -> list[TreeNode]:
        at: Position = node.state[0]
        seed = self._request.seed
        seed = None if seed is None else derive_seed(seed, "draw", self._spending.draws)
        asked = replace(self._request, messages=at.messages, prompt_token_ids=at.prompt, n=n, seed=seed)
        nodes: list[TreeNode] = []
        played: dict[str, Position] = {child.action: child.state[0] for child in node.children if not child.cut}
        for completion in await self._spending.draw(asked, limit):
            cut = completion.finish_reason != "stop"
            if not cut and completion.text not in played:
                played[completion.text] = await self._forks.after(at, completion)
            there = None if cut else played[completion.text]
            over = there is None or there.end is not None
            nodes.append(
                TreeNode(
                    completion.text,
                    ended=over,
                    finished=over and not cut,
                    probability=probability(completion, self._request.sampling),
                    state=(there, completion),
                )
            )
        return nodes

    async def read(self, nodes: Sequence[TreeNode]) -> None:
        whole = [node for node in nodes if node.state[0] is not None]
        values = await self._scorer.score([node.state[0].reading() for node in whole])
        for node, value in zip(whole, values, strict=True):
            there: Position = node.state[0]
            node.value = value or 0.0
            if self._use_outcome:
                node.value = there.reward + (0.0 if there.end else node.value)


async def mcts_actions_async(
    policy: Policy,
    value: ValueFunction,
    env: gymnasium.Env[Any, Any],
    *,
    expand: int = 2,
    explore: float = 1.0,
    budget: SearchBudget | None = None,
    use_outcome: bool = False,
    task: str | None = None,
    sampling: Sampling | None = None,
    prompt: PromptFormat | None = None,
    after_end: bool = False,
    seed: int | None = None,
) -> SearchedEpisode:
    """`mcts` in an environment inside an event loop."""
    check_simulation(expand=expand, explore=explore)
    check_tokenizer(policy)
    scorer = Scorer(value, getattr(policy, "tokenizer", None), after_end=after_end)
    agent = TreeAgent(
        policy,
        env,
        scorer,
        expand=expand,
        explore=explore,
        use_outcome=use_outcome,
        budget=budget or SearchBudget(),
        prompt=prompt,
        sampling=sampling,
    )
    episode = await play_with(agent, env, task=task, seed=seed, episode_id=None)
    branches: tuple[Episode, ...] = ()
    if agent.root is not None and agent.played is not None:
        branches = _branches(agent.root, agent.played, episode)
    return SearchedEpisode(episode, agent.tokens_spent, scorer.tokens, branches, agent.root)


def _branches(root: TreeNode, played: TreeNode, episode: Episode) -> tuple[Episode, ...]:
    """The episodes that ended in forks, as branches of the one that was played."""
    names = {id(played): episode.id}
    branches = []
    for i, (leaf, parent, forked_at) in enumerate(forks(root, played)):
        if leaf is played or parent is None:
            continue
        names[id(leaf)] = f"{episode.id}/branch-{i}"
        there: Position = leaf.state[0]
        branches.append(
            replace(
                episode,
                id=names[id(leaf)],
                steps=there.steps,
                outcome=there.outcome,
                end=there.end or "error",
                parent=names[id(parent)],
                forked_at=forked_at,
            )
        )
    return tuple(branches)
