"""`stepgym alfworld pack`: ALFWorld's official games in one small file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from stepgym.cli import interrupts
from stepgym.cli.parser import Arguments, Parser
from stepgym.cli.terminal import remark, say
from stepgym.errors import InvalidInputError

EXAMPLE = """
stepgym alfworld pack ~/.cache/alfworld alfworld.games
stepgym alfworld pack env unseen.games --split valid_unseen
"""
_REASONS_SHOWN = 3


def configure(parser: Parser) -> None:
    """The options."""
    parser.add_argument("what", nargs="?", choices=("pack",), metavar="pack", help="write the games into one file")
    parser.add_argument(
        "folder",
        nargs="?",
        metavar="DIR",
        help="the folder that holds json_2.1.1, as `alfworld-download` leaves it; or env, for $ALFWORLD_DATA",
    )
    parser.add_argument("out", nargs="?", metavar="OUT", help="the file to write, for --env-arg path=OUT")
    parser.needs("what", "pack DIR OUT")
    parser.needs("folder", "DIR, the folder of the official games")
    parser.needs("out", "OUT, the file to write")
    parser.add_argument(
        "--split",
        action="append",
        metavar="SPLIT",
        help="train, valid_train, valid_seen or valid_unseen; may be repeated (default: all that are there)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT")


def run(args: Arguments) -> None:
    """Read every game and write the file."""
    from stepgym.envs.alfworld import SPLITS, pack

    out = Path(args.out).expanduser()
    if out.is_dir():
        raise InvalidInputError(f"{out} is a folder: name the file to write, for example {out / 'alfworld.games'}")
    if out.exists() and not args.overwrite:
        raise InvalidInputError(f"{out} is there already: give another OUT, or --overwrite to replace it")
    _check_splits(args.folder, args.split or ())
    aside = out.with_name(f".{out.name}.part")
    try:
        store = pack(args.folder, aside, splits=args.split or SPLITS)
        counts = Counter(name.partition("/")[0] for name in store.task_types)
        skipped = store.skipped
        if not counts:
            first = f"; first: {skipped[0]}" if skipped else ""
            raise InvalidInputError(f"{args.folder} holds no game that can be played, {len(skipped):,} left out{first}")
        aside.replace(out)
    except KeyboardInterrupt:
        raise interrupts.Interrupted("nothing was written.") from None
    finally:
        aside.unlink(missing_ok=True)
    parts = ", ".join(f"{split} {counts[split]:,}" for split in SPLITS if counts[split])
    remark(f"{counts.total():,} games ({parts}) in {out.stat().st_size / 1e6:.1f} MB")
    if skipped:
        remark(f"{len(skipped):,} left out:")
        for reason in skipped[:_REASONS_SHOWN]:
            remark(f"  {' '.join(reason.split())[:300]}")
        if len(skipped) > _REASONS_SHOWN:
            remark(f"  and {len(skipped) - _REASONS_SHOWN:,} more")
    say(str(out))


def _check_splits(folder: str, wanted: list[str] | tuple[()]) -> None:
    """Splits that are asked for by name must be there; without names, those there are suffice."""
    from stepgym.envs.alfworld.games import SPLITS, find_data
    from stepgym.errors import unknown_name

    root = find_data(folder)
    for split in wanted:
        if split not in SPLITS:
            raise unknown_name("split", split, SPLITS)
        if root.is_dir() and not (root / split).is_dir():
            there = ", ".join(one for one in SPLITS if (root / one).is_dir())
            raise InvalidInputError(f"{root} has no folder {split!r}; there are: {there}")
