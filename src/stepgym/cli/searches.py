"""`--search`: ways to choose an answer at test time, each as a policy around the one that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stepgym.agents.policy import Policy
from stepgym.cli.parser import Arguments, Parser
from stepgym.cli.settings import unescaped
from stepgym.cli.training_data import named_delimiters
from stepgym.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Options:
    """What the flags say of a search.

    Attributes:
        width: Samples, size of the beam, or branches.
        delimiters: What ends a step.
        tokens: Most tokens written for one answer; None is no limit.
    """

    width: int
    delimiters: tuple[str, ...]
    tokens: int | None = None

    @property
    def budget(self) -> Any:
        """The limit as the searches take it."""
        from stepgym.agents.search import SearchBudget

        return None if self.tokens is None else SearchBudget(tokens=self.tokens)


Make = Callable[[Policy, Any, Options], Any]


@dataclass(frozen=True, slots=True)
class Search:
    """One way to search.

    Attributes:
        width: What `--width` is without being given.
        method: Name of the method in tables, with the width in braces.
        needs_value: Whether it needs a value function.
        make: The policy that searches, from a policy, its value function and the flags.
    """

    width: int
    method: str
    needs_value: bool
    make: Make

    def title(self, options: Options) -> str:
        """The method with its size and its limit."""
        limit = "" if options.tokens is None else f", at most {options.tokens:,} tokens"
        return self.method.format(options.width) + limit


def _best_of_n(choose: Any) -> Make:
    def make(policy: Policy, value: Any, options: Options) -> Any:
        from stepgym.agents.search import BestOfNPolicy

        return BestOfNPolicy(policy, value, options.width, choose=choose, budget=options.budget)

    return make


def _step_beam(policy: Policy, value: Any, options: Options) -> Any:
    from stepgym.agents.search import StepBeamPolicy

    return StepBeamPolicy(policy, value, width=options.width, delimiter=options.delimiters, budget=options.budget)


def _mcts(policy: Policy, value: Any, options: Options) -> Any:
    from stepgym.agents.search import MCTSPolicy

    return MCTSPolicy(policy, value, expand=options.width, delimiter=options.delimiters, budget=options.budget)


SEARCHES = {
    "best-of-n": Search(8, "best of {} by value", True, _best_of_n("value")),
    "majority": Search(8, "majority of {}", False, _best_of_n("majority")),
    "weighted-majority": Search(8, "majority of {} weighted by value", True, _best_of_n("weighted_majority")),
    "step-beam": Search(3, "step beam {}", True, _step_beam),
    "mcts": Search(2, "tree search {}", True, _mcts),
}


def add_search(parser: Parser) -> None:
    """`--search`, `--width`, `--budget`, `--value` and `--delimiter`."""
    group = parser.add_argument_group("search", "Each search is compared with the policy alone, on the same tasks.")
    names = tuple(SEARCHES)
    group.add_argument("--search", choices=names, metavar="|".join(names), help="how to choose at every turn")
    widths = ", ".join(f"{search.width} for {name}" for name, search in SEARCHES.items())
    group.add_argument("--width", type=int, help=f"samples, size of the beam, or branches (default: {widths})")
    group.add_argument("--budget", type=int, metavar="TOKENS", help="most tokens a search may write for one answer")
    group.add_argument(
        "--value",
        metavar="DIR",
        help="the value function, or http://HOST:PORT#MODEL of a pooling server (default: the one beside the policy)",
    )
    group.add_argument(
        "--delimiter",
        action="append",
        type=unescaped,
        help='what ends a step: a text, "newline" or "period", as --delimiters of `stepgym train` (default: newline); '
        "may be repeated",
    )


def check_search(args: Arguments) -> None:
    """Refuse numbers that no search can have, before anything is played."""
    for name in ("width", "budget"):
        number = getattr(args, name)
        if number is not None and number < 1:
            raise InvalidInputError(f"--{name} must be 1 or more, got {number}")


def options_of(args: Arguments) -> Options:
    """The flags, with the defaults of the search that was asked for."""
    width = SEARCHES[args.search].width if args.width is None else args.width
    return Options(width, steps_of(args.delimiter), args.budget)


def steps_of(given: Sequence[str] | None) -> tuple[str, ...]:
    """What ends a reasoning step, from `--delimiter`."""
    return named_delimiters(given or ("newline",))
