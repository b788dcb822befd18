"""Searches by progress, by chances, by OREO's V and by votes, on chains whose policy often gives up."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from learning.cells import write
from learning.chain_worlds import ChainWorld, chain_world
from search import elected, length, mean, outcomes_of, solved

from stepgym.agents import Episode
from stepgym.agents.search import ProgressRanking, Scorer, StepBeamPolicy
from stepgym.agents.statistics import paired_difference, success_interval
from stepgym.agents.text_table import text_table
from stepgym.quickstart.evaluation import by_task
from stepgym.train import TransformersValueFunction, load_value_function

HURRY = 0.5  # the chance to give up, before each line
POOL, SAMPLES = 16, (2, 4, 8, 16)
STEP = 12  # tokens a line may have
# Width, expand, first.
BEAMS = ((1, 2, 2), (1, 3, 3), (1, 4, 4), (2, 2, 4), (2, 3, 6))
RANKINGS: dict[str, ProgressRanking | None] = {
    "Q beam": None,
    "PAV beam": ProgressRanking(alpha=0.5, best_of=4),
}
TUNED = {
    f"PAV beam alpha {alpha:g} best of {k}": ProgressRanking(alpha=alpha, best_of=k)
    for alpha in (0.5, 1.0, 3.0)
    for k in (1, 4)
}
Cell = dict[str, Any]


def searches(arguments: argparse.Namespace) -> dict[str, Cell]:
    """Every choice of every seed; prints the table."""
    seeds = {seed: one_seed(seed, arguments) for seed in arguments.seeds}
    rows, found = [], {}
    for name in next(iter(seeds.values())):
        success = success_interval([o for cells in seeds.values() for o in cells[name]["outcomes"].values()])
        tokens = mean(cells[name]["tokens"] for cells in seeds.values())
        found[name] = {"tokens": tokens, "success": success.value, "low": success.low, "high": success.high}
        shown = f"{100 * success.value:.1f} ({100 * success.low:.1f} to {100 * success.high:.1f})"
        rows.append((name, f"{tokens:.0f}", shown))
    print(text_table(("choice", "tokens a task", "success, %"), rows, left=1))
    for beam, samples in ((b, s) for b in found for s in found if "beam" in b and s.startswith("best of")):
        share = found[beam]["tokens"] / found[samples]["tokens"]
        if 0.45 <= share <= 0.55 or 0.9 <= share <= 1.1:
            print(f"{beam} minus {samples}, at {share:.0%} of its tokens: {difference(seeds, beam, samples)}")
    for beam in (b for b in found if b.startswith("PAV beam")):
        other = beam.replace("PAV beam", "Q beam") if "alpha" not in beam else f"Q beam {beam.split()[-1]}"
        print(f"{beam} minus {other}: {difference(seeds, beam, other)}")
    return found


def difference(seeds: Mapping[int, Mapping[str, Cell]], a: str, b: str) -> str:
    """In points, paired by task."""
    pairs = [[mean(o) for cells in seeds.values() for _, o in sorted(cells[n]["outcomes"].items())] for n in (a, b)]
    found = paired_difference(*pairs).interval
    return f"{100 * found.value:.1f} ({100 * found.low:.1f} to {100 * found.high:.1f})"


def one_seed(seed: int, arguments: argparse.Namespace) -> dict[str, Cell]:
    """All rows of one seed, from the file if they were measured before."""
    small = arguments.small
    folder: Path = arguments.out / f"{'small-' if small else ''}search-{seed}"
    path = folder / ("tuned.json" if arguments.tune else "rows.json")
    if path.is_file():
        kept: dict[str, Cell] = json.loads(path.read_text())
        return kept
    world = chain_world(folder / "world", seed, hurry=HURRY, small=small, strict=False)
    model = world.start()
    policy = world.policy(model)
    sizes = {"tasks": 12, "n": 2, "updates": 5} if small else {"tasks": 1_200, "samples": 2, "n": 4, "updates": 250}
    chance, cost = world.verifier(model, **sizes)
    v = oreo_value(world, tasks=12 if small else 1_200, samples=2 if small else 6)
    rows: dict[str, Cell] = {}

    def add(name: str, outcomes: Mapping[str, Sequence[float]], tokens: float) -> None:
        rows[name] = {"outcomes": outcomes, "tokens": tokens}
        print(f"seed {seed}  {name:40s} {100 * mean(map(mean, outcomes.values())):5.1f} %  {tokens:6.1f}", flush=True)

    pool = world.play(policy, world.held_back, samples=POOL, seed=seed + 1)
    among_samples(world, pool, chance, v, add)
    rankings = {**RANKINGS, **TUNED} if arguments.tune else RANKINGS
    sampling = replace(world.sampling, max_tokens=STEP)
    for width, expand, first in BEAMS:
        size = f"{width}x{expand}x{first}"
        beams = [(f"{name} {size}", chance, ranking) for name, ranking in rankings.items()]
        for name, value, ranking in (*beams, (f"OREO-V beam {size}", v, None)):
            beam = StepBeamPolicy(policy, value, width=width, expand=expand, first=first, progress=ranking)
            played = world.play(beam, world.held_back, samples=2, seed=seed + 1, sampling=sampling)
            add(name, outcomes_of(played), beam.tokens_spent / len(played))
    write(path, rows)
    print(f"seed {seed}  the verifier: {cost}", flush=True)
    return rows


def among_samples(
    world: ChainWorld,
    pool: Sequence[Episode],
    chance: TransformersValueFunction,
    v: TransformersValueFunction,
    add: Callable[[str, Mapping[str, Sequence[float]], float], None],
) -> None:
    """Choices among n of the same samples."""
    scores = {name: finals(world, pool, value) for name, value in (("Q", chance), ("OREO-V", v))}
    groups = {task: sorted(g, key=lambda e: int(e.id.rpartition("/")[2])) for task, g in by_task(pool).items()}
    add("one sample", outcomes_of(pool), mean(map(length, pool)))
    for n in SAMPLES:
        some = {t: [group[i : i + n] for i in range(0, POOL - n + 1, n)] for t, group in groups.items()}
        tokens = mean(sum(map(length, group)) for parts in some.values() for group in parts)
        add(f"majority of {n}", {t: [solved(elected(g, [1.0] * n)) for g in p] for t, p in some.items()}, tokens)
        for name, of in scores.items():
            best = {t: [solved(max(g, key=lambda e: of[e.id])) for g in p] for t, p in some.items()}
            add(f"best of {n} by {name}", best, tokens)


def finals(world: ChainWorld, episodes: Sequence[Episode], value: TransformersValueFunction) -> dict[str, float]:
    """The value of each finished answer."""
    scorer = Scorer(value, world.tokenizer)
    done = [e.steps[-1].completion for e in episodes]
    pairs = [((c.prompt_token_ids or ()), (c.token_ids or ())) for c in done if c is not None]
    return dict(zip((e.id for e in episodes), asyncio.run(scorer.score(pairs)), strict=True))  # type: ignore[arg-type]


def oreo_value(world: ChainWorld, *, tasks: int, samples: int) -> TransformersValueFunction:
    """V by OREO from the policy's own episodes."""
    place = world.quick.record.folder / "oreo"
    if not (place / "oreo.json").is_file():
        model = world.start()
        log = world.play(world.policy(model), world.tasks[:tasks], samples=samples, seed=world.settings.seed + 5)
        world.quick.oreo(model, log)  # type: ignore[arg-type]
    return load_value_function(place)
