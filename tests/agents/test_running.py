from __future__ import annotations

import asyncio

import pytest

from stepgym.agents.running import run_sync


class Unprintable:
    def __repr__(self) -> str:
        raise AssertionError("formatted")


async def give(value: object) -> object:
    await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value


def test_results_are_never_formatted() -> None:
    """asyncio formats a finished main task; a result with 100,000 episodes would take a minute."""
    result = Unprintable()
    assert run_sync(give(result)) is result


def test_inside_a_running_loop() -> None:
    async def notebook() -> object:
        return run_sync(give(1))

    assert asyncio.run(notebook()) == 1


def test_errors_are_raised() -> None:
    async def notebook() -> object:
        return run_sync(give(KeyError("x")))

    with pytest.raises(KeyError):
        run_sync(give(KeyError("x")))
    with pytest.raises(KeyError):
        asyncio.run(notebook())
