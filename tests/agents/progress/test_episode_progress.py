"""The progress of logged episodes, and rows for training verifiers on it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stepgym.agents import McValue, RollOut, Sampling, monte_carlo_values, policy_id, prefixes, write_rows
from stepgym.agents.progress import (
    bok,
    episode_progress,
    first_pits,
    paint,
    pav_rows,
    prover_report,
    sibling_states,
)
from stepgym.agents.spans import token_spans
from stepgym.errors import InvalidInputError


def told(keys: Any, counts: list[tuple[int, int]], policy: str = "p") -> McValue:
    """A store in which state i succeeded c_i times of n_i."""
    store = McValue()
    for prefix, (n, c) in zip(keys, counts, strict=True):
        for index in range(n):
            store.add(RollOut(prefix.key, policy, 0, index, "success" if index < c else "failure"))
    return store


def test_a_broken_plank_shows_at_its_step(bridge: Any, careful: Any, walked: Any) -> None:
    episode = walked("aaaxaaaa")
    rolled = monte_carlo_values(careful, bridge, [episode], 300, progress=False)
    steps = episode_progress(episode, rolled.values)
    assert [step.turn for step in steps] == [step.step for step in steps] == list(range(8))
    assert all(
        (step.text, step.characters, step.tokens) == (a, (0, 1), None)
        for step, a in zip(steps, "aaaxaaaa", strict=True)
    )
    found = [step.progress.advantage for step in steps]
    assert found[3] == pytest.approx(-(0.9**5), abs=0.12)
    assert found[4:] == [0, 0, 0, 0]
    assert [step.progress.significant for step in steps[3:]] == [True, False, False, False, False]
    assert sum(x for x in found if x is not None) == pytest.approx(-rolled.values.estimate(rolled.prefixes[0]).mean)
    four = episode_progress(episode, rolled.values, best_of=4)
    c = [rolled.values.estimate(prefix).c for prefix in rolled.prefixes]
    assert four[3].progress.advantage == pytest.approx(-bok(300, c[3], 4))


def test_an_episode_with_one_step(walked: Any) -> None:
    episode = walked("aaaaaaaa")
    one = replace(episode, steps=episode.steps[:1])
    (step,) = episode_progress(one, told(prefixes(one), [(4, 1)]))
    assert step.progress.advantage == 0.75


def test_what_is_not_known_stays_unknown(walked: Any) -> None:
    episode = walked("aaaaaaaa")
    states = list(prefixes(episode))
    store = told(states[:2], [(4, 1), (4, 2)])
    steps = episode_progress(episode, store)
    assert [step.progress.advantage for step in steps] == [0.25, *[None] * 7]
    cut = replace(episode, end="context")
    store = told(states, [(4, 1)] * 8)
    assert episode_progress(cut, store)[-1].progress.advantage is None
    assert episode_progress(episode, store)[-1].progress.advantage == 0.75
    with pytest.raises(InvalidInputError, match="no roll-outs from any of the 8 prefixes"):
        episode_progress(walked("aaaaaaaa", task="other"), store)
    with pytest.raises(InvalidInputError, match="no roll-outs"):
        episode_progress(episode, store, "another policy")


def test_steps_inside_an_answer_have_their_places(answer: Any) -> None:
    tokenizer, _, episode = answer
    states = list(prefixes(episode, tokenizer))
    steps = episode_progress(episode, told(states, [(4, 2), (4, 3), (4, 1)]), tokenizer=tokenizer)
    assert [step.text for step in steps] == ["one\n", "two\n", "answer 1"]
    assert [step.characters for step in steps] == [(0, 4), (4, 8), (8, 16)]
    ids = episode.steps[0].completion.token_ids
    assert [step.tokens for step in steps] == [(0, 4), (4, 8), (8, len(ids))]
    assert [step.progress.advantage for step in steps] == [0.25, -0.5, -0.25]
    advantages = [step.progress.advantage or 0.0 for step in steps]
    painted = paint(advantages, [step.characters for step in steps], token_spans(ids, tokenizer))
    assert painted == [0.25] * 4 + [-0.5] * 4 + [-0.25] * (len(ids) - 8)


def test_rows_of_an_answer(answer: Any, tmp_path: Path) -> None:
    tokenizer, _, episode = answer
    states = list(prefixes(episode, tokenizer))
    store = told(states[:2], [(4, 3), (4, 1)])
    rows = list(pav_rows([episode, episode], store, tokenizer=tokenizer))
    assert [(row["text"], row["q"], row["n"], row["step"], row["final"]) for row in rows] == [
        ("", 0.75, 4, 0, False),
        ("one\n", 0.25, 4, 1, False),
        ("one\ntwo\nanswer 1", 0.0, None, 3, True),
    ]
    assert [row["weight"] for row in rows] == [1.5, 0.75, 0.75]
    assert [row["ids"] for row in rows[:2]] == [list(state.token_ids or ()) for state in states[:2]]
    done = episode.steps[0].completion
    whole = [*done.prompt_token_ids, *done.token_ids]
    assert rows[2]["ids"] == [i for i in whole if i != tokenizer.eos_token_id], "V is read before the end token"
    assert all(row["prompt"] == [{"role": "user", "content": episode.steps[0].observation}] for row in rows)
    assert write_rows(rows, tmp_path / "rows.jsonl") == 3
    kept = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert kept == rows


def test_rows_of_turns_up_to_the_pit(bridge: Any, careful: Any, walked: Any) -> None:
    lost, won = walked("aaxaaaaa"), walked("aaaaaaaa")
    rolled = monte_carlo_values(careful, bridge, [lost, won], 30, progress=False)
    rows = list(pav_rows([lost, won], rolled.values))
    assert len(rows) == 8 + 6 + 1 + 1 - 1, "three states are shared, the ends are two; step 8 has no row"
    ends = [row for row in rows if row["final"]]
    assert [(row["q"], row["text"], row["ids"], row["step"]) for row in ends] == [(0, "a", None, 8), (1, "a", None, 8)]
    assert len(ends[0]["prompt"]) == 15
    assert ends[0]["prompt"][4:6] == [
        {"role": "user", "content": "bridge:aa"},
        {"role": "assistant", "content": "x"},
    ]
    pits = first_pits(careful, bridge, [lost, won], 30, store=rolled.values, show_progress=False)
    kept = list(pav_rows([lost], rolled.values, pits=pits))
    assert [row["step"] for row in kept] == [0, 1, 2, 3]
    assert kept[-1]["q"] == 0
    best = list(pav_rows([lost], rolled.values, best_of=31))
    assert [row["final"] for row in best] == [True], "fewer roll-outs than k"


def test_siblings_in_a_log(bridge: Any, careful: Any, walked: Any) -> None:
    """At the start "a" three times of four: Q(a) = 0.9^7, Q(x) = 0."""
    episodes = [walked("aaaaaaaa"), walked("axaaaaaa"), walked("aaaaaaaa"), walked("xaaaaaaa")]
    rolled = monte_carlo_values(careful, bridge, episodes, 200, progress=False)
    states = sibling_states([*episodes, replace(episodes[0], outcome=None)], rolled.values)
    start = states[0]
    assert (start.probabilities, start.draws, start.weight) == ((0.75, 0.25), 4, 1.0)
    assert start.terminal == (False, False)
    lasts = [state for state in states if any(state.terminal)]
    assert sorted((state.draws, state.q_policy) for state in lasts) == [(1, (0.0,)), (1, (0.0,)), (2, (1.0,))]
    report = prover_report([start])
    assert report.variance == pytest.approx(4 / 3 * 0.75 * 0.25 * 0.9**14, abs=0.034)
    assert report.slope == pytest.approx(2 * report.variance)
    whole = prover_report(states)
    assert whole.skipped > 0
    assert whole.states + whole.skipped == len(states)


def test_another_prover(bridge: Any, careful: Any, walked: Any) -> None:
    episodes = [walked("aaaaaaaa"), walked("xaaaaaaa")]
    states = list(prefixes(episodes[0]))
    rolled = monte_carlo_values(careful, bridge, episodes, 20, progress=False)
    never = McValue()
    for prefix in rolled.prefixes:
        for index in range(20):
            never.add(RollOut(prefix.key, "never", 0, index, "failure"))
    seen = sibling_states(episodes, rolled.values, prover_values=never)
    assert seen[0].v_prover == never.estimate(states[0])
    assert prover_report(seen[:1]).remarks[0].startswith("The prover never succeeds")
    rolled.values.merge(never)
    again = sibling_states(episodes, rolled.values, rolled.policy, prover="never")
    assert again == seen
    assert sibling_states(episodes, McValue(), "p") == []


def test_roll_outs_of_a_model_give_progress(answer: Any) -> None:
    tokenizer, agent, episode = answer
    sampling = Sampling(max_tokens=24, temperature=1.0)
    rolled = monte_carlo_values(
        agent, "stepgym:stepgym/ArithmeticChain-v0", [episode], 2, sampling=sampling, progress=False
    )
    assert rolled.policy.startswith(policy_id(agent).partition("@")[0])
    steps = episode_progress(episode, rolled.values, tokenizer=tokenizer)
    assert [step.text for step in steps] == ["one\n", "two\n", "answer 1"]
