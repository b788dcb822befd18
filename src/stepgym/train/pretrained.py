"""Reading causal language models from folders or the hub, with errors that say what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from safetensors import SafetensorError
from transformers import AutoModelForCausalLM

from stepgym.errors import InvalidInputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def from_folder(kind: Any, folder: str | Path) -> Any:
    """`kind.from_pretrained(folder)`, with `InvalidInputError` for what is missing, foreign or damaged there."""
    try:
        return kind.from_pretrained(folder)
    except (OSError, ValueError, SafetensorError) as error:
        raise InvalidInputError(f"{str(folder)!r}: expected a saved model, and it cannot be read: {error}") from error


def loaded(model: PreTrainedModel | str | Path) -> tuple[PreTrainedModel, int | None]:
    """The causal language model, loaded if a name or folder was given, and the most tokens it reads, if it says so."""
    if isinstance(model, str | Path):
        model = cast("PreTrainedModel", from_folder(AutoModelForCausalLM, model))
    return model, getattr(model.config.get_text_config(), "max_position_embeddings", None)
