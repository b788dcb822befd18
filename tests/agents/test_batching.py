from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from stepgym.agents.engines.batching import Batch, MicroBatcher, ModelThread


class Doubler:
    """Doubles numbers and remembers the batches; refuses negative ones."""

    def __init__(self, *, delay: float = 0.0) -> None:
        self.batches: list[list[int]] = []
        self.delay, self.stopped = delay, threading.Event()

    def __call__(self, items: list[int]) -> Iterator[list[tuple[int, int]]]:
        self.batches.append(items)
        if min(items) < 0:
            raise ValueError("negative")
        try:
            for i, item in enumerate(items):
                time.sleep(self.delay)
                yield [(i, 2 * item)]
        finally:
            self.stopped.set()


def test_waiting_calls_share_batches() -> None:
    work = Doubler()
    batcher = MicroBatcher(work, max_size=10)

    async def main() -> list[int]:
        return list(await asyncio.gather(*(batcher.submit(i) for i in range(25))))

    for _ in range(3):  # one event loop after another
        work.batches.clear()
        assert asyncio.run(main()) == [2 * i for i in range(25)]
        assert [len(batch) for batch in work.batches] == [10, 10, 5]


def test_loops_in_several_threads_at_once() -> None:
    batcher = MicroBatcher(Doubler(delay=0.001), max_size=4)
    results: dict[int, list[int]] = {}

    def run(start: int) -> None:
        async def main() -> list[int]:
            return list(await asyncio.gather(*(batcher.submit(start + i) for i in range(10))))

        results[start] = asyncio.run(main())

    threads = [threading.Thread(target=run, args=(100 * t,)) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert results == {100 * t: [2 * (100 * t + i) for i in range(10)] for t in range(4)}


def test_an_error_reaches_its_batch_and_no_other() -> None:
    batcher = MicroBatcher(Doubler(), max_size=2)

    async def main() -> list[object]:
        return list(await asyncio.gather(*(batcher.submit(i) for i in (1, 2, -3, 4, 5)), return_exceptions=True))

    one, two, bad, beside, last = asyncio.run(main())
    assert (one, two, last) == (2, 4, 10)
    assert isinstance(bad, ValueError)
    assert isinstance(beside, ValueError)


def test_results_come_as_they_are_ready_and_the_loop_stays_free() -> None:
    """The work goes on only once the loop has said that the first result is there; it comes with the second."""
    heard = threading.Event()

    def work(items: list[int]) -> Iterator[list[tuple[int, int]]]:
        yield [(0, 2 * items[0])]
        yield [(1, 2 * items[1])]
        assert heard.wait(timeout=60), "the first result did not come before the others, or the loop is blocked"
        yield [(i, 2 * item) for i, item in enumerate(items) if i > 1]

    batcher = MicroBatcher(work, max_size=10)

    async def first() -> int:
        result = await batcher.submit(0)
        heard.set()
        return result

    async def main() -> list[int]:
        return list(await asyncio.gather(first(), *(batcher.submit(i) for i in range(1, 6))))

    assert asyncio.run(main()) == [0, 2, 4, 6, 8, 10]


def test_a_batch_nobody_waits_for_is_given_up() -> None:
    work = Doubler(delay=0.02)
    batcher = MicroBatcher(work, max_size=1000)

    async def main() -> int:
        calls = [asyncio.ensure_future(batcher.submit(i)) for i in range(1000)]
        await asyncio.sleep(0.1)
        for call in calls:
            call.cancel()
        return await batcher.submit(21)

    began = time.monotonic()
    assert asyncio.run(main()) == 42
    assert time.monotonic() - began < 5
    assert work.stopped.is_set()


def test_the_last_result_comes_after_tidying_up() -> None:
    work = Doubler()
    batcher = MicroBatcher(work, max_size=4)

    async def main() -> bool:
        await batcher.submit(1)
        return work.stopped.is_set()

    assert all(asyncio.run(main()) for _ in range(50))


def test_a_batch_without_a_result_is_an_error() -> None:
    def lazy(items: list[int]) -> Iterator[list[tuple[int, int]]]:
        yield [(0, 1)]

    batcher = MicroBatcher(lazy, max_size=4)

    async def main() -> list[object]:
        return list(await asyncio.gather(batcher.submit(1), batcher.submit(2), return_exceptions=True))

    first, second = asyncio.run(main())
    assert first == 1
    with pytest.raises(RuntimeError, match="without a result"):
        raise second  # type: ignore[misc]


class Joining:
    """Answers one item at a time, and asks for more after each."""

    def __init__(self) -> None:
        self.most, self.batches = 0, 0
        self.told = threading.Event()

    def __call__(self, items: Batch[int]) -> Iterator[list[tuple[int, int]]]:
        self.batches += 1
        left = dict(enumerate(items))
        known = len(left)
        while left:
            self.most = max(self.most, len(left))
            time.sleep(0.002)
            index = next(iter(left))
            yield [(index, 2 * left.pop(index))]
            for item in items.more():
                left[known] = item
                known += 1


def test_calls_join_a_batch_that_runs() -> None:
    work = Joining()
    batcher = MicroBatcher(work, max_size=5)

    async def caller(i: int) -> list[int]:
        return [await batcher.submit(100 * i + k) for k in range(6)]

    async def main() -> list[list[int]]:
        return list(await asyncio.gather(*(caller(i) for i in range(12))))

    assert asyncio.run(main()) == [[2 * (100 * i + k) for k in range(6)] for i in range(12)]
    assert work.most == 5
    assert work.batches == 1


def test_cancelled_calls_do_not_join() -> None:
    work = Joining()
    batcher = MicroBatcher(work, max_size=1)

    async def main() -> list[int]:
        calls = [asyncio.ensure_future(batcher.submit(i)) for i in range(6)]
        await asyncio.sleep(0)
        for call in calls[1:5]:
            call.cancel()
        return [await calls[0], await calls[5]]

    assert asyncio.run(main()) == [0, 10]


def test_a_batch_that_calls_keep_joining_lets_others_have_the_thread() -> None:
    thread = ModelThread()
    busy = MicroBatcher(Joining(), max_size=5, executor=thread)
    other = MicroBatcher(Doubler(), max_size=5, executor=thread)

    async def caller(stop: asyncio.Event) -> None:
        while not stop.is_set():
            await busy.submit(1)

    async def main() -> int:
        stop = asyncio.Event()
        callers = [asyncio.ensure_future(caller(stop)) for _ in range(5)]
        await asyncio.sleep(0.05)
        answer = await asyncio.wait_for(other.submit(4), timeout=5)
        stop.set()
        await asyncio.gather(*callers)
        return answer

    assert asyncio.run(main()) == 8
    assert thread.waiting == 0
