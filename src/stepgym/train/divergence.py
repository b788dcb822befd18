r"""What stands for KL(policy || reference) where only some of the reference's log-probabilities are known.

A cached reference (`reference_cache`) has no probabilities for the whole vocabulary. With policy `p`, reference `q` and
the set `S` of the tokens that the reference likes best,

.. math::
    \text{top-k}: \quad \sum_{j \in S} p_j \log \frac{p_j}{q_j} + p_{\bar S} \log \frac{p_{\bar S}}{q_{\bar S}}
    \;\le\; \mathrm{KL}(p \,\|\, q), \qquad p_{\bar S} = \sum_{j \notin S} p_j

by the log-sum inequality, with equality where `S` is the whole vocabulary.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from stepgym.errors import InvalidInputError
from stepgym.train.logprobs import Head, TokenScores, by_chunk, difference, pick, rows_of_chunk, token_logprobs_of

KL = Literal["exact", "top-k", "k3"]

# Tokens of the reference that a cache keeps for "top-k", beside one class for all others.
TOP = 64


class CachedReference(NamedTuple):
    """Log-probabilities of a reference at some positions.

    Attributes:
        logp: Of the logged tokens. `(positions,)`
        top_logp: Of the k most likely tokens and, last, of all others together (-inf where there are none). None
            without "top-k". `(positions, k + 1)`
        top_ids: Those k tokens. `(positions, k)`
    """

    logp: Tensor
    top_logp: Tensor | None = None
    top_ids: Tensor | None = None


def check_kl(kl: KL, cache: str | None) -> None:
    """Refuse a divergence that the reference, cached or not, is not there for."""
    if kl not in get_args(KL):
        raise InvalidInputError(f"kl must be one of {get_args(KL)}, got {kl!r}")
    if cache is not None and kl == "exact":
        raise InvalidInputError(
            "a reference cache cannot give the exact KL over the vocabulary: choose kl='top-k' (a lower bound, about "
            "0.5 KB a token on disk) or kl='k3' (logged tokens alone, 4 bytes; no KL off-policy), or leave "
            "reference_cache out"
        )
    if cache is None and kl != "exact":
        raise InvalidInputError(
            f"kl={kl!r} is for a cached reference: give reference_cache=DIR, or leave kl at 'exact', which costs no "
            "more where the reference runs anyway"
        )


@torch.no_grad()
def reference_scores(hidden: Tensor, targets: Tensor, head: Head, *, top: int = 0) -> CachedReference:
    """What to cache of a reference: for `targets` `(positions,)` and, with `top`, for its most likely tokens.

    There are `min(top, vocabulary)` of these.
    """
    if not top:
        return CachedReference(token_logprobs_of(hidden, targets, head))

    def chunk(hidden: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logp = torch.log_softmax(head(hidden), dim=-1)
        most, ids = logp.topk(min(top, logp.shape[-1]), dim=-1)
        return pick(logp, targets), torch.cat([most, _others(logp, ids)], dim=-1), ids

    return CachedReference(*by_chunk(chunk, _rows(hidden, head), hidden, targets))


def cached_scores(hidden: Tensor, targets: Tensor, head: Head, reference: CachedReference) -> TokenScores:
    """As `token_scores`, with a cached reference.

    `kl` is the truncated KL where the reference has its most likely tokens, and `k3` where it has not.
    """
    if reference.top_logp is None or reference.top_ids is None:
        logp = token_logprobs_of(hidden, targets, head)
        return TokenScores(logp, reference.logp, k3(logp, reference.logp))

    def chunk(hidden: Tensor, targets: Tensor, top_logp: Tensor, top_ids: Tensor) -> tuple[Tensor, Tensor]:
        logits = head(hidden)
        total = torch.logsumexp(logits, dim=-1, keepdim=True)
        classes = logits.gather(-1, top_ids)
        if top_ids.shape[-1] < logits.shape[-1]:
            classes = torch.cat([classes, _others(logits, top_ids)], dim=-1)
        classes = classes - total
        kl = (classes.exp() * difference(classes, top_logp[:, : classes.shape[-1]])).sum(-1)
        return pick(logits, targets) - total.squeeze(-1), kl

    logp, kl = by_chunk(chunk, _rows(hidden, head), hidden, targets, reference.top_logp, reference.top_ids)
    return TokenScores(logp, reference.logp, kl)


def k3(logp: Tensor, ref_logp: Tensor) -> Tensor:
    """`exp(r) - r - 1` with `r = ref_logp - logp`, of logged tokens alone: at least 0, and 0 where the two agree.

    Its mean is KL(policy || reference) for tokens that the *policy* drew (J. Schulman, "Approximating KL Divergence").
    Logged tokens were drawn by somebody else: off-policy this is a penalty, and no estimate of the KL. It says nothing
    of tokens that were never logged, and grows like `ref / policy` where the policy gives a logged token up.
    """
    r = ref_logp - logp
    return r.exp() - r - 1


def logged_token_kl(logp: Tensor, ref_logp: Tensor) -> Tensor:
    """KL between the two classes "the logged token" and "any other": a lower bound of the KL for every policy."""
    logp, ref_logp = (t.detach().float().clamp(max=-1e-7) for t in (logp, ref_logp))
    others, ref_others = (torch.log(-torch.expm1(t)) for t in (logp, ref_logp))
    return logp.exp() * (logp - ref_logp) + others.exp() * (others - ref_others)


def _others(values: Tensor, ids: Tensor) -> Tensor:
    """Log of the sum of exp over all columns that `ids` does not name, `(positions, 1)`."""
    return torch.logsumexp(values.scatter(-1, ids, -torch.inf), dim=-1, keepdim=True)


def _rows(hidden: Tensor, head: Head) -> int:
    # The logits without the top ones are a second buffer of the same size, for the backward pass too.
    return max(1, rows_of_chunk(hidden, head) // 2)
