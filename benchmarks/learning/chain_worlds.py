"""Arithmetic chains that are given up: worlds for dense rewards and for searches by progress.

A tiny model is fine-tuned from nothing on solutions of a worker who gives up before a line with a given chance and
guesses the answer; so the model does the same. Each seed redoes everything. In a strict world a solution counts only if
every line is there and right: a policy that gives up often hardly ever succeeds, and nothing is won by a lucky guess.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from learning.cells import write
from transformers import AutoModelForCausalLM

from stepgym.agents import Episode, McValue, Policy, Sampling, collect, monte_carlo_values, pav_rows
from stepgym.envs import Task
from stepgym.envs.arithmetic import ArithmeticChainEnv
from stepgym.quickstart.model import chain_model
from stepgym.quickstart.run import Quickstart
from stepgym.quickstart.settings import QuickstartSettings
from stepgym.quickstart.tasks import demonstrations
from stepgym.report.recorder import RunRecorder
from stepgym.train import (
    StepValueConfig,
    StepValueTrainer,
    SupervisedTrainer,
    TransformersValueFunction,
    load_value_function,
)
from stepgym.verifiers import Verdict
from stepgym.verifiers.arithmetic_chain import ArithmeticChainVerifier


class StrictChainVerifier(ArithmeticChainVerifier):
    """The answer counts only if every operation has its line, and all lines are right."""

    name = "strict-arithmetic-chain/1"

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        found = super().verify(response, reference, context=context)
        proved = sum(f.kind == "arithmetic" and f.severity == "proved" for f in found.findings)
        refuted = any(f.severity == "refuted" for f in found.findings)
        if found.status != "correct" or (proved >= len(reference["operations"]) and not refuted):
            return found
        return Verdict.wrong(*found.findings, reason="not every line is there and right", verifier=self.name)


class ChainWorld:
    """One seed of a world.

    Args:
        folder: Keeps the start and the verifier.
        settings: Sizes.
        strict: Whether all lines must be right.
        hurry: The chance to give up, before each line.
    """

    def __init__(self, folder: Path, settings: QuickstartSettings, *, strict: bool, hurry: float) -> None:
        self.folder, self.settings, self.strict, self.hurry = folder, settings, strict, hurry
        self.quick = Quickstart(RunRecorder(folder, "dense rewards", "quickstart", ""), settings)
        self.tokenizer = self.quick.tokenizer
        # A worked line has 6 tokens; what is longer than one line more is cut, and no success.
        self.sampling = Sampling(max_tokens=6 * settings.operands + 12)

    @property
    def tasks(self) -> Sequence[Task]:
        return self.quick.tasks.train

    @property
    def held_back(self) -> Sequence[Task]:
        return self.quick.tasks.test

    def env(self) -> ArithmeticChainEnv:
        made = ArithmeticChainEnv(operands=self.settings.operands, modulus=self.settings.modulus)
        if self.strict:
            made.verifier = StrictChainVerifier()
        return made

    def start(self) -> Any:
        """The fine-tuned model, from the folder if it was made before."""
        place = self.folder / "start"
        if not (place / "model.safetensors").is_file():
            self._fine_tuned().save_pretrained(place)
        return AutoModelForCausalLM.from_pretrained(place)

    def _fine_tuned(self) -> Any:
        model = chain_model(self.settings, self.tokenizer)
        config = self.quick.supervised(self.settings.sft_updates, self.settings.sft_rate)
        shown = demonstrations(self.settings, self.quick.tasks)
        data = [hurried(e, self.hurry, f"{self.settings.seed}/{i}", self.settings.modulus) for i, e in enumerate(shown)]
        SupervisedTrainer(model, config, data, processing_class=self.tokenizer).train()
        return model

    def policy(self, model: Any, name: str = "start") -> Policy:
        return self.quick.policy(model, name)

    def play(self, policy: Policy, tasks: Sequence[Task], *, samples: int, seed: int, **more: Any) -> list[Episode]:
        given = {"sampling": self.sampling, "concurrency": 512, "progress": False} | more
        return list(collect(self.env, policy, tasks=tasks, samples_per_task=samples, seed=seed, **given).episodes)

    def verifier(
        self, prover: Any, *, tasks: int, n: int, updates: int, samples: int = 1
    ) -> tuple[TransformersValueFunction, Any]:
        """A verifier of a prover's chances, and what it cost.

        The prover is rolled out `n` times from each state of the start's first episodes, `samples` a task.
        """
        place = self.folder / "verifier"
        if (place / "cost.json").is_file():
            return load_value_function(place), json.loads((place / "cost.json").read_text())
        model = self.start()
        episodes = self.play(self.policy(model), self.tasks[:tasks], samples=samples, seed=self.settings.seed + 7)
        rolled = monte_carlo_values(
            self.policy(prover, "prover"),
            self.env,
            episodes,
            n,
            store=McValue(),
            sampling=self.sampling,
            seed=self.settings.seed,
            concurrency=512,
            progress=False,
        )
        rows = list(pav_rows(episodes, rolled.values, tokenizer=self.tokenizer))
        # Of few successes: balanced rows would make the few that nearly won count for all.
        settings = self.quick.common(updates, 2e-3) | {"output_dir": str(place), "balance": "none"}
        config = StepValueConfig(**settings)
        trainer = StepValueTrainer(model, config, rows, processing_class=self.tokenizer)
        trainer.train()
        trainer.save_model()
        cost = {"episodes": len(episodes), "rollouts": rolled.played, "tokens": rolled.tokens, "rows": len(rows)}
        losses = [line for line in trainer.state.log_history if "brier" in line]
        cost |= {"brier": losses[-1]["brier"], "q": sum(row["q"] for row in rows) / len(rows)}
        write(place / "cost.json", cost)
        return trainer.value_function(), cost


def hurried(episode: Episode, hurry: float, seed: str, modulus: int) -> Episode:
    """A demonstration whose worker may give up before each of its lines, and then writes any answer."""
    draw = random.Random(seed)
    *lines, _ = lines_of = episode.steps[0].action.split("\n")
    written = next((k for k in range(len(lines)) if draw.random() < hurry), len(lines))
    if written == len(lines):
        return episode
    action = "\n".join([*lines_of[:written], f"answer {draw.randrange(modulus)}"])
    return replace(episode, steps=(replace(episode.steps[0], action=action),))


def chain_world(folder: Path, seed: int, *, hurry: float, strict: bool, small: bool) -> ChainWorld:
    """A world; `small` only shows that everything runs."""
    made = QuickstartSettings(
        seed=seed,
        modulus=5,
        habit=0.0,
        slip=0.0,
        demonstrations=8_000,
        sft_updates=1_000,
        train_tasks=1_200,
        test_tasks=200,
    )
    tiny = {"operands": 3, "hidden": 32, "layers": 2, "demonstrations": 1_000, "sft_updates": 60}
    if small:
        made = replace(made, **(tiny | {"train_tasks": 40, "test_tasks": 12}))
    return ChainWorld(folder, made, strict=strict, hurry=hurry)
