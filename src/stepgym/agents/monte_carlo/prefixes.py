"""`Prefix`: a state that a logged episode went through, from which it can be played on, with a name that is stable."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any

from stepgym.agents.engines.stops import decode
from stepgym.agents.episodes import Episode, Step
from stepgym.agents.policy import Completion
from stepgym.agents.spans import DEFAULT_DELIMITERS, step_start_tokens

_NAME = "stepgym-prefix-1"


@dataclass(frozen=True)
class Prefix:
    """Everything up to the point before one reasoning step.

    Attributes:
        episode_id: The episode it is taken from.
        env_id, env_kwargs, task_id, seed: What brings the environment back to its beginning.
        turns: The turns that are over.
        observation: What the agent is shown in the turn that is played.
        step: How many reasoning steps lie before it in the episode, over all turns.
        written: Ids of the part of this turn's answer that is written; () at the beginning of a turn.
        text: Their text.
        prompt_token_ids: The ids read before this turn's answer as the log has them; None where it has none.
        new_segment: Whether those are a whole prompt, see `Completion`.
    """

    episode_id: str
    env_id: str
    task_id: str
    turns: tuple[Step, ...]
    observation: str
    step: int = 0
    written: tuple[int, ...] = ()
    text: str = ""
    prompt_token_ids: tuple[int, ...] | None = None
    new_segment: bool = True
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None

    @cached_property
    def key(self) -> str:
        """32 hexadecimal digits: equal for equal environments, tasks and histories, whatever episode they are from.

        The history is that of the token ids where the log has them for every turn, else that of the texts. The
        environment and the task are part of it because what an environment hides decides too.
        """
        ids = self._ids()
        texts = [*((turn.observation, turn.action) for turn in self.turns), (self.observation,)]
        read: list[Any] = texts if ids is None else ids
        parts = (_NAME, self.env_id, dict(self.env_kwargs), self.task_id, read, self.written)
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    @cached_property
    def token_ids(self) -> tuple[int, ...] | None:
        """The ids of the current segment up to here, which is where V of this state is read; None without ids."""
        read = self._ids()
        if read is None:
            return None
        ids: tuple[int, ...] = ()
        for new_segment, prompt, answer in read:
            ids = (prompt if new_segment else ids + prompt) + answer
        return ids + self.written

    def _ids(self) -> list[tuple[bool, tuple[int, ...], tuple[int, ...]]] | None:
        """For each turn, the current one last: whether a segment begins, the ids read and those written."""
        found = []
        for turn in self.turns:
            done = turn.completion
            if done is None or done.prompt_token_ids is None or done.token_ids is None:
                return None
            found.append((done.new_segment, done.prompt_token_ids, done.token_ids))
        if self.prompt_token_ids is None:
            return None
        return [*found, (self.new_segment, self.prompt_token_ids, ())]


def prefixes(
    episode: Episode, tokenizer: Any = None, *, delimiters: Sequence[str] = DEFAULT_DELIMITERS
) -> Iterator[Prefix]:
    """The states before each reasoning step of `episode`, in order; the first is the task alone.

    The state after the last step is not among them: nothing is left to play there, its value is the outcome.

    Args:
        episode: From a log.
        tokenizer: The one whose ids the log has; without it, or where a turn has no ids, only turns are steps.
        delimiters: What ends a reasoning step inside a turn; () for turns only.
    """
    step = 0
    for number, turn in enumerate(episode.steps):
        done = turn.completion
        ids = None if done is None or done.prompt_token_ids is None else done.token_ids
        starts = [0]
        if ids and tokenizer is not None and delimiters:
            starts = [0, *(start for start in step_start_tokens(ids, tokenizer, delimiters) if start > 0)]
        for start in starts:
            yield Prefix(
                episode_id=episode.id,
                env_id=episode.env_id,
                env_kwargs=episode.env_kwargs,
                task_id=episode.task_id,
                seed=episode.seed,
                turns=episode.steps[:number],
                observation=turn.observation,
                step=step,
                written=() if ids is None else ids[:start],
                text="" if ids is None or not start else decode(tokenizer, ids[:start]),
                prompt_token_ids=None if ids is None or done is None else done.prompt_token_ids,
                new_segment=_new_segment(done),
            )
            step += 1


def _new_segment(completion: Completion | None) -> bool:
    return completion is None or completion.new_segment
