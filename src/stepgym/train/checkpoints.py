"""What a trained folder gives back: a policy to act with and a value function to search with."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoTokenizer

from stepgym.agents.transformers_policy import TransformersPolicy, load_transformers_policy
from stepgym.errors import InvalidInputError
from stepgym.train.models import ValueModel
from stepgym.train.value_function import TransformersValueFunction


def load(folder: Path | str) -> tuple[TransformersPolicy, TransformersValueFunction]:
    """Policy and value function of a folder written by `OREOTrainer.save_model`, or of one of its checkpoints."""
    root = _trained(folder)
    return load_transformers_policy(root / "policy", name=str(root)), load_value_function(root / "value")


def load_value_function(folder: Path | str) -> TransformersValueFunction:
    """The value function alone; `folder` is the trained folder or its `value/`."""
    root = Path(folder)
    root = root / "value" if (root / "value").is_dir() else root
    if not (root / "config.json").is_file():
        raise InvalidInputError(f"{root}: expected a saved value model (config.json, model.safetensors)")
    return TransformersValueFunction(ValueModel.load(root), AutoTokenizer.from_pretrained(root))


def _trained(folder: Path | str) -> Path:
    root = Path(folder)
    missing = [part for part in ("policy", "value") if not (root / part / "config.json").is_file()]
    if missing:
        raise InvalidInputError(
            f"{root}: expected a folder trained by OREO, with policy/ and value/; missing: {', '.join(missing)}"
        )
    return root
