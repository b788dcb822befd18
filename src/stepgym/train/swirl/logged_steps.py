"""`LoggedStepTrainer`: the purely offline variant, which judges the actions of the log and writes none."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from stepgym.agents.judges import Judge, judge_all
from stepgym.agents.seeds import derive_seed
from stepgym.errors import InvalidInputError
from stepgym.train.nonfinite import NonFiniteError
from stepgym.train.policy_model import PolicyModel
from stepgym.train.swirl.decompose import StepRow
from stepgym.train.swirl.objective import clipped_objective, sibling_weights
from stepgym.train.swirl.row_scores import IdRow, RowScorer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class LoggedStepConfig:
    """Settings of `LoggedStepTrainer`.

    Attributes:
        updates: Updates.
        rows: Logged actions per update.
        weighting: "clipped": `min(rho w, clip(rho) w)` with `w = r - b`, which pushes good actions up and bad ones
            down within a bound; "awr": the likelihood weighted with `exp(w / beta)`, which only pulls.
        clip: Bound on the likelihood ratio `rho = pi / pi_0` of whole actions, for "clipped".
        beta: Temperature of "awr".
        learning_rate: Of Adam, constant.
        max_grad_norm: Gradients are clipped to this norm.
        max_length: Most tokens of a row; longer ones are left out. None takes the model's context.
        micro_batch: Most rows in one forward pass.
        seed: Of the order of rows.
    """

    updates: int = 100
    rows: int = 64
    weighting: Literal["clipped", "awr"] = "clipped"
    clip: float = 0.5
    beta: float = 0.5
    learning_rate: float = 1e-5
    max_grad_norm: float = 1.0
    max_length: int | None = None
    micro_batch: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("updates", "rows", "micro_batch"):
            if getattr(self, name) < 1:
                raise InvalidInputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.weighting not in ("clipped", "awr"):
            raise InvalidInputError(f"weighting must be 'clipped' or 'awr', got {self.weighting!r}")
        if self.clip <= 0 or self.beta <= 0 or self.learning_rate <= 0:
            raise InvalidInputError("clip, beta and learning_rate must be positive")


@dataclass(frozen=True, slots=True)
class LoggedStepUpdate:
    """One update.

    Attributes:
        iteration: From 0.
        loss: Of its rows.
        log_ratio: Mean `log pi(a|s) - log pi_0(a|s)` of its actions.
        grad_norm: Before clipping.
    """

    iteration: int
    loss: float
    log_ratio: float
    grad_norm: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


class LoggedStepTrainer:
    """Learns from logged actions and a judge alone; ours, the paper samples new actions.

    An action weighs `w = r - b` with `r` 1 if it is good and 0 if not, see `sibling_weights`. `pi_0` is the model as it
    comes, which should be what wrote the log. Dropout is off.

    Args:
        model: A causal language model, changed in place.
        tokenizer: Its tokenizer.
        rows: From `decompose`.
        judge: Any judge; each logged action is judged once, here.
        config: Settings.

    Attributes:
        history: One `LoggedStepUpdate` per update.
        left_out: Rows that were not used, by reason.

    Raises:
        InvalidInputError: No row is left, or all weights are 0: every action got the same judgement.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        rows: Sequence[StepRow],
        judge: Judge,
        config: LoggedStepConfig | None = None,
    ) -> None:
        self.config = config or LoggedStepConfig()
        self.history: list[LoggedStepUpdate] = []
        self.left_out: Counter[str] = Counter()
        text_config: Any = model.config.get_text_config()
        longest = self.config.max_length or getattr(text_config, "max_position_embeddings", None)
        self._ids, self._weights = self._weighted(rows, judge, longest)
        self._policy = PolicyModel(model.eval())
        self._scorer = RowScorer(tokenizer, micro_batch=self.config.micro_batch)
        self._start = self._scorer.logprobs(PolicyModel(copy.deepcopy(model)), self._ids)
        parameters = [p for p in self._policy.parameters() if p.requires_grad]
        self._optimizer = torch.optim.Adam(parameters, lr=self.config.learning_rate)
        self._order: list[int] = []
        self._rounds = 0

    def train(self) -> list[LoggedStepUpdate]:
        """All updates; returns `history`."""
        while len(self.history) < self.config.updates:
            self.history.append(self.update())
        return self.history

    def update(self) -> LoggedStepUpdate:
        """One update of the model; raises `NonFiniteError` where the gradient is NaN or infinite."""
        chosen = self._drawn()
        weights, start = self._weights[chosen], self._start[chosen]
        total, ratios = 0.0, 0.0
        self._optimizer.zero_grad()
        for part, logp in self._scorer.scored(self._policy, [self._ids[i] for i in chosen]):
            log_ratio = logp - start[part].to(logp.device)
            own = weights[part].to(logp.device)
            if self.config.weighting == "clipped":
                gain = clipped_objective(log_ratio, own, clip=self.config.clip)
            else:
                gain = (own / self.config.beta).exp() * logp
            loss = -gain.sum() / len(chosen)
            loss.backward()
            total += float(loss.detach())
            ratios += float(log_ratio.detach().sum()) / len(chosen)
        norm = float(torch.nn.utils.clip_grad_norm_(self._policy.parameters(), self.config.max_grad_norm))
        if not math.isfinite(norm):
            raise NonFiniteError(
                f"update {len(self.history) + 1}: the gradient has the norm {norm}; lower the learning rate"
            )
        self._optimizer.step()
        return LoggedStepUpdate(len(self.history), total, ratios, norm)

    def _weighted(self, rows: Sequence[StepRow], judge: Judge, longest: int | None) -> tuple[list[IdRow], torch.Tensor]:
        fitting = [row for row in rows if row.state_ids and (longest is None or row.tokens <= longest)]
        self.left_out["too long or without a state"] += len(rows) - len(fitting)
        said = judge_all(judge, [(row.state, row.action) for row in fitting])
        kept = [(row, float(one.good)) for row, one in zip(fitting, said, strict=True) if one.good is not None]
        self.left_out["undecided"] += len(fitting) - len(kept)
        self.left_out = +self.left_out
        if not kept:
            raise InvalidInputError(f"no logged action can be used: {dict(self.left_out) or 'there are none'}")
        weights = sibling_weights(
            [reward for _, reward in kept], [row.state.key for row, _ in kept], [row.step for row, _ in kept]
        )
        if not any(weights):
            raise InvalidInputError(
                "all logged actions of each state and step got the same judgement: there is nothing to prefer"
            )
        return [(row.state_ids, row.action_ids) for row, _ in kept], torch.tensor(weights)

    def _drawn(self) -> list[int]:
        chosen: list[int] = []
        for _ in range(min(self.config.rows, len(self._ids))):
            if not self._order:
                rng = np.random.default_rng(derive_seed(self.config.seed, "rows", self._rounds))
                self._order = [int(i) for i in rng.permutation(len(self._ids))]
                self._rounds += 1
            chosen.append(self._order.pop())
        return chosen
