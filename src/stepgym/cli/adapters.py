"""`--lora`: adapters on a frozen base instead of training all weights."""

from __future__ import annotations

from typing import Any

from stepgym.cli.parser import Arguments, Parser
from stepgym.errors import InvalidInputError, require


def add_adapters(parser: Parser) -> None:
    """`--lora`, `--lora-alpha` and `--value-lora`."""
    group = parser.add_argument_group(
        "adapters", "LoRA on all linear layers of one frozen base; the result is saved with its adapters merged."
    )
    group.add_argument("--lora", type=int, metavar="R", help="rank of the adapters (default: all weights are trained)")
    group.add_argument("--lora-alpha", type=float, metavar="X", help="their scale, times 1 / rank (default: the rank)")
    group.add_argument(
        "--value-lora",
        type=int,
        metavar="R",
        help="rank of the value's adapter with --method oreo; 0 trains all of its weights (default: as --lora)",
    )


def check_adapters(args: Arguments) -> None:
    """Refuse what no adapter is, before the log is read."""
    if args.lora is not None and args.lora < 1:
        raise InvalidInputError(f"--lora must be 1 or more, got {args.lora}; leave it out to train all weights")
    if args.value_lora is not None:
        if args.value_lora < 0:
            raise InvalidInputError(f"--value-lora must be 0 or more, got {args.value_lora}")
        if args.method != "oreo":
            raise InvalidInputError(f"--value-lora is a setting of --method oreo, not of {args.method}")
    if args.lora_alpha is not None:
        if args.lora_alpha <= 0:
            raise InvalidInputError(f"--lora-alpha must be > 0, got {args.lora_alpha:g}")
        if not (args.lora or args.value_lora):
            raise InvalidInputError("--lora-alpha is the scale of adapters: give --lora or --value-lora too")


def adapters(args: Arguments) -> dict[str, Any]:
    """What the trainers take: `peft_config`, and `value_peft_config` where the value differs; empty without adapters.

    Modules that a model lacks are found by the trainer.
    """
    found: dict[str, Any] = {}
    if args.lora:
        found["peft_config"] = _lora(args.lora, args.lora_alpha)
    if args.value_lora is not None:
        found["value_peft_config"] = _lora(args.value_lora, args.lora_alpha) if args.value_lora else None
    return found


def _lora(rank: int, alpha: float | None) -> Any:
    peft = require("peft", extra="train")
    return peft.LoraConfig(r=rank, lora_alpha=rank if alpha is None else alpha, target_modules="all-linear")
