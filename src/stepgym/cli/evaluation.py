"""`Evaluator`: plays a policy, alone or with a search, and keeps the episodes where they can be resumed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepgym.agents.agent import Agent
from stepgym.agents.engines.served_value import load_served_value
from stepgym.agents.episodes import Episode
from stepgym.agents.evaluation.records import Evaluation
from stepgym.agents.evaluation.summary import summarize
from stepgym.agents.evaluation.task_groups import task_groups
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.agents.policy import Policy, policy_name
from stepgym.agents.rollout import Collected, collect
from stepgym.cli.parser import Arguments
from stepgym.cli.policies import check_value_place, is_address, reading_model, value_folder
from stepgym.cli.searches import SEARCHES, options_of
from stepgym.cli.shown_episodes import shown_episodes
from stepgym.cli.spent import Spent
from stepgym.cli.terminal import remark
from stepgym.errors import InvalidInputError
from stepgym.report.recorder import RunRecorder
from stepgym.verifiers.verdict import printable


@dataclass(frozen=True, slots=True)
class Contender:
    """A policy with its prompt and sampling, and the name it was asked for by."""

    name: str
    agent: Agent

    @property
    def policy(self) -> Policy:
        """The policy without its prompt."""
        return self.agent.policy

    @property
    def title(self) -> str:
        """Its name in tables: the folder as it was given, else what the policy calls itself."""
        return self.name if Path(self.name).exists() else policy_name(self.policy)


class Evaluator:
    """Plays contenders on the same tasks.

    Args:
        args: The options of `stepgym evaluate`.
        amount: `episodes` or `tasks`.
        record: The run folder; None keeps nothing.
    """

    def __init__(self, args: Arguments, amount: Mapping[str, Any], record: RunRecorder | None) -> None:
        self.args, self.amount, self.record = args, amount, record
        self.played: dict[str, Sequence[Episode]] = {}
        self.failed: list[str] = []  # what came to nothing because every episode ended in an error
        self._groups: dict[str, dict[str, str]] | None = None

    def plain(self, contender: Contender) -> Evaluation:
        """The policy as it is."""
        method = "greedy" if contender.agent.sampling.temperature == 0 else "sampled"
        return self._play(contender, contender.agent, method, self.amount, self.args.samples)

    def searched(self, contender: Contender) -> Evaluation:
        """The policy with the search asked for; its tokens count everything it wrote."""
        search = SEARCHES[self.args.search]
        options = options_of(self.args)
        value = self.value(contender) if search.needs_value else None
        policy = search.make(contender.policy, value, options)
        searching = Agent(policy, contender.agent.prompt, contender.agent.sampling)
        amount = self.amount
        if "episodes" in amount:
            # So many in a row begin alike: each beginning once is each task once.
            amount = {"episodes": math.ceil(amount["episodes"] / self.args.samples)}
        return self._play(contender, searching, search.title(options), amount, 1)

    def add_traces(self, contender: Contender) -> None:
        """Some episodes of a policy, with V along them if it has a value function."""
        if self.record is None:
            return
        episodes = self.played[contender.name]
        lines = self._valued_traces(contender, episodes) or shown_episodes(episodes)
        (self.record.folder / "value_traces.jsonl").unlink(missing_ok=True)
        for line in lines:
            self.record.add_trace(line)

    def _valued_traces(self, contender: Contender, episodes: Sequence[Episode]) -> list[dict[str, Any]]:
        tokenizer = getattr(contender.policy, "tokenizer", None)
        if tokenizer is None:
            return []
        try:
            check_value_place(contender.name, self.args.value)
        except InvalidInputError:
            return []  # a policy without a value function
        from stepgym.cli.value_check import traces, values_along
        from stepgym.train import tokenize_episodes

        tokens, _ = tokenize_episodes(episodes, tokenizer)
        return traces(episodes, tokens, values_along(self.value(contender), tokens), tokenizer) if tokens else []

    def value(self, contender: Contender) -> Any:
        """The value function for a contender, on the device of its model."""
        from stepgym.train import load_value_function

        if is_address(self.args.value):
            return load_served_value(self.args.value)
        folder = value_folder(contender.name, self.args.value)
        with reading_model(str(folder)):
            value = load_value_function(folder)
        tokenizer = getattr(contender.policy, "tokenizer", None)
        if tokenizer is None or tokenizer.get_vocab() != value.tokenizer.get_vocab():
            raise InvalidInputError(
                f"the value function in {folder} reads the tokens of another tokenizer than those of {contender.name}"
            )
        model = getattr(contender.policy, "model", None)
        if model is not None:
            value.model.to(model.device)
        return value

    def _play(
        self, contender: Contender, agent: Agent, method: str, amount: Mapping[str, Any], samples: int
    ) -> Evaluation:
        args, log, folder = self.args, None, None
        if self.record is not None:
            folder = self.record.folder / "episodes" / slug(f"{contender.name} {method}")
        policy: Any = agent.policy
        counts = (lambda: int(policy.tokens_spent)) if hasattr(policy, "tokens_spent") else None
        spent = Spent(None if folder is None else folder / "spent.json", counts)
        try:
            if folder is not None:
                log = EpisodeLog(folder, mode="a")
            done = collect(
                args.env,
                agent,
                samples_per_task=samples,
                out=log,
                env_kwargs=args.env_arg,
                seed=args.seed,
                concurrency=args.concurrency,
                on_episode=spent.tick,
                **amount,
            )
        finally:
            if log is not None:
                log.close()
                spent.save()
        name = f"{contender.name}, {method}"
        remark(f"{name}: {_played(done)}")
        episodes = done.episodes if log is None else list(EpisodeLog(log.path))
        if len(episodes) != done.finished + done.skipped:
            raise InvalidInputError(
                f"{args.out} holds episodes of another evaluation: resume with the same settings, or give another --out"
            )
        self.played.setdefault(contender.name, episodes)
        if episodes and all(episode.end == "error" for episode in episodes):
            self.failed.append(f"{name}: {_all_failed(len(episodes), done)}")
        return summarize(
            episodes,
            method=method,
            policy=contender.title,
            tokens=spent.tokens,
            seconds=spent.seconds,
            ks=args.k,
            groups=self._kinds(episodes),
            seed=args.seed,
        )

    def _kinds(self, episodes: Sequence[Episode]) -> dict[str, dict[str, str]]:
        """The kinds of the tasks, which all evaluations share."""
        if self._groups is None:
            from stepgym.envs import make

            env = make(self.args.env, **(self.args.env_arg or {}))
            try:
                self._groups = task_groups(env, {episode.task_id for episode in episodes})
            finally:
                env.close()
        return self._groups


def slug(text: str) -> str:
    """`text` as the name of a folder."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[-100:]


def _all_failed(episodes: int, done: Collected) -> str:
    what = f"all {episodes} episodes ended in an error"
    if not done.errors:
        return what
    message, count = max(done.errors.items(), key=lambda item: item[1])
    return f"{what}, {count} of them in: {printable(message)[:200]}"


def _played(done: Collected) -> str:
    """What was played, without the share of successes: the table says that, of all episodes and of the judged ones."""
    parts = [f"{done.finished} episodes in {done.seconds:.1f} s"]
    parts += [f"{done.skipped} were there already"] if done.skipped else []
    parts += [f"{done.ends[end]} cut ({end})" for end in ("context", "error") if done.ends.get(end)]
    parts += [f"{count} x {printable(message)[:200]}" for message, count in done.errors.items()]
    return ", ".join(parts)
