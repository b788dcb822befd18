"""`Spent`: the seconds and tokens of a part of a run, kept beside its episodes, so that resuming adds to them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

_EVERY = 1.0  # seconds


class Spent:
    """Measures from its construction on, on top of what earlier calls spent.

    Args:
        file: Where it is kept, written once a second and at `save`; None keeps nothing.
        tokens: How many tokens this call has spent so far; None where the episodes hold them all.
    """

    def __init__(self, file: Path | None, tokens: Callable[[], int] | None = None) -> None:
        self._file, self._tokens_now = file, tokens
        self._before = _read(file)
        self._began = self._saved = time.perf_counter()

    @property
    def seconds(self) -> float | None:
        """Wall time of all calls while they played; None if an earlier one did not keep it."""
        return None if self._before is None else self._before[0] + time.perf_counter() - self._began

    @property
    def tokens(self) -> int | None:
        """Tokens of all calls; None where they are not measured, or an earlier call did not keep them."""
        if self._before is None or self._tokens_now is None:
            return None
        return self._before[1] + self._tokens_now()

    def tick(self, _: object = None) -> None:
        """Keep it now and then; for `on_episode`."""
        if time.perf_counter() - self._saved >= _EVERY:
            self.save()

    def save(self) -> None:
        """Keep it."""
        self._saved = time.perf_counter()
        if self._file is None or self._before is None:
            return
        partial = self._file.with_name(f".{self._file.name}.part")
        partial.write_text(json.dumps({"seconds": self.seconds, "tokens": self.tokens or 0}), encoding="utf-8")
        partial.replace(self._file)


def _read(file: Path | None) -> tuple[float, int] | None:
    """What earlier calls spent; None if there are episodes but nothing is known of their cost."""
    if file is None:
        return 0.0, 0
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return float(found["seconds"]), int(found["tokens"])
    except FileNotFoundError:
        episodes = file.parent / "episodes.jsonl"
        return None if episodes.is_file() and episodes.stat().st_size else (0.0, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
