"""The ids of all tasks of a split, one a line: `python tasks.py gsm8k|math|alfworld SPLIT PATH`."""

from __future__ import annotations

import sys

GENERATED_TASKS = {"train": range(4), "valid_seen": range(4, 6), "valid_unseen": range(6, 8)}


def task_ids(name: str, split: str, path: str) -> list[str]:
    """The ids; for ALFWorld `path` may be "generated", which gives a few small games that are made on the spot."""
    if name == "alfworld" and path == "generated":
        return [f"generated/pick_and_place_simple/{seed}-easy" for seed in GENERATED_TASKS[split]]
    if name == "alfworld":
        from stepgym.envs.alfworld import OfficialGames

        return list(OfficialGames(path).ids(split))
    from stepgym.envs import GSM8KEnv, MATHEnv

    kind = {"gsm8k": GSM8KEnv, "math": MATHEnv}[name]
    return [task.id for task in kind.load(path, split=split, on_error="skip")]


if __name__ == "__main__":
    sys.stdout.write("".join(f"{task}\n" for task in task_ids(*sys.argv[1:4])))
