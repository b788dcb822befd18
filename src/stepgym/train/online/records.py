"""What an online training writes down of each iteration."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stepgym.train.saving import write_whole

FILE = "iterations.jsonl"


@dataclass(frozen=True, slots=True)
class Iteration:
    """One iteration.

    Attributes:
        iteration: Its number, from 0.
        episodes: Episodes played.
        trained: Those that had an outcome, from which was learned.
        success: Share of successes among these, under the policy before the update.
        tokens: Tokens the policy wrote in those.
        prover_episodes: Roll-outs that the dense rewards took beside them.
        prover_tokens: Tokens written in those.
        reward: Mean size of the dense rewards of a written token, without alpha.
        kl: KL(policy || start) before the update, summed over an episode, mean of the episodes.
        gradient: Norm of the gradient before clipping.
        rate: The learning rate.
    """

    iteration: int
    episodes: int
    trained: int
    success: float
    tokens: int
    prover_episodes: int
    prover_tokens: int
    reward: float
    kl: float
    gradient: float
    rate: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def read_iterations(folder: Path) -> list[Iteration]:
    """The iterations of a run folder, in order, up to the first line that is none."""
    path = folder / FILE
    found: list[Iteration] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            record = Iteration(**json.loads(line))
        except (ValueError, TypeError):
            break
        if record.iteration != len(found):
            break
        found.append(record)
    return found


def write_iterations(folder: Path, iterations: list[Iteration]) -> None:
    """Make the file hold these and nothing else."""
    write_whole(folder / FILE, "".join(_line(iteration) for iteration in iterations))


def append_iteration(folder: Path, iteration: Iteration) -> None:
    """Add a line."""
    with (folder / FILE).open("a", encoding="utf-8", newline="\n") as file:
        file.write(_line(iteration))


def _line(iteration: Iteration) -> str:
    return json.dumps(iteration.to_dict()) + "\n"
