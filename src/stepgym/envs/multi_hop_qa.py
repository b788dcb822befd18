"""`MultiHopQAEnv`: questions that take several searches, about a made-up world or from a file.

The tool use of SWiRL (Goldie et al. 2025, https://arxiv.org/abs/2504.04736, section 2.3): a query inside
`<search_query>` tags, at most five of them, the results as `query -> result`, the answer inside `<answer>` tags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from os import PathLike, fspath
from typing import Any

from stepgym.envs.actions.names import ActionsLike
from stepgym.envs.multi_hop.hotpot import QuestionFile, load_hotpot
from stepgym.envs.multi_hop.questions import draw_question, hops_range, question_from_id
from stepgym.envs.multi_hop.solutions import next_action
from stepgym.envs.multi_hop.steps import TAG, SearchState
from stepgym.envs.multi_hop.world import Passages, World, world_of
from stepgym.envs.sources import OnError
from stepgym.envs.tasks import Task
from stepgym.envs.text import StepResult
from stepgym.envs.tools.search_index import Document, IndexLike, SearchIndex, make_index
from stepgym.envs.tools.tool_env import ToolEnv
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers import Verifier

_MOST_SHOWN = 4_000


class MultiHopQAEnv(ToolEnv):
    """Questions that are answered by several searches; turns, limits and `info` are those of `ToolEnv`.

    Without `path` the world is made up: every question has 2 to 4 hops and exactly one answer, its id spells it out,
    and one index serves all questions of a world. With `path` questions and paragraphs come from a file in HotPotQA's
    format, and the index holds all paragraphs of the file.

    Args:
        path: A file, see `HOTPOT_HELP`; None makes up a world.
        on_error: "raise" or "skip" for rows of the file that cannot be read.
        world_seed: Which world; tasks are drawn by the seed of `reset`.
        size: How many people it has, 12 to 600; everything else grows with them.
        hops: How many, from 2 to 4, or the smallest and the largest number.
        noise: Share of documents, in [0, 1], that state something wrong: a good query may bring a bad result. The
            right answer stays that of the world.
        passages: "facts": one document per fact; "articles": one per person, place or thing, with all facts.
        results: How many documents a search brings, 1 to 10.
        retrieval: How documents are found, see `make_index`.
        max_calls: How many searches.
        verifier: Judges answers, see `TaskEnv`.
        verifier_kwargs: Arguments for a verifier given by name.
        instructions: None for instructions that name the tags and the limit.
        actions: How actions are read out of what a model wrote, see `TextEnv`; None takes the whole text.
        render_mode: None, "ansi" or "human".
    """

    tag = TAG
    usage = "Answer the question with the help of a search engine: <{tag}>your query</{tag}> brings what it finds."

    def __init__(
        self,
        *,
        path: str | PathLike[str] | None = None,
        on_error: OnError = "raise",
        world_seed: int = 0,
        size: int = 60,
        hops: int | Sequence[int] = (2, 4),
        noise: float = 0.0,
        passages: Passages = "facts",
        results: int = 1,
        retrieval: IndexLike = "full-text",
        max_calls: int = 5,
        verifier: str | Verifier = "short-answer",
        verifier_kwargs: Mapping[str, Any] | None = None,
        instructions: str | None = None,
        actions: ActionsLike | None = None,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(
            verifier,
            verifier_kwargs=verifier_kwargs,
            max_calls=max_calls,
            instructions=instructions,
            actions=actions,
            render_mode=render_mode,
        )
        if type(results) is not int or not 1 <= results <= 10:
            raise InvalidInputError(f"results must be an integer from 1 to 10, got {results!r:.80}")
        drawn = (world_seed, size, hops if isinstance(hops, int) else tuple(hops), noise, passages)
        if path is not None and drawn != (0, 60, (2, 4), 0.0, "facts"):
            raise InvalidInputError(
                "world_seed, size, hops, noise and passages make up a world; leave them out with path="
            )
        self.hops = hops_range(drawn[2])
        self.results = results
        self.noise = noise
        self.world: World | None = None
        self.file: QuestionFile | None = None
        if path is None:
            self.world = world_of(world_seed, size)
            self.index = _world_index(self.world, passages, noise, retrieval)
        else:
            self.file = load_hotpot(fspath(path), on_error=on_error)
            self.index = _file_index(self.file.documents, retrieval)
        self._turns: tuple[tuple[str, str], ...] = ()

    @property
    def state(self) -> SearchState:
        """The question and the turns so far, for `judge_step` and experts."""
        return SearchState(self.task.id, self._turns)

    def draw_task(self) -> Task:
        """A question of the file, drawn uniformly, or one about the world."""
        if self.file is not None:
            return self.file.tasks[int(self.np_random.integers(len(self.file.tasks)))]
        return draw_question(self.np_random, self._world(), self.hops).task()

    def find_task(self, task_id: str) -> Task:
        """The question of the file with this id, or the one about this world that the id spells out."""
        if self.file is not None:
            return self.file.tasks.find(task_id)
        question, world = question_from_id(task_id), self._world()
        if question.world is not world:
            raise UnknownNameError(
                f"The task {task_id!r:.120} is about another world than world_seed={world.seed}, size={world.size}."
            )
        return question.task()

    def on_reset(self, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The question."""
        self._turns = ()
        return super().on_reset(options)

    def on_step(self, action: str) -> StepResult:
        """Search, or judge the answer."""
        result = super().on_step(action)
        self._turns = (*self._turns, (action, result[0]))
        return result

    def call(self, argument: str) -> str:
        """The documents that a search for `argument` finds, as they are shown."""
        found = self.index.search(argument, self.results)
        shown = [" ".join(str(document).split())[:_MOST_SHOWN] for document in found]
        if self.results == 1 or not shown:
            return shown[0] if shown else "nothing was found"
        return "\n" + "\n".join(f"[{number}] {text}" for number, text in enumerate(shown, 1))

    def expert_action(self) -> str:
        """The next step of a perfect searcher, who believes what was found; only where the world is made up."""
        if self.file is not None:
            raise InvalidInputError("questions of a file bring no solution to show")
        return self.written(next_action(self.state))

    def get_state(self) -> dict[str, Any]:
        """The state of the episode, see `Forkable`."""
        return {**super().get_state(), "turns": self._turns}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from `state`, see `Forkable`."""
        super().set_state(state)
        self._turns = state["turns"]

    def _world(self) -> World:
        if self.world is None:
            raise InvalidInputError("questions of a file are about no made-up world")
        return self.world


@lru_cache(maxsize=16)
def _world_index(world: World, passages: Passages, noise: float, retrieval: IndexLike) -> SearchIndex:
    """One index for all environments of a world."""
    return make_index(world.documents(passages=passages, noise=noise), retrieval)


@lru_cache(maxsize=4)
def _file_index(documents: tuple[Document, ...], retrieval: IndexLike) -> SearchIndex:
    return make_index(documents, retrieval)
