"""`ProcessPlayer`: plays episodes in environments that live in worker processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import signal
from collections import deque
from collections.abc import Mapping
from typing import Any

from stepgym.agents.agent import Agent
from stepgym.agents.episodes import Episode
from stepgym.agents.rollout.plan import Job
from stepgym.agents.rollout.play import play_episode
from stepgym.agents.rollout.player import WorkerLost
from stepgym.agents.rollout.process_worker import Reply, serve
from stepgym.agents.rollout.source import EnvSource
from stepgym.errors import InvalidInputError, StepgymError

_CLOSE_SECONDS = 5.0
_FAILED_STARTS = 5


class ProcessPlayer:
    """Plays in environments of `workers` processes, started when they are needed; the policy stays in this process.

    A worker answers one call after the other, for all its environments; an episode begins with the worker that has the
    fewest and stays there. When a worker dies, its episodes fail as `WorkerLost` and another worker takes its place;
    only the episode whose call it was answering is blamed.

    Args:
        agent: Who acts.
        source: Makes the environments; its function is sent to the workers.
        workers: How many processes.
    """

    def __init__(self, agent: Agent, source: EnvSource, *, workers: int) -> None:
        self._agent = agent
        self._source = source
        self._number = workers
        self._workers: list[_Worker] = []
        self._failed_starts = 0
        try:
            self._make = pickle.dumps(source.make)
        except Exception as error:  # pickle lets through what the objects raise
            raise InvalidInputError(
                "environments in worker processes need an environment id, or a function at the top of a module; "
                f"this one cannot be sent there: {error}"
            ) from error

    async def play(self, episode_id: str, job: Job) -> Episode:
        """See `Player.play`."""
        worker = self._least_busy()
        seat = worker.take_seat()
        try:
            episode = await play_episode(self._agent, self._source, seat, episode_id, job)
        except BaseException:
            worker.give_up(seat)
            raise
        worker.give_back(seat)
        return episode

    async def close(self) -> None:
        """Ends the workers; those that do not answer are killed."""
        workers, self._workers = self._workers, []
        await asyncio.gather(*(worker.close() for worker in workers))

    def _least_busy(self) -> _Worker:
        for worker in [worker for worker in self._workers if worker.lost]:
            self._workers.remove(worker)
            self._failed_starts = 0 if worker.started else self._failed_starts + 1
            if self._failed_starts and (worker.refused or self._failed_starts >= _FAILED_STARTS):
                raise StepgymError(
                    f"a worker process could not start: {worker.lost}. A script that collects with workers does so "
                    "under `if __name__ == '__main__':`, and its environments are made by a function of a module."
                )
        best = min(self._workers, key=lambda worker: worker.playing, default=None)
        if best is None or (best.playing and len(self._workers) < self._number):
            best = _Worker(self._make)
            self._workers.append(best)
        return best


class _Seat:
    """An environment in a worker process."""

    def __init__(self, worker: _Worker, number: int) -> None:
        self.instructions = ""
        self.number = number
        self._worker = worker

    async def reset(self, seed: int, options: dict[str, Any] | None) -> tuple[Any, Mapping[str, Any]]:
        observation, info, self.instructions = await self._worker.ask("reset", self.number, seed, options)
        return observation, info

    async def step(self, action: str) -> tuple[Any, float, bool, bool, Mapping[str, Any]]:
        result: tuple[Any, float, bool, bool, Mapping[str, Any]] = await self._worker.ask("step", self.number, action)
        return result


class _Worker:
    """One process as this side sees it; one call at a time is on its way, so that no pipe ever fills up."""

    def __init__(self, make: bytes) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=serve, args=(theirs, make), name="stepgym-environments")
        self._process.start()
        theirs.close()  # so that its death is seen here
        self.playing = 0
        self.started = False
        self.refused = False  # ended by itself while it started
        self.lost = ""  # why it is gone
        self._idle: list[_Seat] = []
        self._made = 0
        self._calls: deque[tuple[tuple[Any, ...], asyncio.Future[Any]]] = deque()
        self._asked: asyncio.Future[Any] | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._pipe.fileno(), self._read)

    def take_seat(self) -> _Seat:
        """An environment that nobody plays in."""
        self.playing += 1
        if self._idle:
            return self._idle.pop()
        self._made += 1
        return _Seat(self, self._made)

    def give_back(self, seat: _Seat) -> None:
        """After an episode that went well."""
        self.playing -= 1
        self._idle.append(seat)

    def give_up(self, seat: _Seat) -> None:
        """After one that did not: the environment is in an unknown state."""
        self.playing -= 1
        if not self.lost:
            self._post("close", seat.number).cancel()  # nobody waits for the answer

    async def ask(self, *call: Any) -> Any:
        """What the worker answers to a call, or raises."""
        if self.lost:
            raise WorkerLost(f"the worker process died: {self.lost}", blamed=False)
        return await self._post(*call)

    async def close(self) -> None:
        """End the process."""
        if not self.lost:
            self._calls.clear()
            self._post("end").cancel()
            await asyncio.to_thread(self._process.join, _CLOSE_SECONDS)
            if self._process.is_alive():
                self._process.kill()
                await asyncio.to_thread(self._process.join)
            self._died()

    def _post(self, *call: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        self._calls.append((call, future))
        self._send_next()
        return future

    def _send_next(self) -> None:
        if not self.started or self._asked is not None or not self._calls:
            return
        call, self._asked = self._calls.popleft()
        try:
            self._pipe.send(call)
        except OSError:
            self._died()

    def _read(self) -> None:
        try:
            reply: Reply = self._pipe.recv()
        except (EOFError, OSError):
            self._died()
            return
        except Exception as error:  # an answer that this process cannot put together
            reply = (False, error)
        well, value = reply
        if not self.started:
            self.started = well
            if not well:
                self._died(f"{type(value).__name__}: {value}")
                return
        elif self._asked is not None:
            future, self._asked = self._asked, None
            if not future.done() and well:
                future.set_result(value)
            elif not future.done():
                future.set_exception(value)
        self._send_next()

    def _died(self, reason: str = "") -> None:
        if self.lost:
            return
        self._loop.remove_reader(self._pipe.fileno())
        self._pipe.close()
        self._process.join(_CLOSE_SECONDS)  # its end of the pipe is closed: it is as good as gone
        code = self._process.exitcode
        self.lost = reason or (f"killed by {signal.Signals(-code).name}" if code and code < 0 else f"exit code {code}")
        self.refused = not self.started and (bool(reason) or bool(code and code > 0))
        error = f"the worker process died: {self.lost}"
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(WorkerLost(error))
        for _, future in self._calls:
            if not future.done():
                future.set_exception(WorkerLost(error, blamed=False))
        self._calls.clear()
