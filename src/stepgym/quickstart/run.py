"""The quickstart: fine-tune a tiny model on mixed demonstrations, log episodes, train OREO from the log, report.

Every figure of the summary and the report comes from the files this run writes.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepgym.agents import Comparison, EpisodeLog, Evaluation, Sampling, compare, summarize
from stepgym.agents.engines.transformers_policy import TransformersPolicy
from stepgym.agents.rollout import collect
from stepgym.errors import require
from stepgym.quickstart.evaluation import best_by_value, evaluate_policy, majority, traces, worth_showing
from stepgym.quickstart.model import chain_model, chain_tokenizer
from stepgym.quickstart.settings import QuickstartSettings
from stepgym.quickstart.tasks import ENV_ID, demonstrations, draw_tasks
from stepgym.report.recorder import RunRecorder
from stepgym.train import (
    MetricsFile,
    OREOConfig,
    OREOTrainer,
    SupervisedConfig,
    SupervisedTrainer,
    TransformersValueFunction,
    successes,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NOTE = (
    "This task is shaped to show a bad habit being unlearned: most demonstrations guess the answer at once and are "
    "right only by chance, few work step by step and are right. The skill is there, the choice is bad. Where a model "
    "lacks the skill itself, expect no such gap between OREO and rejection sampling."
)


def run_quickstart(folder: Path, settings: QuickstartSettings | None = None, *, command: str = "") -> dict[str, Any]:
    """Run everything, write the run folder, and return the content of `summary.json`.

    Args:
        folder: An empty folder; gets `sft/` (the model that logs), `episodes/` (the log), `oreo/` (policy and value),
            `summary.json` and what the report is made from.
        settings: What to vary.
        command: The command that repeats this run, for the report.
    """
    require("transformers", extra="train")
    settings = settings or QuickstartSettings()
    run = RunRecorder(
        folder,
        title="stepgym quickstart: unlearning a bad habit from logged episodes",
        kind="quickstart",
        command=command,
        config=asdict(settings),
        seeds=[settings.seed],
        notes=[NOTE],
    )
    return Quickstart(run, settings).run()


class Quickstart:
    """The phases; each can be run alone, as the benchmark over seeds does."""

    def __init__(self, run: RunRecorder, settings: QuickstartSettings) -> None:
        self.record = run
        self.settings = settings
        self.tokenizer = chain_tokenizer()
        self.tasks = draw_tasks(settings)
        # Room for a worked solution, twice.
        self.sampling = Sampling(max_tokens=12 * settings.operands)

    def run(self) -> dict[str, Any]:
        """The phases in order."""
        record, settings = self.record, self.settings
        with record.phase("supervised fine-tuning"):
            sft = self.fine_tune()
            for part in (sft, self.tokenizer):
                part.save_pretrained(record.folder / "sft")
        with record.phase("log episodes"):
            log = self.log_episodes(sft)
        with record.phase("rejection sampling"):
            rejection = self.reject(sft, log)
        with record.phase("OREO"):
            oreo, value = self.oreo(sft, log)
        with record.phase("evaluation"):
            results = self.evaluate({"sft": sft, "rejection sampling": rejection, "oreo": oreo}, value)
        log.close()
        n = settings.candidates
        summary = {
            "sft": _rates(results, "sft"),
            "rejection_sampling": _rates(results, "rejection sampling"),
            "oreo": _rates(results, "oreo"),
            f"best_of_{n}_by_value": _choices(results, f"best of {n} by value"),
            f"majority_of_{n}": _choices(results, f"majority of {n}"),
            "seconds": {name: round(value, 1) for name, value in record.seconds.items()},
            "seeds": [settings.seed],
        }
        record.write_json("summary.json", summary)
        return summary

    def fine_tune(self) -> PreTrainedModel:
        """The policy that will log episodes."""
        model = chain_model(self.settings, self.tokenizer)
        config = self.supervised(self.settings.sft_updates, self.settings.sft_rate)
        data = list(demonstrations(self.settings, self.tasks))
        self.train(SupervisedTrainer(model, config, data, processing_class=self.tokenizer), "sft")
        return model

    def log_episodes(self, model: PreTrainedModel) -> EpisodeLog:
        """Outcome rewards only, from the policy's own samples."""
        log = EpisodeLog(self.record.folder / "episodes", mode="a")
        kwargs = {"operands": self.settings.operands, "modulus": self.settings.modulus}
        collect(
            ENV_ID,
            self.policy(model, "sft"),
            tasks=self.tasks.train,
            samples_per_task=self.settings.samples,
            out=log,
            sampling=self.sampling,
            env_kwargs=kwargs,
            seed=self.settings.seed,
            concurrency=512,
        )
        return log

    def reject(self, model: PreTrainedModel, log: EpisodeLog, *, updates: int | None = None) -> PreTrainedModel:
        """Rejection sampling on the successes of the same log, by default with as many updates as OREO."""
        student = copy.deepcopy(model)
        config = self.supervised(updates or self.settings.updates, self.settings.rate)
        trainer = SupervisedTrainer(student, config, successes(log), processing_class=self.tokenizer)
        self.train(trainer, "rejection_sampling")
        return student

    def oreo(self, model: PreTrainedModel, log: EpisodeLog) -> tuple[PreTrainedModel, TransformersValueFunction]:
        """OREO on the whole log."""
        student = copy.deepcopy(model)
        s = self.settings
        config = OREOConfig(**self.common(s.updates, s.rate), beta=s.beta, alpha=s.alpha, loss_norm=s.loss_norm)
        trainer = OREOTrainer(student, config, log, processing_class=self.tokenizer)
        self.train(trainer, "oreo")
        if trainer.guard.message:
            self.record.note(f"OREO was stopped early: {trainer.guard.message}")
        trainer.save_model(str(self.record.folder / "oreo"))
        return student, TransformersValueFunction(trainer.networks.value, self.tokenizer)

    def evaluate(
        self, models: Mapping[str, PreTrainedModel], value: TransformersValueFunction
    ) -> dict[tuple[str, str], Evaluation]:
        """Every way of choosing, on the same held-back tasks."""
        record, n = self.record, self.settings.candidates
        results: list[Evaluation] = []
        for name, model in models.items():
            greedy, sampled, episodes = evaluate_policy(
                self.policy(model, name), name, self.tasks.test, self.sampling, samples=n, seed=self.settings.seed + 1
            )
            results += [greedy, sampled]
            if name != "rejection sampling":
                results += [
                    summarize(majority(episodes), method=f"majority of {n}", policy=name, tokens=sampled.tokens),
                    summarize(
                        best_by_value(episodes, value),
                        method=f"best of {n} by value",
                        policy=name,
                        tokens=sampled.tokens,
                    ),
                ]
            if name == "sft":
                for trace in traces(worth_showing(episodes), value, name):
                    record.add_trace(trace)
        table = {(r.policy, r.method): r for r in results}
        record.add(*results, *self.comparisons(table))
        return table

    def comparisons(self, table: Mapping[tuple[str, str], Evaluation]) -> list[Comparison]:
        """The comparisons the quickstart is about."""
        n = self.settings.candidates
        pairs = [
            (("oreo", "greedy"), ("sft", "greedy")),
            (("oreo", "greedy"), ("rejection sampling", "greedy")),
            (("oreo", "sampled"), ("rejection sampling", "sampled")),
            (("sft", f"best of {n} by value"), ("sft", f"majority of {n}")),
        ]
        return [compare(table[a], table[b]) for a, b in pairs]

    def supervised(self, updates: int, rate: float) -> SupervisedConfig:
        """Settings of a supervised phase."""
        return SupervisedConfig(**self.common(updates, rate))

    def common(self, updates: int, rate: float) -> dict[str, Any]:
        """What all training phases share."""
        return {
            "output_dir": str(self.record.folder / "oreo"),
            "per_device_train_batch_size": self.settings.batch,
            "max_steps": updates,
            "learning_rate": rate,
            "lr_scheduler_type": "linear",
            "warmup_steps": 20,
            "logging_steps": 10,
            "save_strategy": "no",
            "use_cpu": True,  # at this size a GPU is slower
            "seed": self.settings.seed,
        }

    def policy(self, model: PreTrainedModel, name: str) -> TransformersPolicy:
        """The model as a policy."""
        return TransformersPolicy(model, self.tokenizer, name=name, batch_size=512)

    def train(self, trainer: SupervisedTrainer | OREOTrainer, name: str) -> None:
        """Train and keep the learning curve."""
        trainer.add_callback(MetricsFile(self.record.metrics_path(name)))
        trainer.train()


def _choices(results: Mapping[tuple[str, str], Evaluation], method: str) -> dict[str, float]:
    """Success of a choice among samples, by the policy that drew them."""
    return {policy: results[policy, method].success for policy in ("sft", "oreo")}


def _rates(results: Mapping[tuple[str, str], Evaluation], policy: str) -> dict[str, float]:
    return {method: results[policy, method].success for method in ("greedy", "sampled")}
