"""What a prover tells apart: exact trees, noise taken off, provers without a signal."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.agents import McEstimate
from stepgym.agents.progress import Fork, ProverState, bok_plug_in, prover_report
from stepgym.errors import InvalidInputError


def known_tree() -> Fork:
    """Root -> a | b, each -> c (1) | d (0); pi takes c with 1/4, mu with 3/4 after a and 1/4 after b."""
    even, leaves = (0.5, 0.5), (1.0, 0.0)
    a = Fork((0.25, 0.75), (0.75, 0.25), leaves)
    b = Fork((0.25, 0.75), (0.25, 0.75), leaves)
    return Fork(even, even, (a, b))


def test_the_known_tree() -> None:
    tree = known_tree()
    root, a, b = tree.states()
    assert (root.v_policy, root.v_prover, a.v_prover, b.v_prover) == (1 / 4, 1 / 2, 3 / 4, 1 / 4)
    assert (root.weight, a.weight, b.weight) == (1, 0.5, 0.5)
    figures = [
        (r.mean_advantage, r.variance, r.alignment, r.policy_variance)
        for r in (prover_report([state]) for state in (root, a, b))
    ]
    assert figures == [(0, 1 / 16, 0, 0), (-1 / 2, 3 / 16, 3 / 16, 3 / 16), (0, 3 / 16, 3 / 16, 3 / 16)]
    assert prover_report(tree.states()).slope == pytest.approx(3 / 8)
    assert prover_report(tree.states(), alpha=0).slope == pytest.approx(3 / 16)


def test_inside_leaves_out_what_ends_the_episode() -> None:
    report = prover_report(known_tree().states())
    assert report.variance == pytest.approx((1 / 16 + 3 / 16) / 2)
    assert report.variance_inside == pytest.approx(1 / 16), "only the root has steps that go on"


def with_policy(fork: Fork, who: str = "prover") -> Fork:
    children = tuple(with_policy(c, who) if isinstance(c, Fork) else c for c in fork.children)
    return replace(fork, policy=getattr(fork, who), prover=getattr(fork, who), children=children)


def test_a_policy_as_its_own_prover_changes_the_length_of_the_gradient_alone() -> None:
    """grad_a = pi(a) (w_a - E w) with w = Q + alpha A: exactly 1 + alpha times that of w = Q."""
    states = with_policy(known_tree(), "policy").states()
    for alpha in (0.5, 3.0):
        assert prover_report(states, alpha=alpha).slope == pytest.approx((1 + alpha) * 3 / 16)
        for state in states:
            pi, q = np.array(state.probabilities), np.array(state.q_policy)
            plain, dense = (pi * (w - pi @ w) for w in (q, q + alpha * (q - state.v_policy)))
            assert dense == pytest.approx((1 + alpha) * plain)


forks = st.recursive(
    st.sampled_from([0.0, 1.0]),
    lambda children: st.integers(1, 3).flatmap(
        lambda n: st.builds(
            Fork,
            st.lists(st.integers(1, 9), min_size=n, max_size=n).map(lambda w: tuple(x / sum(w) for x in w)),
            st.lists(st.integers(1, 9), min_size=n, max_size=n).map(lambda w: tuple(x / sum(w) for x in w)),
            st.lists(children, min_size=n, max_size=n).map(tuple),
        )
    ),
    max_leaves=12,
).filter(lambda fork: isinstance(fork, Fork))


def updated(fork: Fork, gamma: float, alpha: float) -> Fork:
    """The policy after the update pi exp(gamma (Q + alpha A))."""
    weights = [
        p * math.exp(gamma * (child.value("policy") + alpha * child.value("prover")))
        if isinstance(child, Fork)
        else p * math.exp(gamma * (1 + alpha) * child)
        for p, child in zip(fork.policy, fork.children, strict=True)
    ]
    children = tuple(updated(c, gamma, alpha) if isinstance(c, Fork) else c for c in fork.children)
    return Fork(tuple(w / math.fsum(weights) for w in weights), fork.prover, children)


@settings(deadline=None)
@given(forks, st.floats(0, 3))
def test_the_slope_is_the_derivative_of_the_value(fork: Fork, alpha: float) -> None:
    step = 1e-5
    slope = (updated(fork, step, alpha).value("policy") - updated(fork, -step, alpha).value("policy")) / (2 * step)
    assert prover_report(fork.states(), alpha=alpha).slope == pytest.approx(slope, abs=1e-7)


@pytest.mark.parametrize("q", [0.3, 0.1, 0.01, 0.001])
def test_telling_apart_what_the_policy_cannot_use_gains_nothing(q: float) -> None:
    """A prover that always succeeds after a and never after b, for a policy that is as bad after either."""
    a = Fork((q, 1 - q), (1.0, 0.0), (1.0, 0.0))
    b = Fork((q, 1 - q), (0.0, 1.0), (1.0, 0.0))
    states = Fork((0.5, 0.5), (0.5, 0.5), (a, b)).states()
    assert prover_report(states[:1]).variance == pytest.approx(1 / 4)
    assert prover_report(states[:1]).slope == 0
    assert prover_report(states).slope == pytest.approx(2 * q * (1 - q))


def test_best_of_k_of_the_policy() -> None:
    state = ProverState((0.5, 0.5), (0.05, 0.20))
    report = prover_report([state], best_of=8)
    assert report.variance == pytest.approx(0.061417, abs=5e-7)
    assert report.mean_advantage == pytest.approx(-0.0720, abs=5e-5)
    assert report.v_prover == pytest.approx(bok_plug_in(0.125, 8))


def test_roll_outs_give_the_same_figures_without_their_noise() -> None:
    """Mean over many logs of a state with three actions; sample variances alone would be far too large."""
    generator = np.random.default_rng(0)
    pi, q, mu = np.array([0.5, 0.3, 0.2]), np.array([0.3, 0.4, 0.5]), np.array([0.6, 0.5, 0.9])
    n, draws, logs = 5, 8, 1_000
    own, other, raw = [], [], []
    for _ in range(logs):
        counts = generator.multinomial(draws, pi)
        taken = np.flatnonzero(counts)
        estimates = [tuple(McEstimate(n, int(generator.binomial(n, x))) for x in v[taken]) for v in (q, mu)]
        v_prover = McEstimate(n, int(generator.binomial(n, 0.7)))
        chances = tuple((counts[taken] / draws).tolist())
        state = ProverState(chances, estimates[0], estimates[1], v_prover, draws=draws)
        found = prover_report([state])
        other.append((found.variance, found.alignment, found.policy_variance))
        found = prover_report([ProverState(chances, estimates[0], draws=draws)])
        own.append((found.variance, found.alignment, found.policy_variance))
        raw.append(float(np.average(np.square([e.mean for e in estimates[0]]), weights=chances)))
    variance = [float(pi @ np.square(x - pi @ x)) for x in (mu, q)]
    alignment = float(pi @ ((mu - pi @ mu) * (q - pi @ q)))
    error = 4 * np.std(other, axis=0) / math.sqrt(logs)
    assert np.all(np.abs(np.mean(other, axis=0) - [variance[0], alignment, variance[1]]) < error)
    error = 4 * np.std(own, axis=0) / math.sqrt(logs)
    assert np.all(np.abs(np.mean(own, axis=0) - variance[1]) < error)
    assert n * variance[1] < np.mean(raw) - float(pi @ q) ** 2, "else there is no noise to speak of"


def test_steps_that_are_no_more_than_noise_are_counted() -> None:
    state = ProverState(
        (0.5, 0.25, 0.25),
        (0.5, 0.5, 0.5),
        (McEstimate(20, 11), McEstimate(20, 19), McEstimate(20, 20)),
        McEstimate(20, 10),
    )
    assert prover_report([state]).unclear == 0.5


@pytest.mark.parametrize(("value", "often"), [(0, "never"), (1, "always")])
def test_provers_that_never_or_always_succeed_carry_no_signal(value: int, often: str) -> None:
    estimate = McEstimate(20, 20 * value)
    state = ProverState((0.5, 0.5), (0.2, 0.4), (estimate, estimate), estimate)
    report = prover_report([state])
    assert report.remarks == (
        f"The prover {often} succeeds from any of these states: it carries no signal about steps.",
    )
    assert report.unclear == 1
    assert "carries no signal" in str(report)


def test_a_prover_that_only_dreads_the_end_is_told() -> None:
    state = ProverState((0.4, 0.4, 0.2), (0.1, 0.2, 0.0), (0.98, 0.99, 0.0), 0.985, terminal=(False, False, True))
    report = prover_report([state])
    assert report.variance > 0.1
    assert report.variance_inside == pytest.approx(0.005**2)
    assert report.remarks == (
        "Nearly all of Var A comes from steps that end the episode: the prover hardly tells others apart.",
    )


def test_states_that_show_no_choice_are_left_out_and_counted() -> None:
    once = ProverState((1.0,), (McEstimate(4, 1),), draws=1)
    few = ProverState((0.5, 0.5), (McEstimate(4, 1), McEstimate(2, 1)), draws=4)
    good = ProverState((0.5, 0.5), (McEstimate(4, 1), McEstimate(4, 3)), draws=4)
    report = prover_report([once, few, good], best_of=4)
    assert (report.states, report.skipped) == (1, 2)
    assert report.to_dict()["skipped"] == 2
    with pytest.raises(InvalidInputError, match="none of 2 states"):
        prover_report([once, few], best_of=4)


def test_a_state_must_be_whole() -> None:
    for wrong in (
        {"probabilities": (), "q_policy": ()},
        {"probabilities": (0.5, 0.4), "q_policy": (0.1, 0.2)},
        {"probabilities": (1.0,), "q_policy": (0.1, 0.2)},
        {"probabilities": (1.0,), "q_policy": (0.1,), "q_prover": (0.1,)},
        {"probabilities": (1.0,), "q_policy": (0.1,), "terminal": (True, False)},
    ):
        with pytest.raises(InvalidInputError):
            ProverState(**wrong)
