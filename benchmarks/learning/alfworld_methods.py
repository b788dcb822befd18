"""The trainings that are compared on the roll-outs of the fine-tuned ALFWorld model."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from learning.alfworld_judge import with_step_cost
from learning.alfworld_world import AlfworldWorld
from transformers import AutoModelForCausalLM

from stepgym.agents import Episode
from stepgym.train import OREOConfig, OREOTrainer, SupervisedConfig, SupervisedTrainer
from stepgym.train.supervised import successes
from stepgym.train.value_model import ValueModel

START = "sft"
MAIN = "oreo token"


@dataclass(frozen=True, slots=True)
class Value:
    """A value function of the fine-tuned model, trained before any policy changes.

    Attributes:
        updates: In units of the updates of the methods.
        settings: Of `OREOConfig`.
        step_cost: Taken off the reward of every step.
        episodes: Of the log, in units of what the methods learn from.
    """

    updates: float = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    step_cost: float = 0.0
    episodes: int = 1

    def model(self, world: AlfworldWorld, label: str) -> ValueModel:
        """Trained, or loaded where it was before."""
        place = world.folder / "values" / label
        if not ValueModel.is_saved(place):
            world.costs.measured(f"value: {label}", lambda: self._train(world, place))
        return ValueModel.load(place)

    def _train(self, world: AlfworldWorld, place: Path) -> None:
        log = world.log(self.episodes)
        states = self.settings.get("states", "token")
        episodes = world.tokenised(with_step_cost(log, self.step_cost) if self.step_cost else log, states)
        count = round(self.updates * world.settings.updates)
        own = {"learning_rate": 1e-3, "policy_freeze_ratio": 1.0, "guard": "off"} | dict(self.settings)
        config = OREOConfig(**world.common(count) | own)
        trainer = OREOTrainer(world.start(), config, episodes, processing_class=world.tokenizer)
        trainer.train()
        trainer.networks.value.save(place)
        (place / "history.json").write_text(json.dumps(trainer.state.log_history))


@dataclass(frozen=True, slots=True)
class Method:
    """One way to train from the log.

    Attributes:
        kind: "bc", "rejection sampling" or "oreo".
        settings: Of its trainer.
        value: Label, in `VALUES`, of the value function it begins with.
        updates: In units of the updates of the methods.
    """

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    value: str = "plain"
    updates: float = 1.0

    def train(self, world: AlfworldWorld, label: str) -> tuple[Any, dict[str, float]]:
        """The policy, from the folder if it was trained before, and what it cost."""
        place = world.folder / "policies" / label
        if not (place / "costs.json").is_file():
            value = VALUES[self.value].model(world, self.value) if self.kind == "oreo" else None
            episodes = world.log()
            begin = time.process_time()
            trainer = self._trainer(world, episodes, value)
            trainer.train()
            cpu = time.process_time() - begin
            if self.kind == "oreo":
                trainer.networks.save(place)
            else:
                trainer.networks.save(place / "policy")
            (place / "history.json").write_text(json.dumps(trainer.state.log_history))
            guard = getattr(trainer, "guard", None)
            first = world.costs.read()[f"value: {self.value}"]["cpu"] if self.kind == "oreo" else 0.0
            cost = {"updates": trainer.state.global_step, "cpu": round(cpu + first, 1), "cpu_value_first": first}
            cost |= {"warning": guard.message} if guard is not None and guard.message else {}
            (place / "costs.json").write_text(json.dumps(cost))
            print(f"{label:45s} {cpu:8,.1f} CPU s", flush=True)
        model = AutoModelForCausalLM.from_pretrained(place / "policy")
        return model, json.loads((place / "costs.json").read_text())

    def _trainer(self, world: AlfworldWorld, episodes: Sequence[Episode], value: ValueModel | None) -> Any:
        common = world.common(round(self.updates * world.settings.updates)) | {"learning_rate": 3e-4}
        own = common | dict(self.settings)
        if self.kind == "oreo":
            config = OREOConfig(**{"value_learning_rate": 2e-4, "guard": "warn"} | own)
            data = world.tokenised(episodes, self.settings.get("states", "token"))
            return OREOTrainer(world.start(), config, data, processing_class=world.tokenizer, value_model=value)
        data = world.tokenised(successes(episodes) if self.kind == "rejection sampling" else episodes)
        return SupervisedTrainer(world.start(), SupervisedConfig(**own), data, processing_class=world.tokenizer)


READS = {"loss_norm": "episode", "value_lm_coef": 1.0}
"""Its trunk also predicts every token of the log, observations included."""

VALUES: Mapping[str, Value] = {
    "plain": Value(),
    "three times longer": Value(updates=3.0),
    "three times the episodes": Value(updates=3.0, episodes=3),
    "one state a command": Value(settings={"states": "turn"}),
    "step cost 0.01": Value(step_cost=0.01),
    "mean over episodes": Value(settings={"loss_norm": "episode"}),
    "mean over episodes, three times the episodes": Value(updates=3.0, episodes=3, settings={"loss_norm": "episode"}),
    "reads": Value(settings=READS),
    "reads, three times the episodes": Value(updates=3.0, episodes=3, settings=READS),
    "reads, six times the episodes": Value(updates=6.0, episodes=6, settings=READS),
    "reads, six times the episodes, mean over states": Value(updates=6.0, episodes=6, settings={"value_lm_coef": 1.0}),
    "reads, six times the episodes, mean over states, longer": Value(
        updates=18.0, episodes=6, settings={"value_lm_coef": 1.0}
    ),
}

METHODS: Mapping[str, Method] = {
    "bc all": Method("bc"),
    "rejection sampling": Method("rejection sampling"),
    "rejection sampling, equal time": Method("rejection sampling", updates=7.0),  # measured: short episodes, one model
    MAIN: Method("oreo"),
}
"""Reported; their settings were chosen on valid_train."""

VARIATIONS: Mapping[str, Method] = {
    "rejection sampling, rate 1e-4": Method("rejection sampling", {"learning_rate": 1e-4}),
    "rejection sampling, rate 1e-3": Method("rejection sampling", {"learning_rate": 1e-3}),
    "oreo token, beta 0.03": Method("oreo", {"beta": 0.03}),
    "oreo token, beta 0.3": Method("oreo", {"beta": 0.3}),
    "oreo token, rate 1e-4": Method("oreo", {"learning_rate": 1e-4}),
    "oreo token, alpha 0.3": Method("oreo", {"alpha": 0.3}),
    "oreo token, alpha 1": Method("oreo", {"alpha": 1.0}),
    "oreo token, alpha 0.3, beta 0.3": Method("oreo", {"alpha": 0.3, "beta": 0.3}),
    "oreo token, alpha 0.3, rate 1e-4": Method("oreo", {"alpha": 0.3, "learning_rate": 1e-4}),
    "oreo token, alpha 0.3, value longer": Method("oreo", {"alpha": 0.3}, value="three times longer"),
    "oreo token, mean over episodes": Method("oreo", {"loss_norm": "episode"}),
    "oreo step": Method("oreo", {"level": "step", "states": "turn"}),
    "oreo token, twice the updates": Method("oreo", updates=2.0),
}
"""Tried on valid_train only."""
