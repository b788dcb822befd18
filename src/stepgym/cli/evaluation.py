"""`Evaluator`: plays a policy, alone or with a search, and keeps the episodes where they can be resumed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepgym.agents.episodes import Episode
from stepgym.agents.evaluate import summarize
from stepgym.agents.evaluation import Evaluation
from stepgym.agents.log import EpisodeLog
from stepgym.agents.policy import Policy, Sampling, policy_name
from stepgym.agents.rollout import collect
from stepgym.cli.parser import Arguments
from stepgym.cli.playing import policy_prompt
from stepgym.cli.policies import reading_model, value_folder
from stepgym.cli.terminal import remark
from stepgym.cli.training_data import named_delimiters
from stepgym.errors import InvalidInputError
from stepgym.report.recorder import RunRecorder

SEARCHES = ("best-of-n", "majority", "step-beam")


@dataclass(frozen=True, slots=True)
class Contender:
    """A policy and the name it was asked for by."""

    name: str
    policy: Policy


class Evaluator:
    """Plays contenders on the same tasks.

    Args:
        args: The options of `stepgym evaluate`.
        amount: `episodes` or `tasks`.
        sampling: How to draw.
        record: The run folder; None keeps nothing.
    """

    def __init__(
        self, args: Arguments, amount: Mapping[str, Any], sampling: Sampling, record: RunRecorder | None
    ) -> None:
        self.args, self.amount, self.sampling, self.record = args, amount, sampling, record
        self._played: dict[str, Sequence[Episode]] = {}

    def plain(self, contender: Contender) -> Evaluation:
        """The policy as it is."""
        method = "greedy" if self.sampling.temperature == 0 else "sampled"
        return self._play(contender, contender.policy, method, self.args.samples)

    def searched(self, contender: Contender) -> Evaluation:
        """The policy with the search asked for; its tokens count everything it wrote."""
        searching, method = self._search(contender)
        return self._play(contender, searching, method, 1)

    def add_traces(self, contenders: Sequence[Contender]) -> None:
        """V along some episodes of the first policy, if it has a value function."""
        contender = contenders[0]
        tokenizer = getattr(contender.policy, "tokenizer", None)
        if tokenizer is None or self.record is None:
            return
        try:
            value_folder(contender.name, self.args.value)
        except InvalidInputError:
            return  # a policy without a value function
        from stepgym.cli.value_check import traces, values_along
        from stepgym.train import tokenize_episodes

        episodes = self._played[contender.name]
        tokens, _ = tokenize_episodes(episodes, tokenizer)
        (self.record.folder / "value_traces.jsonl").unlink(missing_ok=True)
        if tokens:
            values = values_along(self._value(contender), tokens)
            for line in traces(episodes, tokens, values, tokenizer):
                self.record.add_trace(line)

    def _search(self, contender: Contender) -> tuple[Any, str]:
        from stepgym.agents.search import BestOfNPolicy, StepBeamPolicy

        search, width = self.args.search, self.args.width
        if search == "majority":
            n = width or 8
            return BestOfNPolicy(contender.policy, None, n, choose="majority"), f"majority of {n}"
        value = self._value(contender)
        if search == "best-of-n":
            n = width or 8
            return BestOfNPolicy(contender.policy, value, n), f"best of {n} by value"
        delimiter = named_delimiters(self.args.delimiter or ("newline",))
        beam = StepBeamPolicy(contender.policy, value, width=width or 3, delimiter=delimiter)
        return beam, f"step beam {width or 3}"

    def _value(self, contender: Contender) -> Any:
        """The value function for a contender, on the device of its model."""
        from stepgym.train import load_value_function

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

    def _play(self, contender: Contender, policy: Any, method: str, samples: int) -> Evaluation:
        args = self.args
        log = None
        if self.record is not None:
            log = EpisodeLog(self.record.folder / "episodes" / _slug(f"{contender.name} {method}"), mode="a")
        try:
            done = collect(
                args.env,
                policy,
                samples_per_task=samples,
                out=log,
                sampling=self.sampling,
                prompt=policy_prompt(args, contender.policy, contender.name),
                env_kwargs=args.env_arg,
                seed=args.seed,
                concurrency=args.concurrency,
                **self.amount,
            )
        finally:
            if log is not None:
                log.close()
        remark(f"{contender.name}, {method}: {done}")
        episodes = done.episodes if log is None else list(EpisodeLog(log.path))
        if len(episodes) != done.finished + done.skipped:
            raise InvalidInputError(
                f"{args.out} holds episodes of another evaluation: resume with the same settings, or give another --out"
            )
        self._played.setdefault(contender.name, episodes)
        # A resumed evaluation measured neither the time nor the search of what was there already.
        spent = getattr(policy, "tokens_spent", None)
        return summarize(
            episodes,
            method=method,
            policy=contender.name if Path(contender.name).exists() else policy_name(contender.policy),
            tokens=None if done.skipped else spent,
            seconds=None if done.skipped else done.seconds,
            seed=args.seed,
        )


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[-100:]
