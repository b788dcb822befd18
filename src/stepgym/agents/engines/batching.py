"""`MicroBatcher`: calls that wait in an event loop are answered together by one function in a worker thread."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(slots=True, eq=False)
class _Call(Generic[In, Out]):
    item: In
    future: asyncio.Future[Out]


@dataclass(slots=True, eq=False)
class _Queue(Generic[In, Out]):
    """The calls that wait in one event loop, and the task that serves them."""

    waiting: deque[_Call[In, Out]] = field(default_factory=deque)
    server: asyncio.Task[None] | None = None


class ModelThread(ThreadPoolExecutor):
    """One worker thread for a model that does one thing at a time; knows whether work waits for it."""

    def __init__(self, name: str = "stepgym-batch") -> None:
        super().__init__(1, thread_name_prefix=name)
        self._guard = threading.Lock()
        self.waiting = 0

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As in `concurrent.futures`."""

        def begin() -> Any:
            self._count(-1)
            return work(*args, **kwargs)

        self._count(1)
        return super().submit(begin)

    def _count(self, change: int) -> None:
        with self._guard:
            self.waiting += change


class Batch(list[In]):
    """The items of a batch when it begins; further ones may join while it runs.

    Args:
        items: The items.
        more: Gives further ones.
    """

    def __init__(self, items: Iterable[In], more: Callable[[], list[In]]) -> None:
        super().__init__(items)
        self._more = more

    def more(self) -> list[In]:
        """Items that wait, as many as there are places free; their indices go on after those given before.

        None are given while another batch waits for the thread, so that every batch has its turn.
        """
        return self._more()


class MicroBatcher(Generic[In, Out]):
    """Gathers concurrent `submit` calls into batches for `process`.

    Every event loop has a queue of its own, so the same batcher serves one `asyncio.run` after another; batches of all
    loops run one at a time. A call that is cancelled leaves the queue, and a batch whose calls were all cancelled is
    given up at its next yield.

    Args:
        process: Gets the items of a batch, runs in a worker thread, and yields lists of `(index, result)` as items are
            finished; an empty list is a chance to be stopped. What it raises is raised by every unanswered call. It
            may ask the batch for `more` items between two yields.
        max_size: Most items in one batch.
        window: Seconds to wait for further calls when a batch is not full.
        executor: One worker thread (`ModelThread`), to be shared by batchers that must not run at the same time; made
            if absent.
    """

    def __init__(
        self,
        process: Callable[[Batch[In]], Iterable[list[tuple[int, Out]]]],
        *,
        max_size: int,
        window: float = 0.001,
        executor: ThreadPoolExecutor | None = None,
    ) -> None:
        self._process = process
        self._max_size = max_size
        self._window = window
        self._executor = executor or ModelThread()
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue[In, Out]] = WeakKeyDictionary()

    async def submit(self, item: In) -> Out:
        """The result for `item`."""
        loop = asyncio.get_running_loop()
        queue = self._queues.get(loop)
        if queue is None:
            queue = self._queues[loop] = _Queue()
        future: asyncio.Future[Out] = loop.create_future()
        queue.waiting.append(_Call(item, future))
        if queue.server is None:
            queue.server = loop.create_task(self._serve(queue))
        return await future

    async def _serve(self, queue: _Queue[In, Out]) -> None:
        loop = asyncio.get_running_loop()
        batch: dict[int, _Call[In, Out]] = {}
        try:
            while queue.waiting:
                await self._gather(queue)
                size = min(len(queue.waiting), self._max_size)
                calls = [queue.waiting.popleft() for _ in range(size)]
                batch = dict(enumerate(call for call in calls if not call.future.done()))
                if batch:
                    await loop.run_in_executor(self._executor, self._run, loop, queue, batch)
        finally:
            # Reached with calls left only when this task is cancelled: nobody will answer them any more.
            queue.server = None
            for call in (*batch.values(), *queue.waiting):
                call.future.cancel()
            queue.waiting.clear()

    async def _gather(self, queue: _Queue[In, Out]) -> None:
        """Lets the tasks that are ready submit their calls, then waits once for `window` seconds."""
        for pause in (0.0, self._window):
            seen = -1
            while seen < len(queue.waiting) < self._max_size:
                seen = len(queue.waiting)
                await asyncio.sleep(pause)
                pause = 0.0

    def _run(self, loop: asyncio.AbstractEventLoop, queue: _Queue[In, Out], batch: dict[int, _Call[In, Out]]) -> None:
        """One batch, in the worker thread; `batch` holds the calls that are not answered yet."""
        numbers = itertools.count(len(batch))

        def more() -> list[In]:
            items: list[In] = []
            if isinstance(self._executor, ModelThread) and self._executor.waiting:
                return items
            while queue.waiting and len(batch) < self._max_size:
                call = queue.waiting.popleft()
                if not call.future.done():
                    batch[next(numbers)] = call
                    items.append(call.item)
            return items

        try:
            finished: list[tuple[int, Out]] = []
            for ready in self._process(Batch([call.item for call in batch.values()], more)):
                # The last results are handed out when `process` has tidied up, not before.
                if finished:
                    self._hand_out(loop, batch, finished)
                finished = ready
                if loop.is_closed() or all(call.future.done() for call in batch.values()):
                    return
            self._hand_out(loop, batch, finished)
            error: Exception = RuntimeError("the batch ended without a result for this call")
        except Exception as raised:
            error = raised
        if batch and not loop.is_closed():
            loop.call_soon_threadsafe(_fail, list(batch.values()), error)

    def _hand_out(
        self, loop: asyncio.AbstractEventLoop, batch: dict[int, _Call[In, Out]], finished: list[tuple[int, Out]]
    ) -> None:
        loop.call_soon_threadsafe(_answer, [(batch.pop(i).future, result) for i, result in finished])


def _answer(results: list[tuple[asyncio.Future[Out], Out]]) -> None:
    for future, result in results:
        if not future.done():
            future.set_result(result)


def _fail(batch: list[_Call[In, Out]], error: Exception) -> None:
    for call in batch:
        if not call.future.done():
            call.future.set_exception(error)
