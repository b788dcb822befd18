"""What the learning benchmarks keep on disk, and how little they print."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
import transformers


def write(path: Path, data: Mapping[str, Any]) -> None:
    """Keep a finished cell, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(data, indent=1))
    partial.replace(path)


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def quiet() -> None:
    """One line per cell is enough: no progress bar and no printed metrics of the trainers."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    transformers.trainer.DEFAULT_PROGRESS_CALLBACK = transformers.TrainerCallback
    transformers.trainer.PrinterCallback = transformers.TrainerCallback
