"""`StepwiseTrainer`: new actions in stored states, judged once and not carried out."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from stepgym.agents.engines.transformers_policy import TransformersPolicy
from stepgym.agents.judges import Judge, Judgement, StepState, judge_all
from stepgym.agents.policy import Completion, Request, Sampling, generate_batch
from stepgym.agents.seeds import derive_seed
from stepgym.errors import InvalidInputError
from stepgym.train.nonfinite import NonFiniteError
from stepgym.train.policy_model import PolicyModel
from stepgym.train.swirl.decompose import StepRow
from stepgym.train.swirl.objective import bandit_weights
from stepgym.train.swirl.row_scores import IdRow, RowScorer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class StepwiseConfig:
    """Settings of `StepwiseTrainer`. The paper publishes none of them; these are starting points.

    Attributes:
        iterations: Updates.
        states: Stored states per update.
        samples: New actions per state, at least 2 for a baseline.
        beta: Pull to the start policy, in units of reward per nat.
        learning_rate: Of Adam, constant.
        max_grad_norm: Gradients are clipped to this norm.
        max_tokens: Longest new action.
        stop: Strings that end one.
        micro_batch: Most rows in one forward pass.
        seed: Of the order of states and of the samples.
    """

    iterations: int = 100
    states: int = 32
    samples: int = 4
    beta: float = 0.05
    learning_rate: float = 1e-5
    max_grad_norm: float = 1.0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    micro_batch: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("iterations", "states", "samples", "max_tokens", "micro_batch"):
            if getattr(self, name) < 1:
                raise InvalidInputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.beta < 0 or self.learning_rate <= 0:
            raise InvalidInputError(f"expected beta >= 0 and learning_rate > 0, got {self.beta}, {self.learning_rate}")


@dataclass(frozen=True, slots=True)
class StepwiseUpdate:
    """One update.

    Attributes:
        iteration: From 0.
        reward: Mean judgement of the new actions: the share of good ones.
        kl: Mean `log pi(a|s) - log pi_0(a|s)` of the new actions: an unbiased estimate of KL(pi || pi_0).
        judged: New actions with a verdict.
        undecided: New actions without one; they are left out.
        cut: New actions that reached `max_tokens`; they are judged as they stand.
        grad_norm: Before clipping.
    """

    iteration: int
    reward: float
    kl: float
    judged: int
    undecided: int
    cut: int
    grad_norm: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


class StepwiseTrainer:
    """Step-wise reinforcement on stored states.

    In each update some stored states are drawn, without replacement until all had their turn; the policy writes new
    actions in them at temperature 1; the judge says of each whether it is good (reward 1) or not (0); and one step of
    Adam follows `grad sum_a w_a log pi(a|s)` with the weights of `bandit_weights`. No action is carried out, no outcome
    is looked at, and tool text is context. Dropout is off: samples and gradients are of the same policy.

    Args:
        model: A causal language model, changed in place.
        tokenizer: Its tokenizer.
        rows: Stored states, from `decompose`; their own actions are not used, and equal states count once each time.
        judge: Any judge.
        config: Settings.

    Attributes:
        history: One `StepwiseUpdate` per update.
        left_out: Rows that were not used, by reason.

    Raises:
        InvalidInputError: No row is left.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        rows: Sequence[StepRow],
        judge: Judge,
        config: StepwiseConfig | None = None,
    ) -> None:
        self.config = config or StepwiseConfig()
        self.judge = judge
        self.history: list[StepwiseUpdate] = []
        self.left_out: Counter[str] = Counter()
        self._sampler = TransformersPolicy(model, tokenizer, batch_size=self.config.states * self.config.samples)
        self._rows = self._fitting(rows)
        reference = copy.deepcopy(model).requires_grad_(False).eval()
        self._policy, self._reference = PolicyModel(model.eval()), PolicyModel(reference)
        self._scorer = RowScorer(tokenizer, micro_batch=self.config.micro_batch)
        parameters = [p for p in self._policy.parameters() if p.requires_grad]
        self._optimizer = torch.optim.Adam(parameters, lr=self.config.learning_rate)
        self._order: list[int] = []
        self._rounds = 0

    def train(self) -> list[StepwiseUpdate]:
        """All updates; returns `history`."""
        while len(self.history) < self.config.iterations:
            self.history.append(self.update())
        return self.history

    def update(self) -> StepwiseUpdate:
        """One update of the model.

        Raises:
            NonFiniteError: The gradient is NaN or infinite; nothing was changed.
            PolicyError: The judge failed.
        """
        number = len(self.history)
        rows = self._drawn()
        written = self._written(rows, number)
        judgements = self._judged(rows, written)
        flat = [
            (k, (rows[k].state_ids, one.token_ids or ()), said.good)
            for k, (ones, saids) in enumerate(zip(written, judgements, strict=True))
            for one, said in zip(ones, saids, strict=True)
            if said.good is not None and one.token_ids
        ]
        all_samples = [one for ones in written for one in ones]
        cut = sum(one.finish_reason == "length" for one in all_samples)
        undecided = len(all_samples) - len(flat)
        if not flat:
            return StepwiseUpdate(number, math.nan, math.nan, 0, undecided, cut, 0.0)
        rewards = torch.tensor([float(good) for _, _, good in flat])
        norm, kl = self._stepped([ids for _, ids, _ in flat], rewards, [k for k, _, _ in flat])
        return StepwiseUpdate(number, float(rewards.mean()), kl, len(flat), undecided, cut, norm)

    def _stepped(self, ids: list[IdRow], rewards: torch.Tensor, groups: list[int]) -> tuple[float, float]:
        """One step of the optimiser; the norm of the gradient and the mean log-ratio."""
        log_ratio = self._scorer.logprobs(self._policy, ids) - self._scorer.logprobs(self._reference, ids)
        weights = torch.zeros(len(ids))
        members = torch.tensor(groups)
        for group in set(groups):
            at = members == group
            weights[at] = bandit_weights(rewards[at], log_ratio[at], beta=self.config.beta)
        self._optimizer.zero_grad()
        for part, logp in self._scorer.scored(self._policy, ids):
            (-(weights[part].to(logp.device) * logp).sum() / len(ids)).backward()
        norm = float(torch.nn.utils.clip_grad_norm_(self._policy.parameters(), self.config.max_grad_norm))
        if not math.isfinite(norm):
            raise NonFiniteError(
                f"update {len(self.history) + 1}: the gradient has the norm {norm}; lower the learning rate"
            )
        self._optimizer.step()
        return norm, float(log_ratio.mean())

    def _fitting(self, rows: Sequence[StepRow]) -> list[StepRow]:
        """The rows whose states leave room for an action."""
        context = self._sampler.context
        kept = []
        for row in rows:
            if not row.state_ids:
                self.left_out["no state"] += 1
            elif context is not None and len(row.state_ids) + self.config.max_tokens > context:
                self.left_out["too long"] += 1
            else:
                kept.append(row)
        if not kept:
            raise InvalidInputError(
                f"no stored state can be used: {dict(self.left_out) or 'there are none'}. The model reads {context} "
                f"tokens, of which an action takes up to max_tokens={self.config.max_tokens}."
            )
        return kept

    def _drawn(self) -> list[StepRow]:
        rows = []
        for _ in range(min(self.config.states, len(self._rows))):
            if not self._order:
                rng = np.random.default_rng(derive_seed(self.config.seed, "states", self._rounds))
                self._order = [int(i) for i in rng.permutation(len(self._rows))]
                self._rounds += 1
            rows.append(self._rows[self._order.pop()])
        return rows

    def _written(self, rows: Sequence[StepRow], number: int) -> list[list[Completion]]:
        sampling = Sampling(max_tokens=self.config.max_tokens, stop=self.config.stop)
        requests = [
            Request(
                tuple(row.state.messages()),
                row.state_ids,
                sampling,
                n=self.config.samples,
                seed=derive_seed(self.config.seed, "samples", number, k),
            )
            for k, row in enumerate(rows)
        ]
        return generate_batch(self._sampler, requests)

    def _judged(self, rows: Sequence[StepRow], written: Sequence[Sequence[Completion]]) -> list[list[Judgement]]:
        steps: list[tuple[StepState, str]] = [
            (row.state, one.text) for row, ones in zip(rows, written, strict=True) for one in ones
        ]
        found = iter(judge_all(self.judge, steps))
        return [[next(found) for _ in ones] for ones in written]
