"""`split_by_task`: tasks to learn from and tasks held back."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from stepgym.agents.episodes import Episode
from stepgym.errors import InvalidInputError


def split_by_task(
    episodes: Iterable[Episode], fraction: float, *, seed: int = 0
) -> tuple[frozenset[str], frozenset[str]]:
    """Two disjoint sets of task ids: the second holds about `fraction` of the tasks, drawn with `seed`.

    The split is by task and not by episode, so that no task stands on both sides; it depends only on which tasks
    there are, not on their order.
    """
    if not 0 <= fraction <= 1:
        raise InvalidInputError(f"fraction must be in [0, 1], got {fraction}")
    tasks = sorted({episode.task_id for episode in episodes})
    order = np.random.default_rng(seed).permutation(len(tasks))
    held_back = round(fraction * len(tasks))
    second = frozenset(tasks[i] for i in order[:held_back])
    return frozenset(tasks) - second, second
