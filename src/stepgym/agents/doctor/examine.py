"""`examine`: look at an episode log before training on it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from stepgym.agents.doctor.advice import advise
from stepgym.agents.doctor.diagnosis import Advice, Diagnosis, Likelihood, Overlap, Spread
from stepgym.agents.episodes import Episode
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.agents.policy import Policy, policy_name
from stepgym.agents.running import run_sync
from stepgym.agents.statistics import success_interval
from stepgym.envs.actions.steps import SIGNATURE
from stepgym.envs.tasks import Task
from stepgym.errors import InvalidInputError

_SCORED_AT_ONCE = 64


def examine(
    log: Iterable[Episode],
    *,
    evaluation_tasks: Iterable[Task | str] | None = None,
    policy: Policy | None = None,
    scored_episodes: int = 256,
    seed: int = 0,
) -> Diagnosis:
    """What `log` holds, and whether rejection sampling would do as well as OREO (see `advise`); one pass, streaming.

    Args:
        log: An `EpisodeLog` or any other episodes.
        evaluation_tasks: Tasks, or ids of tasks, that the trained policy will be evaluated on: the log should not
            have them.
        policy: A reference policy with `score`: how likely does it find the logged actions? Needs token ids in the
            log; a sample of episodes is scored.
        scored_episodes: Size of that sample.
        seed: Of the sample and the bootstrap.

    Raises:
        InvalidInputError: there are no episodes, or the policy cannot score.
    """
    if policy is not None and not hasattr(policy, "score"):
        raise InvalidInputError(f"the policy {policy_name(policy)} has no method score(token_ids)")
    tally = _Tally(evaluation_tasks, scored_episodes if policy is not None else 0, np.random.default_rng(seed))
    for episode in log:
        tally.add(episode)
    if tally.episodes == 0:
        raise InvalidInputError(_nothing(log))
    likelihood = None if policy is None else _likelihood(policy, tally.sample)
    return tally.diagnosis(
        problems=log.problem_count if isinstance(log, EpisodeLog) else 0, likelihood=likelihood, seed=seed
    )


def _nothing(log: Iterable[Episode]) -> str:
    """Why there is nothing to examine."""
    message = "the log has no episodes to examine"
    if not isinstance(log, EpisodeLog) or not log.problem_count:
        return message
    count = log.problem_count
    lines = "its only line was left out" if count == 1 else f"all of its {count:,} lines were left out, the first is"
    return (
        f"{message}: {lines}: {log.problems[0]}. "
        "If the rows are not episodes, turn them into some with `stepgym import FILE --out DIR`."
    )


@dataclass(slots=True)
class _Outcomes:
    """The usable episodes of one task: lengths of right and wrong answers in characters."""

    right: list[int] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)


class _Tally:
    """Everything that is counted while episodes stream by; text is kept only as hashes."""

    def __init__(
        self, evaluation_tasks: Iterable[Task | str] | None, sample_size: int, generator: np.random.Generator
    ) -> None:
        self.episodes = 0
        self.sample: list[Episode] = []
        self._sample_size, self._generator = sample_size, generator
        self._evaluation = None if evaluation_tasks is None else list(evaluation_tasks)
        self._evaluation_ids = {t if isinstance(t, str) else t.id for t in self._evaluation or ()}
        self._evaluation_prompts = {_hash(_plain(t.prompt)) for t in self._evaluation or () if isinstance(t, Task)}
        self._seen_ids, self._seen_prompts = set[str](), set[int]()
        self._overlapping = self._duplicates = self._empty = self._undecided = self._cut = self._without_ids = 0
        self._unread = 0
        self._tasks: dict[str, _Outcomes] = {}
        self._envs, self._policies, self._ends = Counter[str](), Counter[str](), Counter[str]()
        self._contents = set[int]()
        self._turns, self._characters, self._tokens = list[int](), list[int](), list[int]()

    def add(self, episode: Episode) -> None:
        self.episodes += 1
        self._envs[episode.env_id] += 1
        self._policies[episode.policy] += 1
        self._ends[episode.end] += 1
        characters = sum(len(step.action) for step in episode.steps)
        self._turns.append(len(episode.steps))
        self._characters.append(characters)
        self._count_outcome(episode, characters)
        self._count_tokens(episode)
        self._unread += sum(verdict.verifier == SIGNATURE for step in episode.steps for verdict in step.verdicts)
        self._empty += not episode.steps or any(not step.action.strip() for step in episode.steps)
        content = _hash("\0".join((episode.task_id, *(step.action for step in episode.steps))))
        self._duplicates += content in self._contents
        self._contents.add(content)
        if self._evaluation is not None:
            self._count_overlap(episode)

    def diagnosis(self, *, problems: int, likelihood: Likelihood | None, seed: int) -> Diagnosis:
        judged = [task for task in self._tasks.values() if task.right or task.wrong]
        successes, failures = sum(len(t.right) for t in judged), sum(len(t.wrong) for t in judged)
        mixed = [t for t in judged if t.right and t.wrong]
        success = None
        if judged:
            shares = [[1.0] * len(t.right) + [0.0] * len(t.wrong) for t in judged]
            success = success_interval(shares, resamples=2_000, seed=seed)
        length_decides = _length_decides(mixed)
        advice, reasons = advise(
            successes=successes,
            failures=failures,
            success=success.value if success is not None else 0.0,
            repeated=sum(len(t.right) + len(t.wrong) > 1 for t in judged),
            mixed=len(mixed),
            length_decides=length_decides,
        )
        overlap = self._overlap()
        return Diagnosis(
            episodes=self.episodes,
            tasks=len(self._tasks),
            envs=dict(self._envs),
            policies=dict(self._policies),
            ends=dict(self._ends),
            successes=successes,
            failures=failures,
            undecided=self._undecided,
            cut=self._cut,
            success=success,
            tasks_both=len(mixed),
            tasks_only_successes=sum(not t.wrong for t in judged),
            tasks_only_failures=sum(not t.right for t in judged),
            samples_per_task=_spread([len(t.right) + len(t.wrong) for t in self._tasks.values()]),
            turns=_spread(self._turns),
            characters=_spread(self._characters),
            tokens=_spread(self._tokens) if self._tokens else None,
            empty_actions=self._empty,
            unread_actions=self._unread,
            duplicates=self._duplicates,
            without_ids=self._without_ids / self.episodes,
            problems=problems,
            length_decides=length_decides,
            overlap=overlap,
            likelihood=likelihood,
            advice=advice,
            reasons=reasons + self._warnings(advice, overlap),
        )

    def _count_outcome(self, episode: Episode, characters: int) -> None:
        outcomes = self._tasks.setdefault(episode.task_id, _Outcomes())
        if episode.end in ("context", "error"):
            self._cut += 1
        elif episode.success is None:
            self._undecided += 1
        else:
            (outcomes.right if episode.success else outcomes.wrong).append(characters)

    def _count_tokens(self, episode: Episode) -> None:
        ids = [None if step.completion is None else step.completion.token_ids for step in episode.steps]
        known = [tokens for tokens in ids if tokens is not None]
        if not ids or len(known) < len(ids):
            self._without_ids += 1
            return
        self._tokens.append(sum(len(tokens) for tokens in known))
        if len(self.sample) < self._sample_size:
            self.sample.append(episode)
        elif self._sample_size and (place := int(self._generator.integers(len(self._tokens)))) < self._sample_size:
            # Reservoir sampling: every episode with ids has the same chance to be scored.
            self.sample[place] = episode

    def _count_overlap(self, episode: Episode) -> None:
        by_id = episode.task_id in self._evaluation_ids
        prompt = _hash(_plain(episode.steps[0].observation)) if episode.steps else 0
        by_prompt = prompt in self._evaluation_prompts
        self._overlapping += by_id or by_prompt
        if by_id:
            self._seen_ids.add(episode.task_id)
        if by_prompt:
            self._seen_prompts.add(prompt)

    def _overlap(self) -> Overlap | None:
        if self._evaluation is None:
            return None
        return Overlap(len(self._evaluation), len(self._seen_ids), len(self._seen_prompts), self._overlapping)

    def _warnings(self, advice: Advice, overlap: Overlap | None) -> tuple[str, ...]:
        found = []
        if overlap is not None and overlap.episodes:
            found.append(
                f"{overlap.episodes:,} episodes are about tasks of the evaluation set: leave them out of training, "
                "or the evaluation says nothing."
            )
        if self._duplicates > 0.3 * self.episodes:
            found.append("Many episodes repeat task and actions: a higher temperature gives more to learn from.")
        if self._cut > 0.1 * self.episodes:
            found.append("Many episodes were cut by the system: allow more tokens or a longer context.")
        if self._without_ids and advice not in ("no_outcomes", "one_class"):
            found.append("Episodes without token ids are encoded from their text: the ids may not be those sampled.")
        return tuple(found)


def _length_decides(mixed: Sequence[_Outcomes]) -> float | None:
    """Mean over tasks of the share of (right, wrong) pairs in which the right one is longer, ties counting half."""
    shares = []
    for task in mixed:
        difference = np.sign(np.array(task.right)[:, None] - np.array(task.wrong)[None, :])  # (right, wrong)
        shares.append(float(difference.mean()) / 2 + 0.5)
    return float(np.mean(shares)) if shares else None


def _likelihood(policy: Policy, episodes: Sequence[Episode]) -> Likelihood:
    if not episodes:
        raise InvalidInputError("the log has no token ids, so a policy cannot score its actions; leave `policy` out")
    context = getattr(policy, "context", None)
    parts = [
        (episode.success, segment)
        for episode in episodes
        for segment in _segments(episode)
        if context is None or len(segment[0]) <= context
    ]
    scores = run_sync(_score_all(policy, [ids for _, (ids, _) in parts]))
    sums: dict[bool | None, list[float]] = {True: [], False: [], None: []}
    for (success, (_, action)), logprobs in zip(parts, scores, strict=True):
        # logprobs[i] belongs to token i + 1.
        sums[success] += [logprob for logprob, acted in zip(logprobs, action[1:], strict=True) if acted]
    everything = sums[True] + sums[False] + sums[None]
    if not everything:
        raise InvalidInputError("no action of the log could be scored: all are longer than the context of the policy")
    return Likelihood(
        float(np.mean(everything)),
        float(np.mean(sums[True])) if sums[True] else None,
        float(np.mean(sums[False])) if sums[False] else None,
        len(episodes),
        len(everything),
    )


async def _score_all(policy: Policy, sequences: Sequence[list[int]]) -> list[Sequence[float]]:
    scores: list[Sequence[float]] = []
    for start in range(0, len(sequences), _SCORED_AT_ONCE):
        group = sequences[start : start + _SCORED_AT_ONCE]
        scores += await asyncio.gather(*(policy.score(ids) for ids in group))  # type: ignore[attr-defined]
    return scores


def _segments(episode: Episode) -> list[tuple[list[int], list[bool]]]:
    """For each segment its token ids, and for each token whether the policy wrote it."""
    segments: list[tuple[list[int], list[bool]]] = []
    for step in episode.steps:
        completion = step.completion
        if completion is None or completion.token_ids is None:
            continue
        prompt = completion.prompt_token_ids or ()
        if completion.new_segment or not segments:
            segments.append(([], []))
        ids, action = segments[-1]
        ids += [*prompt, *completion.token_ids]
        action += [False] * len(prompt) + [True] * len(completion.token_ids)
    return [segment for segment in segments if len(segment[0]) > 1]


def _spread(values: Sequence[int]) -> Spread:
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
    return Spread(float(low), float(median), float(high), float(max(values)))


def _plain(prompt: str) -> str:
    return " ".join(prompt.casefold().split())


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
