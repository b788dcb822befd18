"""V from a pooling server: what is asked, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fault_server import Faults, serving

from stepgym.agents import ServedValue, ServingError
from stepgym.agents.engines.served_value import load_served_value
from stepgym.errors import InvalidInputError

IDS = [5, 6, 7]


def pooled(*rows: Any) -> dict[str, Any]:
    return {"data": [{"index": 0, "data": list(rows)}]}


def test_v_is_the_score_after_the_last_token() -> None:
    with serving(fixed=(200, pooled([0.5], [-1.25], [2.0]))) as server:
        for url in (server.url, server.url.removesuffix("/v1"), server.url.removesuffix("v1")):
            value = ServedValue("tiny", url)
            assert asyncio.run(value.value(IDS)) == 2.0
            assert asyncio.run(value.values(IDS)) == [0.5, -1.25, 2.0]
    asked = server.bodies[0]
    assert (asked["input"], asked["model"]) == (IDS, "tiny")
    # The server would answer the sigmoid of V, and of the last token alone.
    assert (asked["use_activation"], asked["task"]) == (False, "token_classify")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (pooled([0.5], [1.0]), "mismatch"),
        (pooled([0.5, 0.1], [0.1, 0.2], [0.3, 0.4]), "mismatch"),
        (pooled(0.5, 0.1, 0.3), "mismatch"),
        (pooled([0.5], [float("nan")], [0.3]), "malformed"),
        (pooled([0.5], ["x"], [0.3]), "malformed"),
        ({"data": []}, "malformed"),
        ("[", "malformed"),
    ],
)
def test_what_is_no_value_is_refused(answer: Any, kind: str) -> None:
    with serving(fixed=(200, answer)) as server:
        value = ServedValue("tiny", server.url, attempts=2, backoff=0.0)
        with pytest.raises(ServingError, match=kind):
            asyncio.run(value.value(IDS))
    assert value.failures == {kind: 2 if kind == "malformed" else 1}


def test_a_faulty_server_costs_no_value() -> None:
    faults = Faults(drop=0.2, malformed=0.1, rate_limit=0.1, seed=1)

    async def ask(value: ServedValue) -> list[float]:
        return list(await asyncio.gather(*(value.value(IDS) for _ in range(60))))

    with serving(fixed=(200, pooled([0.5], [1.0], [2.0])), faults=faults) as server:
        value = ServedValue("tiny", server.url, backoff=0.01)
        assert asyncio.run(ask(value)) == [2.0] * 60
    assert set(value.failures) == {"connection", "malformed", "rate_limit"}


def test_no_ids_and_too_many_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="at least one token"):
        asyncio.run(ServedValue("tiny").value([]))
    message = {"error": {"message": "This model's maximum context length is 2 tokens"}}
    with serving(fixed=(400, message)) as server, pytest.raises(InvalidInputError, match="does not read 3 tokens"):
        asyncio.run(ServedValue("tiny", server.url).value(IDS))


def test_a_value_is_found_by_its_address() -> None:
    with serving(fixed=(200, pooled([0.5], [1.0], [2.0])), cards=[{"id": "judge"}]) as server:
        value = load_served_value(server.url)
        assert asyncio.run(value.value(IDS)) == 2.0
        assert server.bodies[-1]["model"] == "judge"
        with pytest.raises(ServingError, match="judge"):
            load_served_value(f"{server.url}#another")
        url = server.url
    with pytest.raises(ServingError, match="is a server running there"):
        load_served_value(url, attempts=1)
