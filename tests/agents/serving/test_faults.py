"""Servers that drop, delay, mangle, refuse, die and come back: nothing is lost, shortened or uncounted."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fault_server import Faults, FaultServer, serving

from stepgym.agents import ChatPrompt, Collected, OpenAIPolicy, Request, Sampling, ServingError, collect, generate_batch

EPISODES = 300
HELLO = Request(({"role": "user", "content": "3+4="},), seed=7)
MIXED = Faults(drop=0.1, delay=0.05, malformed=0.02, rate_limit=0.05, server_error=0.03, too_few=0.03)
KINDS = {"drop": "connection", "delay": "timeout"}  # the others are called alike on both sides


def solve(body: Mapping[str, Any], i: int) -> str:
    """Right in most cases; decided by prompt and seed alone."""
    asked = body["messages"][-1]["content"] if "messages" in body else str(body["prompt"])
    rng = random.Random(f"{asked}/{body['seed']}/{i}")
    a, b = (
        (int(part) for part in asked.split("What is ")[1].split("?")[0].split(" + ")) if "What is" in asked else (0, 0)
    )
    return f"The sum is {a + b + (rng.random() < 0.3)}.\n#### {a + b + (rng.random() < 0.3)}"


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    rows = [{"question": f"What is {a} + {b}?", "answer": f"#### {a + b}"} for a in range(10) for b in range(10)]
    path = tmp_path / "problems.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def play(urls: list[str], problems: Path, **settings: Any) -> tuple[OpenAIPolicy, Collected]:
    asking = OpenAIPolicy("tiny", urls, **{"backoff": 0.01, "timeout": 3.0, "attempts": 12, **settings})
    played = collect(
        "stepgym/GSM8K-v0",
        asking,
        episodes=EPISODES,
        prompt=ChatPrompt(),
        sampling=Sampling(temperature=0.7, max_tokens=64),
        env_kwargs={"path": str(problems)},
        concurrency=32,
        progress=False,
    )
    return asking, played


def by_id(played: Collected) -> dict[str, Any]:
    return {episode.id: episode for episode in played.episodes}


def test_a_run_over_a_faulty_server_is_the_run_over_a_sound_one(problems: Path) -> None:
    with serving(answer=solve) as sound:
        calm, expected = play([sound.url], problems, timeout=30)
    with serving(answer=solve, faults=MIXED) as faulty:
        asking, played = play([faulty.url], problems)
    assert not calm.failures
    assert 0 < expected.successes < EPISODES
    assert played.finished == EPISODES
    assert by_id(played) == by_id(expected)
    assert played.ends == {"terminated": EPISODES}
    # Every fault was done, and every one is counted under its kind.
    done = {KINDS.get(name, name): n for name, n in faulty.counts.items() if name != "answered"}
    assert min(done.values()) > 0
    assert len(done) == 6
    assert dict(asking.failures) == done
    assert faulty.counts["answered"] == EPISODES


def test_a_server_that_dies_and_comes_back_costs_no_episode(problems: Path) -> None:
    with serving(answer=solve) as sound:
        _, expected = play([sound.url], problems, timeout=30)
    with serving(answer=solve, die_after=100) as mortal:
        threading.Timer(2.0, mortal.start).start()
        asking, played = play([mortal.url], problems, timeout=30, backoff=0.2)
    assert by_id(played) == by_id(expected)
    assert mortal.counts["die"] == 1
    assert asking.failures["connection"] > 0


def test_another_server_stands_in_and_the_first_is_used_again(problems: Path) -> None:
    with serving(answer=solve, die_after=40) as mortal, serving(answer=solve) as other:
        asking, played = play([mortal.url, other.url], problems, timeout=30, in_flight=8)
        assert played.ends == {"terminated": EPISODES}
        assert asking.failures["connection"] >= 1
        assert len(mortal.bodies) <= 41
        mortal.start()
        until = time.monotonic() + 40  # a server rests 30 s at most
        while len(mortal.bodies) < 60 and time.monotonic() < until:
            generate_batch(asking, [HELLO] * 8)
            time.sleep(0.1)
        assert len(mortal.bodies) >= 60, "a server that came back gets requests again"


def test_both_servers_share_the_requests() -> None:
    with serving(pause=0.02) as one, serving(pause=0.02) as two:
        asking = OpenAIPolicy("tiny", [one.url, two.url])
        generate_batch(asking, [HELLO] * 64)
    assert len(one.bodies) + len(two.bodies) == 64
    assert 25 <= len(one.bodies) <= 39


def test_no_more_requests_than_allowed_are_under_way() -> None:
    with serving(pause=0.01) as server:
        generate_batch(OpenAIPolicy("tiny", server.url, in_flight=5), [HELLO] * 40)
    assert server.most_at_once == 5


def test_the_server_is_given_the_time_it_asks_for() -> None:
    with serving(faults=Faults(rate_limit=1.0, retry_after="0.5")) as server:
        asking = OpenAIPolicy("tiny", server.url, attempts=3, backoff=0.0)
        began = time.perf_counter()
        with pytest.raises(ServingError, match="rate_limit"):
            generate_batch(asking, [HELLO])
    assert 1.0 <= time.perf_counter() - began < 5
    assert asking.failures == {"rate_limit": 3}


def test_requests_and_tokens_a_minute_are_kept() -> None:
    short = Request(HELLO.messages, sampling=Sampling(max_tokens=8))
    with serving() as server:
        began = time.perf_counter()
        generate_batch(OpenAIPolicy("tiny", server.url, requests_per_minute=1200), [short] * 11)
        assert time.perf_counter() - began >= 10 * 60 / 1200
        began = time.perf_counter()
        # The answers say they cost 10 tokens each; 8 and the prompt are reserved for each until then.
        generate_batch(OpenAIPolicy("tiny", server.url, tokens_per_minute=6000), [short] * 11)
        assert time.perf_counter() - began >= 0.5


def test_a_failure_that_stays_is_an_error_episode_with_its_kind(problems: Path) -> None:
    with serving(answer=solve, fixed=(200, "{")) as server:
        asking = OpenAIPolicy("tiny", server.url, attempts=2, backoff=0.0)
        env_kwargs = {"path": str(problems)}
        played = collect("stepgym/GSM8K-v0", asking, episodes=20, env_kwargs=env_kwargs, progress=False)
    assert played.ends == {"error": 20}
    assert played.successes == played.failures == 0
    (message,) = played.errors
    assert "malformed: " in message
    assert asking.failures == {"malformed": len(server.bodies)}


def test_the_key_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    key = "sk-very-secret-0123456789"
    monkeypatch.setenv("MY_KEY", key)
    caplog.set_level(logging.DEBUG)
    with serving(fixed=(400, {"error": {"message": f"bad key {key}", "code": key}})) as server:
        asking = OpenAIPolicy("tiny", server.url, api_key_env="MY_KEY")
        with pytest.raises(ServingError) as caught:
            generate_batch(asking, [HELLO])
    assert server.headers[0]["authorization"] == f"Bearer {key}"
    shown = [repr(asking), asking.name, str(caught.value), repr(caught.value), str(vars(asking)), caplog.text]
    assert "bad key ***" in str(caught.value)
    assert not any(key in text for text in shown)
    assert caught.value.__cause__ is None


def test_without_a_key_a_placeholder_is_sent() -> None:
    with serving() as server:
        generate_batch(OpenAIPolicy("tiny", server.url), [HELLO])
    assert server.headers[0]["authorization"] == "Bearer none"


def test_a_server_that_trickles_meets_the_time_limit() -> None:
    with serving(pause=5.0) as server:
        began = time.perf_counter()
        with pytest.raises(ServingError, match="timeout"):
            generate_batch(OpenAIPolicy("tiny", server.url, timeout=0.2, attempts=2, backoff=0.0), [HELLO])
    assert time.perf_counter() - began < 3


def test_a_black_hole_beside_a_sound_server_costs_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = FaultServer()  # never started: nobody listens on its port
    with serving() as gone:
        silent.port = gone.port
    with serving() as server:
        asking = OpenAIPolicy("tiny", [silent.url, server.url], backoff=0.01)
        found = generate_batch(asking, [HELLO] * 50)
    assert [c.text for (c,) in found] == ["42"] * 50
    assert set(asking.failures) == {"connection"}


def test_a_server_that_keeps_failing_is_reported_once_until_it_answers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="stepgym")
    with serving(fixed=(500, {})) as server:
        asking = OpenAIPolicy("tiny", server.url, attempts=12, backoff=0.0)

        def fail() -> None:
            for _ in range(2):
                with pytest.raises(ServingError, match="server_error"):
                    generate_batch(asking, [HELLO])

        fail()
        assert len([r for r in caplog.records if "rests" in r.getMessage()]) == 1
        server.fixed = None
        generate_batch(asking, [HELLO])
        server.fixed = (500, {})
        fail()
    assert len([r for r in caplog.records if "rests" in r.getMessage()]) == 2
    assert asking.failures == {"server_error": 48}
