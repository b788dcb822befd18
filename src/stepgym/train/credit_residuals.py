r"""Where a reward per step stands in OREO so that it counts for its own step only.

In OREO a reward per step enters the return to go `G_t`, so it counts for every step before it too, and a reward of the
same sign at each step pays for length or for silence. Two ways to give local credit `c_t` (weight included) at the
state `s_t` and the action `a_t` that follows it:

**A term beside the residual** (`credited_residuals`, the default). Add to the policy loss the advantage-weighted term

.. math:: L_c = - \frac{2 \beta}{m} \sum_t c_t \log \pi(a_t|s_t), \qquad
          \beta \log \frac{\pi}{\pi_{ref}}(a_t|s_t) \text{ being what the policy residual } e_t \text{ contains.}

As `d e_t / d log pi(a_t|s_t) = beta` and the future is behind the stop-gradient, `e_t^2` and `L_c` together have the
gradient of `(e_t - c_t)^2`, which is bounded below, so the term needs no clipping. The value residual is left alone:
`c_t` is never added over the future (compare Setlur et al., "Rewarding Progress", arXiv 2410.08146, equations 4, 5).

*Fixed point*, tabular, full support, data policy `mu`. Call `e_a` the residual `V + beta log(pi/pi_ref)(a) - Q(a)` of
action `a` at a state, `Q(a)` the mean of `G - beta D` after it. The value loss wants `sum_a mu_a e_a = 0`; the policy
loss, with `pi` normalised, wants `mu_a (e_a - c_a) = lambda pi_a`. Summing over `a` gives `lambda = -c_mean` with
`c_mean = sum_a mu_a c_a`, hence

.. math:: \beta \log \frac{\pi}{\pi_{ref}}(a) = Q(a) - V + c_a - \bar c \frac{\pi_a}{\mu_a}.

V takes up the mean of the credit as a baseline would. Where `mu` is near `pi` a reward that all actions of a state
share moves nothing, so the length of the answer is not paid for. If the credit has mean 0 at every state, `pi` is
exactly the optimum of the decision process with rewards `r + c`. It is NOT the optimum for `r`: the log-ratios move by
about `c / beta`. Credit that is sound (a refuted step is wrong) moves them the right way; let the weight go to 0 to end
at the optimum.

**Potential-based shaping** (`place="shaping"`; Ng, Harada, Russell 1999, "Policy invariance under reward
transformations"). With `F_t = Phi(s_{t+1}) - Phi(s_t)` added to each reward and `Phi = 0` after the end, the return to
go is `G_t - Phi(s_t)`: the sums telescope. The soft Bellman equation
`V(s_t) - V(s_{t+1}) = r_t - beta log(pi/pi_ref)` holds for `(pi, V, r)` exactly if it holds for `(pi, V - Phi, r + F)`.
So the optimal policy is untouched, for every `Phi` of the text so far; ours is the credit given so far. Two prices.
What is learned is `V - Phi`: searches must add `Phi` back. And at the levels "token" and "step" the residual
`V_t - G_t + ...` sees the whole return, the `F` of the action itself cancels, and shaping is only another starting
point for V. At level "onestep" the residual holds `F_t = c_t` itself: local credit while V is still wrong, none once it
is right.
"""

from __future__ import annotations

import torch
from torch import Tensor

from stepgym.errors import InvalidInputError
from stepgym.train.losses import Level, OREOResiduals


def credited_residuals(residuals: OREOResiduals, credit: Tensor, *, level: Level = "token") -> OREOResiduals:
    """`residuals` whose squared policy part has the gradient of the credit term added.

    Args:
        residuals: From `oreo_residuals`.
        credit: At each state, the reward of the action that begins there, weight included. `(batch, positions)`
        level: The level of the residuals; "full" and "response" hold later actions as well and are refused.
    """
    if level in ("full", "response"):
        raise InvalidInputError(
            f"local credit needs a residual of its own for every action, level {level!r} has none: "
            "use level 'token', 'step' or 'onestep'"
        )
    if credit.shape != residuals.policy.shape:
        raise InvalidInputError(f"credit must have shape {tuple(residuals.policy.shape)}, got {tuple(credit.shape)}")
    own = torch.where(residuals.policy_mask, credit.detach().to(residuals.policy.dtype), 0.0)
    return residuals._replace(policy=residuals.policy - own)
