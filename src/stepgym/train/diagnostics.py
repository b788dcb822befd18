"""Numbers that tell whether OREO training is healthy, and the guard that stops it when it is not."""

from __future__ import annotations

import logging
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from stepgym.train.layout import EpisodeLayout
from stepgym.train.losses import OREOResiduals

logger = logging.getLogger(__name__)

GuardMode = Literal["stop", "warn", "off"]

# A mean V this far outside the returns (in units of their range) has left what it estimates.
VALUE_SLACK = 0.2
# A mean KL per action token above this many nats is a collapsed policy: ln 20 is a uniform choice among 20 tokens.
KL_LIMIT = 3.0


@torch.no_grad()
def batch_diagnostics(
    residuals: OREOResiduals, values: Tensor, returns: Tensor, episode_ids: Tensor
) -> dict[str, float | Tensor]:
    """Diagnostics of one batch; all tensors `(batch, positions)`. NaN where a class is missing.

    `value_*` and `auc_*` compare V at the first or last state with whether the episode's return is positive, `brier_*`
    is its mean squared difference from the return (Brier's score where returns are 0 or 1);
    `log_ratio_*` is the log-ratio of all actions of an episode; `explained_variance` is of the returns by V.
    """
    state = residuals.value_mask
    if not bool(state.any()):
        return {}
    layout = EpisodeLayout.from_ids(episode_ids)
    at_state = layout.to_episodes(state, False)  # (episodes, longest)
    has_state = at_state.any(-1)
    at_state = at_state[has_state]
    columns = torch.arange(at_state.shape[-1], device=state.device)
    first = at_state.int().argmax(-1, keepdim=True)
    last = torch.where(at_state, columns, -1).max(-1, keepdim=True).values

    def read(tensor: Tensor, column: Tensor) -> Tensor:
        return layout.to_episodes(tensor)[has_state].gather(-1, column).squeeze(-1)  # (episodes with states,)

    success = read(returns, first) > 0
    v_first, v_last = read(values, first), read(values, last)
    ratio = read(residuals.log_ratio, first)
    v, g = values[state], returns[state]
    variance = g.var(unbiased=False)
    return {
        "value_mean": v.mean(),
        "value_residual": residuals.value[state].abs().mean(),
        "policy_residual": residuals.policy[residuals.policy_mask].abs().mean(),
        "explained_variance": 1 - (g - v).var(unbiased=False) / variance if float(variance) > 0 else float("nan"),
        "value_mean_success": v_first[success].mean(),
        "value_mean_failure": v_first[~success].mean(),
        "auc_first": _auc(v_first, success),
        "auc_last": _auc(v_last, success),
        "brier_first": (v_first - read(returns, first)).square().mean(),
        "brier_last": (v_last - read(returns, last)).square().mean(),
        "log_ratio_success": ratio[success].mean(),
        "log_ratio_failure": ratio[~success].mean(),
    }


class Guard(TrainerCallback):
    """Warns, or stops training, when V leaves the range of returns or the policy collapses.

    Two log lines in a row must be out of range: the first steps of a fresh value may overshoot once.

    Args:
        lowest, highest: Of the returns in the training data.
        mode: "stop", "warn" or "off".

    Attributes:
        message: Why training was stopped or warned about, or "".
        before: The symptom of the last log line, or "".
    """

    def __init__(self, lowest: float, highest: float, mode: GuardMode) -> None:
        # V starts at zero, and where all episodes ended alike their outcome is no range.
        lowest, highest = min(lowest, 0.0), max(highest, 0.0)
        slack = VALUE_SLACK * ((highest - lowest) or 1.0)
        self.low, self.high = lowest - slack, highest + slack
        self.mode = mode
        self.message = ""
        self.before = ""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Look at one log line."""
        if self.mode == "off" or not logs or "kl" not in logs:
            return
        now = self._symptom(logs)
        if now and self.before:
            self.message = f"step {state.global_step}: {now}"
            logger.warning("%s. %s", self.message, _ADVICE)
            control.should_training_stop |= self.mode == "stop"
        self.before = now

    def _symptom(self, logs: dict[str, float]) -> str:
        value, kl = logs.get("value_mean", 0.0), logs["kl"]
        if not self.low <= value <= self.high:
            return f"mean V is {value:.3g}, outside [{self.low:.3g}, {self.high:.3g}]"
        if kl > KL_LIMIT:
            return f"mean KL to the reference is {kl:.3g} nats per token, above {KL_LIMIT:g}"
        return ""


_ADVICE = "The policy is collapsing: lower the learning rate, or raise alpha (weight of the KL) or beta."


def _auc(score: Tensor, positive: Tensor) -> Tensor | float:
    """P(score of a success > score of a failure), ties count half; NaN if a class is missing."""
    a, b = score[positive].unsqueeze(-1), score[~positive].unsqueeze(0)
    if not a.numel() or not b.numel():
        return float("nan")
    return (a > b).float().mean() + 0.5 * (a == b).float().mean()
