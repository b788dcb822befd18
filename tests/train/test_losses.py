"""The losses against a direct transcription of their formulas, one episode and one position at a time."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.errors import InvalidInputError
from stepgym.train.losses import oreo_loss, oreo_residuals, reverse_kl, supervised_loss, token_logprobs

LEVELS = ["token", "step", "full", "response", "onestep"]


def batch(rows: int, positions: int, seed: int, dtype: torch.dtype = torch.float64) -> dict[str, torch.Tensor]:
    """A random batch; states are a random subset of the action positions that holds each episode's first action."""
    rng = torch.Generator().manual_seed(seed)
    action = torch.rand(rows, positions, generator=rng) < 0.6
    state = action & (torch.rand(rows, positions, generator=rng) < 0.5)
    first = action & (action.cumsum(-1) == 1)
    return {
        "logp": -torch.rand(rows, positions, generator=rng, dtype=dtype) * 3,
        "ref_logp": -torch.rand(rows, positions, generator=rng, dtype=dtype) * 3,
        "values": torch.randn(rows, positions, generator=rng, dtype=dtype),
        "action_mask": action,
        "state_mask": state | first,
        "returns": torch.randn(rows, positions, generator=rng, dtype=dtype).flip(-1).cumsum(-1).flip(-1),
    }


def by_hand(b: dict[str, torch.Tensor], beta: float, level: str, loss_norm: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The formulas, with Python loops; `detach` is the stop-gradient."""
    value_terms, policy_terms = [], []
    for row in range(b["logp"].shape[0]):
        act = b["action_mask"][row].tolist()
        states = [t for t, is_state in enumerate(b["state_mask"][row].tolist()) if is_state]
        if not states:
            continue
        v, g = b["values"][row], b["returns"][row]
        d = b["logp"][row] - b["ref_logp"][row]

        def total(start: int, stop: int, d=d, act=act) -> torch.Tensor:
            return sum((d[i] for i in range(start, stop) if act[i]), torch.zeros((), dtype=d.dtype))

        n = len(act)
        value_row, policy_row = [], []
        for k, t in enumerate(states):
            following = states[k + 1] if k + 1 < len(states) else None
            after = n if following is None else following
            value_row.append((v[t] - g[t] + beta * total(t, n).detach()) ** 2)
            if level in ("token", "step"):
                residual = v[t].detach() - g[t] + beta * total(t, after) + beta * total(after, n).detach()
            elif level == "onestep":
                reward = g[t] - (0 if following is None else g[following])
                next_value = 0 if following is None else v[following].detach()
                residual = v[t].detach() - reward - next_value + beta * total(t, after)
            else:
                residual = v[t].detach() - g[t] + beta * total(t, n)
            if level != "response" or k == 0:
                policy_row.append(residual**2)
        value_terms.append(torch.stack(value_row))
        policy_terms.append(torch.stack(policy_row))
    if loss_norm == "token":
        return torch.cat(value_terms).mean(), torch.cat(policy_terms).mean()
    return torch.stack([t.mean() for t in value_terms]).mean(), torch.stack([t.mean() for t in policy_terms]).mean()


def gradients(loss: torch.Tensor, b: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    inputs = [b["logp"], b["values"]]
    found = torch.autograd.grad(loss, inputs, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True)]


def with_grad(b: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    for name in ("logp", "values"):
        b[name].requires_grad_()
    return b


def assert_same(ours, theirs, b, tolerance: float) -> None:
    for mine, reference in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, reference, rtol=tolerance, atol=tolerance)
        for g, h in zip(gradients(mine, b), gradients(reference, b), strict=True):
            torch.testing.assert_close(g, h, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("loss_norm", ["token", "episode"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_losses_and_gradients_match_the_formulas(level, loss_norm, dtype, tolerance) -> None:
    for seed in range(5):
        b = with_grad(batch(4, 17, seed, dtype))
        ours = oreo_loss(**b, beta=0.3, level=level, loss_norm=loss_norm)
        assert ours[0].dtype == dtype
        assert_same(ours, by_hand(b, 0.3, level, loss_norm), b, tolerance)


def test_hand_computed_token_level() -> None:
    """Two action tokens, beta 0.5, d = (0.2, -0.4), V = (0.3, 0.6), return 1."""
    b = {
        "logp": torch.tensor([[0.2, -0.4]], dtype=torch.float64, requires_grad=True),
        "ref_logp": torch.zeros(1, 2, dtype=torch.float64),
        "values": torch.tensor([[0.3, 0.6]], dtype=torch.float64, requires_grad=True),
        "action_mask": torch.tensor([[True, True]]),
        "state_mask": torch.tensor([[True, True]]),
        "returns": torch.ones(1, 2, dtype=torch.float64),
    }
    value, policy = oreo_loss(**b, beta=0.5)
    # Residuals: 0.3 - 1 + 0.5 * (-0.2) = -0.8 and 0.6 - 1 + 0.5 * (-0.4) = -0.6, the same for both losses.
    assert value.item() == pytest.approx((0.64 + 0.36) / 2)
    assert policy.item() == pytest.approx((0.64 + 0.36) / 2)
    # Stop-gradient: each log-probability is moved by its own residual only, 2 * res * beta / 2 states.
    assert torch.autograd.grad(policy, b["logp"])[0].tolist() == [pytest.approx([-0.4, -0.3])]
    assert torch.autograd.grad(value, b["values"])[0].tolist() == [pytest.approx([-0.8, -0.6])]


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    level=st.sampled_from(LEVELS),
    loss_norm=st.sampled_from(["token", "episode"]),
    left=st.integers(0, 5),
    right=st.integers(0, 5),
)
def test_padding_side_and_amount_change_nothing(seed, level, loss_norm, left, right) -> None:
    b = with_grad(batch(3, 9, seed))
    padded = {
        name: torch.nn.functional.pad(x, (left, right), value=False if x.dtype == torch.bool else 7.5)
        for name, x in b.items()
    }
    ids = torch.nn.functional.pad(torch.arange(3).unsqueeze(-1).expand(3, 9), (left, right), value=-1)
    plain = oreo_loss(**b, beta=0.1, level=level, loss_norm=loss_norm)
    assert_same(oreo_loss(**padded, beta=0.1, level=level, loss_norm=loss_norm, episode_ids=ids), plain, b, 1e-12)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("loss_norm", ["token", "episode"])
def test_packed_and_segmented_rows_equal_one_row_per_episode(level, loss_norm) -> None:
    b = with_grad(batch(4, 12, 3))
    plain = oreo_loss(**b, beta=0.2, level=level, loss_norm=loss_norm)
    # Episodes 0 and 1 packed into one row, with another order of ids; episode 2 cut into two rows of 6, then 3.
    ids = torch.cat([torch.full((12,), i) for i in (9, 4, 7, 0)])
    cuts = {
        "packed": (2, 24, ids.reshape(2, 24)),
        "segments": (8, 6, ids.reshape(8, 6)),
    }
    for rows, positions, episode_ids in cuts.values():
        reshaped = {name: x.reshape(rows, positions) for name, x in b.items()}
        ours = oreo_loss(**reshaped, beta=0.2, level=level, loss_norm=loss_norm, episode_ids=episode_ids)
        assert_same(ours, plain, b, 1e-12)


@pytest.mark.parametrize("loss_norm", ["token", "episode"])
def test_denominator_makes_a_split_batch_equal_the_whole(loss_norm) -> None:
    b = with_grad(batch(6, 11, 5))
    whole = oreo_loss(**b, beta=0.2, loss_norm=loss_norm)
    count = float(b["state_mask"].sum()) if loss_norm == "token" else float(b["state_mask"].any(-1).sum())
    parts = [
        oreo_loss(**{k: x[rows] for k, x in b.items()}, beta=0.2, loss_norm=loss_norm, denominator=count)
        for rows in (slice(0, 1), slice(1, 4), slice(4, 6))
    ]
    assert_same([sum(p[i] for p in parts) for i in range(2)], whole, b, 1e-12)


@pytest.mark.parametrize("level", LEVELS)
def test_episode_without_action_counts_as_nothing(level) -> None:
    b = batch(3, 8, 1)
    b["action_mask"][1] = False
    b["state_mask"][1] = False
    with_grad(b)
    rest = {name: x[[0, 2]] for name, x in b.items()}
    for loss_norm in ("token", "episode"):
        ours = oreo_loss(**b, beta=0.1, level=level, loss_norm=loss_norm)
        assert_same(ours, oreo_loss(**rest, beta=0.1, level=level, loss_norm=loss_norm), b, 1e-12)
    b["action_mask"][:] = False
    b["state_mask"][:] = False
    for loss in oreo_loss(**b, beta=0.1, level=level):
        assert loss.item() == 0.0
        assert all(bool(g.isfinite().all()) for g in gradients(loss, b))


def test_masked_positions_may_hold_anything() -> None:
    b = batch(2, 6, 2)
    expected = oreo_loss(**b, beta=0.1)
    b["logp"][~b["action_mask"]] = float("-inf")
    b["ref_logp"][~b["action_mask"]] = float("-inf")
    b["values"][~b["state_mask"]] = float("nan")
    torch.testing.assert_close(oreo_loss(**b, beta=0.1), expected)


def test_gradients_do_not_cross() -> None:
    b = with_grad(batch(2, 6, 2))
    value, policy = oreo_loss(**b, beta=0.1)
    assert torch.autograd.grad(value, b["logp"], allow_unused=True, retain_graph=True)[0] is None
    assert torch.autograd.grad(policy, b["values"], allow_unused=True, retain_graph=True)[0] is None


def test_residuals_are_those_of_the_loss() -> None:
    b = batch(3, 7, 4)
    res = oreo_residuals(**b, beta=0.2, level="response")
    value, policy = oreo_loss(**b, beta=0.2, level="response")
    assert value.item() == pytest.approx(res.value[res.value_mask].square().mean().item())
    assert policy.item() == pytest.approx(res.policy[res.policy_mask].square().mean().item())
    assert int(res.policy_mask.sum()) == 3


@pytest.mark.parametrize("loss_norm", ["token", "episode"])
@pytest.mark.parametrize("scale", [1.0, 200.0])
def test_reverse_kl_matches_the_definition(loss_norm, scale) -> None:
    rng = torch.Generator().manual_seed(0)
    logits = (scale * torch.randn(3, 5, 7, generator=rng, dtype=torch.float64)).requires_grad_()
    ref = scale * torch.randn(3, 5, 7, generator=rng, dtype=torch.float64)
    action = torch.rand(3, 5, generator=rng) < 0.5
    action[:, 0] = True
    rows = []
    for i in range(3):
        at = [
            (torch.softmax(logits[i, t], -1) * (logits[i, t].log_softmax(-1) - ref[i, t].log_softmax(-1))).sum()
            for t in range(5)
            if action[i, t]
        ]
        rows.append(torch.stack(at))
    expected = torch.cat(rows).mean() if loss_norm == "token" else torch.stack([r.mean() for r in rows]).mean()
    ours = reverse_kl(logits, ref, action, loss_norm=loss_norm)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        torch.autograd.grad(ours, logits)[0], torch.autograd.grad(expected, logits)[0], rtol=1e-10, atol=1e-12
    )


def test_reverse_kl_is_zero_for_equal_and_finite_for_excluded_tokens() -> None:
    logits = torch.randn(1, 2, 4)
    action = torch.ones(1, 2, dtype=torch.bool)
    assert reverse_kl(logits, logits, action).item() == pytest.approx(0.0, abs=1e-7)
    ruled_out = logits.clone()
    ruled_out[..., 0] = float("-inf")
    ruled_out.requires_grad_()
    kl = reverse_kl(ruled_out, logits, action)
    kl.backward()
    assert torch.isfinite(kl)
    assert torch.isfinite(ruled_out.grad).all()


def test_token_logprobs_and_supervised_loss() -> None:
    logits = torch.randn(2, 5, 6)
    ids = torch.randint(0, 6, (2, 5))
    logp = token_logprobs(logits, ids)
    for i, t in itertools.product(range(2), range(4)):
        assert logp[i, t].item() == pytest.approx(logits[i, t].log_softmax(-1)[ids[i, t + 1]].item(), abs=1e-6)
    action = torch.tensor([[True, False, True, True], [False, False, False, True]])
    assert supervised_loss(logp, action).item() == pytest.approx(-logp[action].mean().item())
    per_episode = (-logp[0][action[0]].mean() - logp[1][action[1]].mean()) / 2
    assert supervised_loss(logp, action, loss_norm="episode").item() == pytest.approx(per_episode.item(), abs=1e-6)


def test_wrong_arguments_are_named() -> None:
    b = batch(2, 6, 2)
    with pytest.raises(InvalidInputError, match="level must be one of"):
        oreo_loss(**b, beta=0.1, level="turn")
    with pytest.raises(InvalidInputError, match="loss_norm must be one of"):
        oreo_loss(**b, beta=0.1, loss_norm="mean")
    with pytest.raises(InvalidInputError, match="one shape"):
        oreo_loss(**{**b, "values": b["values"][:, :-1]}, beta=0.1)
