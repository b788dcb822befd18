"""The folder a command writes to: claimed once all input is known to be good, with the settings beside the result."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stepgym.agents.log.lock import RUN_LOCK, FolderLock
from stepgym.cli import interrupts
from stepgym.cli.config_file import NAME, read_config
from stepgym.cli.parser import Arguments
from stepgym.cli.processes import is_first, own_folder
from stepgym.errors import InvalidInputError
from stepgym.report.recorder import RunRecorder, claim_folder

# What a run writes before it has a result.
_BEGINNING = frozenset({NAME, "run.json", "doctor.json", "log.json", ".lock", RUN_LOCK})

_locks: dict[Path, FolderLock] = {}  # of the runs that the present command has opened


def open_run(
    args: Arguments,
    *,
    kind: str,
    title: str,
    settings: dict[str, Any],
    seeds: Sequence[int] = (),
    inputs: Iterable[str | Path | None] = (),
) -> RunRecorder:
    """The recorder of this run, in the folder `args.out`.

    Args:
        args: With `out`, `overwrite` and maybe `resume`.
        kind: For the report, as `title`.
        title: The report's heading.
        settings: The resolved settings; written as `config.json`, which `--config` takes.
        seeds: Of the run.
        inputs: What the run reads: replacing the folder must not remove it.

    Raises:
        InvalidInputError: The folder holds something and neither `--resume` nor `--overwrite` was given, or input lies
            in the folder that is to be replaced, or another process writes to it.
    """
    folder, resume = own_folder(Path(args.out)), bool(getattr(args, "resume", False))
    if resume and args.overwrite:
        raise InvalidInputError("--resume goes on with what is in the folder, --overwrite removes it: give one of them")
    if is_first():
        if args.overwrite:
            _keep(inputs, folder)
        refuse_full(args)
        claim_folder(folder, overwrite=args.overwrite, resume=resume)
        if folder.resolve() not in _locks:
            _locks[folder.resolve()] = FolderLock(folder, name=RUN_LOCK)
    before = _earlier(folder) if resume else {}
    run = RunRecorder(
        folder,
        title=title,
        kind=kind,
        command=interrupts.typed_command(),
        config=settings,
        seeds=list(seeds),
        seconds=dict(before.get("seconds", {})),
        notes=list(before.get("notes", [])),
    )
    run.write_json(NAME, settings)
    return run


def refuse_full(args: Arguments) -> None:
    """Refuse a folder that holds something, before anything slow begins."""
    folder = Path(args.out)
    resume = getattr(args, "resume", False)
    if not is_first() or args.overwrite or resume or not folder.is_dir() or not any(folder.iterdir()):
        return
    go_on = "--resume to go on with it, " if hasattr(args, "resume") else ""
    raise InvalidInputError(
        f"{folder} is not empty: give another --out, {go_on}or --overwrite to replace the run in it"
    )


def refuse_other(args: Arguments, settings: dict[str, Any], names: Iterable[str]) -> None:
    """Refuse to resume a run that was begun with another value of one of the settings `names`."""
    path = Path(args.out) / NAME
    if not (args.resume and path.is_file()):
        return
    before = read_config(str(path))
    for name in names:
        # As JSON: a tuple is read back as a list.
        old, new = before.get(name), json.loads(json.dumps(settings.get(name)))
        if name in ("file", "log") and old and new and Path(old).resolve() == Path(new).resolve():
            continue
        if old != new:
            raise InvalidInputError(
                f"{args.out} was begun with {name} = {old!r}, now it is {new!r}: "
                "resume with the same settings, or give another --out"
            )


@contextmanager
def leave_no_empty_run(args: Arguments) -> Iterator[None]:
    """When a command fails, remove the folder `args.out` if it was made now and holds no result.

    So that the corrected command is not refused because of what the wrong one began. An interruption removes nothing.
    In any case the run is open to other processes afterwards.
    """
    folder = None if args.out is None or not is_first() else Path(args.out)
    fresh = folder is not None and not folder.exists()
    try:
        yield
    except Exception:
        if folder is not None and fresh and folder.is_dir():
            _remove_empty(folder)
        raise
    finally:
        while _locks:
            _locks.popitem()[1].remove()


def add_note(run: RunRecorder, text: str) -> None:
    """A remark for the report, once."""
    if text not in run.notes:
        run.note(text)


def _remove_empty(folder: Path) -> None:
    """Remove a folder without results, unless another process writes to it."""
    if any(_is_result(folder, file) for file in _files(folder)):
        return
    with suppress(OSError, InvalidInputError):
        lock = FolderLock(folder)
        try:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            lock.release()


def _files(folder: Path) -> Iterator[Path]:
    return (item for item in folder.rglob("*") if item.is_symlink() or not item.is_dir())


def _is_result(folder: Path, file: Path) -> bool:
    """Whether a file of a run is more than what every run begins with."""
    # `start` is the untrained model of `train --from-scratch`.
    if file.parent == folder / "start" or (file.parent == folder and file.name in _BEGINNING):
        return False
    return file.is_symlink() or file.stat().st_size > 0


def _keep(inputs: Iterable[str | Path | None], folder: Path) -> None:
    home = folder.resolve()
    for item in inputs:
        if item is not None and Path(item).exists() and Path(item).resolve().is_relative_to(home):
            raise InvalidInputError(f"{item} lies in {folder}, which --overwrite would remove: give another --out")


def _earlier(folder: Path) -> dict[str, Any]:
    """What an interrupted call recorded; nothing if there is nothing to read."""
    try:
        found = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
