"""Steps as rows for TRL, and a judge as a reward function for its GRPO: step-wise RL at scale."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from stepgym.agents.judges import Judge, JudgedEpisode, StepState, judge_all
from stepgym.agents.judges.judge import judge_name
from stepgym.errors import InvalidInputError

Row = dict[str, Any]


def to_step_sft(
    judged: Iterable[JudgedEpisode], *, steps: Mapping[str, Collection[int]] | None = None
) -> Iterator[Row]:
    """One row a step for TRL's SFTTrainer: `prompt` (the state, as messages) and `completion` (one message).

    Args:
        judged: The episodes that a filter kept.
        steps: Which steps of which episode, by its id, see `good_steps`; None takes all.
    """
    for one in judged:
        for i, step in enumerate(one.episode.steps):
            if steps is None or i in steps.get(one.episode.id, ()):
                yield {"prompt": StepState.of(one.episode, i).messages(), "completion": _message(step.action)}


def to_step_kto(judged: Iterable[JudgedEpisode]) -> Iterator[Row]:
    """One row a judged step for TRL's KTOTrainer: `prompt`, `completion`, `label`; steps without a verdict are none."""
    for one in judged:
        for i, (step, judgement) in enumerate(zip(one.episode.steps, one.judgements, strict=True)):
            if judgement.good is not None:
                yield {
                    "prompt": StepState.of(one.episode, i).messages(),
                    "completion": _message(step.action),
                    "label": judgement.good,
                }


def to_step_grpo(judged: Iterable[JudgedEpisode]) -> Iterator[Row]:
    """One row a stored state for TRL's GRPOTrainer or RLOOTrainer with `judge_as_trl_reward`.

    `prompt` is the state as messages; `task_id`, `observations` and `actions` are the same for the judge.
    """
    for one in judged:
        for i in range(len(one.episode.steps)):
            state = StepState.of(one.episode, i)
            yield {
                "prompt": state.messages(),
                "task_id": state.task_id,
                "observations": list(state.observations),
                "actions": list(state.actions),
            }


class JudgeReward:
    """The reward function that `judge_as_trl_reward` returns; TRL logs it under `__name__`."""

    def __init__(self, judge: Judge, *, concurrency: int) -> None:
        self.judge = judge
        self.concurrency = concurrency
        self.__name__ = judge_name(judge)

    def __call__(
        self, prompts: Sequence[Any] | None = None, completions: Sequence[Any] | None = None, **columns: Any
    ) -> list[float | None]:
        """1.0 for a good step, 0.0 for a bad one, None without a verdict."""
        missing = [name for name in ("task_id", "observations", "actions") if name not in columns]
        if completions is None or missing:
            raise InvalidInputError(
                f"{self.__name__}: the data set lacks {missing or ['completions']}: make its rows with to_step_grpo"
            )
        states = [
            StepState(task, tuple(observations), tuple(actions))
            for task, observations, actions in zip(
                columns["task_id"], columns["observations"], columns["actions"], strict=True
            )
        ]
        steps = list(zip(states, map(_text, completions), strict=True))
        found = judge_all(self.judge, steps, concurrency=self.concurrency)
        return [None if one.good is None else float(one.good) for one in found]


def judge_as_trl_reward(judge: Judge, *, concurrency: int = 64) -> JudgeReward:
    """A reward function with the signature that TRL's `GRPOTrainer` and `RLOOTrainer` call, for `to_step_grpo` rows.

    TRL writes a group of new actions in each stored state, the judge scores each one, and none is carried out: this is
    step-wise RL with the advantages of GRPO. A sample without a verdict is left out.

    Args:
        judge: Any judge.
        concurrency: Most steps under judgement at once.
    """
    return JudgeReward(judge, concurrency=concurrency)


def _message(action: str) -> list[Row]:
    return [{"role": "assistant", "content": action}]


def _text(completion: Any) -> str:
    if isinstance(completion, str):
        return completion
    if isinstance(completion, Sequence) and completion and isinstance(completion[-1], Mapping):
        return str(completion[-1].get("content") or "")
    raise InvalidInputError(f"expected a text or a list of chat messages, got {completion!r:.80}")
