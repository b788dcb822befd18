"""What is compared in each learning experiment, and the grids from which its settings are chosen."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Literal

from learning.worlds import World

from stepgym.agents import Episode
from stepgym.train.baselines import make_trainer
from stepgym.train.selection import balanced

START = "sft"
MAIN = "oreo token"
BASELINE = "rejection sampling"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to train from the log.

    Attributes:
        method: As in `stepgym.train.baselines`.
        settings: Its own settings.
        data: "all" episodes, the paper's "balanced" sample (at most 4 + 4 a task), or, in place of the log, the
            "demonstrations" that the model was fine-tuned on.
        times: So many times the updates of the others.
        finish: Share of the updates, at the end, that are rejection sampling on the same log: a supervised term on the
            successes, as a phase of its own.
    """

    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    data: Literal["all", "balanced", "demonstrations"] = "all"
    times: float = 1.0
    finish: float = 0.0

    def train(self, world: World, model: Any, episodes: Sequence[Episode], updates: int) -> dict[str, float]:
        """Train `model` in place; what it cost."""
        if self.data == "balanced":
            episodes, _ = balanced(episodes, seed=world.settings.seed)
        elif self.data == "demonstrations":
            episodes = list(world.demonstrations())
        updates = round(self.times * updates)
        last = round(self.finish * updates)
        phases = [(self.method, self.settings, updates - last), ("rejection-sampling", {}, last)]
        made, cpu, notes = 0, 0.0, []
        for method, own, count in phases:
            if count == 0:
                continue
            settings = world.common(count) | dict(own)
            trainer = make_trainer(method, model, episodes, world.tokenizer, settings=settings)
            begin = time.process_time()
            trainer.train()
            cpu += time.process_time() - begin
            made += int(trainer.state.global_step)
            guard = getattr(trainer, "guard", None)
            notes += [guard.message] if guard is not None and guard.message else []
        return {"updates": made, "cpu_seconds": cpu, "episodes": made * world.settings.batch, "note": "; ".join(notes)}


_METHODS = {
    BASELINE: Variant("rejection-sampling"),
    "dpo": Variant("dpo", {"beta": 0.1, "learning_rate": 5e-4}),
    "kto": Variant("kto", {"beta": 0.1, "learning_rate": 5e-4}),
    MAIN: Variant("oreo-token"),
    "oreo step": Variant("oreo-step"),
    "oreo response": Variant("oreo-response"),
}

VARIANTS: Mapping[str, Mapping[str, Variant]] = {
    "habit": _METHODS,
    "skill": _METHODS
    | {
        "rejection sampling, balanced": Variant("rejection-sampling", data="balanced"),
        "demonstrations again": Variant("rejection-sampling", {"learning_rate": 2e-3}, data="demonstrations"),
        "oreo token, mean over episodes": Variant("oreo-token", {"loss_norm": "episode"}),
        "oreo token, beta 0.03": Variant("oreo-token", {"beta": 0.03}),
        "oreo token, beta 0.3": Variant("oreo-token", {"beta": 0.3}),
        "oreo token, alpha 0.1": Variant("oreo-token", {"alpha": 0.1}),
        "oreo token, balanced": Variant("oreo-token", data="balanced"),
        "oreo token, value first": Variant("oreo-token", {"policy_freeze_ratio": 0.2}),
        "oreo token, four times the updates": Variant("oreo-token", times=4.0),
        "rejection sampling, four times the updates": Variant("rejection-sampling", times=4.0),
        "oreo token, then rejection sampling": Variant("oreo-token", finish=0.5),
    },
}

# A habit is unlearned by large steps; a skill is lost by them.
GRIDS: Mapping[str, Mapping[str, Mapping[str, Sequence[Any]]]] = {
    "habit": {
        BASELINE: {"learning_rate": (5e-4, 1e-3, 2e-3)},
        "dpo": {"learning_rate": (1e-4, 5e-4, 2e-3), "beta": (0.1, 0.3)},
        "kto": {"learning_rate": (1e-4, 5e-4, 2e-3), "beta": (0.1, 0.3)},
        MAIN: {"learning_rate": (5e-4, 1e-3, 2e-3), "beta": (0.03, 0.1, 0.3)},
        "oreo step": {"learning_rate": (5e-4, 1e-3, 2e-3), "beta": (0.1, 0.3), "alpha": (0.01, 0.1)},
        "oreo response": {"learning_rate": (5e-4, 1e-3, 2e-3), "beta": (0.1, 0.3), "alpha": (0.01, 0.3)},
    },
    "skill": {
        BASELINE: {"learning_rate": (5e-4, 1e-3, 2e-3, 4e-3)},
        "dpo": {"learning_rate": (5e-6, 2e-5, 1e-4), "beta": (0.1, 0.3)},
        "kto": {"learning_rate": (5e-6, 2e-5, 1e-4), "beta": (0.1, 0.3)},
        MAIN: {"learning_rate": (2e-4, 5e-4, 1e-3), "beta": (0.1, 0.3), "alpha": (0.01, 0.1)},
        "oreo step": {"learning_rate": (2e-4, 5e-4), "beta": (0.1, 0.3)},
        "oreo response": {"learning_rate": (2e-4, 5e-4), "beta": (0.1, 0.3)},
    },
}


def grid(experiment: str, name: str, variant: Variant) -> list[tuple[str, Variant]]:
    """The candidates for a variant, named by what differs."""
    axes = GRIDS[experiment].get(name, {})
    found = []
    for values in product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        label = ", ".join(f"{k}={v:g}" for k, v in chosen.items())
        found.append((f"{name} [{label}]", replace(variant, settings={**variant.settings, **chosen})))
    return found


def with_choice(name: str, variant: Variant, chosen: Mapping[str, Mapping[str, Any]]) -> Variant:
    """The variant with the settings chosen for it, or for the method it is a variation of; its own ones win."""
    family = next((base for base in sorted(chosen, key=len, reverse=True) if name.startswith(base)), None)
    if family is None:
        return variant
    if family == name:
        return replace(variant, settings={**variant.settings, **chosen[family]})
    return replace(variant, settings={**chosen[family], **variant.settings})


def fresh(model: Any) -> Any:
    """A copy to train."""
    return copy.deepcopy(model)
