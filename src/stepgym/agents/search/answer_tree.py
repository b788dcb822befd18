"""A tree of the steps of one answer, for `mcts` on a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stepgym.agents.episodes import Episode, Step
from stepgym.agents.policy import Completion, Request
from stepgym.agents.search.partial import Partial, goes_on, probability
from stepgym.agents.search.scoring import Scorer, ids_of
from stepgym.agents.search.spending import Spending
from stepgym.agents.search.tree import TreeNode, forks
from stepgym.agents.seeds import derive_seed
from stepgym.verifiers import Verdict, Verifier

ENV_ID = "question"  # of the episodes: a question with its steps belongs to no environment


class AnswerTree:
    """Draws steps up to a delimiter and reads V after each.

    Args:
        spending: The policy and its budget.
        scorer: Reads V.
        request: The question; its `max_tokens` bound one step.
        delimiters: What ends a step.
        judge: Says how an answer turned out; None where the search may not see that.
    """

    def __init__(
        self,
        spending: Spending,
        scorer: Scorer,
        request: Request,
        delimiters: tuple[str, ...],
        judge: Judge | None,
    ) -> None:
        self.most = request.sampling.max_tokens
        self.prompt = request.prompt_token_ids or ()
        self.root = TreeNode(state=(Partial(), None))
        self._spending, self._scorer, self._judge = spending, scorer, judge
        self._stops, self._delimiters = request.sampling.stop, delimiters
        stops = tuple(dict.fromkeys((*self._stops, *delimiters)))
        self._request = replace(request, sampling=replace(request.sampling, stop=stops))
        self._tokenizer: Any = getattr(spending.policy, "tokenizer", None)

    async def start(self) -> None:
        """Read V of the question."""
        await self.read([self.root])
        self.root.visits, self.root.total = 1, self.root.value

    def partial(self, node: TreeNode) -> Partial:
        """The answer up to `node`; one that is not finished ends by "length"."""
        found: Partial = node.state[0]
        return found if node.finished else replace(found, finish_reason="length")

    async def draw(self, node: TreeNode, n: int, limit: int) -> list[TreeNode]:
        """See `Expander.draw`."""
        before: Partial = node.state[0]
        seed = self._request.seed
        asked = replace(
            self._request,
            prompt_token_ids=self.prompt + before.ids,
            n=n,
            seed=None if seed is None else derive_seed(seed, "draw", self._spending.draws),
        )
        return [self._node(before, step) for step in await self._spending.draw(asked, limit)]

    async def read(self, nodes: Sequence[TreeNode]) -> None:
        """See `Expander.read`."""
        values = await self._scorer.score([(self.prompt, node.state[0].ids) for node in nodes])
        for node, value in zip(nodes, values, strict=True):
            outcome = None if self._judge is None or not node.finished else self._judge(node.state[0].text)[0]
            node.value = (value or 0.0) if outcome is None else outcome
            node.state = (replace(node.state[0], score=node.value), node.state[1])

    def _node(self, before: Partial, step: Completion) -> TreeNode:
        after = before.grown(step, self._tokenizer)
        more = goes_on(before, after, step, self._delimiters, self._stops)
        return TreeNode(
            step.text,
            ended=not more,
            finished=not more and step.finish_reason == "stop",
            probability=probability(step, self._request.sampling),
            state=(after, step),
        )


class Judge:
    """How an answer turned out: its outcome (None if undecided) and the verdict; each text is judged once."""

    def __init__(self, verifier: Verifier, reference: Any, question: str) -> None:
        self._verifier, self._reference, self._question = verifier, reference, question
        self._known: dict[str, tuple[float | None, Verdict]] = {}

    def __call__(self, text: str) -> tuple[float | None, Verdict]:
        """Outcome and verdict of the answer `text`."""
        if text not in self._known:
            verdict = self._verifier.verify(text, self._reference, context=self._question)
            outcome = None if verdict.status == "undecided" else float(verdict.status == "correct")
            self._known[text] = outcome, verdict
        return self._known[text]


def answer_episodes(
    tree: AnswerTree, request: Request, *, run: str, task_id: str, judge: Judge | None, policy: str
) -> tuple[Episode, ...]:
    """The finished answers as episodes with one turn a step; they have an outcome where there is a judge.

    The turns of an answer lie in one segment: nothing is observed between them.
    """
    question = request.messages[-1]["content"] if request.messages else ""
    names: dict[int, str] = {}
    episodes = []
    for i, (leaf, parent, forked_at) in enumerate(forks(tree.root)):
        names[id(leaf)] = f"{run}/{i}"
        outcome, verdict = (None, None) if judge is None else judge(leaf.state[0].text)
        nodes = leaf.path()[1:]
        steps = [
            Step(
                question if j == 0 else "",
                node.action,
                _turn(node.state[1], tree.prompt, first=j == 0),
                terminated=node is leaf,
            )
            for j, node in enumerate(nodes)
        ]
        # The findings of a verdict lie in the whole answer, which no single turn holds.
        signed = () if verdict is None else (replace(verdict, findings=()),)
        steps[-1] = replace(steps[-1], reward=outcome or 0.0, verdicts=signed)
        episodes.append(
            Episode(
                id=names[id(leaf)],
                env_id=ENV_ID,
                task_id=task_id,
                steps=tuple(steps),
                outcome=outcome,
                seed=request.seed,
                policy=policy,
                sampling=request.sampling,
                parent=None if parent is None else names[id(parent)],
                forked_at=forked_at,
            )
        )
    return tuple(episodes)


def _turn(step: Completion, prompt: tuple[int, ...], *, first: bool) -> Completion:
    ids_of(step)  # a search by value had them
    return replace(step, prompt_token_ids=prompt if first else (), new_segment=first)
