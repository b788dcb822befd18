"""`OpenAIPolicy`: a model behind any server that speaks the OpenAI protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from stepgym.agents.engines.serving import chats, completions
from stepgym.agents.engines.serving.backoff import Backoff
from stepgym.agents.engines.serving.errors import ContextOverflowError, ServingError
from stepgym.agents.engines.serving.model_server import ModelServer, ServedModel
from stepgym.agents.policy import Completion, Request
from stepgym.agents.running import run_sync
from stepgym.agents.seeds import derive_seed
from stepgym.errors import InvalidInputError, require

_STOPS = 4  # stop strings that a server takes by the protocol
_BYTES_PER_TOKEN = 3  # of text without a tokenizer, for the limit of tokens; English has more


class OpenAIPolicy:
    """A model on one or several OpenAI-compatible servers (vLLM, OpenAI, SGLang, llama.cpp, ...), as a `Policy`.

    With a `tokenizer`, prompts are sent as the ids the agent rendered and completions come back as the ids that were
    sampled (`/completions`; the server must be able to, as vLLM is): token in, token out. The ids must decode to the
    server's text, otherwise the tokenizer is not that of the model and the request fails. Without a tokenizer, messages
    are sent and the server's own template is used (`/chat/completions`); the completion then has the ids the server
    says it read and wrote (vLLM tells), or none: text is never encoded to guess them.

    What it promises: every sampling setting is in the request. Log-probabilities are the server's; `logprob_mode` says
    of which distribution. Seeds are sent; what they repeat is up to the server: vLLM repeats a sample, up to a token
    where another batch changes the last digits of logits. A failed request is sent again with the same seed. Nothing is
    cut silently: what fails for good raises `ServingError`, a prompt that fills the context gives an empty completion
    cut by "length".

    A server other than vLLM that cuts stop strings off without saying which one it found gives a text without it.

    Args:
        model: The model's name on the server (`load_openai_policy` finds out where there is only one).
        base_url: The server, such as `http://127.0.0.1:8000/v1`; several share the requests and stand in for each
            other.
        tokenizer: A transformers tokenizer, or the folder or hub name of one.
        name: Name for logs; the model's if absent.
        api_key_env: The environment variable with the API key; the key itself is kept nowhere.
        timeout: Seconds for one request.
        in_flight: Most requests at once.
        attempts: How often a request is sent at most.
        backoff: Seconds before the second attempt; doubled from attempt to attempt, up to 30 s.
        requests_per_minute, tokens_per_minute: Limits to keep; None is no limit.
        samples_per_request: Most samples of one request; 1 for servers that ignore `n`.
        context: Most tokens of prompt and completion together; what the server says if absent.
        logprob_mode: What the server's log-probabilities are; vLLM's are "raw" unless it was told otherwise.
        extra_body: Further fields of every request, such as `{"chat_template_kwargs": {"enable_thinking": False}}`.

    Attributes:
        failures: How often a request failed, by kind (see `ServingError`); retried ones count too.
    """

    def __init__(
        self,
        model: str,
        base_url: str | Sequence[str] = "http://127.0.0.1:8000/v1",
        tokenizer: Any = None,
        *,
        name: str | None = None,
        api_key_env: str = "OPENAI_API_KEY",
        timeout: float = 600.0,
        in_flight: int = 256,
        attempts: int = 8,
        backoff: float = 0.5,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        samples_per_request: int | None = None,
        context: int | None = None,
        logprob_mode: Literal["raw", "sampled"] = "raw",
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        if samples_per_request is not None and samples_per_request < 1:
            raise InvalidInputError(f"samples_per_request must be at least 1, got {samples_per_request}")
        self.server = ModelServer(
            [base_url] if isinstance(base_url, str) else list(base_url),
            model,
            key_variable=api_key_env,
            timeout=timeout,
            in_flight=in_flight,
            backoff=Backoff(attempts, backoff, max(backoff, 30.0)),
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
        )
        self.tokenizer = load_tokenizer(tokenizer) if isinstance(tokenizer, (str, Path)) else tokenizer
        self.name = name or model
        self._context = context
        self._samples = samples_per_request
        self._mode = logprob_mode
        self._extra = dict(extra_body or {})

    def __repr__(self) -> str:
        return f"OpenAIPolicy({self.server.model!r}, {str(self.server.endpoints)!r})"

    @property
    def context(self) -> int | None:
        """Most tokens of prompt and completion together, once it is known."""
        return self._context if self._context is not None else self.server.served.context

    @property
    def takes_messages(self) -> bool:
        """Whether chat messages are sent, because there is no tokenizer; an `Agent` then uses `ChatPrompt()`."""
        return self.tokenizer is None

    @property
    def failures(self) -> Mapping[str, int]:
        """How often a request failed, by kind."""
        return self.server.failures

    async def check(self) -> ServedModel:
        """Looks whether the servers are there and serve the model; raises `ServingError` if none does."""
        return await self.server.check()

    async def generate(self, request: Request) -> list[Completion]:
        """`request.n` completions.

        Raises:
            ServingError: The servers failed for good, or gave something that is not a completion.
        """
        if self.tokenizer is not None and not request.prompt_token_ids:
            raise InvalidInputError("a policy with a tokenizer needs prompt_token_ids: let an Agent render them")
        if self.tokenizer is None and not request.messages:
            raise InvalidInputError("a policy without a tokenizer needs messages: let an Agent make the request")
        greedy = request.sampling.temperature == 0
        # Greedy samples are all the same, and vLLM refuses to draw more than one.
        wanted = 1 if greedy else request.n
        size = min(wanted, self._samples or wanted)
        parts = [(i, min(size, wanted - i)) for i in range(0, wanted, size)]
        found = await asyncio.gather(*(self._part(request, first, n) for first, n in parts))
        drawn = [completion for part in found for completion in part]
        return drawn * request.n if greedy else drawn

    async def score(self, token_ids: Sequence[int]) -> list[float]:
        """The log-probability of each of `token_ids[1:]` given the ids before it; needs vLLM.

        The server reads at most `context - 1` ids: it wants room for one more.
        """
        ids = tuple(token_ids)
        if len(ids) < 2:
            return []
        return await self.server.ask(
            "/completions",
            lambda served: completions.score_body(ids),
            lambda answer: completions.read_scores(answer, ids),
        )

    async def close(self) -> None:
        """Closes the connections of this event loop; the policy can be used again."""
        await self.server.close()

    async def _part(self, request: Request, first: int, n: int) -> list[Completion]:
        """The samples from `first` on."""
        # The first part keeps the seed: a request that is not split is as the caller made it.
        seed = request.seed if request.seed is None or not first else derive_seed(request.seed, first)
        try:
            if self.tokenizer is not None:
                return await self._by_ids(request, n, seed)
            return await self._by_text(request, n, seed)
        except ContextOverflowError:
            return [_full(request)] * n
        except ServingError as error:
            stops = len(request.sampling.stop)
            if error.kind != "rejected" or stops <= _STOPS:
                raise
            hint = f"({stops} stop strings were asked for; most servers take {_STOPS}, vLLM as many as its "
            raise ServingError("rejected", f"{error.message} {hint}VLLM_MAX_STOP_STRINGS says)") from None

    async def _by_ids(self, request: Request, n: int, seed: int | None) -> list[Completion]:
        prompt = request.prompt_token_ids or ()
        if self.context is not None and len(prompt) >= self.context:
            return [_full(request)] * n

        def body(served: ServedModel) -> dict[str, Any]:
            context = self.context
            room = request.sampling.max_tokens if context is None else max(1, context - len(prompt))
            limit = min(request.sampling.max_tokens, room)
            return completions.ids_body(self.tokenizer, request, max_tokens=limit, n=n, seed=seed) | self._extra

        def read(answer: Mapping[str, Any]) -> list[Completion]:
            where = str(self.server.endpoints)
            return completions.read_ids(answer, request, tokenizer=self.tokenizer, n=n, mode=self._mode, where=where)

        return await self.server.ask("/completions", body, read, tokens=_cost(len(prompt), request, n))

    async def _by_text(self, request: Request, n: int, seed: int | None) -> list[Completion]:
        length = sum(len(message["content"].encode("utf-8", "replace")) for message in request.messages)

        def body(served: ServedModel) -> dict[str, Any]:
            limit = min(request.sampling.max_tokens, self.context or request.sampling.max_tokens)
            return chats.chat_body(served, request, max_tokens=limit, n=n, seed=seed) | self._extra

        def read(answer: Mapping[str, Any]) -> list[Completion]:
            return chats.read_chat(answer, request, n=n, mode=self._mode)

        return await self.server.ask(
            "/chat/completions", body, read, tokens=_cost(length // _BYTES_PER_TOKEN, request, n)
        )


def load_openai_policy(url: str, *, model: str | None = None, **settings: Any) -> OpenAIPolicy:
    """A policy for `url`, such as `http://127.0.0.1:8000/v1` or `http://127.0.0.1:8000/v1#MODEL`.

    The server is looked at. Where it is vLLM and the tokenizer of its model can be loaded here, ids are exchanged.

    Args:
        url: Base URL, with the model's name behind a "#" if the server has several. Several URLs with commas between.
        model: The model's name, if it is not in the URL.
        settings: Arguments of `OpenAIPolicy`, by name.

    Raises:
        ServingError: Nobody answers, or the model is not served.
    """
    address, _, named = url.partition("#")
    urls = [part for part in address.split(",") if part.strip()]
    name = model or named
    if not name:
        seen = ModelServer(urls, key_variable=settings.get("api_key_env", "OPENAI_API_KEY"))
        name = run_sync(_looked_at(seen)).id
    policy = OpenAIPolicy(name, urls, **settings)
    served = run_sync(_looked_at(policy.server))
    if policy.tokenizer is None and served.engine == "vllm" and Path(served.root).is_dir():
        policy.tokenizer = load_tokenizer(served.root)
    return policy


async def _looked_at(server: ModelServer) -> ServedModel:
    try:
        return await server.check()
    finally:
        await server.close()


def load_tokenizer(place: str | Path) -> Any:
    """The tokenizer saved in the folder, or of the model of that name on the hub."""
    transformers = require("transformers", extra="train")
    try:
        return transformers.AutoTokenizer.from_pretrained(place)
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"expected a tokenizer at {str(place)!r}: {error}") from error


def _full(request: Request) -> Completion:
    """What a prompt that fills the context gives."""
    return Completion(
        "",
        prompt_token_ids=request.prompt_token_ids,
        token_ids=None if request.prompt_token_ids is None else (),
        logprobs=None if request.prompt_token_ids is None else (),
        finish_reason="length",
    )


def _cost(prompt: int, request: Request, n: int) -> Any:
    def tokens(answer: Mapping[str, Any] | None) -> int:
        most = prompt + n * request.sampling.max_tokens
        usage = None if answer is None else answer.get("usage")
        used = usage.get("total_tokens") if isinstance(usage, dict) else None
        return used if isinstance(used, int) and used >= 0 else most

    return tokens
