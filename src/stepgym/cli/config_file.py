"""Configuration files: JSON or TOML with the names of the flags, and the resolved copy beside every result."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from stepgym.errors import InvalidInputError

NAME = "config.json"


def read_config(path: str) -> dict[str, Any]:
    """The settings in a `.json` or `.toml` file, or in the `config.json` of a run folder."""
    place = Path(path).expanduser()
    place = place / NAME if place.is_dir() else place
    try:
        text = place.read_text(encoding="utf-8")
        values = tomllib.loads(text) if place.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise InvalidInputError(f"{place} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InvalidInputError(f"{place} is not valid {place.suffix[1:].upper() or 'JSON'}: {error}") from error
    if not isinstance(values, dict):
        raise InvalidInputError(f"{place}: expected an object with the names of flags, got {type(values).__name__}")
    return values
