"""`stepgym evaluate`: success with intervals, with and without search, one policy or two on the same tasks."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from stepgym.agents.evaluation.breakdown import KS
from stepgym.agents.evaluation.evaluate import compare
from stepgym.agents.evaluation.records import Comparison, Evaluation
from stepgym.agents.evaluation.tables import table
from stepgym.cli import interrupts
from stepgym.cli.config_file import NAME, read_config
from stepgym.cli.evaluation import Contender, Evaluator
from stepgym.cli.monte_carlo import add_monte_carlo, calibrated, check_monte_carlo
from stepgym.cli.parser import NOT_SETTINGS, Arguments, Parser
from stepgym.cli.playing import (
    add_amount,
    add_environment,
    add_prompt,
    add_sampling,
    amount_of,
    check_environment,
)
from stepgym.cli.policies import POLICY_HELP, PolicySource, add_device, check_value_place
from stepgym.cli.presets import add_preset, agent_of, preset_of
from stepgym.cli.run_folder import add_note, open_run, refuse_full, refuse_other
from stepgym.cli.searches import SEARCHES, add_search, check_search
from stepgym.cli.terminal import remark, say
from stepgym.errors import InvalidInputError, StepgymError
from stepgym.report.recorder import RunRecorder

EXAMPLE = """
stepgym evaluate stepgym/ArithmeticChain-v0 --policy runs/quickstart/oreo --episodes 50
stepgym evaluate stepgym/ArithmeticChain-v0 --policy runs/quickstart/oreo --episodes 20 --search step-beam --width 3
stepgym evaluate stepgym/ArithmeticChain-v0 --policy runs/quickstart/oreo --episodes 80 --samples 4 --monte-carlo 8
"""

# What may differ when an evaluation is resumed: nothing that was played changes with it.
_FREE = frozenset({"parser", "episodes", "k", "monte_carlo", "prefixes", "concurrency", "device"})


def configure(parser: Parser) -> None:
    """The options."""
    add_environment(parser)
    parser.add_argument("--policy", metavar="POLICY", help=POLICY_HELP)
    parser.needs("policy", "--policy POLICY, who plays")
    parser.add_argument("--compare", metavar="POLICY", help="a second policy, played on the same tasks and compared")
    parser.add_argument("--choice", action="append", metavar="TEXT", help="an answer of the random policy; repeat it")
    add_amount(parser, samples="episodes of each task")
    parser.add_argument(
        "--k",
        action="extend",
        nargs="+",
        type=int,
        metavar="K",
        help=f"samples of pass@k and maj@k, up to --samples (default: {' '.join(map(str, KS))})",
    )
    add_search(parser)
    add_monte_carlo(parser)
    parser.output(required=False)
    add_device(parser)
    add_preset(parser)
    add_sampling(parser)
    add_prompt(parser)


def run(args: Arguments) -> None:
    """Play, count, compare; with `--out` everything is kept and can be resumed."""
    if args.out is None and (args.resume or args.overwrite):
        raise InvalidInputError("--resume and --overwrite are about the folder of --out DIR, which is missing")
    args.k = tuple(args.k or KS)
    check_search(args)
    if min(args.k) < 1:
        raise InvalidInputError(f"--k takes numbers of samples, at least 1, got {min(args.k)}")
    check_monte_carlo(args)
    amount, preset = amount_of(args), preset_of(args)
    if args.out is not None:
        refuse_full(args)
    if args.temperature is None and (preset is None or args.search is not None):
        # One answer of the policy alone is its most likely one; samples, and candidates of a search, must differ.
        args.temperature = 0.0 if args.samples == 1 and args.search is None else 1.0
    answers = check_environment(args)
    source = PolicySource(args.device, args.choice or answers)
    names = [args.policy, *([args.compare] if args.compare else [])]
    contenders = [Contender(name, agent_of(args, source.load(name), name, preset)) for name in names]
    searching = args.search is not None and SEARCHES[args.search].needs_value
    for name in names if searching else names[: bool(args.monte_carlo or args.value)]:
        check_value_place(name, args.value)
    record = None
    if args.out is not None:
        sampling = contenders[0].agent.sampling
        settings = args.parser.settings(args, **sampling.to_dict(), k=list(args.k))
        _refuse_other(args, settings)
        title = f"{' and '.join(names)} on {args.env}"
        inputs = [*names, args.value, args.tasks]
        record = open_run(args, kind="evaluate", title=title, settings=settings, seeds=[args.seed], inputs=inputs)
    evaluator = Evaluator(args, amount, record)
    try:
        with nullcontext() if record is None else record.phase("play"):
            plain, searched = _evaluated(args, evaluator, contenders)
        comparisons = _comparisons(plain, searched)
        if record is not None:
            record.add(*plain, *searched, *comparisons)
        say(table([*plain, *searched], comparisons))
        _say_left_out(args.k, plain)
        if record is not None:
            _trace(evaluator, contenders[0], record)
        if args.monte_carlo:
            with nullcontext() if record is None else record.phase("roll_outs"):
                _calibrate(evaluator, contenders[0])
    except KeyboardInterrupt:
        if record is None:
            raise interrupts.Interrupted("nothing was kept; with --out DIR an evaluation can be resumed.") from None
        again = interrupts.resume_command()
        raise interrupts.Interrupted(f"all finished episodes are kept in {args.out}.", again) from None
    if record is not None:
        from stepgym.report import write_report

        remark(f"report: {write_report(record.folder)}")
        say(f"\n{Path(args.out)}")
    for failed in evaluator.failed:
        remark(f"stepgym: error: {failed}." + ("" if args.out is None else f" They are kept in {args.out}."))
    if evaluator.failed:
        raise SystemExit(1)


def _refuse_other(args: Arguments, settings: dict[str, Any]) -> None:
    """Refuse to resume with settings that play something else; more episodes are welcome, fewer are not."""
    names = sorted(vars(args).keys() - NOT_SETTINGS - _FREE)
    refuse_other(args, settings, ("command", *names))
    if args.resume and (Path(args.out) / NAME).is_file():
        before = read_config(args.out).get("episodes")
        if before is not None and args.episodes is not None and args.episodes < before:
            refuse_other(args, settings, ("episodes",))


def _evaluated(
    args: Arguments, evaluator: Evaluator, contenders: list[Contender]
) -> tuple[list[Evaluation], list[Evaluation]]:
    plain: list[Evaluation] = []
    searched: list[Evaluation] = []
    for contender in contenders:
        plain.append(evaluator.plain(contender))
        if args.search is not None:
            searched.append(evaluator.searched(contender))
    return plain, searched


def _say_left_out(ks: tuple[int, ...], plain: list[Evaluation]) -> None:
    """The k that were asked for and cannot be given."""
    fewest = min((len(outcomes) for one in plain for outcomes in one.outcomes.values()), default=0)
    left_out = [str(k) for k in sorted(set(ks)) if k > fewest]
    if left_out and ks != KS:
        has = "1 sample" if fewest == 1 else f"{fewest} samples"
        remark(f"--k {' '.join(left_out)} left out: some tasks have {has} only, see --samples")


def _trace(evaluator: Evaluator, contender: Contender, record: RunRecorder) -> None:
    """V along some episodes, which the report shows; without it an evaluation is whole."""
    try:
        evaluator.add_traces(contender)
    except (StepgymError, OSError, RuntimeError) as error:
        words = f"V is not shown along episodes: {error}."
        remark(f"stepgym: warning: {words}")
        add_note(record, words)


def _calibrate(evaluator: Evaluator, contender: Contender) -> None:
    try:
        say(f"\nV against roll-outs: {calibrated(evaluator, contender)}")
    except InvalidInputError as error:
        # What was played is a result all the same.
        words = f"V was not compared with roll-outs: {error}."
        remark(f"stepgym: warning: {words}")
        if evaluator.record is not None:
            add_note(evaluator.record, words)


def _comparisons(plain: list[Evaluation], searched: list[Evaluation]) -> list[Comparison]:
    """Each search with the policy alone, and the first policy with the second."""
    pairs: list[Any] = [(after, before) for before, after in zip(plain, searched, strict=False)]
    for group in (plain, searched):
        if len(group) == 2:
            pairs.append((group[0], group[1]))
    return [compare(a, b) for a, b in pairs]
