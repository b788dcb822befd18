"""`stepgym compare`: OREO and its baselines trained from one log, evaluated on the same held-back tasks."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from stepgym.agents.episodes import Episode
from stepgym.agents.log.episode_log import EpisodeLog, split_by_task
from stepgym.agents.policy import Sampling
from stepgym.cli import interrupts
from stepgym.cli.parser import Arguments, KeyValue, Parser
from stepgym.cli.playing import (
    add_prompt,
    add_sampling,
    check_environment,
    prompt_of,
    prompt_settings,
    read_task_ids,
)
from stepgym.cli.policies import is_hub_name, model_folder, reading_model
from stepgym.cli.run_folder import add_note, open_run, refuse_full, refuse_other
from stepgym.cli.settings import given, settings_of
from stepgym.cli.terminal import quiet_transformers, remark, say
from stepgym.errors import InvalidInputError, MissingExtraError, require, unknown_name

EXAMPLE = """
stepgym compare runs/quickstart/episodes --model runs/quickstart/oreo --max-steps 10 --seeds 1 --out runs/methods
"""
METHODS = ("sft", "rejection-sampling", "dpo", "kto", "oreo-token", "oreo-step", "oreo-response")
# Settings that a resumed comparison must share; methods and seeds may be added.
_RESUMED = (
    *("log", "model", "equal", "max_steps", "learning_rate", "per_device_train_batch_size", "lora", "set", "seed"),
    *("eval_fraction", "tasks", "samples", "env", "env_arg", "temperature", "top_p", "top_k", "max_tokens", "stop"),
    *("prompt", "prompt_prefix", "prompt_suffix"),
)


def configure(parser: Parser) -> None:
    """The options."""
    parser.add_argument("log", nargs="?", metavar="LOG", help="an episode log")
    parser.needs("log", "LOG, the folder of an episode log")
    parser.add_argument("--model", metavar="DIR", help="the model that wrote the log; every method starts from it")
    parser.needs("model", "--model DIR, the model that wrote the log")
    parser.add_argument(
        "--method",
        action="append",
        choices=METHODS,
        metavar="METHOD",
        help=f"one of {', '.join(METHODS)}; may be repeated (default: all)",
    )
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each method (default: 3)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed, and that of the split (default: 0)")
    parser.add_argument(
        "--equal",
        choices=("updates", "time"),
        default="updates",
        metavar="updates|time",
        help="what all methods get the same of; with time, as much CPU time as the slowest needs (default: updates)",
    )
    parser.output()
    training = parser.add_argument_group("training")
    training.add_argument("--max-steps", type=int, help="updates (default: one pass over the log)")
    training.add_argument("--learning-rate", type=float, help="of all methods (default: each method's own)")
    training.add_argument(
        "--per-device-train-batch-size", type=int, default=16, help="episodes an update (default: 16)"
    )
    training.add_argument(
        "--set",
        action=KeyValue,
        metavar="[METHOD.]NAME=VALUE",
        help="any other setting, of all methods or of one: weight_decay=0.01, dpo.beta=0.2, oreo.alpha=0.02; "
        "may be repeated",
    )
    training.add_argument("--lora", type=int, metavar="R", help="rank of adapters (default: all weights are trained)")
    evaluation = parser.add_argument_group("evaluation")
    evaluation.add_argument(
        "--eval-fraction", type=float, default=0.1, help="share of the tasks held back (default: 0.1)"
    )
    evaluation.add_argument("--tasks", metavar="FILE", help="evaluate on these tasks instead; none is trained on")
    evaluation.add_argument("--samples", type=int, default=4, help="sampled episodes of each task (default: 4)")
    evaluation.add_argument("--env", metavar="ENV", help="environment (default: the one in the log)")
    evaluation.add_argument("--env-arg", action=KeyValue, metavar="NAME=VALUE", help="its arguments; may be repeated")
    evaluation.add_argument("--concurrency", type=int, default=256, help="episodes in flight (default: 256)")
    add_sampling(parser)
    add_prompt(parser)


def run(args: Arguments) -> None:
    """Train and evaluate every cell that is not there yet, then print the table."""
    for name, low in (("seeds", 1), ("samples", 1), ("per_device_train_batch_size", 2), ("max_steps", 1), ("lora", 1)):
        value = getattr(args, name)
        if value is not None and value < low:
            raise InvalidInputError(f"--{name.replace('_', '-')} must be {low} or more, got {value}")
    if args.learning_rate is not None and not (math.isfinite(args.learning_rate) and args.learning_rate > 0):
        raise InvalidInputError(f"--learning-rate must be a positive number, got {args.learning_rate}")
    refuse_full(args)
    episodes = _read(args.log)
    train, tasks = _split(args, episodes)
    _fill_environment(args, episodes)
    check_environment(args)
    if args.max_steps is None:
        args.max_steps = max(1, math.ceil(len(train) / args.per_device_train_batch_size))
    require("transformers", extra="train")
    quiet_transformers()
    _check_settings(args)
    model, tokenizer = _load(args.model)
    _check_ids(train, tokenizer, args.log)
    prompt = prompt_of(args, tokenizer, trained=args.model)
    sampling = Sampling(**({**_logged_sampling(episodes), **given(args, settings_of(Sampling))}))
    settings = args.parser.settings(args, **sampling.to_dict(), **prompt_settings(prompt))
    refuse_other(args, settings, _RESUMED)
    record = open_run(
        args,
        kind="compare",
        title=f"Methods on {args.log}",
        settings=settings,
        seeds=range(args.seed, args.seed + args.seeds),
        inputs=[args.log, args.model, args.tasks],
    )
    (record.folder / "held_back_tasks.txt").write_text("".join(f"{t}\n" for t in tasks), encoding="utf-8")
    remark(f"{len(train):,} episodes to train on; {len(tasks):,} tasks to evaluate on; {args.max_steps:,} updates")

    from stepgym.cli.comparison import Comparing
    from stepgym.cli.training_progress import show_training

    show_training()
    comparing = Comparing(args, model, tokenizer, train, tasks, sampling=sampling, prompt=prompt, record=record)
    try:
        comparing.run(args.method or METHODS)
    except KeyboardInterrupt:
        kept = f"{comparing.results.count} finished cells are kept in {args.out}."
        raise interrupts.Interrupted(kept, interrupts.resume_command()) from None
    for note in comparing.notes():
        add_note(record, note)
    say(comparing.table())
    say(f"\n{record.folder}")


def own_settings(given_values: Mapping[str, Any], method: str) -> dict[str, Any]:
    """What `--set` says for `method`: plain names, then those of its family ("oreo."), then its own, later ones win."""
    families = {m.partition("-")[0] for m in METHODS if m.startswith("oreo")}
    ranked: dict[int, dict[str, Any]] = {0: {}, 1: {}, 2: {}}
    for key, value in given_values.items():
        owner, dot, name = key.rpartition(".")
        if dot and owner not in (*METHODS, *families):
            raise unknown_name("method", owner, [*METHODS, *families])
        if name in ("output_dir", "seed", "max_steps", "level", "resume_from_checkpoint"):
            raise InvalidInputError(f"--set {key}: the comparison sets {name} itself")
        rank = 0 if not dot else 2 if owner == method else 1 if method.startswith(f"{owner}-") else None
        if rank is not None:
            ranked[rank][name] = value
    return ranked[0] | ranked[1] | ranked[2]


def _check_settings(args: Arguments) -> None:
    from stepgym.train.baselines import check_settings

    for method in args.method or METHODS:
        # A method that is not installed gets a row that says so.
        with suppress(MissingExtraError):
            check_settings(method, own_settings(args.set or {}, method))


def _read(path: str) -> list[Episode]:
    log = EpisodeLog(path)
    episodes = list(log)
    if log.problem_count:
        remark(f"stepgym: warning: {path}: {log.problem_count:,} lines were left out, first {log.problems[0]}")
    if not episodes:
        raise InvalidInputError(f"the log {path} holds no episodes")
    return episodes


def _split(args: Arguments, episodes: Sequence[Episode]) -> tuple[list[Episode], list[str]]:
    """Episodes to train on, and other tasks to evaluate on."""
    if args.tasks is not None:
        tasks = read_task_ids(args.tasks)
    else:
        if not 0 < args.eval_fraction < 1:
            raise InvalidInputError(f"--eval-fraction must be in (0, 1), got {args.eval_fraction:g}")
        tasks = sorted(split_by_task(episodes, args.eval_fraction, seed=args.seed)[1])
    held_back = set(tasks)
    train = [e for e in episodes if e.task_id not in held_back]
    if not train or not tasks:
        raise InvalidInputError(
            f"{len(train)} episodes are left to train on and {len(tasks)} tasks to evaluate on, expected some of both: "
            "change --eval-fraction, or give --tasks FILE"
        )
    return train, tasks


def _fill_environment(args: Arguments, episodes: Sequence[Episode]) -> None:
    """The log's environment and its arguments where none were given."""
    if args.env is not None:
        return
    found = {(e.env_id, json.dumps(dict(e.env_kwargs), sort_keys=True)) for e in episodes}
    if len(found) > 1:
        raise InvalidInputError(
            f"the log holds episodes of {len(found)} environments or settings of one: say with --env ENV (and "
            "--env-arg) where to evaluate"
        )
    env_id, kwargs = found.pop()
    args.env, args.env_arg = env_id, {**json.loads(kwargs), **(args.env_arg or {})}


def _logged_sampling(episodes: Sequence[Episode]) -> dict[str, Any]:
    """How the log was sampled, so that policies are evaluated as they were logged."""
    logged = episodes[0].sampling
    return {} if logged is None or logged.temperature == 0 else logged.to_dict()


def _check_ids(episodes: Sequence[Episode], tokenizer: Any, log: str) -> None:
    from stepgym.cli.training_data import ids_fit

    if not ids_fit(episodes, tokenizer):
        raise InvalidInputError(
            f"the token ids in {log} are not those of this model's tokenizer: compare with the model that wrote the log"
        )


def _load(name: str) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = name if is_hub_name(name) else str(model_folder(Path(name).expanduser()))
    with reading_model(name):
        return AutoModelForCausalLM.from_pretrained(place), AutoTokenizer.from_pretrained(place)
