"""`Training`: one call of a trainer with checkpoints, soft interruption, and the check of the value afterwards."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.cli import interrupts
from stepgym.cli.adapters import adapters
from stepgym.cli.data_check import data_check
from stepgym.cli.parser import Arguments
from stepgym.cli.policies import is_hub_name, model_folder, reading_model
from stepgym.cli.processes import are_several, is_first
from stepgym.cli.run_folder import add_note
from stepgym.cli.small_model import small_model, small_tokenizer, without_ids
from stepgym.cli.terminal import quiet_transformers, remark, say
from stepgym.cli.training_data import Data, ids_fit, tokenized
from stepgym.cli.training_progress import save_on_request, show_training
from stepgym.cli.value_check import check_value, traces
from stepgym.errors import InvalidInputError
from stepgym.report.recorder import RunRecorder

_OTHER_IDS = (
    "The token ids of the log are not those of this model's tokenizer, so the episodes are encoded from their text: "
    "this is not the model that wrote the log."
)

_FROM_NOTHING = (
    "stepgym: warning: OREO weighs what a model already does, and this one does nothing yet: "
    "train it with --method sft first, then give that folder as --model"
)


class Training:
    """Model and data of one `stepgym train`.

    Attributes:
        tokenizer: Of the model.
    """

    def __init__(self, args: Arguments, data: Data, config: Any) -> None:
        quiet_transformers()
        self.args, self.data, self.config = args, data, config
        self.start = Path(args.out) / "start"
        self.fresh = args.from_scratch is not None and not (args.resume and self.start.is_dir())
        if self.fresh:
            self.tokenizer: Any = small_tokenizer(data.train)
            self.model: Any = small_model(args.from_scratch, self.tokenizer, seed=config.seed)
        else:
            self.tokenizer, self.model = _load(str(self.start) if args.from_scratch else args.model)

    def run(self, record: RunRecorder, prompt: PromptFormat) -> None:
        """Everything, into the folder of `record`."""
        folder = record.folder
        if self.fresh and is_first():
            # The reference of OREO is the model as it was at the beginning: a resumed run needs it.
            self.model.save_pretrained(self.start)
            self.tokenizer.save_pretrained(self.start)
        if self.data.note:
            add_note(record, self.data.note)
        with record.phase("read and tokenise"):
            trainer, held_back = self._prepare(record, prompt)
        size = sum(p.numel() for p in self.model.parameters())
        if self.args.from_scratch is not None and self.args.method == "oreo":
            remark(_FROM_NOTHING)
        count = len(trainer.train_dataset)
        remark(f"{self.args.method} of a model with {size / 1e6:,.2f} M parameters on {count:,} episodes")
        with record.phase("training"):
            self._train(trainer)
        guard = getattr(trainer, "guard", None)
        if guard is not None and guard.message:
            add_note(record, f"Training was stopped or warned about by its guard: {guard.message}.")
        if self.args.method == "oreo":
            trainer.save_model(str(folder))
            if is_first():
                with record.phase("evaluate the value"):
                    self._check_value(record, trainer, held_back)
        else:
            trainer.save_model(str(folder / "policy"))
        if not is_first():
            return
        (folder / "held_back_tasks.txt").write_text(
            "".join(f"{task}\n" for task in self.data.held_back_tasks), encoding="utf-8"
        )
        say(str(folder))

    def _prepare(self, record: RunRecorder, prompt: PromptFormat) -> tuple[Any, Any]:
        from dataclasses import replace

        from stepgym.train import MetricsFile, OREOTrainer, SupervisedTrainer, TokenizeOptions, successes

        train, held_back = list(self.data.train), list(self.data.held_back)
        record.write_json("doctor.json", data_check(train, title="Episodes trained on"))
        if self.args.from_scratch is not None or not ids_fit(train, self.tokenizer):
            if self.args.from_scratch is None:
                add_note(record, _OTHER_IDS)
                remark(f"stepgym: warning: {_OTHER_IDS}")
            train, held_back = [without_ids(e) for e in train], [without_ids(e) for e in held_back]
        if self.args.method == "rejection-sampling":
            train = successes(train)
        context = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        extra = adapters(self.args)
        if self.args.reference is not None:
            extra["reference"] = _load(self.args.reference)[1]
        kind: Any = SupervisedTrainer
        options = TokenizeOptions(max_length=self.config.longest(context))
        if self.args.method == "oreo":
            options, kind = self.config.tokenize_options(context), OREOTrainer
        options = replace(options, prompt=prompt, min_actions=self.args.min_actions or 1)
        cache = self.config.token_cache
        tokens = tokenized(train, self.tokenizer, options, what="to train on", cache=cache)
        if not tokens:
            raise InvalidInputError("no episode of the log can be trained on (see the counts above)")
        rest = tokenized(held_back, self.tokenizer, options, what="held back", cache=cache) if held_back else []
        show_training()
        trainer = kind(self.model, self.config, tokens, processing_class=self.tokenizer, **extra)
        trainer.add_callback(MetricsFile(record.metrics_path(self.args.method.replace("-", "_"))))
        return trainer, rest

    def _train(self, trainer: Any) -> None:
        from stepgym.train.resumable import newest_checkpoint

        checkpoints = Path(self.config.output_dir)
        last = newest_checkpoint(checkpoints) if self.args.resume else None
        if last is not None:
            done = trainer._finished(last)
            remark(f"{last} is the end of the training already" if done else f"going on from {last}")
        try:
            # Several processes would hear of Ctrl-C at different updates, and wait for each other for ever.
            with nullcontext(interrupts.Stop()) if are_several() else interrupts.stop_softly() as stop:
                trainer.add_callback(save_on_request(stop))
                trainer.train(resume_from_checkpoint=None if last is None else str(last))
        except KeyboardInterrupt:
            kept = newest_checkpoint(checkpoints)
            what = f"{kept} is kept." if kept else "no checkpoint was written yet."
            raise interrupts.Interrupted(what, interrupts.resume_command()) from None
        if stop.asked and trainer.state.global_step < trainer.state.max_steps:
            kept = checkpoints / f"checkpoint-{trainer.state.global_step}"
            raise interrupts.Interrupted(f"{kept} is kept.", interrupts.resume_command())

    def _check_value(self, record: RunRecorder, trainer: Any, held_back: Any) -> None:
        from stepgym.train import TransformersValueFunction

        if not self.data.held_back:
            add_note(record, "No tasks were held back, so the value was not evaluated.")
            return
        value = TransformersValueFunction(trainer.networks.value, self.tokenizer, batch_size=64)
        try:
            found = check_value(value, held_back, seed=self.config.seed)
        except InvalidInputError as error:
            add_note(record, f"The value was not evaluated on held-back tasks: {error}.")
            remark(f"stepgym: warning: {record.notes[-1]}")
            return
        record.write_json("value.json", {"tasks": len(self.data.held_back_tasks), **found.to_dict()})
        (record.folder / "value_traces.jsonl").unlink(missing_ok=True)
        for line in traces(self.data.held_back, held_back, found.values, self.tokenizer):
            record.add_trace(line)
        for sentence in found.sentences():
            add_note(record, sentence)
            say(sentence)


def _load(name: str) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = name if is_hub_name(name) else str(model_folder(Path(name).expanduser()))
    with reading_model(name):
        return AutoTokenizer.from_pretrained(place), AutoModelForCausalLM.from_pretrained(place)
