"""One bar for each training on a terminal, one line otherwise, instead of transformers' printing.

transformers chooses its progress callbacks through two names of its trainer module (it replaces one of them itself in
notebooks); setting them covers every trainer that a command starts.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from stepgym.cli.interrupts import Stop
from stepgym.cli.processes import is_first
from stepgym.cli.terminal import remark


def show_training() -> None:
    """From now on, trainers of this process report as described above."""
    from tqdm import tqdm
    from transformers import TrainerCallback, trainer

    class Progress(TrainerCallback):
        def __init__(self) -> None:
            self.bar: Any = None
            self.began = 0.0
            self.first = 0
            self.loss: float | None = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.began, self.first = time.perf_counter(), state.global_step
            self.bar = tqdm(
                total=state.max_steps,
                initial=state.global_step,
                desc=_name(args),
                unit=" updates",
                disable=None if is_first() else True,
                dynamic_ncols=True,
                leave=True,
            )

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.bar.update()

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if self.bar is not None and logs and "loss" in logs:
                self.loss = float(logs["loss"])
                self.bar.set_postfix_str(f"loss {self.loss:.3g}", refresh=False)

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.bar.close()
            if not sys.stderr.isatty():
                loss = "" if self.loss is None else f", loss {self.loss:.3g}"
                seconds = time.perf_counter() - self.began
                remark(f"{_name(args)}: {state.global_step - self.first:,} updates in {seconds:.1f} s{loss}")

    module: Any = trainer
    module.PrinterCallback = module.DEFAULT_PROGRESS_CALLBACK = Progress


def _name(args: Any) -> str:
    return {
        "OREOConfig": "OREO",
        "SupervisedConfig": "supervised training",
        "DPOConfig": "DPO",
        "KTOConfig": "KTO",
    }.get(type(args).__name__, "training")


def save_on_request(stop: Stop) -> Any:
    """A trainer callback that writes a checkpoint and ends training after the update in which `stop` was asked for."""
    from transformers import TrainerCallback

    class SaveOnRequest(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if stop.asked:
                control.should_save = control.should_training_stop = True

    return SaveOnRequest()
