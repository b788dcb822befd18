"""Roll-outs from prefixes: known values, exact ids, resuming, and what cannot be continued."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from stepgym.agents import (
    Agent,
    Completion,
    EpisodeLog,
    LastTurns,
    McValue,
    PlainPrompt,
    Prefix,
    RandomPolicy,
    Request,
    Sampling,
    ScriptedPolicy,
    WithHistory,
    collect,
    monte_carlo_values,
    policy_id,
    prefixes,
)
from stepgym.errors import InvalidInputError, StepgymError


class TwoOfThree(gymnasium.Env[str, str]):
    """Three turns of "a" or "b"; two or more "a" succeed. `cut`: the third "b" in a row ends as a step limit."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.name = (options or {}).get("task") or "drawn"
        self.actions = ""
        return f"{self.name}:", {"task": self.name}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.actions += action.strip()
        over = len(self.actions) >= 3
        won = over and self.actions.count("a") >= 2
        return f"{self.name}:{self.actions}", float(won), over, False, {"task": self.name}


def coin() -> RandomPolicy:
    return RandomPolicy(["a", "b"])


def logged(*actions: str, task: str = "t") -> Any:
    script = iter(actions)
    (episode,) = collect(
        TwoOfThree, ScriptedPolicy(lambda _: next(script)), tasks=[task], progress=False, concurrency=1
    ).episodes
    return episode


def test_values_of_a_known_game() -> None:
    """From the start two of three, after "a" one of two, after "ab" the last one, each with a fair coin."""
    found = monte_carlo_values(coin(), TwoOfThree, [logged("a", "b", "a")], 2_000, progress=False)
    estimates = [found.values.estimate(prefix) for prefix in found.prefixes]
    assert [e.n for e in estimates] == [2_000] * 3
    for estimate, exact in zip(estimates, (0.5, 0.75, 0.5), strict=True):
        # Four standard errors.
        assert estimate.mean == pytest.approx(exact, abs=0.045)
    assert found.played == 6_000
    assert sum(found.results.values()) == 6_000
    lost = monte_carlo_values(coin(), TwoOfThree, [logged("b", "b", "a")], 50, progress=False)
    assert lost.values.estimate(lost.prefixes[2]).c == 0


def test_equal_histories_share_their_roll_outs_and_others_do_not() -> None:
    a, b, c = logged("a", "b", "a"), logged("a", "a", "a"), logged("a", "b", "a", task="u")
    keys = [[p.key for p in prefixes(e)] for e in (a, b, c)]
    assert keys[0][:2] == keys[1][:2]
    assert keys[0][2] != keys[1][2]
    assert not set(keys[0]) & set(keys[2])
    assert [p.step for p in prefixes(a)] == [0, 1, 2]
    other = replace(a, env_kwargs={"hard": True})
    assert not set(keys[0]) & {p.key for p in prefixes(other)}
    found = monte_carlo_values(coin(), TwoOfThree, [a, b], 3, progress=False)
    assert (len(found.prefixes), found.played) == (4, 12)


def test_the_name_of_a_prefix_is_stable() -> None:
    """Stored values of earlier versions stay readable: this key must not change."""
    prefix = Prefix("e", "env", "task", (), "q", prompt_token_ids=(1, 2), written=(3,))
    assert prefix.key == replace(prefix, episode_id="other", seed=5, step=1, text="x").key
    assert prefix.key == "1c4186b8034eb35f1075d7161422d26a"
    assert prefix.token_ids == (1, 2, 3)


def test_a_call_is_resumed_extended_and_repeated_exactly(tmp_path: Path) -> None:
    episode = logged("a", "b", "a")
    settings: dict[str, Any] = {"progress": False, "store": tmp_path / "store"}
    first = monte_carlo_values(coin(), TwoOfThree, [episode], 4, **settings)
    again = monte_carlo_values(coin(), TwoOfThree, [episode], 4, **settings)
    more = monte_carlo_values(coin(), TwoOfThree, [episode], 10, **settings)
    assert [(r.played, r.known) for r in (first, again, more)] == [(12, 0), (0, 12), (18, 12)]
    at_once = monte_carlo_values(coin(), TwoOfThree, [episode], 10, progress=False, concurrency=1)
    results = {(r.prefix, r.index): r.result for r in at_once.values}
    assert results == {(r.prefix, r.index): r.result for r in McValue(tmp_path / "store", mode="r")}
    other = monte_carlo_values(coin(), TwoOfThree, [episode], 10, progress=False, seed=1)
    assert at_once.values.merge(other.values) == 30
    assert at_once.values.estimate(other.prefixes[0]).n == 20


def test_roll_outs_can_be_kept_as_episodes(tmp_path: Path) -> None:
    episode = logged("a", "b", "a")
    with EpisodeLog(tmp_path, mode="a") as log:
        found = monte_carlo_values(coin(), TwoOfThree, [episode], 5, log=log, progress=False)
        # The store was lost, the log was not: nothing is written twice.
        monte_carlo_values(coin(), TwoOfThree, [episode], 5, log=log, progress=False)
    kept = list(EpisodeLog(tmp_path))
    assert len(kept) == 15
    assert Counter(e.forked_at for e in kept) == {0: 5, 1: 5, 2: 5}
    assert all(e.parent == episode.id for e in kept)
    assert all(e.steps[0].action == "a" for e in kept if e.forked_at)
    wins = sum(bool(e.success) for e in kept)
    assert wins == sum(estimate.c for _, estimate in found.values.estimates())


def test_environments_in_other_processes_give_the_same() -> None:
    episode = logged_chain()
    here, there = (
        monte_carlo_values(RandomPolicy(["answer 1", "answer 2"]), CHAIN, [episode], 6, progress=False, workers=workers)
        for workers in (0, 1)
    )
    assert list(here.values.estimates()) == list(there.values.estimates())


CHAIN = "stepgym:stepgym/ArithmeticChain-v0"


def logged_chain() -> Any:
    policy = ScriptedPolicy(lambda _: "answer 1")
    (episode,) = collect(CHAIN, policy, tasks=["chain/7/3+4+1"], progress=False).episodes
    return episode


def test_another_environment_than_the_logged_one_is_refused() -> None:
    episode = logged("a", "b", "a")
    wrong = replace(episode, steps=(replace(episode.steps[0], observation="something else"), *episode.steps[1:]))
    with pytest.raises(InvalidInputError, match="does not go as in the episode"):
        monte_carlo_values(coin(), TwoOfThree, [wrong], 1, progress=False)
    with pytest.raises(InvalidInputError, match="at least 1"):
        monte_carlo_values(coin(), TwoOfThree, [episode], 0)


class Faulty:
    """Fails, or is cut, for some seeds."""

    name = "faulty"

    def __init__(self, finish: str | None) -> None:
        self.finish = finish

    async def generate(self, request: Request) -> list[Completion]:
        if (request.seed or 0) % 2:
            if self.finish is None:
                raise ConnectionError("gone")
            return [Completion("a", finish_reason=self.finish)]  # type: ignore[arg-type]
        return [Completion("a")]


def test_cut_roll_outs_count_apart_and_failed_ones_are_played_again(tmp_path: Path) -> None:
    episode = logged("a", "a", "b")
    cut = monte_carlo_values(Faulty("length"), TwoOfThree, [episode], 40, progress=False)
    estimate = cut.values.estimate(cut.prefixes[2])
    assert estimate.n == estimate.c
    assert estimate.n + estimate.truncated == 40
    assert estimate.truncated > 5
    failed = monte_carlo_values(Faulty(None), TwoOfThree, [episode], 8, progress=False, store=tmp_path)
    assert failed.errors > 0
    assert failed.played + failed.errors == 24
    again = monte_carlo_values(Faulty("length"), TwoOfThree, [episode], 8, progress=False, store=tmp_path)
    assert again.played == failed.errors
    assert "failed with an error" in str(failed)

    class Dead(Faulty):
        async def generate(self, request: Request) -> list[Completion]:
            raise ConnectionError("gone")

    with pytest.raises(StepgymError, match="100 roll-outs in a row failed"):
        monte_carlo_values(Dead(None), TwoOfThree, [episode], 60, progress=False)


def test_policies_are_told_apart_by_their_sampling() -> None:
    ids = {policy_id(Agent(coin(), sampling=Sampling(temperature=t))) for t in (0.5, 1.0)}
    assert len(ids) == 2
    assert all(found.startswith("random@") for found in ids)


@pytest.fixture(scope="module")
def answer(char_policy: Any) -> Any:
    """An answer of several lines by the tiny model, with its ids."""
    tokenizer = char_policy.tokenizer
    policy = ScriptedPolicy(lambda _: "x", name="by hand")
    (episode,) = collect(CHAIN, policy, tasks=["chain/7/3+4+1"], progress=False).episodes
    agent = Agent(char_policy, PlainPrompt(suffix="="))
    conversation = agent.start()
    conversation.ask(episode.steps[0].observation)
    completion = conversation.force("one\ntwo\nanswer 3")
    assert completion.token_ids is not None
    return tokenizer, agent, replace(episode, steps=(replace(episode.steps[0], completion=completion),))


def test_reasoning_steps_inside_an_answer_are_prefixes(answer: Any) -> None:
    tokenizer, _, episode = answer
    found = list(prefixes(episode, tokenizer))
    assert [p.text for p in found] == ["", "one\n", "one\ntwo\n"]
    assert [p.step for p in found] == [0, 1, 2]
    assert [p.text for p in prefixes(episode, tokenizer, delimiters=("e",))] == ["", "one", "one\ntwo\nanswe"]
    assert len(list(prefixes(episode, tokenizer, delimiters=()))) == len(list(prefixes(episode))) == 1
    completion = episode.steps[0].completion
    assert found[2].token_ids == completion.prompt_token_ids + completion.token_ids[: len("one\ntwo\n")]


def test_an_answer_goes_on_behind_its_last_token(answer: Any, tmp_path: Path) -> None:
    tokenizer, agent, episode = answer
    sampling = Sampling(max_tokens=12, temperature=1.0)
    with EpisodeLog(tmp_path, mode="a") as log:
        found = monte_carlo_values(
            agent, CHAIN, [episode], 6, sampling=sampling, log=log, progress=False, delimiters=("\n",)
        )
    written = episode.steps[0].completion.token_ids
    for rolled in EpisodeLog(tmp_path):
        completion = rolled.steps[0].completion
        assert completion is not None
        assert completion.token_ids is not None
        assert completion.prompt_token_ids == episode.steps[0].completion.prompt_token_ids
        assert len(completion.token_ids) <= 12
        assert tokenizer.decode(completion.token_ids, skip_special_tokens=True) == completion.text
    lengths = [len(p.written) for p in found.prefixes]
    assert lengths == [0, 4, 8]
    kept = [e.steps[0].completion for e in EpisodeLog(tmp_path)]
    for length in lengths:
        assert sum(c is not None and (c.token_ids or ())[:length] == written[:length] for c in kept) >= 6
    # What the prefix leaves of the limit is what is written at most: 8 of 12 tokens are there.
    tokens = {p.key: [r.tokens for r in found.values if r.prefix == p.key] for p in found.prefixes}
    assert max(tokens[found.prefixes[2].key]) <= 4


def test_an_answer_longer_than_the_limit_is_cut(answer: Any) -> None:
    _, agent, episode = answer
    found = monte_carlo_values(agent, CHAIN, [episode], 2, sampling=Sampling(max_tokens=6), progress=False)
    assert found.values.estimate(found.prefixes[2]).truncated == 2


def test_a_begun_answer_needs_the_same_ids(answer: Any) -> None:
    _, agent, episode = answer
    with pytest.raises(InvalidInputError, match="does not read the ids of the log"):
        monte_carlo_values(agent, CHAIN, [episode], 1, prompt=PlainPrompt(suffix="?"), progress=False)


def test_turns_are_repeated_with_their_ids_and_by_other_policies_with_their_text(
    char_policy: Any, echo_env: Any, tmp_path: Path
) -> None:
    agent = Agent(char_policy, PlainPrompt(suffix="="), Sampling(max_tokens=60, stop=tuple("abcdefghij0123456789")))

    def env() -> Any:
        return echo_env(turns=3)

    done = collect(env, agent, tasks=["7", "8"], progress=False, samples_per_task=6)
    episodes = [e for e in done.episodes if len(e.steps) == 3 and e.end == "terminated"]
    assert episodes, "the tiny model never came to a third turn"
    with EpisodeLog(tmp_path, mode="a") as log:
        found = monte_carlo_values(agent, env, episodes[:1], 3, log=log, progress=False, delimiters=())
    assert [len(p.turns) for p in found.prefixes] == [0, 1, 2]
    logged_steps = episodes[0].steps
    for rolled in EpisodeLog(tmp_path):
        assert rolled.forked_at is not None
        for mine, theirs in zip(rolled.steps[: rolled.forked_at], logged_steps, strict=False):
            assert mine.completion is not None
            assert theirs.completion is not None
            assert mine.completion.token_ids == theirs.completion.token_ids
            assert mine.completion.prompt_token_ids == theirs.completion.prompt_token_ids
    assert monte_carlo_values(coin(), env, episodes[:1], 1, progress=False, delimiters=()).played == 3
    other = monte_carlo_values(
        agent, env, episodes[:1], 1, progress=False, delimiters=(), prompt=WithHistory(PlainPrompt(), LastTurns(1))
    )
    assert other.played == 3


def test_the_ids_of_a_segment_are_those_the_model_read(char_policy: Any, echo_env: Any) -> None:
    agent = Agent(char_policy, PlainPrompt(suffix="="), Sampling(max_tokens=60, stop=tuple("abcdefghij0123456789")))
    (episode,) = collect(lambda: echo_env(turns=2), agent, tasks=["7"], progress=False, seed=3).episodes
    first, *rest = prefixes(episode)
    conversation = agent.start()
    assert first.token_ids == conversation.ask(episode.steps[0].observation).token_ids
    if rest:
        assert episode.steps[0].completion is not None
        conversation.record(replace(episode.steps[0].completion, prompt_token_ids=first.token_ids))
        assert rest[0].token_ids == conversation.ask(episode.steps[1].observation).token_ids


def test_it_runs_inside_an_event_loop() -> None:
    from stepgym.agents import monte_carlo_values_async

    found = asyncio.run(monte_carlo_values_async(coin(), TwoOfThree, [logged("a", "b", "a")], 2, progress=False))
    assert found.played == 6
