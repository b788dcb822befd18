r"""The OREO losses as pure functions of tensors.

Source: Wang, Hao, Dong, Zhang, Bao, Yang, Wu, "Offline Reinforcement Learning for LLM Multi-Step Reasoning",
arXiv 2412.16145, equations 3 and 7 to 11.

Index convention, used everywhere in this package. An episode is one token sequence `x[0..n-1]`. *Position* `t`
(`0 <= t <= n - 2`) means: the model has read `x[0..t]` and predicts `x[t+1]`. So

* `logp[t] = log pi(x[t+1] | x[0..t])`, `ref_logp[t]` the same under the frozen reference,
* `action_mask[t]` is True where `x[t+1]` was written by the agent,
* `values[t]` is the value of the state "`x[0..t]` has been read",
* `state_mask[t]` is True at the position right before the first token of an action: every action token at token
  level, the first token of each reasoning step or turn at step level,
* `returns[t]` is the sum of the rewards given at or after `t`.

With `d = logp - ref_logp` on action tokens, `D[t]` the sum of `d` from `t` to the end of the episode, `next(t)` the
next state and `sg` the stop-gradient, the residuals at the states are

.. math::
    \text{value:} \quad & V_t - G_t + \beta\, sg(D_t) \\
    \text{policy, token and step:} \quad & sg(V_t) - G_t
        + \beta \sum_{t \le i < next(t)} d_i + \beta\, sg(D_{next(t)}) \\
    \text{policy, full and response:} \quad & sg(V_t) - G_t + \beta D_t \\
    \text{policy, one step:} \quad & sg(V_t) - r_t - sg(V_{next(t)}) + \beta \sum_{t \le i < next(t)} d_i

and each loss is a mean of squared residuals. "full" and "response" are biased where the environment answers at random:
the stop-gradient on the future is what keeps token and step level exact there.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from stepgym.errors import InvalidInputError
from stepgym.train.layout import EpisodeLayout

Level = Literal["token", "step", "full", "response", "onestep"]
LossNorm = Literal["token", "episode"]
Denominator = float | Tensor


class OREOResiduals(NamedTuple):
    """Residuals of the soft Bellman equation, all `(batch, positions)`, zero where the masks are False.

    Attributes:
        value: Residual of V; gradients flow into the values only.
        policy: Residual of the policy; gradients flow into the log-probabilities only.
        value_mask: States, where `value` counts.
        policy_mask: Where `policy` counts: the states, or the first state of each episode at response level.
        log_ratio: `D`, the log-ratio of all action tokens from each position to the end of its episode, detached.
    """

    value: Tensor
    policy: Tensor
    value_mask: Tensor
    policy_mask: Tensor
    log_ratio: Tensor


def oreo_residuals(
    logp: Tensor,
    ref_logp: Tensor,
    values: Tensor,
    action_mask: Tensor,
    state_mask: Tensor,
    returns: Tensor,
    *,
    beta: float,
    level: Level = "token",
    episode_ids: Tensor | None = None,
) -> OREOResiduals:
    """The residuals under `oreo_loss`, for diagnostics; arguments as there."""
    _check(logp, ref_logp, values, action_mask, state_mask, returns, level=level)
    layout = EpisodeLayout.from_ids(_ids(logp, episode_ids))
    action = layout.to_episodes(action_mask.bool(), False)  # (episodes, longest), as everything below
    state = layout.to_episodes(state_mask.bool(), False)
    # `where`, not a product: a masked position may hold any log-ratio, infinities included.
    log_ratio = torch.where(action, layout.to_episodes(_real(logp) - _real(ref_logp)), 0.0)
    value = layout.to_episodes(_real(values))
    goal = layout.to_episodes(_real(returns)).to(value.dtype)

    suffix = log_ratio.flip(-1).cumsum(-1).flip(-1)  # D[t]
    value_residual = value - goal + beta * suffix.detach()

    if level in ("full", "response"):
        policy_residual = value.detach() - goal + beta * suffix
    else:
        successor = _next_state(state)
        own = _sum_by_state(log_ratio, state)
        if level == "onestep":
            reward = goal - _gather(goal, successor)
            policy_residual = value.detach() - reward - _gather(value.detach(), successor) + beta * own
        else:
            policy_residual = value.detach() - goal + beta * (own + _gather(suffix.detach(), successor))
    first = state & (state.cumsum(-1) == 1)
    counted = first if level == "response" else state
    return OREOResiduals(
        layout.to_batch(torch.where(state, value_residual, 0.0)),
        layout.to_batch(torch.where(counted, policy_residual, 0.0)),
        layout.to_batch(state),
        layout.to_batch(counted),
        layout.to_batch(suffix.detach()),
    )


def oreo_loss(
    logp: Tensor,
    ref_logp: Tensor,
    values: Tensor,
    action_mask: Tensor,
    state_mask: Tensor,
    returns: Tensor,
    *,
    beta: float,
    level: Level = "token",
    loss_norm: LossNorm = "token",
    episode_ids: Tensor | None = None,
    denominator: Denominator | tuple[Denominator, Denominator] | None = None,
) -> tuple[Tensor, Tensor]:
    """The value loss and the policy loss, two scalars.

    Gradients flow into `values` through the first and into `logp` through the second only. float64 stays float64,
    lower precisions are computed in float32.

    Args:
        logp: Log-probability of the next token under the policy. `(batch, positions)`, as all tensors here.
        ref_logp: The same under the frozen reference.
        values: V at each position.
        action_mask: True where the next token was written by the agent.
        state_mask: True right before the first token of an action.
        returns: Sum of the rewards given at or after each position.
        beta: Strength of the pull to the reference, > 0.
        level: Which policy residual; token and step share one formula and differ in `state_mask`. The value loss
            ignores it.
        loss_norm: "token" averages over all squared terms of the batch, "episode" within each episode and then over
            episodes (the authors' code). Episodes without a state do not count.
        episode_ids: Integer ids as in `EpisodeLayout.from_ids`; by default each row is one episode.
        denominator: Divides the sum of squared terms ("token") or of per-episode means ("episode") in place of this
            call's own count, so that a batch may be split over calls; a pair gives (value, policy) apart.
    """
    res = oreo_residuals(
        logp, ref_logp, values, action_mask, state_mask, returns, beta=beta, level=level, episode_ids=episode_ids
    )
    ids = _ids(logp, episode_ids)
    for_value, for_policy = denominator if isinstance(denominator, tuple) else (denominator, denominator)
    return (
        masked_mean(res.value.square(), res.value_mask, ids, loss_norm=loss_norm, denominator=for_value),
        masked_mean(res.policy.square(), res.policy_mask, ids, loss_norm=loss_norm, denominator=for_policy),
    )


def reverse_kl(
    logits: Tensor,
    ref_logits: Tensor,
    action_mask: Tensor,
    *,
    loss_norm: LossNorm = "token",
    episode_ids: Tensor | None = None,
    denominator: Denominator | None = None,
) -> Tensor:
    """The exact KL(pi || reference) over the whole vocabulary at the action positions, a scalar.

    Args:
        logits: Unnormalised log-probabilities of the policy. `(batch, positions, vocabulary)`
        ref_logits: The same of the reference; no gradient flows into it.
        action_mask: Positions that count. `(batch, positions)`
        loss_norm: "token" averages over action tokens, "episode" within each episode and then over episodes.
        episode_ids: As in `oreo_loss`.
        denominator: As in `oreo_loss`; counts action tokens or episodes.
    """
    ids = _ids(logits[..., 0], episode_ids)
    action = action_mask.bool() & (ids >= 0)
    logp = torch.log_softmax(_real(logits[action]), dim=-1)  # (actions, vocabulary)
    ref_logp = torch.log_softmax(_real(ref_logits[action]).detach(), dim=-1)
    # A token that the policy rules out contributes 0, whatever the reference thinks of it.
    difference = torch.where(torch.isneginf(logp), 0.0, logp - ref_logp)
    divergence = (logp.exp() * difference).sum(-1)  # (actions,)
    spread = divergence.new_zeros(action.shape).masked_scatter(action, divergence)
    return masked_mean(spread, action, ids, loss_norm=loss_norm, denominator=denominator)


def supervised_loss(
    logp: Tensor,
    action_mask: Tensor,
    *,
    loss_norm: LossNorm = "token",
    episode_ids: Tensor | None = None,
    denominator: Denominator | None = None,
) -> Tensor:
    """The mean negative log-likelihood of the action tokens, a scalar; arguments as in `oreo_loss`."""
    ids = _ids(logp, episode_ids)
    return masked_mean(-_real(logp), action_mask.bool(), ids, loss_norm=loss_norm, denominator=denominator)


def token_logprobs(logits: Tensor, token_ids: Tensor) -> Tensor:
    """`log pi(x[t+1] | x[0..t])` in float32 or better, `(batch, n - 1)`.

    Args:
        logits: `(batch, n, vocabulary)`, or `(batch, n - 1, vocabulary)` if the last position was left out.
        token_ids: `x`. `(batch, n)`
    """
    targets = token_ids[:, 1:]
    logits = logits[:, : targets.shape[1]]
    chosen = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return _real(chosen) - torch.logsumexp(_real(logits), dim=-1)


def masked_mean(
    terms: Tensor,
    mask: Tensor,
    episode_ids: Tensor,
    *,
    loss_norm: LossNorm,
    denominator: Denominator | None = None,
) -> Tensor:
    """The mean of `terms` where `mask`, per token or per episode; 0 (with a gradient of 0) if nothing counts.

    All tensors `(batch, positions)`. See `oreo_loss` for `loss_norm` and `denominator`.
    """
    mask = mask & (episode_ids >= 0)
    terms = torch.where(mask, terms, 0.0)
    if loss_norm == "token":
        total, count = terms.sum(), mask.sum()
    elif loss_norm == "episode":
        layout = EpisodeLayout.from_ids(episode_ids)
        lengths = layout.to_episodes(mask, False).sum(-1)  # (episodes,)
        total = (layout.to_episodes(terms).sum(-1) / lengths.clamp(min=1)).sum()
        count = (lengths > 0).sum()
    else:
        raise InvalidInputError(f"loss_norm must be one of {get_args(LossNorm)}, got {loss_norm!r}")
    return total / (count.clamp(min=1) if denominator is None else denominator)


def _next_state(state: Tensor) -> Tensor:
    """Column of the first state after each column, or `longest` if there is none. `(episodes, longest)`."""
    longest = state.shape[-1]
    columns = torch.arange(longest, device=state.device).expand_as(state)
    own = torch.where(state, columns, longest)
    at_or_after = own.flip(-1).cummin(-1).values.flip(-1) if longest else own
    return torch.cat([at_or_after[:, 1:], own.new_full((len(own), 1), longest)], dim=-1)


def _gather(values: Tensor, columns: Tensor) -> Tensor:
    """`values` at `columns`, 0 past the end: the terminal value is 0 and is never read from the network."""
    padded = torch.cat([values, values.new_zeros(len(values), 1)], dim=-1)
    return padded.gather(-1, columns)


def _sum_by_state(terms: Tensor, state: Tensor) -> Tensor:
    """At each state, the sum of `terms` from it up to the next state. `(episodes, longest)`.

    Summed directly, not as a difference of suffix sums, so that gradients do not cancel.
    """
    columns = torch.arange(state.shape[-1], device=state.device).expand_as(state)
    owner = torch.where(state, columns, -1)
    owner = owner.cummax(-1).values if state.shape[-1] else owner
    owned = torch.where(owner >= 0, terms, 0.0)
    return torch.zeros_like(terms).scatter_add(-1, owner.clamp(min=0), owned)


def _ids(like: Tensor, episode_ids: Tensor | None) -> Tensor:
    if episode_ids is not None:
        if episode_ids.shape != like.shape:
            raise InvalidInputError(f"episode_ids must have shape {tuple(like.shape)}, got {tuple(episode_ids.shape)}")
        return episode_ids
    return torch.arange(like.shape[0], device=like.device).unsqueeze(-1).expand(like.shape)


def _real(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()


def _check(*tensors: Tensor, level: str) -> None:
    shapes = {tuple(t.shape) for t in tensors}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise InvalidInputError(f"all tensors must have one shape (batch, positions), got {sorted(shapes)}")
    if level not in get_args(Level):
        raise InvalidInputError(f"level must be one of {get_args(Level)}, got {level!r}")
