"""V of the tiny ALFWorld model as a judge: what it knows of what can be known, and what it is worth in choosing.

    python benchmarks/oreo_alfworld_judge.py --games DIR --seeds 0 --values plain "mean over episodes"
    python benchmarks/oreo_alfworld_judge.py --games DIR --seeds 0 --search --temperature 0.7  # best of 5 by V, too
    python benchmarks/oreo_alfworld_judge.py --games DIR --seeds 0 --small       # only shows that everything runs

Runs on what benchmarks/oreo_alfworld.py keeps in --out, and makes it where it is missing. On roll-outs in the 200
held-out games of valid_train, at fixed steps: AUC and Brier score of V. Then the policy plays on 12 times from states
in 120 of these games, which says how well the outcome can be told at all (the ceiling: AUC of half of the roll-outs of
a state for the other half) and how much of the variance of the true value V explains. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

from learning.alfworld_ceiling import STEPS as PLAYED_ON
from learning.alfworld_ceiling import against_ceiling, ceiling, one_a_game, played_on
from learning.alfworld_cells import Cell, add_arguments, cell, evaluation_seed, finish, interval, make_worlds, shown
from learning.alfworld_judge import STEPS, TurnValue, game_auc, judged, mean_auc
from learning.alfworld_methods import MAIN, METHODS, START, VALUES, VARIATIONS
from learning.alfworld_world import AlfworldWorld
from learning.cells import quiet, write

from stepgym.agents import EpisodeLog
from stepgym.agents.engines.admissible_policy import AdmissiblePolicy
from stepgym.agents.search import BestOfNPolicy
from stepgym.agents.seeds import derive_seed
from stepgym.agents.text_table import text_table
from stepgym.train.value_model import ValueModel

CANDIDATES = 5
BY_V = {f"best of {CANDIDATES}": "value", f"majority of {CANDIDATES}, weighted": "weighted_majority"}
STATES = 120  # games whose roll-outs are played on
POLICIES = {**METHODS, **VARIATIONS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, [0])
    parser.add_argument("--values", nargs="+", choices=tuple(VALUES), default=["plain"], help="trained before OREO")
    parser.add_argument("--search", action="store_true", help="best of some commands by V, on valid_seen")
    parser.add_argument("--temperature", type=float, default=1.0, help="at which these are drawn (default: 1)")
    parser.add_argument("--methods", nargs="*", metavar="NAME", default=[MAIN], help="policies to search with")
    arguments = parser.parse_args()
    if unknown := set(arguments.methods) - set(POLICIES):
        parser.error(f"no method is called {', '.join(sorted(unknown))}; known: {', '.join(POLICIES)}")
    quiet()
    judge(arguments, make_worlds(arguments))


def judge(arguments: argparse.Namespace, worlds: Sequence[AlfworldWorld]) -> None:
    """One report a seed, kept in its folder."""
    found: dict[int, Cell] = {}
    for world in worlds:
        report = Report(world)
        report.values(arguments.values)
        if arguments.search:
            report.search(arguments.values, arguments.methods, arguments.temperature)
        report.show()
        found[world.settings.seed] = report.found
    show_commands([report.get("commands", {}) for report in found.values()])
    finish(arguments, {"judge": found})


class Report:
    """What was found at one seed; kept in `judge.json`, and not measured again.

    Args:
        world: The seed.
    """

    def __init__(self, world: AlfworldWorld) -> None:
        self.world = world
        self.path = world.folder / "judge.json"
        self.found: Cell = json.loads(self.path.read_text()) if self.path.is_file() else {}

    def values(self, labels: Sequence[str]) -> None:
        """V of the fine-tuned policy: at fixed steps of held-out roll-outs, and against playing on."""
        world, rows = self.world, self.found.setdefault("values", {})
        missing = [label for label in labels if label not in rows]
        if not missing and "ceiling" in self.found:
            return
        games = world.test("valid_train")
        place = world.folder / "judged"
        world.play(world.start(), games, seed=derive_seed(world.settings.seed, "judge"), samples=4, out=place)
        episodes = list(EpisodeLog(place))
        states = played_on(world, one_a_game(episodes, games[:STATES]))
        self.found |= {"game_auc": game_auc(episodes), "ceiling": ceiling(states)}
        for label in missing:
            value = VALUES[label].model(world, label)
            row = judged(episodes, value, world.tokenizer)
            rows[label] = row | {
                "mean_auc": mean_auc(row),
                "played_on": against_ceiling(states, value, world.tokenizer),
            }
            self._keep()

    def search(self, labels: Sequence[str], methods: Sequence[str], temperature: float) -> None:
        """Choosing from some sampled commands, by V, by their number, or by both, beside one command; on valid_seen."""
        world, policies = self.world, self.found.setdefault("commands", {})
        at = "" if temperature == 1 else f" at T = {temperature:g}"
        for name in (START, *methods):
            method = None if name == START else POLICIES[name]
            outcomes = cell(world, name, method, "valid_seen")["outcomes"]
            rows = policies.setdefault(name, {"greedy": outcomes["greedy"], "one at T = 1": outcomes["sampled"]})
            model = world.start() if method is None else method.train(world, name)[0]
            judges: dict[str, ValueModel | None] = {f"V {x}": VALUES[x].model(world, x) for x in labels}
            if method is not None and method.kind == "oreo":
                judges["its own V"] = ValueModel.load(world.folder / "policies" / name / "value")
            rated = [(f"{how}{at}: {x}", choose, v) for x, v in judges.items() for how, choose in BY_V.items()]
            # One command at temperature 1 is in the cell above.
            one = [(f"one{at}", None, None)] if at else []
            for row, choose, value in [*one, (f"majority of {CANDIDATES}{at}", "majority", None), *rated]:
                if row not in rows:
                    rows[row] = chosen(world, model, value, choose, temperature)
                    self._keep()

    def show(self) -> None:
        """The tables."""
        head = ("AUC at step", *map(str, STEPS))
        lines = [(name, *_shares(row["steps"], STEPS, "auc")) for name, row in self.found["values"].items()]
        print(text_table(head, lines, left=1))
        at = tuple(map(str, PLAYED_ON))
        lines = [("ceiling", *_shares(self.found["ceiling"], PLAYED_ON, "auc"))]
        for name, row in self.found["values"].items():
            lines.append((f"{name}: AUC", *_shares(row["played_on"], PLAYED_ON, "auc")))
            lines.append((f"{name}: explained", *_shares(row["played_on"], PLAYED_ON, "explained")))
        print(text_table(("played on from step", *at), lines, left=1))

    def _keep(self) -> None:
        write(self.path, self.found)


def show_commands(seeds: Sequence[Mapping[str, Mapping[str, Mapping[str, float]]]]) -> None:
    """Of each policy the ways to choose that all seeds have, with intervals over games and seeds.

    Args:
        seeds: Of each seed, by policy and way, the outcome of every game.
    """
    for name in seeds[0]:
        every = [seed[name] for seed in seeds if name in seed]
        lines = []
        for row in every[0]:
            if any(row not in rows for rows in every):
                continue
            games = sorted(every[0][row])
            success = interval([[rows[row][game] for game in games] for rows in every])
            more = interval([[rows[row][g] - rows["greedy"][g] for g in games] for rows in every], lowest=-1.0)
            lines.append((row, shown(success), shown(more) if row != "greedy" else ""))
        head = (f"commands of {name}, {len(every)} seed(s)", "success in %", "minus greedy")
        print(text_table(head, lines, left=1))


def _shares(rows: Mapping[str, Any], steps: Sequence[int], key: str) -> list[str]:
    return [f"{rows[str(step)][key]:.2f}" if str(step) in rows else "" for step in steps]


def chosen(
    world: AlfworldWorld, model: Any, value: ValueModel | None, choose: Any, temperature: float
) -> dict[str, float]:
    """Success in each game when each command is chosen from some sampled ones; one alone if `choose` is None."""
    policy: Any = AdmissiblePolicy(model.eval(), world.tokenizer, slots=256, ignored=("help",))
    if choose is not None:
        judge = None if value is None else TurnValue(value, world.tokenizer, slots=256)
        policy = BestOfNPolicy(policy, judge, CANDIDATES, choose=choose, answer_of=str.strip)
    steps, seed = world.settings.test_steps, evaluation_seed(world)
    episodes = world.play(
        policy, world.test("valid_seen"), seed=seed, steps=steps, temperature=temperature, concurrency=50
    )
    return {e.task_id: float(bool(e.success)) for e in episodes}


if __name__ == "__main__":
    main()
