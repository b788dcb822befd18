"""`stepgym collect`: episodes of a policy, written as they finish."""

from __future__ import annotations

from stepgym.agents.agent import Agent
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.agents.policy import Sampling
from stepgym.agents.rollout import CollectionInterrupted, collect
from stepgym.cli import interrupts
from stepgym.cli.cluster import add_cluster, ray_workers
from stepgym.cli.collecting import add_collecting, collecting_of
from stepgym.cli.parser import Arguments, Parser
from stepgym.cli.playing import (
    add_amount,
    add_environment,
    add_prompt,
    add_sampling,
    amount_of,
    check_environment,
    policy_prompt,
    prompt_settings,
    sampling_of,
)
from stepgym.cli.policies import POLICY_HELP, PolicySource, add_device
from stepgym.cli.presets import add_preset, preset_of, with_history
from stepgym.cli.run_folder import open_run, refuse_other
from stepgym.cli.settings import given, settings_of
from stepgym.cli.terminal import remark, say
from stepgym.verifiers.verdict import printable

EXAMPLE = """
stepgym collect stepgym/ArithmeticChain-v0 --policy runs/quickstart/oreo --episodes 200 --out runs/log
stepgym collect stepgym/ALFWorld-v0 --preset oreo --policy alfworld-expert --episodes 20 --out runs/alfworld
"""


def configure(parser: Parser) -> None:
    """The options."""
    add_environment(parser)
    parser.add_argument("--policy", metavar="POLICY", help=POLICY_HELP)
    parser.needs("policy", "--policy POLICY, who plays")
    parser.add_argument("--choice", action="append", metavar="TEXT", help="an answer of the random policy; repeat it")
    add_amount(parser, samples="episodes of each task, in a row")
    add_collecting(parser)
    parser.output()
    add_device(parser)
    add_preset(parser)
    add_sampling(parser)
    add_prompt(parser)
    add_cluster(parser)


def run(args: Arguments) -> None:
    """Play and write."""
    amount, preset = amount_of(args), preset_of(args)
    collecting = collecting_of(args)
    answers = check_environment(args)
    policies = PolicySource(args.device, args.choice or answers)
    workers = ray_workers(args, policies, preset)
    if workers is not None:
        collecting["workers"] = workers
    policy = policies.load(args.policy)
    if preset is None:
        prompt = policy_prompt(args, policy, args.policy)
        agent, shown = Agent(policy, prompt, sampling_of(args)), prompt_settings(prompt)
    else:
        agent, shown = preset.agent(policy, **given(args, settings_of(Sampling))), {}
    agent = Agent(agent.policy, with_history(args, agent.prompt), agent.sampling)
    settings = args.parser.settings(args, **agent.sampling.to_dict(), **shown)
    refuse_other(args, settings, ("command", "env", "env_arg", "preset", "history"))
    record = open_run(
        args,
        kind="collect",
        title=f"episodes of {args.env} by {args.policy}",
        settings=settings,
        seeds=[args.seed],
        inputs=[args.policy, args.tasks],
    )
    try:
        with record.phase("play"), EpisodeLog(args.out, mode="a") as log:
            done = collect(
                args.env,
                agent,
                samples_per_task=args.samples,
                out=log,
                env_kwargs=args.env_arg,
                seed=args.seed,
                concurrency=args.concurrency,
                **collecting,
                **amount,
            )
    except CollectionInterrupted as stopped:
        summary = stopped.summary
        kept = f"{summary.finished + summary.skipped} episodes are kept in {args.out}, {summary.missing} are missing."
        raise interrupts.Interrupted(kept, interrupts.resume_command()) from None
    except KeyboardInterrupt:
        raise interrupts.Interrupted(
            f"all finished episodes are kept in {args.out}.", interrupts.resume_command()
        ) from None
    record.note(f"{done}.")
    remark(f"{done}")
    if done.finished and done.ends.get("error", 0) == done.finished:
        message, count = max(done.errors.items(), key=lambda item: item[1])
        what = f"all {done.finished} episodes ended in an error, {count} of them in: {printable(message)[:200]}"
        remark(f"stepgym: error: {what}. They are kept in {args.out}.")
        raise SystemExit(1)
    if done.stopped:
        remark(f"Go on with: {interrupts.resume_command()}")
    say(args.out)
