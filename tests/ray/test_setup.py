"""What can be wrong before the first episode is played on a cluster."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

from stepgym.agents import PuzzleExpertPolicy, RandomPolicy, ScriptedPolicy, collect
from stepgym.agents.rollout import ClusterError, RayWorkers
from stepgym.errors import InvalidInputError, StepgymError, UnknownNameError

ray = pytest.importorskip("ray", reason="needs the extra ray (`make test-ray`)")
pytestmark = pytest.mark.slow

GAME = "stepgym/Game24-v0"
EXPERT = PuzzleExpertPolicy()


def test_numbers_that_make_no_sense_are_refused() -> None:
    for wrong in ({"actors": 0}, {"episodes_per_actor": 0}, {"cpus_per_actor": -1}, {"start_seconds": 0}):
        with pytest.raises(InvalidInputError, match=next(iter(wrong))):
            RayWorkers(**wrong)


def test_an_address_where_nobody_answers_is_told_at_once() -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        began = time.perf_counter()
        with pytest.raises(ClusterError, match=rf"no Ray cluster answers at {address}.*ray start --head"):
            collect(GAME, EXPERT, episodes=1, workers=RayWorkers(address=address))
    assert time.perf_counter() - began < 10
    assert not ray.is_initialized()


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "head:port", "ray://127.0.0.1:10001"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ClusterError, match="HOST:PORT"):
        collect(GAME, EXPERT, episodes=1, workers=RayWorkers(address=address))


def test_what_cannot_be_pickled_is_named(cluster: Any) -> None:
    lock = threading.Lock()
    workers = RayWorkers(address=cluster.address, actors=1)
    with pytest.raises(InvalidInputError, match=r"policy.*RayWorkers\(policy=.*lock"):
        collect(GAME, ScriptedPolicy(lambda seen: str(lock)), episodes=1, workers=workers)

    def make() -> Any:
        return lock

    from stepgym.agents.rollout.source import EnvSource

    with pytest.raises(InvalidInputError, match="environment's function"):
        workers.player(_agent(), EnvSource(make, "x"), concurrency=1)
    assert not ray.is_initialized()


def test_the_machines_can_make_the_policy_themselves(cluster: Any) -> None:
    local = collect(GAME, PuzzleExpertPolicy(noise=0.3), episodes=12)
    for policy in ("puzzle-expert:noise=0.3", lambda: PuzzleExpertPolicy(noise=0.3)):
        workers = RayWorkers(address=cluster.address, actors=1, policy=policy)
        done = collect(GAME, PuzzleExpertPolicy(noise=0.3), episodes=12, workers=workers)
        assert {e.id: e for e in done.episodes} == {e.id: e for e in local.episodes}


def test_another_policy_on_the_machines_is_refused(cluster: Any) -> None:
    workers = RayWorkers(address=cluster.address, actors=1, policy="puzzle-expert:noise=0.3")
    with pytest.raises(InvalidInputError, match=r"another name.*'puzzle-expert, noise 0.3'"):
        collect(GAME, EXPERT, episodes=1, workers=workers)


def test_errors_of_the_machines_arrive_as_themselves(cluster: Any) -> None:
    workers = RayWorkers(address=cluster.address, actors=2)
    with pytest.raises(UnknownNameError, match="Game25"):
        collect("stepgym/Game25-v0", EXPERT, episodes=3, workers=workers)
    workers = RayWorkers(address=cluster.address, actors=2, policy="puzzle-expret")
    with pytest.raises(UnknownNameError, match="Did you mean 'puzzle-expert'"):
        collect(GAME, EXPERT, episodes=3, workers=workers)


def test_a_key_does_not_travel(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYLAB_API_KEY", "sk-0123456789abcdef")
    workers = RayWorkers(address=cluster.address, actors=1)
    with pytest.raises(InvalidInputError, match=r"the policy.*holds the value of MYLAB_API_KEY") as caught:
        collect(GAME, RandomPolicy(["Bearer sk-0123456789abcdef"]), episodes=1, workers=workers)
    assert "sk-0123" not in str(caught.value)


def test_a_cluster_without_room_is_told(cluster: Any) -> None:
    workers = RayWorkers(address=cluster.address, actors=2, cpus_per_actor=1000, start_seconds=2)
    with pytest.raises(StepgymError, match=r"no actor could start within 2 s: 4 of 4 CPUs .* are free"):
        collect(GAME, EXPERT, episodes=3, workers=workers)


def test_a_connection_that_is_open_is_used_and_stays_open(cluster: Any) -> None:
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        done = collect(GAME, EXPERT, episodes=3, workers=RayWorkers(address="ignored:1", actors=1))
        assert done.finished == 3
        assert ray.is_initialized()
    finally:
        ray.shutdown()


def _agent() -> Any:
    from stepgym.agents import Agent

    return Agent(EXPERT)
