"""An OpenAI-compatible server as the data plane, asked from the actors."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from stepgym.agents import EpisodeLog, Sampling, collect
from stepgym.agents.engines.openai_policy import OpenAIPolicy
from stepgym.agents.rollout import RayWorkers

pytest.importorskip("ray", reason="needs the extra ray (`make test-ray`)")
pytest.importorskip("openai", reason="needs the extra openai (`make test-ray`)")
pytestmark = pytest.mark.slow

GAME = "stepgym/Game24-v0"
PAGE = Path(__file__).parents[2] / "docs" / "cluster.md"


class Handler(BaseHTTPRequestHandler):
    """Answers with the seed of the request; drops the first request of each tenth seed."""

    protocol_version = "HTTP/1.1"
    failed: ClassVar[set[int]]
    clients: ClassVar[set[str]]

    def do_GET(self) -> None:
        self.reply({"object": "list", "data": [{"id": "tiny", "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.clients.add(str(self.headers["Authorization"]))
        seed = body["seed"]
        if seed % 10 == 0 and seed not in self.failed:
            self.failed.add(seed)
            self.close_connection = True
            return
        message = {"role": "assistant", "content": f"{body['messages'][-1]['content']} {seed}"}
        self.reply({"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    def reply(self, answer: Any) -> None:
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Any]:
    class Roomy(ThreadingHTTPServer):
        request_queue_size = 128  # with the default of 5, connections are refused that this test does not mean

    Handler.failed, Handler.clients = set(), set()
    serving = Roomy(("127.0.0.1", 0), Handler)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield Handler, f"http://127.0.0.1:{serving.server_address[1]}/v1"
    serving.shutdown()
    serving.server_close()


@pytest.mark.parametrize("by_url", [False, True])
def test_actors_ask_the_server_and_the_key_stays_where_it_is(
    by_url: bool, cluster: Any, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, url = server
    # The nodes were started without this variable: each machine has its own keys.
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-this-machine-only")
    policy = OpenAIPolicy("tiny", url, backoff=0.01)
    played = {"episodes": 30, "sampling": Sampling(max_tokens=64), "seed": 2}
    local = collect(GAME, policy, **played)
    assert handler.clients == {"Bearer sk-of-this-machine-only"}
    before = dict(policy.failures)
    handler.failed.clear()
    handler.clients.clear()
    workers = RayWorkers(address=cluster.address, actors=2, policy=url if by_url else None)
    collect(GAME, policy, **played, out=tmp_path / "log", workers=workers)
    log = EpisodeLog(tmp_path / "log")
    assert {e.id: e for e in log} == {e.id: e for e in local.episodes}
    assert len(log) == 30
    assert handler.failed
    assert before["connection"] == len(handler.failed)
    assert policy.failures == {"connection": 2 * len(handler.failed)}
    assert handler.clients == {"Bearer none"}


def test_the_code_of_the_page_runs(cluster: Any, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, url = server
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for there, here in {
        "http://10.0.0.8:8000/v1": url,
        "http://10.0.0.9:8000/v1": url.replace("127.0.0.1", "localhost"),
        "Qwen/Qwen2.5-1.5B-Instruct": "tiny",
        "10.0.0.1:6379": cluster.address,
        "actors=32": "actors=2",
        "10_000": "10",
    }.items():
        assert there in code
        code = code.replace(there, here)
    exec(compile(code, PAGE.name, "exec"), {})  # noqa: S102 - our own page
    assert len(EpisodeLog("runs/log")) == 10
