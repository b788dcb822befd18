"""`summarize`: what finished episodes amount to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b

from stepgym.agents.episodes import Episode
from stepgym.agents.evaluation.breakdown import KS, at_k, by_group
from stepgym.agents.evaluation.records import Evaluation
from stepgym.agents.statistics import success_interval
from stepgym.errors import InvalidInputError

_LONGEST_ANSWER = 100  # characters kept as they are


def voted_answer(text: str) -> str:
    """What an answer votes for, the same as in the searches by majority: its last number, else the text itself."""
    from stepgym.agents.search.answers import last_number

    return last_number(text)


def summarize(
    episodes: Iterable[Episode],
    *,
    method: str,
    policy: str | None = None,
    tokens: int | None = None,
    seconds: float | None = None,
    ks: Sequence[int] = KS,
    answer_of: Callable[[str], str] | None = voted_answer,
    groups: Mapping[str, Mapping[str, str]] | None = None,
    seed: int = 0,
) -> Evaluation:
    """The evaluation that `episodes` amount to; read once, as a stream.

    Args:
        episodes: Finished episodes of one environment, any number per task.
        method: How the actions were chosen.
        policy: Name of the policy; the one in the episodes if None.
        tokens: Tokens spent, where the episodes do not hold all (a search); counted from the episodes if None.
        seconds: Wall time, if measured.
        ks: Of how many samples pass@k and maj@k are given, see `AtK`; those above the fewest samples are left out.
        answer_of: What an answer votes for; "" does not vote. None counts no votes, and neither do episodes of several
            turns. Answers that were cut or not decided never vote.
        groups: For each way of sorting the tasks the group of each task id, see `task_groups`.
        seed: Of the bootstrap.

    Raises:
        InvalidInputError: there are no episodes, or they are of several environments or (without `policy`) policies.
    """
    outcomes: dict[str, list[float]] = {}
    answers: dict[str, list[str]] = {}
    envs, policies = set[str](), set[str]()
    undecided = truncated = counted = 0
    ids_known, votes = True, answer_of is not None
    for episode in episodes:
        envs.add(episode.env_id)
        policies.add(episode.policy)
        outcomes.setdefault(episode.task_id, []).append(1.0 if episode.success else 0.0)
        cut = episode.end in ("context", "error")
        truncated += cut
        undecided += episode.outcome is None and not cut
        votes = votes and len(episode.steps) <= 1
        if votes and answer_of is not None:
            answers.setdefault(episode.task_id, []).append(_vote(episode, answer_of))
        for step in episode.steps:
            if step.completion is None or step.completion.token_ids is None:
                ids_known = False
            else:
                counted += len(step.completion.token_ids)
    if not outcomes:
        raise InvalidInputError("there are no episodes to evaluate")
    if policy is None:
        policy = _the_only("policy", policies)
    samples = list(outcomes.values())
    count = sum(map(len, samples))
    interval = success_interval(samples, seed=seed)
    return Evaluation(
        policy=policy,
        method=method,
        env_id=_the_only("environment", envs),
        success=interval.value,
        low=interval.low,
        high=interval.high,
        outcomes={task: tuple(found) for task, found in outcomes.items()},
        undecided=undecided / count,
        truncated=truncated / count,
        tokens=tokens if tokens is not None or not ids_known else counted,
        seconds=seconds,
        at_k=at_k(samples, list(answers.values()) if votes else None, ks, seed=seed),
        groups=by_group(outcomes, groups or {}, seed=seed),
    )


def _vote(episode: Episode, answer_of: Callable[[str], str]) -> str:
    if episode.success is None or not episode.steps:
        return ""
    answer = answer_of(episode.steps[-1].action)
    # An answer may be a whole text; what counts is which answers are equal.
    return answer if len(answer) <= _LONGEST_ANSWER else blake2b(answer.encode("utf-8", "replace")).hexdigest()


def _the_only(kind: str, names: set[str]) -> str:
    if len(names) > 1:
        raise InvalidInputError(f"expected episodes of one {kind}, got {len(names)}: {', '.join(sorted(names)[:5])}")
    return next(iter(names))
