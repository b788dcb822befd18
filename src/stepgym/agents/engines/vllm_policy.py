"""`VLLMPolicy`: a model in vLLM, in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stepgym.agents.engines.serving.completions import PINNED, drawing, reason_of, stops_for
from stepgym.agents.engines.serving.errors import ServingError
from stepgym.agents.engines.serving.vllm_engine import VLLMEngine, on_this_platform
from stepgym.agents.engines.stops import decode
from stepgym.agents.policy import Completion, Request
from stepgym.errors import InvalidInputError


class VLLMPolicy:
    """A causal language model in vLLM's asynchronous engine, as a `Policy` that can `score`.

    Requests are batched token by token with all others that are under way (continuous batching); prompts that begin
    alike are read once (prefix caching). Token ids go in, the ids that were sampled come out, with log-probabilities
    that are "raw": of the model's own distribution, before temperature and truncation.

    What it promises: every sampling setting is given, `generation_config.json` decides only which ids end a text. The
    same request with the same seed gives the same samples, up to floating point: another batch changes the last digits
    of logits, and a token changes where that moves it over a threshold. `score` agrees with `generate` up to the same.

    The engine is a process of its own, started by `spawn`: scripts need the `if __name__ == "__main__":` guard.

    Args:
        model: Folder written by `save_pretrained`, or a name on the model hub.
        name: Name for logs; `model` if absent.
        adapter: Folder of a LoRA adapter (peft's format) to answer with; see `with_adapter`.
        context: Most tokens of prompt and completion together; what the model allows if absent.
        dtype: "auto", "float32", "bfloat16", ...
        batch_size: Most sequences that are decoded at once.
        adapters: Most LoRA adapters in one batch; 0 leaves out what they cost. At least 1 with an `adapter`.
        adapter_rank: The largest rank of an adapter.
        engine: Further arguments of vLLM's `AsyncEngineArgs`, such as `{"tensor_parallel_size": 2}`.

    Attributes:
        failures: How often a request failed, by kind (see `ServingError`).
    """

    def __init__(
        self,
        model: str | Path,
        *,
        name: str | None = None,
        adapter: str | Path | None = None,
        context: int | None = None,
        dtype: str = "auto",
        batch_size: int = 256,
        adapters: int = 0,
        adapter_rank: int = 16,
        engine: Mapping[str, Any] | None = None,
    ) -> None:
        if adapter is not None:
            adapters = max(1, adapters)
        lora = {"enable_lora": True, "max_loras": adapters, "max_lora_rank": adapter_rank} if adapters else {}
        settings = {
            "dtype": dtype,
            "max_model_len": context,
            "max_num_seqs": batch_size,
            "enable_prefix_caching": True,
            "logprobs_mode": "raw_logprobs",
            **on_this_platform(),
            **lora,
            **(engine or {}),
        }
        self._use(VLLMEngine(model, settings), name or str(model), adapter)
        self._takes_adapters = bool(adapters)

    def with_adapter(self, adapter: str | Path | None, *, name: str | None = None) -> VLLMPolicy:
        """A policy of the same engine that answers with another LoRA adapter, or with none.

        Args:
            adapter: Its folder.
            name: Name for logs; the folder if absent.
        """
        if adapter is not None and not self._takes_adapters:
            raise InvalidInputError("this engine takes no adapters: make the policy with adapters=1 or more")
        other = object.__new__(type(self))
        other._use(self._engine, name or str(adapter or self.name), adapter)
        other._takes_adapters = self._takes_adapters
        return other

    def _use(self, engine: VLLMEngine, name: str, adapter: str | Path | None) -> None:
        if adapter is not None and not (Path(adapter) / "adapter_config.json").is_file():
            raise InvalidInputError(f"expected a LoRA adapter (adapter_config.json) at {str(adapter)!r}")
        self._engine = engine
        self._adapter = None if adapter is None else engine.adapter(str(adapter))
        self.name = name
        self.tokenizer = engine.tokenizer
        self.context: int = engine.config.max_model_len
        self.failures: Counter[str] = Counter()
        self._vocabulary = int(engine.config.get_vocab_size())

    async def generate(self, request: Request) -> list[Completion]:
        """`request.n` completions; a prompt that leaves no room in the context gives empty ones, cut by "length"."""
        if request.prompt_token_ids is None:
            raise InvalidInputError("VLLMPolicy needs prompt_token_ids: let an Agent render the conversation")
        prompt = self._checked(request.prompt_token_ids)
        room = self.context - len(prompt)
        if room < 1:
            empty = Completion("", prompt_token_ids=prompt, token_ids=(), logprobs=(), finish_reason="length")
            return [empty] * request.n
        greedy = request.sampling.temperature == 0
        settings = {
            **PINNED,
            **drawing(request.sampling),
            **stops_for(self.tokenizer, request.sampling.stop),
            "max_tokens": min(room, request.sampling.max_tokens),
            "n": 1 if greedy else request.n,  # greedy samples are all the same, and vLLM refuses to draw more than one
            "seed": request.seed,
            "logprobs": 0,
        }
        outputs = sorted((await self._ask(prompt, settings)).outputs, key=lambda output: output.index)
        if len(outputs) < settings["n"]:
            raise self._counted(ServingError("too_few", f"vLLM gave fewer samples than the {request.n} asked for"))
        drawn = [self._completion(prompt, output) for output in outputs]
        return drawn * request.n if greedy else drawn

    async def score(self, token_ids: Sequence[int]) -> list[float]:
        """The raw log-probability of each of `token_ids[1:]` given the ids before it.

        At most `context - 1` ids: the engine wants room for one more.
        """
        ids = self._checked(token_ids)
        if len(ids) >= self.context:
            raise InvalidInputError(f"score reads at most {self.context - 1} tokens, got {len(ids)}")
        if len(ids) < 2:
            return []
        settings = {**PINNED, "temperature": 0.0, "max_tokens": 1, "prompt_logprobs": 0, "detokenize": False}
        found = (await self._ask(ids, settings)).prompt_logprobs
        return [min(0.0, float(at[i].logprob)) for i, at in zip(ids[1:], found[1:], strict=True)]

    async def close(self) -> None:
        """Ends the engine, also for all other policies on it."""
        self._engine.close()

    def _completion(self, prompt: tuple[int, ...], output: Any) -> Completion:
        ids = tuple(int(i) for i in output.token_ids)
        try:
            reason = reason_of({"finish_reason": output.finish_reason})
        except ServingError as error:
            raise self._counted(error) from None
        return Completion(
            decode(self.tokenizer, ids),
            prompt_token_ids=prompt,
            token_ids=ids,
            logprobs=tuple(min(0.0, float(at[i].logprob)) for i, at in zip(ids, output.logprobs, strict=True)),
            finish_reason=reason,
        )

    async def _ask(self, ids: tuple[int, ...], settings: Mapping[str, Any]) -> Any:
        try:
            return await self._engine.generate(ids, settings, self._adapter)
        except ServingError as error:
            raise self._counted(error) from error.__cause__

    def _counted(self, error: ServingError) -> ServingError:
        self.failures[error.kind] += 1
        return error

    def _checked(self, token_ids: Sequence[int]) -> tuple[int, ...]:
        ids = tuple(token_ids)
        if not ids:
            raise InvalidInputError("the prompt is empty: expected at least one token id")
        wrong = next((i for i in ids if not 0 <= i < self._vocabulary), None)
        if wrong is not None:
            raise InvalidInputError(f"token id {wrong} is outside the model's vocabulary of {self._vocabulary}")
        return ids


def load_vllm_policy(model: str | Path, **settings: Any) -> VLLMPolicy:
    """A policy from a saved model and tokenizer; `settings` are arguments of `VLLMPolicy`, by name."""
    return VLLMPolicy(model, **settings)
