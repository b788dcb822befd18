"""The result of a comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stepgym.verifiers.math.tree import Node

Prover = Callable[[Node, Node], bool | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a comparison.

    Attributes:
        equal: True, False, or None when it could not be decided.
        method: How: "exact", "canonical", "modular", "symbolic", "numeric", "rounded", "text", "kind", ...
        evidence: What a reader needs to check it, JSON values.
    """

    equal: bool | None
    method: str
    evidence: dict[str, Any] = field(default_factory=dict)


SAME = Outcome(True, "exact")
