"""`MetricsFile`: the log lines of a trainer as JSON lines, exact across resumes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from stepgym.train.saving import write_whole


class MetricsFile(TrainerCallback):
    """Appends every log line of a trainer to a JSON-lines file, flushed at once.

    When training begins, the file becomes what the resumed state knows: lines after the checkpoint are dropped and
    missing ones written, so that each step stands there once. Only the first process writes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Keep only what the resumed state already knows."""
        if not state.is_world_process_zero:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = self.path.read_text(encoding="utf-8", errors="replace").split("\n") if self.path.exists() else []
        lines += [""] * len(state.log_history)
        # The state keeps its keys sorted: a line that says the same stays as it is.
        kept = [
            line if _parsed(line) == _canonical(known) else _line(known)
            for line, known in zip(lines, state.log_history, strict=False)
        ]
        write_whole(self.path, "".join(line + "\n" for line in kept))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """One line per log."""
        if not state.is_world_process_zero or not logs:
            return
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(_line({**logs, "step": state.global_step}) + "\n")


def _line(logs: dict[str, Any]) -> str:
    return json.dumps({"step": logs["step"], **{name: value for name, value in logs.items() if name != "step"}})


def _canonical(logs: dict[str, Any]) -> str:
    return json.dumps(logs, sort_keys=True)


def _parsed(line: str) -> str:
    try:
        return _canonical(json.loads(line))
    except ValueError:
        return ""
