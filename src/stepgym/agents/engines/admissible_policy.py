"""`AdmissiblePolicy`: a transformers model that writes only commands which the environment says are possible."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stepgym.agents.engines.batching import MicroBatcher
from stepgym.agents.engines.decoding import Row
from stepgym.agents.engines.turn_cache import Turn, TurnCache
from stepgym.agents.policy import Completion, Request
from stepgym.errors import InvalidInputError, StepgymError, require

INFO_KEY = "admissible_commands"


class AdmissiblePolicy:
    """A causal language model whose every answer is one of the commands listed in the environment's `info`.

    The commands are a tree of tokens. At each branch the model chooses, from its distribution over the next token
    restricted to the branches and taken at the request's temperature (0: the likeliest); where there is one branch it
    is not asked. So log-probabilities are "sampled": those of the choices, 0 for tokens that were forced. An answer
    ends with the tokenizer's end-of-turn token, and its text is the command.

    What the model has read of a conversation is kept from turn to turn (`TurnCache`); call `forget` after training.

    The prompt format must pass the commands on: it needs `info_keys = ("admissible_commands",)`.

    Args:
        model: A causal language model with full attention, see `TurnCache`.
        tokenizer: Its tokenizer.
        name: Name for logs.
        slots: Most samples decoded at once, and most conversations that are remembered.
        ignored: Commands that are never chosen, such as "help".
        gather_seconds: How long a batch that is not full waits for further requests.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        name: str = "admissible",
        slots: int = 128,
        ignored: Collection[str] = (),
        gather_seconds: float = 0.001,
    ) -> None:
        require("torch", extra="train")
        if tokenizer.eos_token_id is None:
            raise InvalidInputError("the tokenizer needs an eos_token, which ends each command")
        self.model = model
        self.tokenizer = tokenizer
        self.name = name
        self.ignored = frozenset(ignored)
        limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self.context = limit
        self._end = int(tokenizer.eos_token_id)
        self._cache = TurnCache(model, slots=slots, end_ids=[self._end])
        self._ids: dict[str, tuple[int, ...]] = {}
        worker = ThreadPoolExecutor(1, thread_name_prefix="stepgym-model")
        self._batches: MicroBatcher[_Choice, Completion] = MicroBatcher(
            self._run, max_size=slots, window=gather_seconds, executor=worker
        )

    def forget(self) -> None:
        """Drop what is remembered of conversations: the model's weights have changed."""
        self._cache.clear()

    async def generate(self, request: Request) -> list[Completion]:
        """`request.n` commands; raises `InvalidInputError` for top-p and top-k, and where no commands are given."""
        sampling = request.sampling
        if sampling.top_p < 1 or sampling.top_k:
            raise InvalidInputError("AdmissiblePolicy draws from all commands: top_p must be 1 and top_k 0")
        if request.prompt_token_ids is None:
            raise InvalidInputError("AdmissiblePolicy needs prompt_token_ids: let an Agent render the conversation")
        commands = self._commands(request)
        rows = [Row(request.prompt_token_ids, sampling, request.seed, i) for i in range(request.n)]
        return list(await asyncio.gather(*(self._batches.submit(_Choice(row, dict(commands))) for row in rows)))

    def _commands(self, request: Request) -> dict[tuple[int, ...], str]:
        last: Any = request.messages[-1] if request.messages else {}
        listed = last.get("info", {}).get(INFO_KEY)
        if listed is None:
            raise InvalidInputError(
                f"the last message holds no info[{INFO_KEY!r}]: the environment must give it, and the prompt format "
                f"name it in info_keys"
            )
        found: dict[tuple[int, ...], str] = {}
        for command in listed:
            if command not in self.ignored:
                ids = self._ids.get(command)
                if ids is None:
                    plain = self.tokenizer.encode(command, add_special_tokens=False)
                    ids = self._ids[command] = (*plain, self._end)
                if len(ids) <= request.sampling.max_tokens:
                    found.setdefault(ids, command)
        if not found:
            raise InvalidInputError(
                f"no command of {len(listed)} can be written in {request.sampling.max_tokens} tokens"
            )
        return found

    def _run(self, choices: list[_Choice]) -> Iterator[list[tuple[int, Completion]]]:
        import torch

        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                self._decide(choices)
        except BaseException:
            self._cache.clear()  # conversations that were opened and not closed
            raise
        finally:
            self.model.train(was_training)
        yield [(i, choice.completion()) for i, choice in enumerate(choices)]

    def _decide(self, choices: Sequence[_Choice]) -> None:
        turns = self._cache.open([choice.row.prompt for choice in choices])
        for choice in choices:
            choice.force()
        # Equal prompts are read once.
        leaders: dict[tuple[int, ...], list[Turn]] = {}
        for choice, turn in zip(choices, turns, strict=True):
            leaders.setdefault(choice.row.prompt, []).append(turn)
        same = [max(group, key=lambda turn: turn.known) for group in leaders.values()]
        index = {id(turn): i for i, turn in enumerate(same)}
        logits = self._cache.read(same).numpy(force=True)
        for leader, group in zip(same, leaders.values(), strict=True):
            others = [turn for turn in group if turn is not leader]
            self._cache.copy(leader, others)
            index |= {id(turn): index[id(leader)] for turn in others}
        # The first tokens may be forced: then these logits are of no use, and reading goes on.
        waiting = [(c, t) for c, t in zip(choices, turns, strict=True) if not c.done]
        first = [(c, t) for c, t in waiting if not c.written]
        for choice, turn in first:
            choice.choose(logits[index[id(turn)]])
        for choice, turn in zip(choices, turns, strict=True):
            turn.ids += choice.written
        while waiting := [(c, t) for c, t in waiting if not c.done]:
            logits = self._cache.read([turn for _, turn in waiting]).numpy(force=True)
            for row, (choice, turn) in enumerate(waiting):
                before = len(choice.written)
                choice.choose(logits[row])
                turn.ids += choice.written[before:]
        self._cache.close(turns)


@dataclass(slots=True, eq=False)
class _Choice:
    """One sample on its way down the tree; `commands` are those that are left, by their ids."""

    row: Row
    commands: dict[tuple[int, ...], str]
    written: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    generator: np.random.Generator | None = None

    @property
    def done(self) -> bool:
        return len(self.commands) == 1 and len(self.written) == len(next(iter(self.commands)))

    def choose(self, logits: Any) -> None:
        """Take one of the branches by `logits` `(vocabulary,)`, and what is forced after it."""
        at = len(self.written)
        branches = np.array(sorted({ids[at] for ids in self.commands}))
        scores = logits[branches].astype(np.float64)
        if not np.isfinite(scores).all():
            raise StepgymError("the model's logits are not finite (NaN or infinity); its weights may have diverged")
        heat = self.row.sampling.temperature
        if heat == 0:
            pick, logprob = int(scores.argmax()), 0.0
        else:
            weights = np.exp((scores - scores.max()) / heat)
            shares = weights.cumsum() / weights.sum()
            if self.generator is None:
                self.generator = self.row.generator()
            pick = min(int(np.searchsorted(shares, self.generator.random(), side="right")), len(branches) - 1)
            logprob = float(np.log(weights[pick] / weights.sum()))
        self._take(int(branches[pick]), logprob)
        self.force()

    def force(self) -> None:
        """Take tokens without a choice."""
        while not self.done:
            at = len(self.written)
            branches = {ids[at] for ids in self.commands}
            if len(branches) > 1:
                return
            self._take(branches.pop(), 0.0)

    def _take(self, token: int, logprob: float) -> None:
        at = len(self.written)
        self.commands = {ids: text for ids, text in self.commands.items() if ids[at] == token}
        self.written.append(token)
        self.logprobs.append(logprob)

    def completion(self) -> Completion:
        return Completion(
            next(iter(self.commands.values())),
            prompt_token_ids=self.row.prompt,
            token_ids=tuple(self.written),
            logprobs=tuple(self.logprobs),
            logprob_mode="sampled",
        )
