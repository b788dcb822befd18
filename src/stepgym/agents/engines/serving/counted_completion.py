"""`CountedCompletion`: a text without ids whose server said how many tokens it is."""

from __future__ import annotations

from dataclasses import dataclass

from stepgym.agents.policy import Completion


@dataclass(frozen=True, slots=True, eq=False)
class CountedCompletion(Completion):
    """A completion without ids; the count is for budgets and summaries, it is not in the log.

    Equal to a `Completion` with the same fields.

    Attributes:
        tokens_written: The tokens that the server says it wrote, those of thoughts it keeps apart included; of an
            answer with several samples, an equal share.
    """

    tokens_written: int = 0

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, Completion) else NotImplemented

    __hash__ = Completion.__hash__
