r"""The log for supervised fine-tuning on GSM8K and MATH: `python demonstrations.py OUT gsm8k=PATH math=PATH`.

One episode for each worked solution of the train splits; GSM8K's lose their calculator marks (`<<48/2=24>>`) and get
their answer in a \boxed{}, as MATH has it.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from stepgym.agents import Episode, EpisodeLog, Step
from stepgym.envs import GSM8KEnv, MATHEnv

_CALCULATION = re.compile(r"<<[^>]*>>")
_KINDS = {"gsm8k": ("stepgym/GSM8K-v0", GSM8KEnv), "math": ("stepgym/MATH-v0", MATHEnv)}


def worked_solutions(name: str, path: str) -> Iterator[Episode]:
    """One episode for each task of the train split."""
    env_id, kind = _KINDS[name]
    for task in kind.load(path, split="train", on_error="skip"):
        solution = task.meta["solution"]
        if name == "gsm8k":
            text, _, answer = _CALCULATION.sub("", solution).rpartition("####")
            solution = f"{text.rstrip()}\nThe answer is \\boxed{{{answer.strip()}}}."
        step = Step(task.prompt, solution, reward=1.0, terminated=True)
        yield Episode(f"demonstration/{task.id}", env_id, task.id, (step,), 1.0, policy="published")


def main(out: str, *sources: str) -> None:
    """Write the log anew; one that was cut off is never taken for a whole one."""
    partial = Path(f"{out}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    with EpisodeLog(partial, mode="x") as log:
        for source in sources:
            name, _, path = source.partition("=")
            log.extend(worked_solutions(name, path))
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
