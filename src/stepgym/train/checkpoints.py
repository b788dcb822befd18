"""What a trained folder gives back: a policy to act with and a value function to search with."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoTokenizer

from stepgym.agents.engines.transformers_policy import TransformersPolicy, load_transformers_policy
from stepgym.errors import InvalidInputError
from stepgym.train.saving import settle
from stepgym.train.value_function import TransformersValueFunction
from stepgym.train.value_model import ValueModel


def load(folder: Path | str) -> tuple[TransformersPolicy, TransformersValueFunction]:
    """Policy and value function of a folder written by `OREOTrainer.save_model`, or of one of its checkpoints."""
    # A kill while the final folder was put in place leaves it half swapped: the new files win.
    settle(folder)
    root = _trained(folder)
    return load_transformers_policy(root / "policy", name=str(root)), load_value_function(root / "value")


def load_value_function(folder: Path | str) -> TransformersValueFunction:
    """The value function alone; `folder` is the trained folder or its `value/`."""
    settle(folder)
    root = Path(folder)
    root = root / "value" if (root / "value").is_dir() else root
    if not ValueModel.is_saved(root):
        raise InvalidInputError(f"{root}: expected a saved value model (config.json, model.safetensors)")
    return TransformersValueFunction(ValueModel.load(root), AutoTokenizer.from_pretrained(root))


def _trained(folder: Path | str) -> Path:
    root = Path(folder)
    policy = any((root / "policy" / name).is_file() for name in ("config.json", "adapter_config.json"))
    found = {"policy": policy, "value": ValueModel.is_saved(root / "value")}
    if not all(found.values()):
        missing = ", ".join(part for part, there in found.items() if not there)
        raise InvalidInputError(
            f"{root}: expected a folder trained by OREO, with policy/ and value/; missing: {missing}"
        )
    return root
