"""What all our trainers share: episodes as data, exact means over the whole optimiser step, metrics in the log.

`EpisodeTrainer` is transformers' `Trainer`; everything known from there (schedules, checkpoints, callbacks, launchers)
works as usual.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import TrainOutput, get_last_checkpoint

from stepgym.agents.episodes import Episode
from stepgym.errors import InvalidInputError
from stepgym.train.collate import EpisodeCollator
from stepgym.train.layout import EpisodeLayout
from stepgym.train.tokenize import TokenizedEpisode, TokenizeOptions, TokenizeReport, tokenize_episodes

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Episodes = Iterable[Episode] | Sequence[TokenizedEpisode]


class StepCounts(NamedTuple):
    """Normalisers of one optimiser step, over its micro-batches and over all processes.

    Attributes:
        states: State positions.
        actions: Action tokens.
        episodes_with_states, episodes_with_actions: Episodes that hold at least one of them.
        processes: Number of data-parallel processes; their gradients are averaged, so each loss is multiplied by it.
    """

    states: Tensor
    actions: Tensor
    episodes_with_states: Tensor
    episodes_with_actions: Tensor
    processes: int


class EpisodeTrainer(Trainer):
    """A `Trainer` over episodes; subclasses give `compute_loss`.

    Args:
        model: The module to train.
        args: Training arguments.
        train_dataset: An episode log, any iterable of `Episode`, or tokenised episodes.
        eval_dataset: The same for evaluation.
        processing_class: The tokenizer of the model that wrote the log.
        options: How episodes are tokenised.
        callbacks: Further transformers callbacks.

    Attributes:
        tokenize_report: What became of the training episodes.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        args: TrainingArguments,
        train_dataset: Episodes | None = None,
        eval_dataset: Episodes | None = None,
        processing_class: PreTrainedTokenizerBase | None = None,
        *,
        options: TokenizeOptions | None = None,
        callbacks: list[TrainerCallback] | None = None,
    ) -> None:
        if processing_class is None:
            raise InvalidInputError("processing_class is missing: pass the tokenizer of the model that wrote the log")
        options = options or TokenizeOptions()
        self.tokenize_report = TokenizeReport()
        train: Sequence[TokenizedEpisode] | None = None
        if train_dataset is not None:
            train, self.tokenize_report = _tokenized(train_dataset, processing_class, options)
            if not train:
                raise InvalidInputError(f"no episode can be trained on: {self.tokenize_report}")
        evaluated = None if eval_dataset is None else _tokenized(eval_dataset, processing_class, options)[0]
        pad = processing_class.pad_token_id
        super().__init__(
            model=model,
            args=args,
            data_collator=EpisodeCollator(pad if pad is not None else int(processing_class.eos_token_id or 0)),
            train_dataset=cast(Any, train),
            eval_dataset=cast(Any, evaluated),
            processing_class=processing_class,
            callbacks=callbacks,
        )
        # The losses below are already means over the whole optimiser step.
        self.loss_is_scaled_for_ga = True
        self._metrics: dict[str, dict[str, list[float]]] = {"train": defaultdict(list), "eval": defaultdict(list)}
        self._shares: dict[str, float] = defaultdict(float)

    def train(
        self,
        resume_from_checkpoint: str | bool | None = None,
        trial: Any = None,
        ignore_keys_for_eval: list[str] | None = None,
    ) -> TrainOutput:
        """As in transformers; resuming a run that has finished makes no further update."""
        checkpoint = resume_from_checkpoint
        if checkpoint is True:
            checkpoint = get_last_checkpoint(str(self.args.output_dir))
        if isinstance(checkpoint, str) and self._finished(Path(checkpoint)):
            self._load_from_checkpoint(checkpoint)
            self.state = TrainerState.load_from_json(str(Path(checkpoint) / TRAINER_STATE_NAME))
            return TrainOutput(self.state.global_step, 0.0, {})
        return super().train(checkpoint, trial, ignore_keys_for_eval)

    def _finished(self, checkpoint: Path) -> bool:
        file = checkpoint / TRAINER_STATE_NAME
        if not file.is_file():
            raise InvalidInputError(f"{checkpoint}: expected a checkpoint of this trainer (no {TRAINER_STATE_NAME})")
        state = TrainerState.load_from_json(str(file))
        if self.args.max_steps > 0:
            return bool(state.global_step >= self.args.max_steps)
        return bool((state.epoch or 0.0) >= self.args.num_train_epochs)

    def get_batch_samples(  # type: ignore[override]
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], StepCounts | None]:
        """The micro-batches of one optimiser step and its normalisers."""
        self._close_step()
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        return batches, self._count(batches, device) if batches else None

    def prediction_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], prediction_loss_only: bool, ignore_keys: Any = None
    ) -> tuple[Tensor, None, None]:
        """The loss of one evaluation batch."""
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            loss = cast(Tensor, self.compute_loss(model, inputs))
        return loss.detach(), None, None

    def record(self, **metrics: float | Tensor) -> None:
        """Add metrics of this batch; means are logged with the next log line."""
        store = self._metrics["train" if self._training() else "eval"]
        for name, value in metrics.items():
            store[name].append(float(value.detach()) if isinstance(value, Tensor) else value)

    def record_shares(self, **shares: Tensor) -> None:
        """Add shares of means over the optimiser step: the shares of its micro-batches add up."""
        if not self._training():
            self.record(**shares)
            return
        for name, share in shares.items():
            self._shares[name] += float(share.detach())

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log `logs` and the means of what was recorded since the last line."""
        self._close_step()
        mode = "eval" if any(key.startswith("eval_") for key in logs) else "train"
        prefix = "eval_" if mode == "eval" else ""
        for name, values in self._metrics[mode].items():
            finite = [v for v in values if v == v]
            if finite:
                logs[prefix + name] = sum(finite) / len(finite)
        self._metrics[mode].clear()
        super().log(logs, start_time)

    def counts(self, inputs: dict[str, Tensor], step: StepCounts | None) -> StepCounts:
        """The normalisers of the optimiser step, or of this batch alone where there is none (evaluation)."""
        return step if step is not None else _count_batch(inputs)

    def _training(self) -> bool:
        return cast(torch.nn.Module, self.model).training

    def _close_step(self) -> None:
        for name, total in self._shares.items():
            self._metrics["train"][name].append(total)
        self._shares.clear()

    def _count(self, batches: list[dict[str, Tensor]], device: torch.device) -> StepCounts:
        parts = [torch.stack(_count_batch(b)[:4]).to(device) for b in batches]
        totals = torch.stack(parts).sum(0)
        processes = self.accelerator.num_processes
        if processes > 1:
            totals = cast(Tensor, self.accelerator.gather(totals.unsqueeze(0))).sum(0)
        totals = totals.clamp(min=1)
        return StepCounts(totals[0], totals[1], totals[2], totals[3], processes)


class MetricsFile(TrainerCallback):
    """Appends every log line of a trainer to a JSON-lines file, flushed at once.

    On resume, lines after the checkpoint are dropped, so that a step never stands twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Keep only what the resumed state already knows."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        kept = [line for line in lines if _step_of(line) <= state.global_step and state.global_step > 0]
        self.path.write_text("".join(line + "\n" for line in kept))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """One line per log."""
        if not state.is_world_process_zero or not logs:
            return
        with self.path.open("a") as file:
            file.write(json.dumps({"step": state.global_step, **logs}) + os.linesep)


def _tokenized(
    data: Episodes, tokenizer: PreTrainedTokenizerBase, options: TokenizeOptions
) -> tuple[Sequence[TokenizedEpisode], TokenizeReport]:
    if isinstance(data, Sequence) and data and isinstance(data[0], TokenizedEpisode):
        return cast(Sequence[TokenizedEpisode], data), TokenizeReport(kept=len(data))
    return tokenize_episodes(cast(Iterable[Episode], data), tokenizer, options)


def _count_batch(inputs: dict[str, Tensor]) -> StepCounts:
    layout = EpisodeLayout.from_ids(inputs["episode_ids"])
    states = layout.to_episodes(inputs["state_mask"], False).sum(-1)
    actions = layout.to_episodes(inputs["action_mask"], False).sum(-1)
    return StepCounts(states.sum(), actions.sum(), (states > 0).sum(), (actions > 0).sum(), 1)


def _step_of(line: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return -1
