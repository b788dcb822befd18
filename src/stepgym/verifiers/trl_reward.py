"""A verifier as a reward function for TRL's trainers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stepgym.errors import InvalidInputError
from stepgym.verifiers.batch import verify_many
from stepgym.verifiers.verifier import Verifier


class TRLReward:
    """The reward function that `as_trl_reward` returns; TRL logs it under `__name__`."""

    def __init__(self, verifier: Verifier, *, reference_column: str, name: str, threads: int) -> None:
        self.verifier = verifier
        self.reference_column = reference_column
        self.threads = threads
        self.__name__ = name

    def __call__(
        self,
        prompts: Sequence[Any] | None = None,
        completions: Sequence[Any] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """One score per completion, None where the verifier could not decide."""
        if completions is None:
            raise InvalidInputError(f"{self.__name__}: no completions were given")
        if self.reference_column not in columns:
            raise InvalidInputError(
                f"{self.__name__}: the data set has no column {self.reference_column!r}; it has {sorted(columns)}. "
                "Name the column that holds the reference: as_trl_reward(verifier, reference_column=...)."
            )
        references = columns[self.reference_column]
        contexts = (
            [_last_text(prompt, "user") for prompt in prompts] if prompts is not None else [""] * len(completions)
        )
        if not len(completions) == len(references) == len(contexts):
            raise InvalidInputError(
                f"{self.__name__}: {len(completions)} completions, {len(references)} references and {len(contexts)} "
                "prompts; TRL passes one of each"
            )
        responses = [_last_text(completion, "assistant") for completion in completions]
        items = list(zip(responses, references, contexts, strict=True))
        verdicts = verify_many(self.verifier, items, threads=self.threads)
        return [None if verdict.status == "undecided" else verdict.score for verdict in verdicts]


def as_trl_reward(
    verifier: Verifier, *, reference_column: str = "reference", name: str = "", threads: int = 8
) -> TRLReward:
    """A reward function with the signature that TRL's `GRPOTrainer` and `RLOOTrainer` call.

    TRL calls `fn(prompts=..., completions=..., **columns)` with plain texts or with chat messages, and leaves a
    sample out where the reward is None: an undecided response is neither rewarded nor punished. The response is the
    last assistant message, the context the last user message.

    Args:
        verifier: Any verifier.
        reference_column: The column of the data set that holds the reference.
        name: The name in TRL's logs; the verifier's class when empty.
        threads: See `verify_many`.
    """
    name = name or getattr(verifier, "name", "") or type(verifier).__name__
    return TRLReward(verifier, reference_column=reference_column, name=name.partition("/")[0], threads=threads)


def _last_text(turns: Any, role: str) -> str:
    """The text of the last message of `role`; a plain text is itself."""
    if isinstance(turns, str):
        return turns
    if isinstance(turns, Sequence) and all(isinstance(turn, Mapping) for turn in turns):
        for turn in reversed(turns):
            if turn.get("role", role) == role and turn.get("content") is not None:
                return _content_text(turn["content"])
        return ""
    raise InvalidInputError(f"expected a text or a list of chat messages, got {turns!r:.80}")


def _content_text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content if part.get("type", "text") == "text")
