"""`draw`: the next token of each row, by inverting the cumulative distribution at one uniform number."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_CHUNK = 1 << 24  # elements of a float64 (rows, vocabulary) block while sampling


def draw(
    logits: torch.Tensor,
    uniforms: torch.Tensor,
    temperature: torch.Tensor,
    top_p: torch.Tensor,
    top_k: torch.Tensor,
) -> torch.Tensor:
    """One token id per row, the inverse of the cumulative distribution at the row's uniform number.

    The distribution is the softmax of `logits / temperature`, cut to the `top_k` likeliest tokens, then to the smallest
    set of likeliest tokens that holds `top_p` of the mass that is left; computed in float64. Rows with temperature 0
    take the likeliest token.

    Args:
        logits: (rows, vocabulary).
        uniforms: (rows,) float64 in [0, 1).
        temperature: (rows,) float64, >= 0.
        top_p: (rows,) float64 in (0, 1].
        top_k: (rows,) int64, 0 is off.
    """
    import torch

    likeliest = logits.argmax(dim=-1)
    if not bool((temperature > 0).any()):
        return likeliest
    chosen = torch.empty_like(likeliest)
    size = max(1, _CHUNK // logits.shape[-1])
    for i in range(0, len(logits), size):
        part = slice(i, i + size)
        heat = torch.where(temperature[part] > 0, temperature[part], 1.0)
        weights = torch.softmax(logits[part].double() / heat[:, None], dim=-1)
        if bool((top_p[part] < 1).any()) or bool((top_k[part] > 0).any()):
            weights = _truncated(weights, top_p[part], top_k[part])
        cumulative = weights.cumsum(dim=-1)
        total = cumulative[:, -1]
        # Below the total, so that rounding never lands on a token of weight 0 at the end.
        target = torch.minimum(uniforms[part] * total, torch.nextafter(total, torch.zeros_like(total)))
        chosen[part] = torch.searchsorted(cumulative, target[:, None], right=True)[:, 0].clamp(max=logits.shape[-1] - 1)
    return torch.where(temperature > 0, chosen, likeliest)


def _truncated(weights: torch.Tensor, top_p: torch.Tensor, top_k: torch.Tensor) -> torch.Tensor:
    import torch

    vocabulary = weights.shape[-1]
    ordered, order = weights.sort(dim=-1, descending=True, stable=True)
    kept = torch.where(top_k > 0, top_k, vocabulary)
    ordered = ordered * (torch.arange(vocabulary, device=weights.device) < kept[:, None])
    before = ordered.cumsum(dim=-1) - ordered
    total = ordered.sum(dim=-1)
    keep = (before < (top_p * total)[:, None]) | (top_p >= 1)[:, None]
    return torch.zeros_like(weights).scatter_(-1, order, ordered * keep)
