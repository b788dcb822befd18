"""`draw`: one token per row by the inverse CDF, against the distribution written out in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents.engines import draw as drawing
from stepgym.agents.engines.draw import draw
from stepgym.agents.seeds import derive_seed


def call(logits: list[list[float]], uniforms: list[float], temperature: float, top_p: float, top_k: int) -> list[int]:
    n = len(logits)
    return draw(
        torch.tensor(logits),
        torch.tensor(uniforms, dtype=torch.float64),
        torch.full((n,), temperature, dtype=torch.float64),
        torch.full((n,), top_p, dtype=torch.float64),
        torch.full((n,), top_k),
    ).tolist()


def reference(logits: list[float], uniform: float, temperature: float, top_p: float, top_k: int) -> int:
    """Softmax, then top-k, then top-p on what is left, then the inverse CDF, token by token."""
    z = torch.tensor(logits).double().numpy() / temperature
    p = np.exp(z - z.max())
    p /= p.sum()
    order = sorted(range(len(p)), key=lambda i: (-p[i], i))
    kept, mass = [], 0.0
    allowed = order[: top_k or len(p)]
    total = sum(p[i] for i in allowed)
    for i in allowed:
        if top_p < 1 and mass >= top_p * total:
            break
        kept.append(i)
        mass += p[i]
    cumulative, last = 0.0, -1
    for i in sorted(kept):
        cumulative += p[i]
        last = i
        if cumulative > uniform * mass:
            return i
    return last


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.floats(-8, 8, width=32), min_size=2, max_size=12),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from([0.3, 1.0, 2.5]),
    st.sampled_from([0.05, 0.5, 0.9, 1.0]),
    st.sampled_from([0, 1, 3, 50]),
)
def test_draw_is_the_inverse_cdf(
    logits: list[float], uniform: float, temperature: float, top_p: float, top_k: int
) -> None:
    (found,) = call([logits], [uniform], temperature, top_p, top_k)
    near = {
        reference(logits, min(max(uniform + e, 0.0), 1 - 1e-16), temperature, top_p, top_k) for e in (-1e-9, 0, 1e-9)
    }
    near |= {reference(logits, uniform, temperature, p, top_k) for p in (top_p - 1e-9, min(1.0, top_p + 1e-9))}
    assert found in near


def test_the_ends_of_the_unit_interval() -> None:
    """A token of probability 0 is never drawn, not even by the largest float below 1."""
    logits = [[-float("inf"), 0.0, 0.0, -float("inf")]] * 2
    assert call(logits, [0.0, np.nextafter(1.0, 0.0)], 1.0, 1.0, 0) == [1, 2]
    assert call([[3.0, 2.0, 1.0, 0.0]], [np.nextafter(1.0, 0.0)], 1.0, 1e-9, 0) == [0]


def test_rows_have_settings_of_their_own() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0]]).repeat(4, 1)
    found = draw(
        logits,
        torch.tensor([0.0, 0.0, 0.0, 0.0], dtype=torch.float64),
        torch.tensor([0.0, 1.0, 1.0, 1.0], dtype=torch.float64),
        torch.tensor([1.0, 1.0, 1.0, 0.5], dtype=torch.float64),
        torch.tensor([0, 0, 2, 0]),
    )
    assert found.tolist() == [2, 0, 1, 2]


def test_large_vocabularies_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20, 50, generator=generator).tolist()
    uniforms = torch.rand(20, generator=generator, dtype=torch.float64).tolist()
    whole = call(logits, uniforms, 1.0, 0.9, 10)
    monkeypatch.setattr(drawing, "_CHUNK", 150)
    assert call(logits, uniforms, 1.0, 0.9, 10) == whole


def test_derived_seeds() -> None:
    """The very numbers: a change would break the resuming of logs."""
    assert derive_seed(0) == derive_seed(0)
    assert derive_seed(0, "task", "a", 1) == 6068177222947648
    seeds = {derive_seed(s, part, i) for s in range(5) for part in ("a", 0) for i in range(200)}
    assert len(seeds) == 2000
    assert all(0 <= seed < 2**53 for seed in seeds)
