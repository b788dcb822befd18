"""`Task`: one problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Task:
    """One problem.

    Attributes:
        id: Stable name, unique in its source; `reset(options={"task": id})` selects it.
        prompt: The text that is shown.
        reference: What the verifier needs to judge a response, any JSON value.
        meta: Anything else worth keeping (level, type, source), JSON values.
    """

    id: str
    prompt: str
    reference: Any
    meta: Mapping[str, Any] = field(default_factory=dict)
