"""`stepgym doctor`: what a log holds, and what that means for training on it."""

from __future__ import annotations

import json
from pathlib import Path

from stepgym.agents.doctor.examine import examine
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.cli.parser import Arguments, Parser, TextPair
from stepgym.cli.playing import read_task_ids
from stepgym.cli.policies import PolicySource, add_device
from stepgym.cli.terminal import say
from stepgym.envs.tasks import Task
from stepgym.errors import InvalidInputError

EXAMPLE = "stepgym doctor runs/quickstart/episodes --model runs/quickstart/oreo"


def configure(parser: Parser) -> None:
    """The options."""
    parser.add_argument("log", nargs="?", metavar="LOG", help="an episode log")
    parser.needs("log", "LOG, the folder of an episode log")
    parser.add_argument(
        "--against",
        metavar="FILE",
        help="tasks the policy will be evaluated on: another log, a file of tasks, or a .txt file of task ids",
    )
    parser.add_argument(
        "--column",
        "--columns",
        dest="columns",
        action=TextPair,
        metavar="FIELD=COLUMN",
        help="columns of a file of tasks: prompt=question, reference=answer, id=...; may be repeated",
    )
    parser.add_argument("--model", metavar="DIR", help="also say how likely this model finds the logged actions")
    parser.add_argument("--seed", type=int, default=0, help="draws the scored episodes (default: 0)")
    parser.add_argument("--json", metavar="FILE", help="write the findings as JSON too")
    add_device(parser)


def run(args: Arguments) -> None:
    """Print the findings."""
    log = EpisodeLog(args.log)
    tasks = None if args.against is None else _tasks(args)
    policy = None if args.model is None else PolicySource(args.device).load(args.model)
    found = examine(log, evaluation_tasks=tasks, policy=policy, seed=args.seed)
    say(str(found))
    for problem in log.problems[:5]:
        say(f"  {problem}")
    if args.json:
        Path(args.json).write_text(json.dumps(found.to_dict(), indent=2) + "\n", encoding="utf-8")


def _tasks(args: Arguments) -> list[Task | str]:
    from stepgym.envs import load_tasks

    place = Path(args.against)
    if place.is_dir():
        return [Task(e.task_id, e.steps[0].observation, None) for e in EpisodeLog(place) if e.steps]
    if place.suffix == ".txt":
        return list(read_task_ids(args.against))
    try:
        return list(load_tasks(args.against, columns=args.columns))
    except InvalidInputError as error:
        hint = "" if args.columns else " On the command line: --column prompt=question --column reference=answer"
        raise InvalidInputError(f"{error}{hint}") from None
