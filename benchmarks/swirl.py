"""Does reward for single steps help where no answer is known? Multi-hop questions, a rule as judge, a tiny model.

    python benchmarks/swirl.py --seeds 0 1 2 --out runs/swirl

A model is trained from nothing on demonstrations of a careless searcher and rolls out on other tasks. From its own
episodes it is fine-tuned on what a filter keeps (equal numbers of episodes), trained by step-wise reinforcement on the
stored states, and by the offline variant on the logged actions; judges are wrong on purpose in a part of the cells. No
method but the filters by outcome looks at an answer. Prints accuracy and the share of good steps on held-back tasks
and, as its last line, one JSON object. Finished cells are kept in --out and not run again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from learning import cells
from learning.search_language import QuestionPrompt
from learning.search_world import SAMPLING, SearchWorld, Settings

from stepgym.agents import RuleJudge, StepState, audit_judge, judge_episodes
from stepgym.agents.judges import JudgedEpisode, multi_hop_rule
from stepgym.agents.statistics import mean_interval
from stepgym.agents.text_table import text_table
from stepgym.train.swirl import (
    LoggedStepConfig,
    LoggedStepTrainer,
    StepwiseConfig,
    StepwiseTrainer,
    decompose_all,
    filter_episodes,
    size_matched,
)
from stepgym.train.tokenize import TokenizeOptions, tokenize_episodes

FILTERS = ("none", "process", "outcome", "both")
ERRORS = (0.0, 0.1, 0.2, 0.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/swirl"))
    parser.add_argument("--errors", type=float, nargs="+", default=list(ERRORS), help="error rates of the judge")
    parser.add_argument("--small", action="store_true", help="only shows that everything runs")
    arguments = parser.parse_args()
    cells.quiet()
    results: dict[str, list[dict[str, Any]]] = {}
    for seed in arguments.seeds:
        settings = Settings.small(seed) if arguments.small else Settings(seed=seed)
        for name, found in one_seed(SearchWorld(arguments.out / f"seed-{seed}", settings), arguments.errors).items():
            results.setdefault(name, []).append(found)
    rows = [row(name, found, results["start"]) for name, found in results.items() if "process" in found[0]]
    titles = (
        "on held-back tasks, in %",
        "accuracy",
        "more than start",
        "good steps",
        "greedy accuracy",
        "accuracy by seed",
    )
    print(text_table(titles, rows, left=1))
    rows = [filter_row(name, found) for name, found in results.items() if "rate" in found[0]]
    print(text_table(("filter, in %", "kept", "good steps", "correct"), rows, left=1))
    short = {
        name: [{k: v for k, v in one.items() if k != "history"} for one in found] for name, found in results.items()
    }
    print(json.dumps({"seeds": arguments.seeds, "results": short}))


def one_seed(world: SearchWorld, errors: Sequence[float]) -> dict[str, dict[str, Any]]:
    """All cells of a seed, by name."""
    found = {"start": world.cell("start", lambda: world.measured(world.start()))}
    judged = judge_episodes(world.judge, world.log())
    kept = {keep: filter_episodes(judged, keep) for keep in FILTERS}
    for keep in FILTERS:
        found[f"filter {keep}"] = world.cell(f"filter {keep}", kept[keep][1].to_dict)
    # A start that never succeeds (--small) leaves some filters nothing to keep.
    sets = size_matched({keep: kept[keep][0] for keep in FILTERS if kept[keep][0]}, seed=world.settings.seed)
    for keep in sets:
        name = f"fine-tuning, {keep}"
        found[name] = world.cell(name, lambda keep=keep: fine_tuned(world, sets[keep]))
    for error in errors:
        judge = RuleJudge(multi_hop_rule(), false_positive=error, false_negative=error, seed=world.settings.seed)
        name = f"steps, judge wrong in {error:.0%}"
        found[name] = world.cell(name, lambda judge=judge: stepwise(world, judge, "process"))
    found["steps, all states"] = world.cell("steps, all states", lambda: stepwise(world, world.judge, "none"))
    found["offline, logged actions"] = world.cell("offline, logged actions", lambda: offline(world))
    return found


def fine_tuned(world: SearchWorld, episodes: Sequence[JudgedEpisode]) -> dict[str, Any]:
    """Supervised fine-tuning of the start on whole episodes."""
    s, model = world.settings, world.start()
    options = TokenizeOptions(prompt=QuestionPrompt())
    data, _ = tokenize_episodes([one.episode for one in episodes], world.tokenizer, options)
    world.fine_tune(model, data, s.updates, s.rate, s.batch)
    return world.measured(model) | {"episodes": len(episodes)}


def stepwise(world: SearchWorld, judge: RuleJudge, keep: Any) -> dict[str, Any]:
    """Step-wise reinforcement on the states of the episodes that the judge's filter keeps."""
    s, model = world.settings, world.start()
    judged = judge_episodes(judge, world.log())
    kept, report = filter_episodes(judged, keep)
    rows, _ = decompose_all([one.episode for one in kept or judged])
    config = StepwiseConfig(
        iterations=s.iterations,
        states=s.states,
        samples=s.new_actions,
        beta=s.beta,
        learning_rate=s.rl_rate,
        max_tokens=SAMPLING.max_tokens,
        micro_batch=96,
        seed=s.seed,
    )
    history = StepwiseTrainer(model, world.tokenizer, rows, judge, config).train()
    steps = [(StepState.of(one.episode, i), step.action) for one in judged for i, step in enumerate(one.episode.steps)]
    truth = judge_episodes(world.judge, world.log())
    labels = [bool(judgement.good) for one in truth for judgement in one.judgements]
    audit = audit_judge(judge, [(*step, label) for step, label in zip(steps, labels, strict=True)])
    return world.measured(model) | {
        "states": len(rows),
        "kept": report.rate,
        "reward first": history[0].reward,
        "reward last": history[-1].reward,
        "kl last": history[-1].kl,
        "audit": audit.to_dict(),
        "history": [update.to_dict() for update in history],
    }


def offline(world: SearchWorld) -> dict[str, Any]:
    """The offline variant on all logged actions."""
    s, model = world.settings, world.start()
    rows, _ = decompose_all(world.log())
    # As many updates, on as many rows, as step-wise reinforcement makes on new actions.
    config = LoggedStepConfig(
        updates=s.iterations, rows=s.states * s.new_actions, learning_rate=s.rl_rate, micro_batch=96, seed=s.seed
    )
    LoggedStepTrainer(model, world.tokenizer, rows, world.judge, config).train()
    return world.measured(model) | {"rows": len(rows)}


def row(name: str, found: Sequence[dict[str, Any]], start: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    by_seed = ", ".join(f"{100 * one['accuracy']:.1f}" for one in found)
    accuracy, process, greedy = (share([one[key] for one in found]) for key in ("accuracy", "process", "greedy"))
    more = share([a["accuracy"] - b["accuracy"] for a, b in zip(found, start, strict=True)])
    return (name, accuracy, "" if found is start else more, process, greedy, by_seed)


def filter_row(name: str, found: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    return (name, *(share([one[key] for one in found]) for key in ("rate", "purity", "accuracy")))


def share(values: Sequence[float]) -> str:
    """Mean in %, with its interval over seeds where there are several."""
    if len(values) < 2:
        return f"{100 * values[0]:.1f}"
    interval = mean_interval([100 * value for value in values])
    return f"{interval.value:.1f} ({interval.low:.1f} to {interval.high:.1f})"


if __name__ == "__main__":
    main()
