"""`Comparing`: one cell for each method and seed, kept as soon as it is finished, and one table over all of them."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterable, Sequence
from typing import Any

from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.agents.episodes import Episode
from stepgym.agents.evaluation.evaluate import evaluate
from stepgym.agents.evaluation.records import Evaluation
from stepgym.agents.policy import Sampling
from stepgym.cli.compare import METHODS, own_settings
from stepgym.cli.comparison_results import START, Cell, Results
from stepgym.cli.parser import Arguments
from stepgym.cli.terminal import remark
from stepgym.errors import InvalidInputError, MissingExtraError, require
from stepgym.report.recorder import RunRecorder

_PROBE = 20  # updates from which the time of one is measured


class Comparing:
    """Runs the cells of `stepgym compare`.

    Args:
        args: The options.
        model: Where every method starts; it is copied, never changed.
        tokenizer: Of the model.
        train: Episodes to train on.
        tasks: Task ids to evaluate on.
        sampling: How to sample; greedy decoding keeps its limits.
        prompt: How the conversation is shown.
        record: The run folder.

    Attributes:
        results: The finished cells.
        missing: Methods that could not be run, and why.
    """

    def __init__(
        self,
        args: Arguments,
        model: Any,
        tokenizer: Any,
        train: Sequence[Episode],
        tasks: Sequence[str],
        *,
        sampling: Sampling,
        prompt: PromptFormat,
        record: RunRecorder,
    ) -> None:
        self.args, self.model, self.tokenizer = args, model, tokenizer
        self.train, self.tasks = train, tasks
        self.sampling, self.prompt, self.record = sampling, prompt, record
        self.results = Results(tasks)
        self.missing: dict[str, str] = {}

    def run(self, methods: Iterable[str]) -> None:
        """Every cell, seed by seed, so that an interrupted comparison holds all methods; then the records.

        Methods that an earlier call finished cells of take part too.
        """
        wanted = set(methods)
        cells = self.record.folder / "cells"
        methods = [m for m in METHODS if m in wanted or any(cells.glob(f"{m}-[0-9]*.json"))]
        for seed in range(self.args.seed, self.args.seed + self.args.seeds):
            for method in (START, *methods):
                if method not in self.missing:
                    self._cell(method, seed)
        self._write()

    def table(self) -> str:
        """Success with 95 % intervals over seeds and tasks, and what each method cost per seed."""
        return "\n".join([self.results.table(self.missing), "", *self.notes()])

    def notes(self) -> list[str]:
        """What the table rests on, and why rows are missing or short."""
        cells = self.results.cells
        cost = "updates" if self.args.equal == "updates" else "CPU time"
        notes = [
            f"Success in %, {len(self.tasks):,} held-back tasks, {len(cells[START])} seeds, "
            f"{self.args.samples} samples a task; 95 % intervals by bootstrap over seeds and tasks. Equal {cost}; "
            "updates, episodes read and CPU seconds are means over the seeds."
        ]
        notes += [f"{method} was not run: {why}" for method, why in self.missing.items()]
        notes += [f"{c.method}, seed {c.seed}: {c.note}" for found in cells.values() for c in found if c.note]
        return notes

    def _cell(self, method: str, seed: int) -> None:
        path = self.record.folder / "cells" / f"{method.replace(' ', '-')}-{seed}.json"
        if path.is_file():
            cell = Cell.read(path)
        else:
            with self.record.phase(method):
                made = self._made(method, seed)
            if made is None:
                return
            cell = made
            self.record.write_json(f"cells/{path.name}", cell.to_dict())
            remark(f"{method}, seed {seed}: greedy {cell.greedy.success:.1%}, sampled {cell.sampled.success:.1%}")
        self.results.add(cell)

    def _made(self, method: str, seed: int) -> Cell | None:
        """Train and evaluate; None if this log, or this installation, has nothing for the method."""
        updates = episodes = 0
        cpu = wall = 0.0
        note, model = "", self.model
        if method != START:
            wanted = self._updates(method)
            model = copy.deepcopy(self.model)
            trainer = None if wanted is None else self._trainer(method, model, seed, wanted)
            if trainer is None:
                return None
            from stepgym.train.baselines import episodes_per_update

            cpu, wall = _timed(trainer)
            model = _policy(trainer)
            updates = int(trainer.state.global_step)
            episodes = updates * episodes_per_update(trainer)
            guard = getattr(trainer, "guard", None)
            note = (
                f"stopped or warned about by its guard: {guard.message}" if guard is not None and guard.message else ""
            )
        greedy = self._evaluate(method, model, self.sampling.greedy(), 1, seed)
        sampled = self._evaluate(method, model, self.sampling, self.args.samples, seed)
        return Cell(method, seed, updates, episodes, cpu, wall, greedy, sampled, note)

    def _trainer(self, method: Any, model: Any, seed: int, updates: int) -> Any:
        from stepgym.train import MetricsFile
        from stepgym.train.baselines import make_trainer

        args = self.args
        common = {
            "output_dir": str(self.record.folder / "training"),
            "max_steps": updates,
            "per_device_train_batch_size": args.per_device_train_batch_size,
            "save_strategy": "no",
            "seed": seed,
        }
        if args.learning_rate is not None:
            common["learning_rate"] = args.learning_rate
        settings = common | own_settings(args.set or {}, method)
        curves = MetricsFile(self.record.metrics_path(f"{method}-{seed}"))
        try:
            return make_trainer(
                method,
                model,
                self.train,
                self.tokenizer,
                settings=settings,
                peft_config=_lora(args.lora),
                callbacks=[curves],
            )
        except (MissingExtraError, InvalidInputError) as error:
            self.missing[method] = str(error)
            remark(f"stepgym: warning: {method} is left out: {error}")
            return None

    def _updates(self, method: str) -> int | None:
        """How many updates the method gets; None if it cannot be trained."""
        if self.args.equal == "updates":
            return int(self.args.max_steps)
        costs = self._costs()
        if method not in costs:
            return None
        return max(1, round(int(self.args.max_steps) * max(costs.values()) / costs[method]))

    def _costs(self) -> dict[str, float]:
        """CPU seconds of one update of each method, measured once."""
        path = self.record.folder / "update_seconds.json"
        costs: dict[str, float] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        for method in self.args.method or METHODS:
            if method in costs or method in self.missing:
                continue
            probe = min(_PROBE, int(self.args.max_steps))
            trainer = self._trainer(method, copy.deepcopy(self.model), self.args.seed, probe)
            if trainer is not None:
                costs[method] = _timed(trainer)[0] / max(1, int(trainer.state.global_step))
                self.record.write_json(path.name, costs)
        return costs

    def _evaluate(self, method: str, model: Any, sampling: Sampling, samples: int, seed: int) -> Evaluation:
        from stepgym.agents.engines.transformers_policy import TransformersPolicy

        return evaluate(
            self.args.env,
            TransformersPolicy(model.eval(), self.tokenizer, name=method),
            tasks=list(self.tasks),
            samples=samples,
            sampling=sampling,
            prompt=self.prompt,
            env_kwargs=self.args.env_arg,
            seed=seed,
            concurrency=self.args.concurrency,
        )

    def _write(self) -> None:
        """`comparison.json`, and the records of the report."""
        self.record.write_json(
            "comparison.json",
            {
                "env": self.args.env,
                "tasks": len(self.tasks),
                "train_episodes": len(self.train),
                "equal": self.args.equal,
                "methods": self.results.to_dict(),
                "not_run": self.missing,
            },
        )
        self.record.add(*self.results.records())


def _lora(rank: int | None) -> Any:
    if rank is None:
        return None
    peft = require("peft", extra="train")
    return peft.LoraConfig(r=rank, lora_alpha=rank, target_modules="all-linear", task_type="CAUSAL_LM")


def _policy(trainer: Any) -> Any:
    """What was trained: with adapters another object than the model that the trainer was made with."""
    networks = getattr(trainer, "networks", None)  # ours; TRL trains the model itself
    if networks is None:
        return trainer.accelerator.unwrap_model(trainer.model)
    return getattr(networks, "policy", None) or networks.model


def _timed(trainer: Any) -> tuple[float, float]:
    """CPU and wall seconds of training."""
    cpu, wall = time.process_time(), time.perf_counter()
    trainer.train()
    return time.process_time() - cpu, time.perf_counter() - wall
