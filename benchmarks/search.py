"""Search by OREO's V on the quickstart's fine-tuned policy: success against tokens.

    python benchmarks/search.py --seeds 0 1 2 3          # the table of docs/search.md
    python benchmarks/search.py --seeds 4 --tune         # the grids from which its settings were chosen

For each seed: the fine-tuned policy and its log (from --models where they lie there, else made anew), V by OREO from
the log, then on the 400 held-back tasks: single samples and all choices among the same samples, step beams, and tree
searches under hard budgets of tokens. Means over seeds with 95 % t-intervals. Finished seeds are kept in --out. Writes
search.svg there; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from learning.cells import quiet, today, write
from learning.search_plot import Point, search_svg
from transformers import AutoModelForCausalLM

from stepgym.agents import Episode, EpisodeLog, Policy
from stepgym.agents.search import MCTSPolicy, SearchBudget, StepBeamPolicy
from stepgym.agents.search.answers import elect
from stepgym.agents.statistics import paired_difference, success_interval
from stepgym.agents.text_table import text_table
from stepgym.quickstart.evaluation import by_task, final_answer, final_values, play
from stepgym.quickstart.run import Quickstart
from stepgym.quickstart.settings import QuickstartSettings
from stepgym.report.recorder import RunRecorder
from stepgym.train import TransformersValueFunction, load_value_function

POOL = 16  # samples a task; the choices among n are over all disjoint groups of n
SAMPLES = (2, 4, 8, 16)
STEP = 12  # tokens a line may have; a worked line has 6
# Chosen on seed 4, see --tune.
# Width, expand, first, and how often each task is searched, so that all rows have about the same noise.
BEAMS = ((3, 3, 3, 1), (2, 1, 4, 2), (2, 1, 9, 3), (2, 1, 16, 2))
TREES = ((1, 0.1, 40), (1, 0.1, 60), (1, 0.1, 80), (1, 0.1, 120))
ENOUGH = 0.9  # V of worked answers is above 0.98 there, that of guesses below 0.2
TUNED_BEAMS = tuple((w, e, f, 1) for f in (4, 8, 16) for w, e in ((1, 1), (1, 2), (2, 1), (2, 2), (4, 1)))
TUNED_TREES = tuple((e, c, b) for b in (60, 120) for e, c in ((1, 0.1), (1, 0.5), (1, 2.0), (2, 0.1), (4, 0.1)))
Cell = dict[str, Any]
Outcomes = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--tune", action="store_true", help="the grids, on seeds that the table does not use")
    parser.add_argument("--models", type=Path, default=Path("runs/quickstart-seeds"), help="of quickstart_seeds.py")
    parser.add_argument("--out", type=Path, default=Path("runs/search"))
    parser.add_argument("--small", action="store_true", help="tiny sizes that only show that everything runs")
    arguments = parser.parse_args()
    quiet()
    begin = time.process_time()
    seeds = {seed: one_seed(seed, arguments) for seed in arguments.seeds}
    report(seeds, arguments, time.process_time() - begin)


def one_seed(seed: int, arguments: argparse.Namespace) -> Cell:
    """All rows of one seed, from the file if they were measured before."""
    small = {"sft_updates": 5, "updates": 3, "demonstrations": 400, "train_tasks": 20, "test_tasks": 12}
    settings = QuickstartSettings(seed=seed, **(small if arguments.small else {}))
    folder = arguments.out / f"{'small-' if arguments.small else ''}seed-{seed}"
    path = folder / ("tuned.json" if arguments.tune else "rows.json")
    if path.is_file():
        kept: Cell = json.loads(path.read_text())
        return kept
    quick, policy, value = prepared(settings, folder, arguments.models / f"seed-{seed}")
    rows: dict[str, Cell] = {}

    def add(name: str, outcomes: Outcomes, tokens: float) -> None:
        """A row: for each task how its repetitions turned out."""
        rows[name] = {"outcomes": outcomes, "tokens": tokens}
        success = 100 * mean(map(mean, outcomes.values()))
        print(f"seed {seed}  {name:45s} {success:5.1f} %  {tokens:6.1f} tokens a task", flush=True)

    beams, trees = (TUNED_BEAMS, TUNED_TREES) if arguments.tune else (BEAMS, TREES)
    if not arguments.tune:
        greedy = play(policy, quick.tasks.test, quick.sampling.greedy(), samples=1, seed=seed + 1)
        add("greedy", outcomes_of(greedy), mean(map(length, greedy)))
    among_samples(quick, policy, value, add)
    searches: list[tuple[str, Any, int]] = []
    for width, expand, first, times in beams:
        beam = StepBeamPolicy(policy, value, width=width, expand=expand, first=first)
        searches.append((f"step beam {width}x{expand}, first {first}", beam, times))
    for expand, explore, tokens in trees:
        budget = SearchBudget(tokens=tokens, rounds=64)
        chosen = {"expand": expand, "explore": explore, "budget": budget}
        if arguments.tune:
            whole = MCTSPolicy(policy, value, **chosen)
            searches.append((f"tree {expand} c={explore}, {tokens} tokens", whole, 1))
        early = MCTSPolicy(policy, value, enough=ENOUGH, **chosen)
        searches.append((f"tree until enough {expand} c={explore}, {tokens} tokens", early, 1))
    sampling = replace(quick.sampling, max_tokens=STEP)
    for name, search, times in searches:
        played = play(search, quick.tasks.test, sampling, samples=times, seed=seed + 1)
        add(name, outcomes_of(played), search.tokens_spent / len(played))
    write(path, rows)
    return rows


def among_samples(
    quick: Quickstart,
    policy: Policy,
    value: TransformersValueFunction,
    add: Callable[[str, Outcomes, float], None],
) -> None:
    """Single samples and the choices among n of the same samples."""
    pool = play(policy, quick.tasks.test, quick.sampling, samples=POOL, seed=quick.settings.seed + 1)
    scores = dict(zip((e.id for e in pool), final_values(pool, value), strict=True))
    # In the order of their numbers: episodes come in the order they finished, the short ones first.
    groups = {task: sorted(g, key=lambda e: int(e.id.rpartition("/")[2])) for task, g in by_task(pool).items()}
    add("one sample", outcomes_of(pool), mean(map(length, pool)))
    choices: dict[str, Callable[[Sequence[Episode]], float]] = {
        "majority": lambda g: solved(elected(g, [1.0] * len(g))),
        "by V": lambda g: solved(max(g, key=lambda e: scores[e.id])),
        "V-weighted majority": lambda g: solved(elected(g, [max(0.0, scores[e.id]) for e in g])),
        "any worked sample": lambda g: float(any(map(worked, g))),
        "any right sample": lambda g: max(map(solved, g)),
    }
    for n in SAMPLES:
        some = {t: [group[i : i + n] for i in range(0, POOL - n + 1, n)] for t, group in groups.items()}
        tokens = mean(sum(map(length, group)) for parts in some.values() for group in parts)
        for name, choice in choices.items():
            add(f"{n}: {name}", {task: [choice(group) for group in parts] for task, parts in some.items()}, tokens)


def prepared(
    settings: QuickstartSettings, folder: Path, models: Path
) -> tuple[Quickstart, Policy, TransformersValueFunction]:
    """The fine-tuned policy, and V trained by OREO from its log; taken from `models` what was made alike there."""
    quick = Quickstart(RunRecorder(folder, "search", "quickstart", ""), settings)
    alike = settings == QuickstartSettings(seed=settings.seed) and (models / "sft" / "config.json").is_file()
    source = models if alike else folder
    if (source / "sft" / "config.json").is_file():
        model = AutoModelForCausalLM.from_pretrained(source / "sft")
    else:
        model = quick.fine_tune()
        model.save_pretrained(folder / "sft")
    for trained in (folder / "oreo", source / "oreo"):
        told = trained / "oreo.json"
        if told.is_file() and json.loads(told.read_text()).items() >= made_with(settings).items():
            return quick, quick.policy(model, "sft"), load_value_function(trained)
    log = EpisodeLog(source / "episodes", mode="r") if alike else quick.log_episodes(model)
    _, value = quick.oreo(model, log)
    log.close()
    return quick, quick.policy(model, "sft"), value


def made_with(settings: QuickstartSettings) -> Cell:
    return {"beta": settings.beta, "alpha": settings.alpha, "loss_norm": settings.loss_norm}


def outcomes_of(episodes: Sequence[Episode]) -> Outcomes:
    return {task: [solved(e) for e in group] for task, group in by_task(episodes).items()}


def solved(episode: Episode) -> float:
    return float(bool(episode.success))


def worked(episode: Episode) -> bool:
    """Whether the sample shows its work, line by line, and is right: the good habit, not a lucky guess."""
    return bool(episode.success) and "\n" in episode.steps[-1].action


def elected(group: Sequence[Episode], weights: Sequence[float]) -> Episode:
    answer = elect([final_answer(e) for e in group], weights)
    return next(e for e in group if final_answer(e) == answer)


def length(episode: Episode) -> int:
    completion = episode.steps[-1].completion
    return len((completion.token_ids if completion else None) or ())


def mean(values: Any) -> float:
    listed = list(values)
    return float(sum(listed)) / len(listed)


def report(seeds: Mapping[int, Cell], arguments: argparse.Namespace, cpu: float) -> None:
    found: dict[str, Cell] = {}
    table = []
    for name in next(iter(seeds.values())):
        success = success_interval([o for rows in seeds.values() for o in rows[name]["outcomes"].values()])
        tokens = spent(seeds, name)
        found[name] = {"success": success.value, "low": success.low, "high": success.high, "tokens": tokens}
        shown = f"{100 * success.value:.1f} ({100 * success.low:.1f} to {100 * success.high:.1f})"
        table.append((name, f"{tokens:.1f}", shown))
    print(text_table(("choice", "tokens a task", "success, %"), table, left=1))
    summary: Cell = {"date": today(), "seeds": list(seeds), "cpu_seconds": round(cpu), "rows": found}
    if not arguments.tune:
        summary["bars"] = bars(seeds)
        note = f"Quickstart's fine-tuned policy with V by OREO; seeds {', '.join(map(str, seeds))}; 95 % intervals"
        plot = search_svg(lines(found), title="Success against tokens", note=note)
        (arguments.out / "search.svg").write_text(plot)
    print(json.dumps(summary))


def bars(seeds: Mapping[int, Cell]) -> Cell:
    """What the searches are held to, paired by task; equal tokens means the largest beam that costs no more."""

    def means(name: str) -> list[float]:
        return [mean(o) for rows in seeds.values() for _, o in sorted(rows[name]["outcomes"].items())]

    def difference(a: str, b: str) -> Cell:
        found = paired_difference(means(a), means(b))
        return {"value": found.interval.value, "low": found.interval.low, "high": found.interval.high}

    best, any_worked = "8: by V", mean(means("8: any worked sample"))
    found: Cell = {
        "best_of_8_minus_majority": difference(best, "8: majority"),
        "best_of_8_over_any_worked": mean(means(best)) / any_worked if any_worked else None,
    }
    for kind in ("step beam", "tree"):
        names = [name for name in next(iter(seeds.values())) if name.startswith(kind)]
        affordable = [name for name in names if spent(seeds, name) <= spent(seeds, best)]
        chosen = max(affordable, key=lambda name: spent(seeds, name))
        cost = {"tokens": spent(seeds, chosen), "tokens_of_best_of_8": spent(seeds, best)}
        found[f"{kind} minus best of 8"] = {"which": chosen, **difference(chosen, best), **cost}
    for name, value in found.items():
        print(f"{name}: {value}")
    return found


def spent(seeds: Mapping[int, Cell], name: str) -> float:
    return mean(rows[name]["tokens"] for rows in seeds.values())


def lines(found: Mapping[str, Cell]) -> dict[str, list[Point]]:
    def line(chosen: Callable[[str], bool]) -> list[Point]:
        cells = [cell for name, cell in found.items() if chosen(name)]
        points = [Point(c["tokens"], c["success"], c["low"], c["high"]) for c in cells]
        return sorted(points, key=lambda point: point.tokens)

    return {
        "tree search by V": line(lambda name: name.startswith("tree until")),
        "step beam by V": line(lambda name: name.startswith("step beam 2x1")),
        "best of n by V": line(lambda name: name.endswith(": by V")),
        "majority weighted by V": line(lambda name: name.endswith("V-weighted majority")),
        "majority of n": line(lambda name: name.endswith(": majority")),
        "any worked sample": line(lambda name: name.endswith("any worked sample")),
    }


if __name__ == "__main__":
    main()
