"""Running asynchronous code from scripts and notebooks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_sync(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, in an event loop of its own; inside a running loop (a notebook) in a thread of its own."""
    results: list[T] = []
    errors: list[BaseException] = []

    async def keep() -> None:
        # Not returned: asyncio.run formats the finished task, result and all, when it restores the signal handler.
        results.append(await work)

    def in_thread() -> None:
        try:
            asyncio.run(keep())
        except BaseException as error:
            errors.append(error)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(keep())
    else:
        thread = threading.Thread(target=in_thread, name="stepgym-loop")
        thread.start()
        thread.join()
    if errors:
        raise errors[0]
    return results[0]
