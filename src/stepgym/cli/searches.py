"""`--search`: ways to choose an answer at test time, each as a policy around the one that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stepgym.agents.policy import Policy
from stepgym.cli.parser import Parser
from stepgym.cli.settings import unescaped
from stepgym.cli.training_data import named_delimiters

Make = Callable[[Policy, Any, int, tuple[str, ...]], Any]


@dataclass(frozen=True, slots=True)
class Search:
    """One way to search.

    Attributes:
        width: What `--width` is without being given.
        method: Name of the method in tables, with the width in braces.
        needs_value: Whether it needs a value function.
        make: The policy that searches, from a policy, its value function, the width and the delimiters of steps.
    """

    width: int
    method: str
    needs_value: bool
    make: Make


def _best_of_n(choose: Any) -> Make:
    def make(policy: Policy, value: Any, width: int, delimiters: tuple[str, ...]) -> Any:
        from stepgym.agents.search import BestOfNPolicy

        return BestOfNPolicy(policy, value, width, choose=choose)

    return make


def _step_beam(policy: Policy, value: Any, width: int, delimiters: tuple[str, ...]) -> Any:
    from stepgym.agents.search import StepBeamPolicy

    return StepBeamPolicy(policy, value, width=width, delimiter=delimiters)


def _mcts(policy: Policy, value: Any, width: int, delimiters: tuple[str, ...]) -> Any:
    from stepgym.agents.search import MCTSPolicy

    return MCTSPolicy(policy, value, expand=width, delimiter=delimiters)


SEARCHES = {
    "best-of-n": Search(8, "best of {} by value", True, _best_of_n("value")),
    "majority": Search(8, "majority of {}", False, _best_of_n("majority")),
    "weighted-majority": Search(8, "majority of {} weighted by value", True, _best_of_n("weighted_majority")),
    "step-beam": Search(3, "step beam {}", True, _step_beam),
    "mcts": Search(2, "tree search {}", True, _mcts),
}


def add_search(parser: Parser) -> None:
    """`--search`, `--width`, `--value` and `--delimiter`."""
    group = parser.add_argument_group("search", "Each search is compared with the policy alone, on the same tasks.")
    names = tuple(SEARCHES)
    group.add_argument("--search", choices=names, metavar="|".join(names), help="how to choose at every turn")
    widths = ", ".join(f"{search.width} for {name}" for name, search in SEARCHES.items())
    group.add_argument("--width", type=int, help=f"samples, size of the beam, or branches (default: {widths})")
    group.add_argument("--value", metavar="DIR", help="the value function (default: the one beside the policy)")
    group.add_argument(
        "--delimiter",
        action="append",
        type=unescaped,
        help='what ends a step: a text, "newline" or "period", as --delimiters of `stepgym train` (default: newline); '
        "may be repeated",
    )


def steps_of(given: Sequence[str] | None) -> tuple[str, ...]:
    """What ends a reasoning step, from `--delimiter`."""
    return named_delimiters(given or ("newline",))
