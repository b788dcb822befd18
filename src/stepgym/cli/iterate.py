"""`stepgym iterate`: collect with the current policy, train, evaluate, and again with the policy that came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stepgym.agents.evaluation.evaluate import compare
from stepgym.agents.evaluation.records import Evaluation
from stepgym.agents.evaluation.tables import table
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.agents.seeds import derive_seed
from stepgym.cli.iteration import Phase, shared
from stepgym.cli.parser import NOT_SETTINGS, Arguments, KeyValue, Parser
from stepgym.cli.playing import (
    add_amount,
    add_environment,
    add_prompt,
    add_sampling,
    amount_of,
    check_environment,
    sampling_of,
)
from stepgym.cli.policies import add_device, is_hub_name, model_folder
from stepgym.cli.run_folder import add_note, open_run, refuse_full, refuse_other
from stepgym.cli.terminal import remark, say
from stepgym.cli.train import add_training, check_training
from stepgym.errors import InvalidInputError, require
from stepgym.report.recorder import RunRecorder

EXAMPLE = (
    "stepgym iterate stepgym/ArithmeticChain-v0 --model runs/quickstart/oreo --iterations 2 --episodes 100 --samples 4 "
    "--learning-rate 1e-3 --max-steps 10 --eval-episodes 30 --out runs/iterated"
)
METHODS = ("oreo", "rejection-sampling")
REFERENCES = ("initial", "previous")


def configure(parser: Parser) -> None:
    """The options."""
    add_environment(parser)
    parser.add_argument("--model", metavar="DIR", help="the model to begin with: a folder, or a name on the hub")
    parser.needs("model", "--model DIR, the model to begin with")
    parser.add_argument("--iterations", type=int, default=3, help="how often (default: 3); a resumed run may add some")
    parser.add_argument(
        "--method", choices=METHODS, default="oreo", metavar="|".join(METHODS), help="what to train (default: oreo)"
    )
    parser.add_argument(
        "--reference",
        choices=REFERENCES,
        metavar="|".join(REFERENCES),
        help="with --method oreo: the policy is held to the model of the beginning, or to the one it starts from in "
        "each iteration (default: initial). It starts from the previous one either way",
    )
    add_amount(parser, samples="episodes of each task, in a row")
    group = parser.add_argument_group("evaluation", "Greedy, on the same tasks before and after every iteration.")
    group.add_argument("--eval-episodes", type=int, help="how many tasks the environment chooses (default: 200)")
    group.add_argument("--eval-tasks", metavar="FILE", help="task ids, one a line, instead")
    group.add_argument(
        "--eval-env-arg",
        action=KeyValue,
        metavar="NAME=VALUE",
        help="an argument of the environment that differs from --env-arg, such as split=test; may be repeated",
    )
    parser.output()
    add_device(parser)
    add_sampling(parser)
    add_training(parser, seed=False)
    add_prompt(parser)


def run(args: Arguments) -> None:
    """Iterate; every finished phase is kept, and a killed run goes on in the phase it was in."""
    _check(args)
    refuse_full(args)
    require("transformers", extra="train")
    if args.method == "oreo" and args.reference is None:
        args.reference = "initial"
    settings = args.parser.settings(args)
    names = {action.dest for action in args.parser._actions} - NOT_SETTINGS - {"iterations"}
    refuse_other(args, settings, sorted(names))
    record = open_run(
        args,
        kind="iterate",
        title=f"{args.iterations} iterations of {args.method} on {args.env}",
        settings=settings,
        seeds=[args.seed],
        inputs=[args.model, args.tasks, args.eval_tasks],
    )
    Iterations(args, record).run()


class Iterations:
    """The phases of all iterations in the folder of `record`: `0/evaluate`, `1/collect`, `1/train`, `1/evaluate`..."""

    def __init__(self, args: Arguments, record: RunRecorder) -> None:
        self.args, self.record = args, record
        # Absolute: the run may be resumed from another folder.
        self.folder = record.folder.resolve()
        self.model = args.model if is_hub_name(args.model) else str(Path(args.model).expanduser().resolve())
        if args.use_cpu and args.device is None:
            args.device = "cpu"

    def run(self) -> None:
        """All of it, and what came of it."""
        policy, rows = self.model, []
        evaluations = [self._evaluate(0, policy)]
        for k in range(1, self.args.iterations + 1):
            log = self._collect(k, policy, set(evaluations[0].outcomes))
            policy = self._train(k, policy)
            evaluations.append(self._evaluate(k, policy))
            rows.append({"iteration": k, "policy": policy, **log, "success": evaluations[-1].success})
            self.record.write_json("iterations.json", {"success_before": evaluations[0].success, "iterations": rows})
        comparisons = [compare(found, evaluations[0]) for found in evaluations[1:]]
        self.record.add(*evaluations, *comparisons)
        say(table(evaluations, comparisons))
        say(f"\n{self.record.folder}")

    def _collect(self, k: int, policy: str, evaluated: set[str]) -> dict[str, Any]:
        settings = shared(self.args, "collect") | {"policy": policy, "seed": derive_seed(self.args.seed, "collect", k)}

        def facts(folder: Path) -> dict[str, Any]:
            episodes, successes, tasks = 0, 0, set[str]()
            for episode in EpisodeLog(folder):
                episodes, successes = episodes + 1, successes + bool(episode.success)
                tasks.add(episode.task_id)
            return {
                "episodes": episodes,
                "log_success": successes / max(episodes, 1),
                "tasks": len(tasks),
                "tasks_evaluated_too": len(tasks & evaluated),
            }

        found = self._phase(k, "collect", settings).run(facts)
        if found["tasks_evaluated_too"]:
            what = (
                f"{found['tasks_evaluated_too']} of the {len(evaluated)} evaluation tasks are also in the log of "
                f"iteration {k}: give --eval-env-arg (another split) or --eval-tasks"
            )
            add_note(self.record, what)
            remark(f"stepgym: warning: {what}")
        return found

    def _train(self, k: int, policy: str) -> str:
        phase_settings = shared(self.args, "train", without=("reference", "model")) | {
            "log": str(self._place(k, "collect")),
            "model": policy,
        }
        if self.args.reference == "initial" and k > 1:
            phase_settings["reference"] = self.model
        self._phase(k, "train", phase_settings).run(lambda folder: {})
        return str(self._place(k, "train"))

    def _evaluate(self, k: int, policy: str) -> Evaluation:
        args = self.args
        unlike = ("episodes", "tasks", "samples", "temperature", "top_p", "top_k", "env_arg")
        settings = shared(args, "evaluate", without=unlike) | {
            "policy": policy,
            "env_arg": {**(args.env_arg or {}), **(args.eval_env_arg or {})},
            "seed": derive_seed(args.seed, "evaluate"),
        }
        if args.eval_tasks is not None:
            settings["tasks"] = args.eval_tasks
        else:
            settings["episodes"] = args.eval_episodes or 200
        self._phase(k, "evaluate", settings).run(lambda folder: {})
        found = json.loads((self._place(k, "evaluate") / "evaluations.json").read_text(encoding="utf-8"))
        return Evaluation.from_dict(found["evaluations"][0])

    def _phase(self, k: int, command: str, settings: dict[str, Any]) -> Phase:
        name = f"iteration {k} of {self.args.iterations}, {command}" if k else "evaluate the model of the beginning"
        return Phase(name, command, self._place(k, command), settings)

    def _place(self, k: int, command: str) -> Path:
        return self.folder / str(k) / command


def _check(args: Arguments) -> None:
    if args.iterations < 1:
        raise InvalidInputError(f"--iterations must be 1 or more, got {args.iterations}")
    if args.reference is not None and args.method != "oreo":
        raise InvalidInputError(f"--reference is a setting of --method oreo, not of {args.method}")
    if args.eval_episodes is not None and args.eval_tasks is not None:
        raise InvalidInputError("say what to evaluate on: either --eval-episodes N or --eval-tasks FILE")
    if args.eval_episodes is not None and args.eval_episodes < 1:
        raise InvalidInputError(f"--eval-episodes must be 1 or more, got {args.eval_episodes}")
    check_training(args)
    amount_of(args)
    sampling_of(args)
    check_environment(args)
    if not is_hub_name(args.model):
        model_folder(Path(args.model).expanduser())
