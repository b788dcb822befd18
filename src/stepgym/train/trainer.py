"""What all our trainers share: episodes as data, exact means over the whole optimiser step, metrics in the log.

`EpisodeTrainer` is transformers' `Trainer`; everything known from there (schedules, checkpoints, callbacks, launchers)
works as usual.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from accelerate.utils import gather_object  # type: ignore[import-untyped]
from torch import Tensor
from transformers import TrainerCallback

from stepgym.agents.episodes import Episode
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.errors import InvalidInputError
from stepgym.train.cached_episodes import CachedEpisodes
from stepgym.train.collate import EpisodeCollator
from stepgym.train.compiled_blocks import BlockCompilingTrainer
from stepgym.train.config import EpisodeTrainingArguments
from stepgym.train.data_checks import check_returns, check_states, check_tokenizer
from stepgym.train.length_groups import LengthGroups
from stepgym.train.metrics_file import MetricsFile
from stepgym.train.nonfinite import KEYS, NonFiniteError, WithKeys, named
from stepgym.train.resumable import ResumableTrainer
from stepgym.train.running_means import RunningMeans
from stepgym.train.step_counts import StepCounts, count_batch
from stepgym.train.token_cache import token_cache
from stepgym.train.tokenize import TokenizedEpisode, TokenizeOptions, TokenizeReport, tokenize_episodes

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["EpisodeTrainer", "Episodes", "MetricsFile", "StepCounts"]

Episodes = Iterable[Episode] | Sequence[TokenizedEpisode]


class EpisodeTrainer(ResumableTrainer, BlockCompilingTrainer):
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

    args: EpisodeTrainingArguments

    def __init__(
        self,
        model: torch.nn.Module,
        args: EpisodeTrainingArguments,
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
        cache = args.token_cache
        self.tokenize_report = TokenizeReport()
        train: Sequence[TokenizedEpisode] | None = None
        if train_dataset is not None:
            train, self.tokenize_report = _tokenized(train_dataset, processing_class, options, cache)
            if not train:
                raise InvalidInputError(f"no episode can be trained on: {self.tokenize_report}")
            check_returns(train, args.reward_range)
        evaluated = None if eval_dataset is None else _tokenized(eval_dataset, processing_class, options, cache)[0]
        pad = processing_class.pad_token_id
        super().__init__(
            model=model,
            args=args,
            data_collator=WithKeys(
                EpisodeCollator(
                    pad if pad is not None else int(processing_class.eos_token_id or 0),
                    packing=args.packing,
                )
            ),
            train_dataset=cast(Any, train),
            eval_dataset=cast(Any, evaluated),
            processing_class=processing_class,
            callbacks=callbacks,
        )
        # The losses below are already means over the whole optimiser step.
        self.loss_is_scaled_for_ga = True
        self._means = {"train": RunningMeans(), "eval": RunningMeans()}
        self._losses: list[Tensor] = []
        self._keys: list[Tensor] = []

    def get_batch_samples(  # type: ignore[override]
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], StepCounts | None]:
        """The micro-batches of one optimiser step and its normalisers."""
        self._means["train"].close_step()
        self._losses, self._keys = [], []
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        if batches and self.accelerator.gradient_state.end_of_dataloader:
            self._leave_out_fillers(batches[-1])
        return batches, self._count(batches, device) if batches else None

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        if self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(train_dataset)
        args = self.args
        size = args.train_batch_size * args.gradient_accumulation_steps * self.accelerator.num_processes
        seed = args.seed if args.data_seed is None else args.data_seed
        return LengthGroups(cast(Any, train_dataset or self.train_dataset), size, seed=seed)

    def prediction_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], prediction_loss_only: bool, ignore_keys: Any = None
    ) -> tuple[Tensor, None, None]:
        """The loss of one evaluation batch."""
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            loss = cast(Tensor, self.compute_loss(model, inputs))
        return loss.detach(), None, None

    def training_step(self, model: torch.nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Tensor:
        """As in transformers; a NaN or infinite loss raises `NonFiniteError` before the optimiser's update."""
        self._keys.append(inputs.pop(KEYS, torch.zeros(0, dtype=torch.long)))
        loss = super().training_step(model, inputs, *args, **kwargs)
        self._losses.append(loss)
        if self.accelerator.sync_gradients:
            self._check_losses()
        return loss

    def check_gradients(self, **norms: Tensor | float) -> None:
        """Raise `NonFiniteError` if the norm of a named group of gradients is NaN or infinite."""
        if self.accelerator.scaler is not None:
            # The loss scaling of float16 overflows now and then, and skips such updates by itself.
            return
        for name, norm in norms.items():
            if not math.isfinite(norm):
                self._stop(f"the gradient of the {name} has the norm {float(norm)}", self._keys)

    def _get_grad_norm(self, model: torch.nn.Module, grad_norm: Tensor | float | None = None) -> float | None:
        norm = cast("float | None", super()._get_grad_norm(model, grad_norm=grad_norm))  # type: ignore[no-untyped-call]
        if norm is not None:
            self.check_gradients(model=norm)
        return norm

    def record(self, **metrics: float | Tensor) -> None:
        """Add metrics of this batch; means are logged with the next log line."""
        means = self._means["train" if self._training() else "eval"]
        for name, value in metrics.items():
            means.add(name, float(value.detach()) if isinstance(value, Tensor) else value)

    def record_shares(self, **shares: Tensor) -> None:
        """Add shares of means over the optimiser step: those of its micro-batches and processes add up."""
        if not self._training():
            self.record(**shares)
            return
        for name, share in shares.items():
            self._means["train"].add_share(name, float(share.detach()))

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log `logs` and the means of what was recorded since the last line, over all processes."""
        mode = "eval" if any(key.startswith("eval_") for key in logs) else "train"
        self._means["train"].close_step()
        prefix = "eval_" if mode == "eval" else ""
        for name, mean in self._means[mode].take(processes=self.accelerator.num_processes).items():
            logs[prefix + name] = mean
        super().log(logs, start_time)

    def progress(self) -> dict[str, Any]:
        """What this process must remember besides weights and optimiser, as JSON values."""
        self._means["train"].close_step()
        return {
            **super().progress(),
            "means": self._means["train"].state(),
            "episodes": len(cast(Any, self.train_dataset)),
        }

    def resume_progress(self, progress: dict[str, Any]) -> None:
        """Take over what `progress` gave; refuses another number of episodes."""
        mine = len(cast(Any, self.train_dataset))
        if progress["episodes"] != mine:
            raise InvalidInputError(
                f"the checkpoint is of a training on {progress['episodes']:,} episodes, and here are {mine:,}: "
                "resume with the data it was made with, or start anew in another folder"
            )
        super().resume_progress(progress)
        self._means["train"].restore(progress["means"])

    def counts(self, inputs: dict[str, Tensor], step: StepCounts | None) -> StepCounts:
        """The normalisers of the optimiser step, or of this batch alone where there is none (evaluation)."""
        return step if step is not None else count_batch(inputs)

    def _training(self) -> bool:
        return cast(torch.nn.Module, self.model).training

    def _leave_out_fillers(self, batch: dict[str, Tensor]) -> None:
        """Let the episodes not count with which accelerate fills up an epoch's last round of batches.

        It takes them from the beginning, so that every process has as many; each was counted there already.
        """
        size, processes = self.args.train_batch_size, self.accelerator.num_processes
        left = len(cast(Any, self.train_dataset)) % (size * processes)
        if processes == 1 or not left or self.args.dataloader_drop_last or self.accelerator.split_batches:
            return
        mine = left - self.accelerator.process_index * size
        batch["episode_ids"] = batch["episode_ids"].masked_fill(batch["episode_ids"] >= max(mine, 0), -1)

    def _check_losses(self) -> None:
        """Look at the losses of the optimiser step, on all processes."""
        broken = [not math.isfinite(loss) for loss in torch.stack(self._losses).tolist()]
        found = torch.tensor([float(any(broken))], device=self.args.device)
        if self.accelerator.num_processes > 1:
            found = cast(Tensor, self.accelerator.gather(found))
        if bool(found.any()):
            self._stop("the loss is NaN or infinite", [k for k, b in zip(self._keys, broken, strict=True) if b])

    def _stop(self, reason: str, keys: list[Tensor]) -> None:
        found: list[int] = [k for batch in keys for k in batch.tolist()]
        if self.accelerator.num_processes > 1:
            found = gather_object(found)
        raise NonFiniteError(
            f"update {self.state.global_step + 1}: {reason}. Training was stopped before this update. Episodes in the "
            f"batch: {named(found, cast(Any, self.train_dataset))}. {self.last_good()} Look at the rewards of these "
            "episodes, and lower the learning rate."
        )

    def _count(self, batches: list[dict[str, Tensor]], device: torch.device) -> StepCounts:
        parts = [torch.stack(count_batch(b)[:-1]).to(device) for b in batches]
        totals = torch.stack(parts).sum(0)
        processes = self.accelerator.num_processes
        if processes > 1:
            totals = cast(Tensor, self.accelerator.gather(totals.unsqueeze(0))).sum(0)
        totals = totals.clamp(min=1)
        return StepCounts._make((*totals, processes))


def _tokenized(
    data: Episodes, tokenizer: PreTrainedTokenizerBase, options: TokenizeOptions, cache: str | None
) -> tuple[Sequence[TokenizedEpisode], TokenizeReport]:
    if isinstance(data, CachedEpisodes) or (isinstance(data, Sequence) and data and _is_tokenized(data[0])):
        tokenized = cast(Sequence[TokenizedEpisode], data)
        check_states(tokenized, options.states)
        return tokenized, TokenizeReport(kept=len(data))
    episodes = cast(Iterable[Episode], data)
    if not isinstance(episodes, EpisodeLog | Sequence):
        episodes = list(episodes)
    check_tokenizer(episodes, tokenizer)
    if cache is not None:
        return token_cache(episodes, tokenizer, options, cache)
    return tokenize_episodes(episodes, tokenizer, options)


def _is_tokenized(episode: object) -> bool:
    return isinstance(episode, TokenizedEpisode)
