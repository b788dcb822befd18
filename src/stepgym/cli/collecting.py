"""The options of a collection: where it runs, what it may spend, when a task has enough; and how it shows progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from stepgym.agents.rollout import CollectBudget, Collected
from stepgym.agents.rollout.progress import in_short
from stepgym.cli.parser import Arguments, Parser
from stepgym.cli.terminal import remark
from stepgym.errors import InvalidInputError

_EVERY = 10.0  # seconds between lines where there is no terminal


def add_collecting(parser: Parser) -> None:
    """`--workers`, `--retries`, `--enough` and the budget."""
    group = parser.add_argument_group("collecting")
    group.add_argument("--workers", type=int, default=0, help="processes for the environments (default: 0, this one)")
    group.add_argument(
        "--retries", type=int, default=2, help="replays after a worker died or the policy was out of reach (default: 2)"
    )
    group.add_argument(
        "--enough", metavar="S,F", help="no further samples of a task after S successes and F failures, as in 4,4"
    )
    group.add_argument("--budget-episodes", type=int, help="begin no further episode after so many")
    group.add_argument("--budget-tokens", type=int, help="nor after so many tokens written")
    group.add_argument("--budget-minutes", type=float, help="nor after so many minutes")


def collecting_of(args: Arguments) -> dict[str, Any]:
    """The same as `collect` takes it, with a display of progress."""
    if args.workers and getattr(args, "ray", None) is not None:
        raise InvalidInputError("--workers are processes of this machine and --ray is elsewhere: give one of them")
    limits = {name: getattr(args, f"budget_{name}") for name in ("episodes", "tokens", "minutes")}
    given = {name: limit for name, limit in limits.items() if limit is not None}
    return {
        "workers": args.workers,
        "retries": args.retries,
        "enough": None if args.enough is None else _pair(args.enough),
        "budget": CollectBudget(**given) if given else None,
        "progress": True if sys.stderr.isatty() else plain_progress(),
    }


def plain_progress(
    every: float = _EVERY, *, clock: Callable[[], float] = time.monotonic
) -> Callable[[Collected], None]:
    """Shows progress as a line from time to time, for logs and pipes."""
    shown = clock()

    def show(now: Collected) -> None:
        nonlocal shown
        if clock() - shown >= every:
            shown = clock()
            done = now.finished + now.skipped + now.spared
            rate = f"{now.finished / now.seconds:,.1f} episodes/s" if now.seconds else ""
            parts = (f"{done:,} of {done + now.missing:,} episodes", rate, in_short(now))
            remark(", ".join(part for part in parts if part))

    return show


def _pair(text: str) -> tuple[int, int]:
    try:
        successes, failures = (int(word) for word in text.split(","))
    except ValueError:
        raise InvalidInputError(f"--enough takes two whole numbers, as in 4,4; got {text!r}") from None
    return successes, failures
