"""`play_episode`: one episode, from the reset of its environment to its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from stepgym.agents.agent import Agent, PolicyError
from stepgym.agents.episodes import End, Episode, Step
from stepgym.agents.policy import Completion
from stepgym.agents.rollout.plan import Job
from stepgym.agents.rollout.player import EpisodeFailed
from stepgym.agents.rollout.source import EnvSource
from stepgym.envs.actions.steps import SIGNATURE as UNREAD_BY
from stepgym.envs.actions.steps import UNREAD
from stepgym.errors import InvalidInputError
from stepgym.verifiers.verdict import Verdict

SIGNATURE = "stepgym-collect"  # who signs the verdicts on turns that failed


class Seat(Protocol):
    """An environment to play in, in this process or another."""

    instructions: str

    async def reset(self, seed: int, options: dict[str, Any] | None) -> tuple[Any, Mapping[str, Any]]:
        """As `gymnasium.Env.reset`."""
        ...

    async def step(self, action: str) -> tuple[Any, float, bool, bool, Mapping[str, Any]]:
        """As `gymnasium.Env.step`."""
        ...


async def play_episode(agent: Agent, source: EnvSource, seat: Seat, episode_id: str, job: Job) -> Episode:
    """Plays `job` in `seat`, with the promises of `Player.play`."""
    observation, info = await seat.reset(job.env_seed, None if job.task is None else {"task": job.task})
    if not isinstance(observation, str):
        raise InvalidInputError(
            f"{source.id} shows observations of type {type(observation).__name__}; "
            "collect needs a text environment (observations and actions are str)"
        )
    task = info.get("task", job.task)
    task_id = str(getattr(task, "id", task) if task is not None else f"seed-{job.env_seed}")
    conversation = agent.start(instructions=seat.instructions, seed=job.policy_seed)
    steps: list[Step] = []
    end: End | None = None
    verdict: Verdict | None = None
    while end is None:
        try:
            completion = await agent.act(conversation, observation, info=info)
        except PolicyError as error:
            steps.append(unplayed(observation, Completion("", finish_reason="error"), str(error)))
            episode = record(agent, source, episode_id, job, task_id=task_id, steps=tuple(steps), end="error")
            if _may_pass(error.__cause__):
                raise EpisodeFailed(str(error), kind="policy", episode=episode) from error
            return episode
        if completion.finish_reason == "error":
            steps.append(unplayed(observation, completion, "the policy reported an error"))
            end = "error"
        elif completion.finish_reason == "length":
            steps.append(
                unplayed(observation, completion, conversation.overflow or "the generation was cut before its end")
            )
            end = "context"
        else:
            shown, action = observation, completion.text
            observation, reward, terminated, truncated, info = await seat.step(action)
            found = info.get("verdict")
            verdict = found if isinstance(found, Verdict) else None
            signed = (*_unread(info), *(() if verdict is None else (verdict,)))
            steps.append(Step(shown, action, completion, float(reward), bool(terminated), bool(truncated), signed))
            end = "terminated" if terminated else "step_limit" if truncated else None
    decided = end in ("terminated", "step_limit") and (verdict is None or verdict.status != "undecided")
    outcome = sum(step.reward for step in steps) if decided else None
    return record(agent, source, episode_id, job, task_id=task_id, steps=tuple(steps), outcome=outcome, end=end)


def record(
    agent: Agent,
    source: EnvSource,
    episode_id: str,
    job: Job,
    *,
    steps: tuple[Step, ...],
    end: End,
    task_id: str | None = None,
    outcome: float | None = None,
) -> Episode:
    """The episode of a job as it goes into the log."""
    return Episode(
        id=episode_id,
        env_id=source.id,
        task_id=task_id or job.task or f"seed-{job.env_seed}",
        steps=steps,
        outcome=outcome,
        end=end,
        env_kwargs=source.kwargs,
        seed=job.env_seed,
        policy=agent.name,
        template_hash=agent.template_hash,
        sampling=agent.sampling,
    )


def unplayed(observation: str, completion: Completion, reason: str) -> Step:
    """A turn that never reached the environment."""
    return Step(observation, completion.text, completion, verdicts=(Verdict.undecided(reason, verifier=SIGNATURE),))


def _unread(info: Mapping[str, Any]) -> tuple[Verdict, ...]:
    """The verdict on an action that the environment's action format could not read."""
    problem = info.get(UNREAD)
    return (Verdict.wrong(reason=problem, verifier=UNREAD_BY),) if problem and isinstance(problem, str) else ()


def _may_pass(cause: BaseException | None) -> bool:
    """Whether what the policy raised is an outage and not a refusal: it says so, or is a broken connection."""
    transient = getattr(cause, "transient", None)
    return isinstance(cause, (ConnectionError, TimeoutError)) if transient is None else bool(transient)
