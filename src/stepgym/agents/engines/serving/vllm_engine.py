"""`VLLMEngine`: vLLM's asynchronous engine in an event loop of its own thread."""

from __future__ import annotations

import asyncio
import itertools
import threading
import weakref
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from stepgym.agents.engines.serving.errors import ServingError
from stepgym.errors import InvalidInputError, require

T = TypeVar("T")


class VLLMEngine:
    """A model in vLLM; calls of all event loops and threads are batched together, token by token.

    The engine belongs to one event loop for life, but a script calls `asyncio.run` several times: so the engine has a
    loop and thread of its own, and callers wait for what runs there.

    Args:
        model: Folder written by `save_pretrained`, or a name on the model hub.
        settings: Arguments of vLLM's `AsyncEngineArgs`.
    """

    def __init__(self, model: str | Path, settings: Mapping[str, Any]) -> None:
        self._vllm = require("vllm", extra="vllm")
        try:
            arguments = self._vllm.AsyncEngineArgs(model=str(model), **settings)
        except TypeError as error:
            raise InvalidInputError(f"vLLM does not know this setting: {error}") from error
        self._ids = itertools.count()
        self._adapters: dict[str, Any] = {}
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever, name="stepgym-vllm", daemon=True)
        thread.start()
        try:
            self._engine: Any = self._wait(self._start(arguments))
        except (OSError, ValueError, RuntimeError) as error:
            self._loop.call_soon_threadsafe(self._loop.stop)
            raise InvalidInputError(f"vLLM cannot start with the model at {str(model)!r}: {error}") from error
        # The engine's process must end with ours, also where nobody calls `close`.
        self._finalizer = weakref.finalize(self, _stop, self._engine, self._loop, thread)

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer."""
        return self._engine.get_tokenizer()

    @property
    def config(self) -> Any:
        """VLLM's `ModelConfig`."""
        return self._engine.model_config

    def adapter(self, path: str) -> Any:
        """The handle of the LoRA adapter at `path`."""
        from vllm.lora.request import LoRARequest

        if path not in self._adapters:
            self._adapters[path] = LoRARequest(path, len(self._adapters) + 1, path)
        return self._adapters[path]

    async def generate(self, token_ids: tuple[int, ...], settings: Mapping[str, Any], adapter: Any = None) -> Any:
        """VLLM's finished `RequestOutput` for a prompt of ids and the arguments of its `SamplingParams`."""
        work = asyncio.run_coroutine_threadsafe(self._generate(token_ids, settings, adapter), self._loop)
        return await asyncio.wrap_future(work)

    def close(self) -> None:
        """Ends the engine's process."""
        self._finalizer()
        self._engine = None

    async def _start(self, arguments: Any) -> Any:
        return self._vllm.AsyncLLMEngine.from_engine_args(arguments)

    async def _generate(self, token_ids: tuple[int, ...], settings: Mapping[str, Any], adapter: Any) -> Any:
        from vllm.sampling_params import RequestOutputKind

        asked = self._vllm.SamplingParams(output_kind=RequestOutputKind.FINAL_ONLY, **settings)
        prompt = {"prompt_token_ids": list(token_ids)}
        name = f"stepgym-{next(self._ids)}"
        last = None
        try:
            async for output in self._engine.generate(prompt, asked, name, lora_request=adapter):
                last = output
        except ValueError as error:
            raise ServingError("rejected", f"vLLM refuses the request: {error}") from error
        except Exception as error:
            if self._engine.errored:
                raise ServingError("dead", "the engine of vLLM died; its log says why") from error
            raise
        if last is None or not last.finished:
            raise ServingError("too_few", "vLLM ended a request without an answer")
        return last

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def on_this_platform() -> dict[str, Any]:
    """Settings that the hardware asks for.

    On CPUs vLLM 0.32 dies of a request with a seed whose prompt it reads in parts: it sets a random generator back
    there, which only those of GPUs can. So prompts are read whole.
    """
    platforms = require("vllm.platforms", extra="vllm")
    return {"enable_chunked_prefill": False} if platforms.current_platform.is_cpu() else {}


def _stop(engine: Any, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    engine.shutdown()
    engine.shutdown = _nothing  # its __del__ calls it again, when the modules it needs may be gone
    loop.call_soon_threadsafe(loop.stop)
    thread.join(timeout=10)


def _nothing() -> None:
    """For an engine that has ended."""
