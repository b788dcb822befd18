"""Roll-outs on a cluster: the same episodes as here, on several machines, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from stepgym.agents import Completion, Episode, EpisodeLog, PuzzleExpertPolicy, Request, collect
from stepgym.agents.rollout import RayWorkers

pytest.importorskip("ray", reason="needs the extra ray (`make test-ray`)")
pytestmark = pytest.mark.slow

GAME = "stepgym/Game24-v0"


def by_id(episodes: Any) -> dict[str, Episode]:
    return {episode.id: episode for episode in episodes}


class Gathering:
    """Lets nobody play before `wanted` actors have been asked to: how long one takes to start is a matter of luck."""

    def __init__(self, folder: Path, wanted: int) -> None:
        self.folder = folder
        folder.mkdir()
        self.want(wanted)

    def want(self, actors: int) -> None:
        (self.folder / "wanted").write_text(str(actors))


def gathers(folder: Path | None) -> Any:
    """A function that waits so; pickled with its code."""

    async def wait() -> None:
        if folder is None:
            return
        (folder / f"{os.getpid()}.there").touch()
        for _ in range(1200):
            if len(list(folder.glob("*.there"))) >= int((folder / "wanted").read_text() or 0):
                return
            await asyncio.sleep(0.1)
        raise TimeoutError("the actors did not come")

    return wait


def here(*, seconds: float = 0.0, dies_at: str = "", folder: Path | None = None) -> Any:
    """A policy that answers with the cluster's node and the process it runs in; pickled with its code."""
    wait = gathers(folder)

    class Here:
        name = "here"

        async def generate(self, request: Request) -> list[Completion]:
            import ray

            await wait()
            await asyncio.sleep(seconds)
            if dies_at and dies_at in request.messages[-1]["content"]:
                os.kill(os.getpid(), signal.SIGKILL)
            return [Completion(f"{ray.get_runtime_context().get_node_id()} {os.getpid()}")] * request.n

    return Here()


def slow_expert(seconds: float, *, folder: Path | None = None) -> Any:
    """The noisy expert, with a server's latency."""
    inner = PuzzleExpertPolicy(noise=0.3)
    wait = gathers(folder)

    class Slow:
        name = "slow expert"

        async def generate(self, request: Request) -> list[Completion]:
            await wait()
            await asyncio.sleep(seconds)
            return await inner.generate(request)

    return Slow()


def where(episode: Episode) -> tuple[str, int]:
    node, pid = episode.steps[0].action.split()
    return node, int(pid)


def test_the_episodes_are_those_of_a_local_run(cluster: Any, tmp_path: Path) -> None:
    policy, game = PuzzleExpertPolicy(noise=0.3), {"mode": "lines"}
    local = collect(GAME, policy, episodes=60, samples_per_task=3, env_kwargs=game, seed=5)
    done = collect(
        GAME,
        policy,
        episodes=60,
        samples_per_task=3,
        env_kwargs=game,
        seed=5,
        out=tmp_path / "log",
        concurrency=16,
        workers=RayWorkers(address=cluster.address, actors=4),
    )
    assert 0 < done.successes < done.finished == 60
    assert done.failures_by_kind == {}
    assert by_id(EpisodeLog(tmp_path / "log")) == by_id(local.episodes)


def test_actors_stand_on_all_nodes_and_share_the_episodes(cluster: Any, tmp_path: Path) -> None:
    together = Gathering(tmp_path / "actors", 4)
    workers = RayWorkers(address=cluster.address, actors=4)
    policy = here(seconds=0.02, folder=together.folder)
    done = collect(GAME, policy, episodes=80, concurrency=8, workers=workers)
    places = [where(episode) for episode in done.episodes]
    assert {node for node, _ in places} == set(cluster.nodes)
    assert len({pid for _, pid in places}) == 4
    assert all(places.count(place) >= 10 for place in set(places))


def test_a_node_killed_half_way_costs_no_episode(cluster: Any, tmp_path: Path) -> None:
    local = collect(GAME, slow_expert(0), episodes=120, seed=1)
    together = Gathering(tmp_path / "actors", 4)
    victim = cluster.nodes[0]
    seen = []

    def kill_half_way(episode: Episode) -> None:
        seen.append(episode.id)
        if len(seen) == 60:
            cluster.kill_node(victim)

    done = collect(
        GAME,
        slow_expert(0.1, folder=together.folder),
        episodes=120,
        seed=1,
        out=tmp_path / "log",
        concurrency=16,
        retries=0,  # the episodes are not to blame
        workers=RayWorkers(address=cluster.address, actors=4),
        on_episode=kill_half_way,
    )
    assert done.finished == 120
    assert done.ends.get("error", 0) == 0
    assert 1 <= done.failures_by_kind["worker"] <= 16
    lines = list(EpisodeLog(tmp_path / "log"))
    assert len(lines) == 120
    assert by_id(lines) == by_id(local.episodes)
    assert not EpisodeLog(tmp_path / "log").problems


def test_a_killed_actor_is_replaced(cluster: Any, tmp_path: Path) -> None:
    together = Gathering(tmp_path / "actors", 2)
    victims: list[int] = []

    def kill_first(episode: Episode) -> None:
        if not victims:
            victims.append(where(episode)[1])
            together.want(3)
            os.kill(victims[0], signal.SIGKILL)

    workers = RayWorkers(address=cluster.address, actors=2)
    policy = here(seconds=0.1, folder=together.folder)
    done = collect(GAME, policy, episodes=30, concurrency=4, workers=workers, on_episode=kill_first)
    assert (done.finished, done.ends.get("error", 0)) == (30, 0)
    assert 1 <= done.failures_by_kind["worker"] <= 3
    assert len({where(episode)[1] for episode in done.episodes}) == 3
    assert victims[0] in {where(episode)[1] for episode in done.episodes}


def test_an_episode_that_kills_its_actor_each_time_is_recorded_and_the_others_are_played(cluster: Any) -> None:
    tasks = ["game24/4,7,8,8", "game24/1,1,4,6", "game24/1,2,3,4"]
    workers = RayWorkers(address=cluster.address, actors=1)
    done = collect(GAME, here(dies_at="4, 7, 8, 8"), tasks=tasks, concurrency=1, retries=1, workers=workers)
    ends = {episode.task_id: episode.end for episode in done.episodes}
    assert ends == {tasks[0]: "error", tasks[1]: "terminated", tasks[2]: "terminated"}
    assert done.failures_by_kind == {"worker": 2}
    assert done.errors == {"worker: the actor's process died": 1}


def broken_env(kind: str) -> Any:
    """A function that makes an environment with a defect."""

    class Unsendable(Exception):  # noqa: N818
        def __init__(self, one: int, two: int) -> None:
            super().__init__("needs two")

    class Broken(gymnasium.Env[str, str]):
        def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
            return "?", {}

        def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
            def the_guilty_line() -> float:
                if kind == "unsendable":
                    raise Unsendable(1, 2)
                return 1 / 0

            return "", the_guilty_line(), True, False, {}

    return Broken


def test_a_defect_of_an_environment_is_raised_here_with_its_traceback(cluster: Any) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        collect(broken_env(""), here(), episodes=4, workers=RayWorkers(address=cluster.address, actors=1))
    (note,) = caught.value.__notes__
    assert "the_guilty_line" in note
    assert "test_cluster.py" in note


def test_a_defect_that_cannot_be_sent_keeps_its_words(cluster: Any) -> None:
    workers = RayWorkers(address=cluster.address, actors=1)
    done = collect(broken_env("unsendable"), here(), episodes=4, workers=workers, env_errors="record")
    assert done.failures_by_kind == {"environment": 4}
    (message,) = done.errors
    assert "Unsendable: needs two" in message
