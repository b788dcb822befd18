"""`ResumableTrainer`: a `Trainer` that may be killed at any moment and goes on where it was.

A checkpoint is written in a staging folder, sealed and renamed, so that under its name it is whole. On CPU in float32 a
resumed run ends with the bits of an uninterrupted one.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, TrainOutput

from stepgym.errors import InvalidInputError
from stepgym.train import saving
from stepgym.train.nonfinite import NonFiniteError

logger = logging.getLogger(__name__)

_NAME = re.compile(rf"{PREFIX_CHECKPOINT_DIR}-(\d+)")


class ResumableTrainer(Trainer):
    """A `Trainer` with atomic checkpoints and exact resume; subclasses add to `progress` what they keep in memory."""

    _staging: Path | None = None

    def train(
        self,
        resume_from_checkpoint: str | bool | None = None,
        trial: Any = None,
        ignore_keys_for_eval: list[str] | None = None,
    ) -> TrainOutput:
        """As in transformers, except for `resume_from_checkpoint`.

        Args:
            resume_from_checkpoint: True goes on from the newest whole checkpoint of `output_dir`, or starts where there
                is none; damaged ones are passed over with a warning. A path takes that checkpoint. Resuming a run that
                has finished makes no further update.
            trial: As in transformers.
            ignore_keys_for_eval: As in transformers.

        Raises:
            InvalidInputError: The checkpoint is damaged, or all of them are.
        """
        run = Path(self._get_output_dir(trial))
        self._alone(lambda: _clear(run))
        checkpoint: Path | None = None
        if resume_from_checkpoint is True:
            checkpoint = newest_checkpoint(run)
            if checkpoint is None:
                logger.warning("There is no checkpoint in %s yet: training starts at the beginning.", run)
            else:
                self._alone(lambda: self._rotate(cast(Path, checkpoint), _state(cast(Path, checkpoint))))
        elif resume_from_checkpoint:
            checkpoint = Path(resume_from_checkpoint)
            if problem := _defect(checkpoint):
                raise InvalidInputError(f"{checkpoint} is no whole checkpoint of this trainer: {problem}")
        if checkpoint is None:
            return super().train(None, trial, ignore_keys_for_eval)
        if self._finished(checkpoint):
            self._load_from_checkpoint(str(checkpoint))
            self.state = _state(checkpoint)
            return TrainOutput(self.state.global_step, 0.0, {})
        take_up = _TakeUp(self, self._progress_file(checkpoint))
        self.add_callback(take_up)
        try:
            return super().train(str(checkpoint), trial, ignore_keys_for_eval)
        finally:
            self.remove_callback(take_up)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """As in transformers; the files replace those of the folder all at once, when they are written."""
        if self._staging is not None:
            self._save_files(output_dir)
            return
        folder = Path(output_dir or self.args.output_dir or ".")
        if self._sharded():
            # Every process writes its part: no single one could swap the folder.
            self._save_files(str(folder))
        else:
            self._alone(lambda: self._save_whole(folder))
        if self.args.push_to_hub and not _internal_call:
            self.push_to_hub(commit_message="Model save", revision=self.args.hub_revision)

    @property
    def writing_checkpoint(self) -> bool:
        """Whether a checkpoint is being written, and not the trained model."""
        return self._staging is not None

    def progress(self) -> dict[str, Any]:
        """What this process must remember besides weights and optimiser, as JSON values."""
        return {"tr_loss": float(self._tr_loss), "last_logged": self._globalstep_last_logged}

    def resume_progress(self, progress: dict[str, Any]) -> None:
        """Take over what `progress` gave, after the trainer has set itself up."""
        self._tr_loss += torch.tensor(progress["tr_loss"], dtype=self._tr_loss.dtype)
        self._globalstep_last_logged = progress["last_logged"]
        # The summary at the end is about the updates of this call only.
        self._total_loss_scalar = -float(progress["tr_loss"])

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        self._refuse_broken_weights()
        run = Path(self._get_output_dir(trial))
        name = f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"
        self._alone(lambda: _clear(run))
        self._staging = run / saving.STAGING
        folder, target = self._staging / name, run / name
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self._staging = None
        if self.state.best_model_checkpoint == str(folder):
            self.state.best_model_checkpoint = str(target)
        self._progress_file(folder).write_text(json.dumps(self.progress()) + "\n", encoding="utf-8")
        self.accelerator.wait_for_everyone()
        self._alone(lambda: self._publish(folder, target))
        if self.args.push_to_hub:
            super()._push_from_checkpoint(str(target))

    def _publish(self, folder: Path, target: Path) -> None:
        run = target.parent
        self.state.save_to_json(str(folder / TRAINER_STATE_NAME))
        saving.seal(folder, number=1 + max((_number(c)[0] for c in _checkpoints(run)), default=0))
        saving.publish(folder, target)
        self._rotate(target, self.state)
        saving.settle(run)

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._staging) if self._staging is not None else str(super()._get_output_dir(trial))

    def _push_from_checkpoint(self, checkpoint_folder: str) -> None:
        """Nothing yet: the checkpoint is pushed when it has its name."""

    def _save_files(self, folder: str | None) -> None:
        # Where the model is not sharded, only one process may write.
        if self.args.should_save or self._sharded():
            super().save_model(folder, _internal_call=True)

    def _save_whole(self, folder: Path) -> None:
        with saving.whole_folder(folder) as staging:
            self._save_files(str(staging))

    def _rotate(self, newest: Path, state: TrainerState) -> None:
        """Keep `newest`, the best one and the last whole ones, `save_total_limit` in all; damaged ones stay."""
        limit = self.args.save_total_limit
        if limit is None or limit <= 0:
            return
        best = state.best_model_checkpoint
        held = {newest, *([Path(best)] if best else [])}
        others = [c for c in _checkpoints(newest.parent) if c not in held]
        whole = [c for c in others if not _defect(c, contents=False)]
        for checkpoint in whole[max(0, limit - len(held)) :]:
            saving.remove(checkpoint)

    def _progress_file(self, checkpoint: Path) -> Path:
        return checkpoint / f"progress_{self.args.process_index}.json"

    def _finished(self, checkpoint: Path) -> bool:
        state = _state(checkpoint)
        if self.args.max_steps > 0:
            return bool(state.global_step >= self.args.max_steps)
        return bool((state.epoch or 0.0) >= self.args.num_train_epochs)

    def _refuse_broken_weights(self) -> None:
        model = self.accelerator.unwrap_model(self.model)
        broken = [n for n, p in model.named_parameters() if p.requires_grad and not bool(p.isfinite().all())]
        if broken:
            raise NonFiniteError(
                f"step {self.state.global_step}: {len(broken)} weights are not finite ({', '.join(broken[:3])}); no "
                f"checkpoint was written. {self.last_good()}"
            )

    def last_good(self) -> str:
        """A sentence on where training can go on."""
        run = Path(self._get_output_dir(None))
        good = next((c for c in _checkpoints(run) if not _defect(c)), None)
        return f"The last good checkpoint is {good}." if good else f"There is no earlier checkpoint in {run}."

    def _sharded(self) -> bool:
        return bool(self.is_fsdp_enabled or self.is_deepspeed_enabled)

    def _alone(self, work: Callable[[], None]) -> None:
        """Let the process that saves do `work`, while the others wait."""
        if self.args.should_save:
            work()
        self.accelerator.wait_for_everyone()


class _TakeUp(TrainerCallback):
    """Gives the trainer back what it had in memory when the checkpoint was written."""

    def __init__(self, trainer: ResumableTrainer, file: Path) -> None:
        self.trainer = trainer
        self.file = file

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        # No file: the checkpoint is of transformers' own trainer, or of a run with fewer processes.
        if self.file.is_file():
            self.trainer.resume_progress(json.loads(self.file.read_text(encoding="utf-8")))


def newest_checkpoint(run: Path | str) -> Path | None:
    """The newest whole checkpoint in the folder `run`, or None if it has none; damaged ones are warned about.

    Raises:
        InvalidInputError: There are checkpoints, and all are damaged.
    """
    found = _checkpoints(Path(run))
    for checkpoint in found:
        problem = _defect(checkpoint)
        if not problem:
            return checkpoint
        logger.warning("%s is damaged and passed over: %s.", checkpoint, problem)
    if found:
        raise InvalidInputError(f"all checkpoints in {run} are damaged: remove them to start at the beginning")
    return None


def _checkpoints(run: Path) -> list[Path]:
    """The checkpoints in `run`, the one written last first."""
    found = [path for path in run.glob(f"{PREFIX_CHECKPOINT_DIR}-*") if _NAME.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=_number, reverse=True)


def _number(checkpoint: Path) -> tuple[int, int]:
    """When it was written among the others of its folder, and its update.

    An earlier run may have left a checkpoint with a higher update in the same folder.
    """
    facts = saving.facts_of(checkpoint) or {}
    return int(facts.get("number", 0)), int(checkpoint.name.rpartition("-")[2])


def _state(checkpoint: Path) -> TrainerState:
    return cast(TrainerState, TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME)))


def _defect(checkpoint: Path, *, contents: bool = True) -> str:
    """What is wrong with a checkpoint, or ""; `contents` as in `saving.defect`."""
    try:
        json.loads((checkpoint / TRAINER_STATE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return f"no readable {TRAINER_STATE_NAME} ({error})"
    # Without a manifest it is one of transformers' own: nothing says whether it is whole.
    return saving.defect(checkpoint, contents=contents) if (checkpoint / saving.MANIFEST).exists() else ""


def _clear(run: Path) -> None:
    """Take a checkpoint in that was whole when the process was killed, and remove what was not."""
    for folder in (run / saving.STAGING).glob(f"{PREFIX_CHECKPOINT_DIR}-*"):
        if not (run / folder.name).exists() and not saving.defect(folder):
            saving.publish(folder, run / folder.name)
    saving.settle(run)
    saving.sweep(run)
