"""Packed rows: several segments in one row, each attending to itself alone.

A packed batch has one row and no padding. `packed_attention` is registered with transformers as an attention
implementation: it runs PyTorch's fused attention (or ours, where that is quicker) once per run of segments of equal
length, so that the cost is the sum over segments and no mask of `n x n` is built. The lengths travel as a tensor and
are read outside of compiled blocks, which else would be compiled again for each batch. Called without segment lengths
it is transformers' own `sdpa`. Models set to FlashAttention 2 or 3 keep it and are given the cumulative lengths it
wants.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from stepgym.errors import InvalidInputError
from stepgym.train.blocked_attention import blocked_attention, is_faster_blocked

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NAME = "stepgym_packed"


def packed_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    segment_lengths: Tensor | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Causal attention within each of `segment_lengths` `(segments,)`; `query`, `key`, `value` `(1, heads, n, dim)`.

    Returns `(1, n, heads, dim)` and None, as transformers expects.
    """
    if segment_lengths is None:
        kwargs |= {"scaling": scaling, "dropout": dropout, "sliding_window": sliding_window}
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    unsupported = [name for name in ("softcap", "s_aux", "position_bias") if kwargs.get(name) is not None]
    if unsupported:
        raise InvalidInputError(f"packed attention knows no {', '.join(unsupported)}: set packing=False for this model")
    out = _by_segment(query, key, value, segment_lengths, scaling, dropout, sliding_window)
    return out, None


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _by_segment(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    segment_lengths: Tensor,
    scaling: float | None,
    dropout: float,
    sliding_window: int | None,
) -> Tensor:
    lengths: list[int] = segment_lengths.tolist()
    runs = [(length, sum(1 for _ in group)) for length, group in groupby(lengths)]
    sizes = [length * count for length, count in runs]
    grouped = query.shape[1] != key.shape[1]
    outputs = []
    # `split`, not slices: the backward pass of a slice writes a zero tensor of the whole row.
    for (length, count), q, k, v in zip(runs, *(t.split(sizes, dim=2) for t in (query, key, value)), strict=True):
        q, k, v = (t.view(t.shape[1], count, length, -1).transpose(0, 1) for t in (q[0][None], k[0][None], v[0][None]))
        mask = _window(length, sliding_window, query.device)
        if mask is None and not dropout and is_faster_blocked(q, length):
            out = blocked_attention(q, k, v, scaling)  # (count, heads, length, dim)
        else:
            out = torch.nn.functional.scaled_dot_product_attention(
                q, k, v, attn_mask=mask, dropout_p=dropout, scale=scaling, is_causal=mask is None, enable_gqa=grouped
            )
        outputs.append(out.transpose(1, 2).reshape(count * length, out.shape[1], -1))
    return torch.cat(outputs).unsqueeze(0)


def _window(length: int, sliding_window: int | None, device: torch.device) -> Tensor | None:
    if sliding_window is None or length <= sliding_window:
        return None
    distance = torch.arange(length, device=device).unsqueeze(-1) - torch.arange(length, device=device)
    return (distance >= 0) & (distance < sliding_window)


AttentionInterface.register(NAME, packed_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)


def use_packed_attention(model: PreTrainedModel) -> None:
    """Make `model` keep the segments of a packed row apart, and check that it does.

    Raises `InvalidInputError` for architectures that do not pass the segment lengths on to their attention.
    """
    if not _is_flash(model):
        try:
            model.set_attn_implementation(NAME)
        except ValueError as error:
            raise InvalidInputError(f"{type(model).__name__} cannot be packed, set packing=False: {error}") from error
    was_training = model.training
    model.eval()
    tokens = torch.arange(5, device=model.device) % int(model.config.get_text_config().vocab_size)
    with torch.no_grad():
        packed = _trunk_output(model, tokens, [3, 2])
        alone = torch.cat([_trunk_output(model, part, [len(part)]) for part in tokens.split([3, 2])])
    model.train(was_training)
    tolerance = 1e-4 if packed.dtype in (torch.float32, torch.float64) else 0.1
    if not torch.allclose(packed.float(), alone.float(), rtol=tolerance, atol=tolerance):
        raise InvalidInputError(f"{type(model).__name__} lets the segments of a packed row leak: set packing=False")


def segment_arguments(model: PreTrainedModel, segment_lengths: Sequence[int], position_ids: Tensor) -> dict[str, Any]:
    """What `model` needs to be told of a packed row; `position_ids` `(1, n)` start at 0 in each segment."""
    if not _is_flash(model):
        # Transformers passes a mask of four dimensions on as it is: this keeps it from building one of n x n.
        mask = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=position_ids.device)
        return {"attention_mask": mask, "position_ids": position_ids, "segment_lengths": torch.tensor(segment_lengths)}
    bounds = torch.tensor([0, *segment_lengths], device=position_ids.device).cumsum(0).to(torch.int32)
    longest = max(segment_lengths)
    return {
        "attention_mask": None,
        "position_ids": position_ids,
        "cu_seq_lens_q": bounds,
        "cu_seq_lens_k": bounds,
        "max_length_q": longest,
        "max_length_k": longest,
    }


def _trunk_output(model: PreTrainedModel, tokens: Tensor, lengths: list[int]) -> Tensor:
    positions = torch.cat([torch.arange(n, device=tokens.device) for n in lengths]).unsqueeze(0)
    arguments = segment_arguments(model, lengths, positions)
    trunk: Any = model.base_model
    return cast(Tensor, trunk(input_ids=tokens.unsqueeze(0), use_cache=False, **arguments).last_hidden_state[0])


def _is_flash(model: PreTrainedModel) -> bool:
    return str(model.config._attn_implementation).startswith("flash_attention")
