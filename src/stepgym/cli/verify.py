"""`stepgym verify`: verdicts on a log or a file, beside the logged outcomes, another verifier, or your labels."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from stepgym.agents.log import jsonlines
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.cli import interrupts
from stepgym.cli.parser import Arguments, Parser, TextPair
from stepgym.cli.terminal import say
from stepgym.cli.verify_items import (
    Item,
    LeftOut,
    RowFormat,
    TaskReferences,
    is_episode_log,
    items_of_log,
    items_of_rows,
    references_of_file,
)
from stepgym.cli.verify_judging import Judge, Judged, Tally, difference, differs, judge_all, logged_status, who_judged
from stepgym.errors import InvalidInputError
from stepgym.verifiers import Case, Scorecard, Verdict, check_verifier

EXAMPLE = """
stepgym verify answers.jsonl --column reference=gold --column reward=correct
stepgym verify answers.jsonl --against exact --out verdicts.jsonl
stepgym verify runs/quickstart/episodes --verifier arithmetic-chain
stepgym verify --labels labelled.csv --conventions gsm8k
"""
_CONVENTIONS = ("gsm8k", "math", "strict")


def configure(parser: Parser) -> None:
    """The options."""
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="an episode log (a folder, .jsonl or .jsonl.gz), or rows of response, reference and maybe context "
        "(.jsonl, .json, .csv, .tsv, each also .gz, or .parquet)",
    )
    parser.add_argument("--labels", metavar="FILE", help="in place of FILE: rows with a label, for a scorecard")
    parser.add_argument(
        "--verifier",
        metavar="NAME|module:Class",
        help="who judges, see `stepgym list verifiers` (default: of a log whoever judged it, else math-answer)",
    )
    parser.add_argument("--against", metavar="NAME|module:Class", help="a second verifier, compared with the first")
    for flag, of in (("--conventions", "the verifier"), ("--against-conventions", "the second verifier")):
        parser.add_argument(
            flag,
            choices=_CONVENTIONS,
            metavar="|".join(_CONVENTIONS),
            help=f"under which conventions {of} compares answers, where it has any",
        )
    parser.add_argument(
        "--column",
        "--columns",
        dest="columns",
        action=TextPair,
        metavar="FIELD=PATH",
        help="where a field is, as a dotted path: response, reference, context, label (correct, wrong or undecided; "
        "true and false; 1 and 0), reward (the outcome), id; in a file of --references: reference, prompt or task; "
        "may be repeated",
    )
    parser.add_argument("--limit", type=int, default=20, help="list so many differences (default: 20)")
    parser.add_argument("--threads", type=int, default=8, help="verdicts in progress at once (default: 8; labels: 1)")
    parser.add_argument("--out", metavar="FILE", help="write every item with its verdicts as JSON lines")
    parser.add_argument("--overwrite", action="store_true", help="replace that file")
    parser.add_argument("--json", metavar="FILE", help="write the figures as JSON too")
    parser.add_argument("--check", action="store_true", help="with --labels: also try hostile responses and threads")
    group = parser.add_argument_group("references")
    group.add_argument("--references", metavar="FILE", help="of a log: by task or prompt (default: its environments)")
    group.add_argument("--reference-after", default="", metavar="TEXT", help="the reference is what follows this text")
    group.add_argument("--json-references", action="store_true", help="references in the rows are JSON as text")
    group.add_argument(
        "--actions",
        choices=("joined", "last"),
        default="joined",
        metavar="joined|last",
        help="of a log's episodes of several steps: judge all actions as one text, or the last (default: joined)",
    )


def run(args: Arguments) -> None:
    """Judge every item, count, and list the differences."""
    _check(args)
    path = Path(args.labels or args.file).expanduser()
    logged = "" if args.verifier or args.labels or not is_episode_log(path) else who_judged(EpisodeLog(path))
    first = args.verifier or logged or "math-answer"
    judges = [Judge.of(first, args.conventions)]
    if args.against is not None or args.against_conventions is not None:
        judges.append(Judge.of(args.against or first, args.against_conventions))
        if judges[0].name == judges[1].name:
            raise InvalidInputError(f"--against is {judges[0].name} too: there is nothing to compare")
    left_out = LeftOut()
    items = _items(args, left_out)
    judged = judge_all(items, judges, 1 if args.labels else args.threads, left_out)
    try:
        with _output(args) as write:
            figures = (_score if args.labels else _compare)(args, judges, write(judged, judges))
            left_out.tell()
            if not figures["items"]:
                first = f"; first: {left_out.first[0]}" if left_out.first else ""
                raise InvalidInputError(
                    f"{args.labels or args.file}: nothing could be judged, {left_out.count:,} left out{first}"
                )
    except KeyboardInterrupt:
        raise interrupts.Interrupted("nothing was written.") from None
    if args.json:
        figures |= {"left_out": left_out.count}
        Path(args.json).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if args.out:
        say(args.out)


def _check(args: Arguments) -> None:
    if (args.file is None) == (args.labels is None):
        raise InvalidInputError("say what to verify: either FILE, or --labels FILE with labelled rows")
    if args.check and args.labels is None:
        raise InvalidInputError("--check needs labelled cases: --labels FILE")
    for name, least in (("limit", 0), ("threads", 1)):
        if getattr(args, name) < least:
            raise InvalidInputError(f"--{name} must be at least {least}, got {getattr(args, name)}")
    for out in filter(None, (args.out, args.json)):
        if Path(out).is_dir():
            raise InvalidInputError(f"{out} is a folder: name the file to write to")
        inputs = [Path(p).resolve() for p in (args.file, args.labels, args.references) if p]
        if Path(out).resolve() in inputs:
            raise InvalidInputError(f"{out} is read here: give another file to write to")
    if args.out and Path(args.out).exists() and not args.overwrite:
        raise InvalidInputError(f"{args.out} is there already: give another --out, or --overwrite to replace it")


def _items(args: Arguments, left_out: LeftOut) -> Iterator[Item]:
    columns = args.columns or {}
    form = RowFormat(columns, bool(args.labels), args.reference_after, args.json_references)
    path = Path(args.labels or args.file).expanduser()
    if args.labels is None and is_episode_log(path):
        references = (
            TaskReferences()
            if args.references is None
            else references_of_file(args.references, columns, args.reference_after)
        )
        return items_of_log(EpisodeLog(path), references, left_out, last_only=args.actions == "last")
    if args.references is not None:
        raise InvalidInputError(f"--references is for episode logs; the rows of {path} have a column for it")
    return items_of_rows(path, form, left_out)


def _compare(args: Arguments, judges: Sequence[Judge], judged: Iterable[Judged]) -> dict[str, Any]:
    """Print counts, tables and differences; the figures."""
    statuses = [Counter[str]() for _ in judges]
    with_log = [Tally("the log", judge.name, True) for judge in judges]
    between = Tally(judges[0].name, judges[-1].name, False)
    shown: list[str] = []
    differences, items = 0, 0
    for one in judged:
        items += 1
        said = [v.status for v in one.verdicts]
        for i, status in enumerate(said):
            statuses[i][status] += 1
            with_log[i].pairs[logged_status(one.item), status] += 1
        between.pairs[said[0], said[-1]] += 1
        if differs(one):
            differences += 1
            if len(shown) < args.limit:
                shown.append(difference(one, judges))
    if not items:
        return {"items": 0}
    for judge, counts in zip(judges, statuses, strict=True):
        parts = ", ".join(f"{counts[status]:,} {status}" for status in ("correct", "wrong", "undecided"))
        say(f"{judge.name}: {parts}")
    tallies = [*(t for t in with_log if t.compared), *([between] if len(judges) > 1 else [])]
    for tally in tallies:
        say(f"\n{tally}")
    if differences:
        say(
            f"\ndifferences: {differences:,}"
            + (f", of which the first {len(shown):,}" if len(shown) < differences else "")
        )
        for text in shown:
            say(text)
    return {
        "items": items,
        "verdicts": {judge.name: dict(counts) for judge, counts in zip(judges, statuses, strict=True)},
        "agreement": [{**t.figures(), "compared": t.compared, "agreed": t.agreed} for t in tallies],
        "differences": differences,
    }


def _score(args: Arguments, judges: Sequence[Judge], judged: Iterable[Judged]) -> dict[str, Any]:
    """Print a scorecard for each judge and the cases judged otherwise than labelled; the figures."""
    cases: list[Case] = []
    verdicts: list[list[Verdict]] = [[] for _ in judges]
    seconds: list[list[float]] = [[] for _ in judges]
    shown: list[str] = []
    for one in judged:
        item = one.item
        if item.expected is None:
            raise InvalidInputError(f"{item.place} has no label")
        # Texts may be long and cases many: only the check asks again and needs all of the text.
        case = Case(item.response, item.reference, item.expected, item.context)
        cases.append(case if args.check else Case(item.response[:200], None, item.expected))
        for i, verdict in enumerate(one.verdicts):
            verdicts[i].append(replace(verdict, findings=()))
            seconds[i].append(one.seconds[i])
        if differs(one) and len(shown) < args.limit:
            shown.append(difference(one, judges))
    cards = []
    if cases:
        for judge, said, took in zip(judges, verdicts, seconds, strict=True):
            card = Scorecard.of(judge.name, cases, said, took)
            *lines, _ = str(replace(card, disagreements=())).splitlines()
            say("\n".join(lines))
            if args.check:
                checked = check_verifier(judge.verifier, cases)
                card = replace(card, hostile=checked.hostile, hostile_accepted=checked.hostile_accepted)
                say(str(replace(card, disagreements=())).splitlines()[-1])
                say("  keeps the promises of a verifier")
            cards.append(card)
        for text in shown:
            say(text)
        differing = len({d.case for card in cards for d in card.disagreements})
        if differing > len(shown):
            say(f"  and {differing - len(shown):,} more judged otherwise than labelled")
    return {"items": len(cases), "scorecards": [card.to_dict() for card in cards]}


Writer = Callable[[Iterable[Judged], Sequence[Judge]], Iterable[Judged]]


@contextmanager
def _output(args: Arguments) -> Iterator[Writer]:
    """What writes each item on its way to the counting; the file is there once all is well, and whole."""
    if not args.out:
        yield lambda judged, judges: judged
        return
    place = Path(args.out)
    aside = place.with_name(f".{place.name}.part")
    try:
        with aside.open("wb") as file:
            yield lambda judged, judges: _written(judged, judges, file)
        aside.replace(place)
    finally:
        aside.unlink(missing_ok=True)


def _written(judged: Iterable[Judged], judges: Sequence[Judge], file: BinaryIO) -> Iterator[Judged]:
    for one in judged:
        item = one.item
        record = {
            "id": item.place,
            "response": item.response,
            "reference": item.reference,
            "context": item.context,
            "logged": item.logged,
            "expected": item.expected,
            "differs": differs(one),
            "verdicts": {j.name: v.to_dict() for j, v in zip(judges, one.verdicts, strict=True)},
        }
        try:
            file.write(jsonlines.encode(record))
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInputError(f"{item.place}: the verdict cannot be written as JSON: {error}") from error
        yield one
