"""`stepgym train`: a policy, and with OREO a value function, from a log."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from stepgym.cli.adapters import add_adapters, check_adapters
from stepgym.cli.parser import Arguments, KeyValue, Parser
from stepgym.cli.playing import add_prompt, prompt_of, prompt_settings
from stepgym.cli.policies import is_hub_name, model_folder
from stepgym.cli.run_folder import open_run, refuse_full, refuse_other
from stepgym.cli.settings import Setting, add_settings, given, settings_in_source
from stepgym.cli.small_model import LEARNING_RATE, SIZES
from stepgym.cli.training_data import add_selection, check_selection, mapped, read_data
from stepgym.errors import InvalidInputError, require, unknown_name

EXAMPLE = """
stepgym train runs/quickstart/episodes --from-scratch tiny --method sft --max-steps 20 --out runs/sft
stepgym train runs/quickstart/episodes --model runs/sft --learning-rate 1e-3 --max-steps 20 --out runs/oreo
"""
METHODS = ("oreo", "sft", "rejection-sampling")

# The few of transformers' TrainingArguments that most runs set; all others go through --set.
TRAINING = (
    Setting("learning_rate", "float", f"learning rate (default: 5e-6, sft 2e-5, from scratch {LEARNING_RATE:g})"),
    Setting("per_device_train_batch_size", "int", "episodes per forward pass (default: 16)"),
    Setting("gradient_accumulation_steps", "int", "forward passes per update (default: 1)"),
    Setting("num_train_epochs", "float", "passes over the log (default: 3)"),
    Setting("max_steps", "int", "updates in all; overrides the epochs"),
    Setting("logging_steps", "float", "updates between log lines (default: 10)"),
    Setting("save_steps", "float", "updates between checkpoints (default: 500); Ctrl-C writes one too"),
    Setting("seed", "int", "of weights, order and split (default: 42)"),
    Setting("bf16", "bool", "bfloat16 mixed precision"),
    Setting("use_cpu", "bool", "leave the GPU alone"),
)
_RESUMED = (
    "log",
    "model",
    "from_scratch",
    "method",
    "reference",
    "balance",
    "reward_map",
    "min_actions",
    "lora",
    "lora_alpha",
    "value_lora",
    "seed",
    "learning_rate",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "eval_fraction",
    "prompt",
    "prompt_prefix",
    "prompt_suffix",
)


def method_settings() -> list[Setting]:
    """What `OREOConfig` adds to `TrainingArguments`."""
    # A range of two numbers is for Python; here `--reward-map` brings rewards into theirs.
    known = {s.name for s in TRAINING} | {"output_dir", "reward_range"}
    own = settings_in_source("stepgym.train.oreo_config", "OREOConfig")
    return [s for s in own if s.help and s.name not in known]


def configure(parser: Parser) -> None:
    """The options."""
    parser.add_argument("log", nargs="?", metavar="LOG", help="an episode log")
    parser.needs("log", "LOG, the folder of an episode log")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--model", metavar="DIR", help="the model that wrote the log: a folder, or a name on the hub")
    start.add_argument(
        "--from-scratch",
        choices=tuple(SIZES),
        metavar="|".join(SIZES),
        help="a small random model with a tokenizer learned from the log",
    )
    parser.add_argument(
        "--method", choices=METHODS, default="oreo", metavar="|".join(METHODS), help="what to train (default: oreo)"
    )
    parser.add_argument(
        "--reference",
        metavar="DIR",
        help="with --method oreo: the model that the policy is held to (default: what it starts from)",
    )
    parser.output()
    add_training(parser)
    add_prompt(parser)


def add_training(parser: Parser, *, seed: bool = True) -> None:
    """The options of how to train, whatever from; without `--seed` where a command has one already."""
    parser.add_argument(
        "--eval-fraction",
        type=float,
        default=0.1,
        help="share of the tasks held back, for the value function to be evaluated on (default: 0.1)",
    )
    add_selection(parser)
    add_adapters(parser)
    add_settings(parser, [s for s in TRAINING if seed or s.name != "seed"], title="training")
    parser.add_argument(
        "--set",
        action=KeyValue,
        metavar="NAME=VALUE",
        help="any other of transformers' TrainingArguments; may be repeated",
    )
    add_settings(parser, method_settings(), title="OREO")


def run(args: Arguments) -> None:
    """Train, keep the result, and evaluate the value function on the tasks that were held back."""
    if (args.model is None) == (args.from_scratch is None):
        raise InvalidInputError("say what to start from: --model DIR (what wrote the log) or --from-scratch tiny")
    check_training(args)
    refuse_full(args)
    for name in (args.model, args.reference):
        if name is not None and not is_hub_name(name):
            model_folder(Path(name).expanduser())
    seed = args.seed if args.seed is not None else 42
    data = mapped(read_data(args.log, args.eval_fraction, seed=seed, balance=args.balance), args.reward_map)
    require("transformers", extra="train")
    from stepgym.cli.training import Training

    config = _config(args)
    training = Training(args, data, config)
    prompt = prompt_of(args, training.tokenizer, trained=args.model)
    resolved = {
        s.name: _plain(getattr(config, s.name)) for s in (*TRAINING, *method_settings()) if hasattr(config, s.name)
    }
    settings = args.parser.settings(args, **resolved, **prompt_settings(prompt))
    refuse_other(args, settings, _RESUMED)
    record = open_run(
        args,
        kind="train",
        title=f"{args.method} from {args.log}",
        settings=settings,
        seeds=[config.seed],
        inputs=[args.log, args.model, args.reference],
    )
    training.run(record, prompt)


def _config(args: Arguments) -> Any:
    """The trainer's configuration from the flags."""
    from dataclasses import fields

    from stepgym.train import OREOConfig, SupervisedConfig

    own, general = given(args, method_settings()), given(args, TRAINING)
    kind: Any = OREOConfig if args.method == "oreo" else SupervisedConfig
    known = {f.name for f in fields(kind) if f.init}
    for name in own:
        if name not in known:
            raise InvalidInputError(f"--{name.replace('_', '-')} is a setting of --method oreo, not of {args.method}")
    for name in args.set or {}:
        if name not in known:
            raise unknown_name("training argument", name, known)
        if name in ("output_dir", "resume_from_checkpoint"):
            raise InvalidInputError(f"--set {name}: the command line says this with --out and --resume")
    if args.from_scratch is not None:
        general = {"learning_rate": LEARNING_RATE} | general
    fixed = {"output_dir": str(Path(args.out) / "checkpoints"), "report_to": "none"}
    try:
        return kind(**(fixed | general | own | (args.set or {})))
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError(f"these training settings do not go together: {error}") from error


def check_training(args: Arguments) -> None:
    """Refuse what no training takes, before the log is read."""
    check_adapters(args)
    check_selection(args)
    if args.reference is not None and args.method != "oreo":
        raise InvalidInputError(f"--reference is a setting of --method oreo, not of {args.method}")
    general = given(args, TRAINING)
    for name, value in {**general, **given(args, method_settings()), **(args.set or {})}.items():
        flag = f"--set {name}" if name in (args.set or {}) else f"--{name.replace('_', '-')}"
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidInputError(f"{flag} must be a finite number, got {value}")
        # -1 updates: the epochs decide.
        low = -1 if name == "max_steps" else 0
        if name in {s.name for s in TRAINING} and isinstance(value, int | float) and value < low:
            raise InvalidInputError(f"{flag} must be {low} or more, got {value}")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
