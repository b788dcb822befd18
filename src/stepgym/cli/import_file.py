"""`stepgym import`: foreign logs as an episode log, each episode verified again if a verifier is named."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from stepgym.agents.importers import ImportReport, ReplayReport, import_alfworld, import_log
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.cli import interrupts
from stepgym.cli.parser import Arguments, Parser, TextPair
from stepgym.cli.run_folder import add_note, open_run, refuse_full, refuse_other
from stepgym.cli.terminal import remark, say
from stepgym.cli.verification import References, verify_log
from stepgym.errors import InvalidInputError, unknown_name

EXAMPLE = """
stepgym import logs.jsonl --out runs/logs
stepgym import rows.jsonl --format rows --column prompt=question --column response=output --out runs/rows
stepgym import example_model_solutions.jsonl.gz --format gsm8k-solutions --out runs/gsm8k-solutions
stepgym import gt_traj.jsonl --format alfworld-conversations --path alfworld.games --out runs/alfworld-expert
"""


@dataclass(frozen=True, slots=True)
class Preset:
    """A file format with a name of its own: its columns, and how it is verified again.

    Attributes:
        columns: As for `rows`.
        verify, reference, reference_after: As the flags.
        note: What everybody who trains on it should know.
    """

    columns: dict[str, str] = field(default_factory=dict)
    verify: str = ""
    reference: str = ""
    reference_after: str = ""
    note: str = ""


PRESETS = {
    "gsm8k-solutions": Preset(
        columns={"prompt": "question", "response": "{model}.solution", "reward": "{model}.is_correct"},
        verify="math-answer",
        reference="ground_truth",
        reference_after="A:",
        note="All questions are from GSM8K's test split: nothing trained on this log is a GSM8K result.",
    )
}
ALFWORLD = "alfworld-conversations"
FORMATS = ("oreo", "chat", "rows", *PRESETS, ALFWORLD)
_ONLY_ALFWORLD = ("path", "split", "preset")
_NOT_ALFWORLD = ("each", "context_messages", "verify", "reference", "reference_file", "reference_after")


def configure(parser: Parser) -> None:
    """The options."""
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help=".jsonl, .ndjson, .json (each also .gz) or .parquet; alfworld-conversations: or a folder of such files",
    )
    parser.needs("file", "FILE, the log to import")
    parser.add_argument(
        "--format",
        default="oreo",
        metavar="|".join(FORMATS),
        help="oreo: rows of prompt, response, reward; chat: messages or conversations, and a reward; rows: any rows, "
        "with --column; gsm8k-solutions: the file of solutions published with GSM8K; alfworld-conversations: logged "
        "conversations, played again in ALFWorld's engine and compared with it (default: oreo)",
    )
    parser.add_argument(
        "--column",
        "--columns",
        dest="columns",
        action=TextPair,
        metavar="FIELD=PATH",
        help="where a field is, as a dotted path: prompt, response, reward, task, id, policy; {name} in the path of "
        "the response stands for each key that fits; alfworld-conversations: messages, task, reward; may be repeated",
    )
    parser.add_argument("--each", action="append", metavar="KEY", help="a key for {name} (default: all that fit)")
    parser.add_argument("--context-messages", type=int, default=0, help="chat: so many first messages are observation")
    parser.add_argument("--env-id", default="imported", help="the environment the episodes are of (default: imported)")
    parser.add_argument("--policy", default="", help="who wrote them, where the rows do not say")
    parser.add_argument(
        "--on-error",
        choices=("skip", "raise"),
        default="skip",
        metavar="skip|raise",
        help="bad rows: leave out and count, or stop at the first (default: skip)",
    )
    group = parser.add_argument_group("alfworld-conversations")
    group.add_argument(
        "--path", metavar="DIR", help="the official games: a folder, a packed file, or env; not for generated games"
    )
    group.add_argument(
        "--split", action="append", metavar="SPLIT", help="where to look for games that no row names (default: all)"
    )
    group.add_argument("--preset", metavar="NAME", help="how actions are written (default: plain)")
    group = parser.add_argument_group("verification")
    group.add_argument("--verify", metavar="VERIFIER", help="verify every episode again, see `stepgym list verifiers`")
    group.add_argument("--reference", metavar="PATH", help="the column with the reference answer")
    group.add_argument("--reference-after", metavar="TEXT", help="the reference is what follows this text")
    group.add_argument("--reference-file", metavar="FILE", help="the file with the references (default: FILE itself)")
    parser.output()


def run(args: Arguments) -> None:
    """Import, verify, and say what became of the rows."""
    if args.format not in FORMATS:
        raise unknown_name("format", args.format, FORMATS)
    _check_options(args)
    preset = PRESETS.get(args.format, Preset())
    for name in ("verify", "reference", "reference_after"):
        setattr(args, name, getattr(args, name) or getattr(preset, name) or None)
    columns = {**preset.columns, **(args.columns or {})} or None
    _check_verification(args)
    if not Path(args.file).is_file() and not (args.format == ALFWORLD and Path(args.file).is_dir()):
        raise InvalidInputError(f"there is no file {args.file}")
    refuse_full(args)
    references = _references(args, columns)
    settings = args.parser.settings(args)
    refuse_other(args, settings, ("command", "file", "format", "path", "preset"))
    inputs = [args.file, args.reference_file]
    record = open_run(args, kind="import", title=f"import of {Path(args.file).name}", settings=settings, inputs=inputs)
    try:
        with record.phase("import"):
            report = _import(args, columns)
        if preset.note:
            add_note(record, preset.note)
            EpisodeLog(args.out, mode="a", meta={"note": preset.note}).close()
        remark(str(report))
        if isinstance(report, ReplayReport):
            record.write_json("replay.json", report.to_dict())
            add_note(record, f"Played again in the engine: {report.differing:,} of {report.episodes:,} differ from it.")
        if references is not None:
            with record.phase("verify"):
                agreement = verify_log(args.out, references)
            record.write_json("agreement.json", agreement.to_dict())
            add_note(record, f"Verified again with {args.verify}: {str(agreement).splitlines()[0]}.")
            say(str(agreement))
    except KeyboardInterrupt:
        kept = f"what was imported is kept in {args.out}."
        raise interrupts.Interrupted(kept, interrupts.resume_command()) from None
    say(args.out)


def _import(args: Arguments, columns: dict[str, str] | None) -> ImportReport:
    if args.format == ALFWORLD:
        return import_alfworld(
            args.file,
            args.out,
            path=args.path,
            splits=args.split,
            preset=args.preset or "plain",
            columns=columns,
            on_error=args.on_error,
            policy=args.policy,
        )
    return import_log(
        args.file,
        args.out,
        format=cast(Literal["oreo", "chat", "rows"], "rows" if args.format in PRESETS else args.format),
        columns=columns,
        each=args.each or (),
        context_messages=args.context_messages,
        on_error=args.on_error,
        env_id=args.env_id,
        policy=args.policy,
    )


def _check_options(args: Arguments) -> None:
    """Options of one format are refused with another."""
    here = args.format == ALFWORLD
    for name in _NOT_ALFWORLD if here else _ONLY_ALFWORLD:
        if getattr(args, name):
            which = f"not for --format {ALFWORLD}" if here else f"for --format {ALFWORLD} only"
            raise InvalidInputError(f"--{name.replace('_', '-')} is {which}")


def _check_verification(args: Arguments) -> None:
    if args.verify is None and (args.reference or args.reference_file):
        raise InvalidInputError("--reference says what to verify against: name the verifier with --verify")
    if args.verify is not None and not args.reference:
        raise InvalidInputError("--verify needs --reference, the column with the reference answer")


def _references(args: Arguments, columns: Any) -> References | None:
    if args.verify is None:
        return None
    names = {"prompt": "prompt", **(columns or {})}
    return References(
        verifier=args.verify,
        file=args.reference_file or args.file,
        columns={"reference": args.reference} | {k: names[k] for k in ("prompt", "task") if k in names},
        after=args.reference_after or "",
    )
