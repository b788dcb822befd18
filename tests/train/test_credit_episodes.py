from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stepgym.agents import Episode
from stepgym.errors import InvalidInputError
from stepgym.train import CreditConfig, CreditWarning, TokenizeOptions, credit_episodes, tokenize_episode
from stepgym.train.credited_episodes import CreditedEpisode, credit_episode
from stepgym.verifiers import Finding, Verdict

# "1+1=2" is right, "2+2=5" is not; an end token follows.
TEXT = "1+1=2\n2+2=5"
VERDICT = Verdict.wrong(Finding(0, 5, "sum", "proved"), Finding(6, 11, "sum")).signed("sums/1")


def judged(episode: Episode, *verdicts: Verdict | None) -> Episode:
    return episode.with_verdicts({i: v for i, v in enumerate(verdicts) if v is not None})


@pytest.fixture
def one(make_episode):
    return judged(make_episode([("x?", TEXT)], 0.0), VERDICT)


@pytest.fixture
def two(make_episode):
    """Two turns; the second one is right."""
    right = Verdict.correct(Finding(0, 3, "sum", "proved")).signed("sums/1")
    return judged(make_episode([("x?", TEXT), ("no", "1=1")], 1.0), VERDICT, right)


def credited(episode: Episode, tokenizer, config: CreditConfig | None = None, **options) -> CreditedEpisode:
    (found,), report = credit_episodes([episode], tokenizer, config, options=TokenizeOptions(**options))
    assert report.kept == 1
    return found


def test_position_t_holds_the_credit_of_token_t_plus_1(one, tokenizer):
    found = credited(one, tokenizer)
    (credit,) = found.credit
    (segment,) = found.segments
    assert credit.dtype == np.float32
    # The prompt "x?" has two tokens, so the first token of the answer is predicted at position 1.
    assert credit.tolist() == pytest.approx([0] + [0.1] * 5 + [0] + [-0.1] * 5 + [0])
    assert len(credit) == len(segment.returns) == len(segment.token_ids) - 1
    plain = tokenize_episode(one, tokenizer)
    assert segment.returns.tolist() == plain.segments[0].returns.tolist()
    assert (found.id, found.outcome, found.tokens) == (plain.id, plain.outcome, plain.tokens)


def test_one_reward_per_state_at_step_and_turn_level(one, tokenizer):
    (credit,) = credited(one, tokenizer, states="step").credit
    assert credit.tolist() == pytest.approx([0, 0.1, 0, 0, 0, 0, 0, -0.1, 0, 0, 0, 0, 0])
    (credit,) = credited(one, tokenizer, states="turn").credit
    assert credit.tolist() == pytest.approx([0, -0.1] + [0] * 11)


def test_turns_and_segments_keep_their_places(two, tokenizer):
    for segments in (1, 2):
        if segments == 2:
            second = two.steps[1]
            moved = replace(second, completion=replace(second.completion, new_segment=True))
            two = replace(two, steps=(two.steps[0], moved))
        found = credited(two, tokenizer, CreditConfig(weight=1.0))
        assert len(found.credit) == len(found.segments) == segments
        for credit, segment in zip(found.credit, found.segments, strict=True):
            assert len(credit) == len(segment.returns)
        flat = [c for p, s in zip(found.credit, found.segments, strict=True) for c in p[s.action_mask].tolist()]
        assert flat == [1] * 5 + [0] + [-1] * 5 + [0] + [1] * 3 + [1]
        assert not np.concatenate([p[~s.action_mask] for p, s in zip(found.credit, found.segments, strict=True)]).any()


def test_shaping_takes_the_credit_so_far_off_the_returns(two, tokenizer):
    found = credited(two, tokenizer, CreditConfig(weight=0.5, place="shaping"), states="step")
    (segment,) = found.segments
    assert segment.returns[segment.state_mask].tolist() == [1.0, 1.0 - 0.5, 1.0 - 0.5 + 0.5]
    assert found.outcome == 1.0
    assert not found.credit[0].any()


def test_return_to_go_sums_over_the_episode(two, tokenizer):
    with pytest.warns(CreditWarning):
        config = CreditConfig("return_to_go", weight=0.5)
    found = credited(two, tokenizer, config, states="step")
    (segment,) = found.segments
    assert segment.returns[segment.state_mask].tolist() == [1.0 + 0.5, 1.0 + 0.0, 1.0 + 0.5]
    assert found.outcome == 1.5


@pytest.mark.parametrize(("mode", "first", "second"), [("scalar_all", -1.0, 1.0), ("scalar_mean", 0.0, 1.0)])
def test_a_scalar_is_a_reward_at_the_end_of_its_turn(two, tokenizer, mode, first, second):
    found = credited(two, tokenizer, CreditConfig(mode, weight=0.5))
    (segment,) = found.segments
    at_turn = segment.returns[segment.action_mask]
    assert at_turn[:12].tolist() == pytest.approx([1.0 + 0.5 * (first + second)] * 12)
    assert at_turn[12:].tolist() == pytest.approx([1.0 + 0.5 * second] * 4)
    assert not found.credit[0].any()


def test_the_last_verdict_counts_unless_one_is_named(one, tokenizer):
    later = one.with_verdicts({0: Verdict.correct().signed("answers/2")})
    (credit,) = credited(later, tokenizer, CreditConfig(weight=1.0)).credit
    assert credit[1:].tolist() == [0] * 11 + [1]
    plain = tokenize_episode(later, tokenizer)
    (credit,) = credit_episode(later, plain, tokenizer, CreditConfig(weight=1.0), verifier="sums").credit
    assert credit[1:].tolist() == [1] * 5 + [0] + [-1] * 5 + [0]


def test_turns_without_a_verdict_have_no_credit(make_episode, tokenizer):
    episode = judged(make_episode([("x?", TEXT), ("no", TEXT)], 0.0), None, VERDICT)
    (credit,) = credited(episode, tokenizer, CreditConfig(unknown=0.5, weight=1.0)).credit
    assert not credit[:13].any()
    assert credit.any()


def test_episodes_without_ids_are_credited_on_the_ids_they_are_trained_on(make_episode, tokenizer):
    episode = judged(make_episode([("x?", TEXT), ("no", "1=1")], 0.0, ids=False), VERDICT, None)
    found = credited(episode, tokenizer, CreditConfig(weight=1.0))
    assert found.retokenized
    flat = [c for p, s in zip(found.credit, found.segments, strict=True) for c in p[s.action_mask].tolist()]
    assert flat[:11] == [1] * 5 + [0] + [-1] * 5
    assert not any(flat[11:])


def test_an_action_inside_what_was_written_is_found(make_episode, tokenizer):
    episode = make_episode([("x?", "so " + TEXT)], 0.0)
    parsed = replace(episode, steps=(replace(episode.steps[0], action=TEXT),))
    (credit,) = credited(judged(parsed, VERDICT), tokenizer, CreditConfig(weight=1.0)).credit
    assert credit[1:].tolist() == [0] * 3 + [1] * 5 + [0] + [-1] * 5 + [0]


def test_findings_about_a_text_that_was_not_written_are_refused(one, tokenizer):
    other = replace(one, steps=(replace(one.steps[0], action="2+2=4"),))
    with pytest.raises(InvalidInputError, match="the findings are about '2\\+2=4', but the token ids say"):
        credit_episodes([other], tokenizer)


def test_two_forms_of_different_episodes_are_refused(one, two, tokenizer):
    with pytest.raises(InvalidInputError, match="pass the two forms of one episode"):
        credit_episode(one, tokenize_episode(two, tokenizer), tokenizer)


def test_undecided_episodes_are_dropped_and_counted(one, tokenizer):
    undecided = replace(one, id="u", outcome=None)
    kept, report = credit_episodes([undecided, one], tokenizer)
    assert [e.id for e in kept] == [one.id]
    assert report.dropped == {"undecided": 1}


def test_ids_that_occur_twice_are_refused(one, tokenizer):
    with pytest.raises(InvalidInputError, match="different ids"):
        credit_episodes([one, one], tokenizer)
