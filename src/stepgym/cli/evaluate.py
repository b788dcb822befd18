"""`stepgym evaluate`: success with intervals, with and without search, one policy or two on the same tasks."""

from __future__ import annotations

from pathlib import Path

from stepgym.agents.evaluate import compare, table
from stepgym.agents.evaluation import Comparison, Evaluation
from stepgym.cli import interrupts
from stepgym.cli.evaluation import SEARCHES, Contender, Evaluator
from stepgym.cli.parser import Arguments, Parser
from stepgym.cli.playing import (
    add_amount,
    add_environment,
    add_prompt,
    add_sampling,
    amount_of,
    check_environment,
    sampling_of,
)
from stepgym.cli.policies import POLICY_HELP, PolicySource, add_device, value_folder
from stepgym.cli.run_folder import open_run, refuse_full
from stepgym.cli.settings import unescaped
from stepgym.cli.terminal import say
from stepgym.errors import InvalidInputError

EXAMPLE = """
stepgym evaluate stepgym/ArithmeticChain-v0 --policy runs/quickstart/oreo --episodes 50
stepgym evaluate stepgym/ArithmeticChain-v0 --policy runs/quickstart/oreo --episodes 20 --search step-beam --width 3
"""


def configure(parser: Parser) -> None:
    """The options."""
    add_environment(parser)
    parser.add_argument("--policy", metavar="POLICY", help=POLICY_HELP)
    parser.needs("policy", "--policy POLICY, who plays")
    parser.add_argument("--compare", metavar="POLICY", help="a second policy, played on the same tasks and compared")
    parser.add_argument("--choice", action="append", metavar="TEXT", help="an answer of the random policy; repeat it")
    add_amount(parser, samples="episodes of each task")
    search = parser.add_argument_group("search", "Each search is compared with the policy alone, on the same tasks.")
    search.add_argument("--search", choices=SEARCHES, metavar="|".join(SEARCHES), help="how to choose at every turn")
    search.add_argument("--width", type=int, help="width of the beam (default: 3), or number of samples (default: 8)")
    search.add_argument("--value", metavar="DIR", help="the value function (default: the one beside the policy)")
    search.add_argument(
        "--delimiter",
        action="append",
        type=unescaped,
        help='what ends a step of the beam search: a text, "newline" or "period", as --delimiters of `stepgym train` '
        "(default: newline); may be repeated",
    )
    parser.output(required=False)
    add_device(parser)
    add_sampling(parser)
    add_prompt(parser)


def run(args: Arguments) -> None:
    """Play, count, compare; with `--out` everything is kept and can be resumed."""
    if args.out is None and (args.resume or args.overwrite):
        raise InvalidInputError("--resume and --overwrite are about the folder of --out DIR, which is missing")
    amount = amount_of(args)
    if args.out is not None:
        refuse_full(args)
    if args.temperature is None:
        args.temperature = 0.0 if args.samples == 1 and args.search is None else 1.0
    sampling = sampling_of(args)
    answers = check_environment(args)
    source = PolicySource(args.device, args.choice or answers)
    names = [args.policy, *([args.compare] if args.compare else [])]
    contenders = [Contender(name, source.load(name)) for name in names]
    if args.search in ("best-of-n", "step-beam"):
        for name in names:
            value_folder(name, args.value)
    record = None
    if args.out is not None:
        settings = args.parser.settings(args, **sampling.to_dict())
        title = f"{' and '.join(names)} on {args.env}"
        inputs = [*names, args.value, args.tasks]
        record = open_run(args, kind="evaluate", title=title, settings=settings, seeds=[args.seed], inputs=inputs)
    evaluator = Evaluator(args, amount, sampling, record)
    plain, searched = [], []
    try:
        for contender in contenders:
            plain.append(evaluator.plain(contender))
            if args.search is not None:
                searched.append(evaluator.searched(contender))
    except KeyboardInterrupt:
        if record is None:
            raise interrupts.Interrupted("nothing was kept; with --out DIR an evaluation can be resumed.") from None
        again = interrupts.resume_command()
        raise interrupts.Interrupted(f"all finished episodes are kept in {args.out}.", again) from None
    comparisons = _comparisons(plain, searched)
    if record is not None:
        record.add(*plain, *searched, *comparisons)
        evaluator.add_traces(contenders)
    say(table([*plain, *searched], comparisons))
    if record is not None:
        say(f"\n{Path(args.out)}")


def _comparisons(plain: list[Evaluation], searched: list[Evaluation]) -> list[Comparison]:
    """Each search with the policy alone, and the first policy with the second."""
    pairs = [(after, before) for before, after in zip(plain, searched, strict=False)]
    for group in (plain, searched):
        if len(group) == 2:
            pairs.append((group[0], group[1]))
    return [compare(a, b) for a, b in pairs]
