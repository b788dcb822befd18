"""`PuzzleExpertPolicy`: solves number games and expressions as a policy, for logs of known and mixed quality."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from stepgym.agents.policy import Completion, Request
from stepgym.agents.scripted.options import probability, read_options
from stepgym.agents.scripted.policies import completion_of
from stepgym.agents.seeds import SEED_BITS
from stepgym.errors import InvalidInputError
from stepgym.verifiers.countdown import OPERATIONS

_NUMBERS = r"[0-9]{1,7}(?:, ?[0-9]{1,7}){1,5}"
_PUZZLE = re.compile(rf"Make (?P<target>[0-9]{{1,7}}) from (?P<numbers>{_NUMBERS})\.")
_EXPRESSION = re.compile(r"Compute (?P<expression>[0-9+*/() -]{3,400})\.")
_LEFT = re.compile(r"^Left: (?P<left>[0-9/ -]{1,200})$", re.MULTILINE)
_FRACTION = re.compile(r"-?[0-9]+(?:/[1-9][0-9]*)?")
_WHOLE = re.compile(r"[0-9]+")


class PuzzleExpertPolicy:
    """Plays Game24, Countdown and the expressions of MathSteps from the conversation alone, by exhaustive search.

    It keeps no state: the puzzle and the numbers left are read out of the conversation at each turn. The rules are not
    part of them: give those of the environment.

    Args:
        operations: The operations that a number game allows, out of `+-*/`.
        use_all: Whether a number game wants every number used.
        noise: Chance, at each turn, of a slip: one number of the answer becomes another one. In [0, 1]; with
            temperature 0 there is none.
        name: Name for logs; by default one that tells the noise.
    """

    def __init__(
        self, *, operations: str = OPERATIONS, use_all: bool = True, noise: float = 0.0, name: str | None = None
    ) -> None:
        if not operations or set(operations) - set(OPERATIONS):
            raise InvalidInputError(f"operations must be some of {OPERATIONS!r}, got {operations!r:.80}")
        if not 0 <= noise <= 1:
            raise InvalidInputError(f"noise must be a probability from 0 to 1, got {noise!r}")
        self.operations = operations
        self.use_all = use_all
        self.noise = noise
        self.name = name or ("puzzle-expert" if not noise else f"puzzle-expert, noise {noise:g}")

    async def generate(self, request: Request) -> list[Completion]:
        """The expert's answer, `request.n` times; slips are independent and repeat by the seed.

        Raises:
            InvalidInputError: The conversation tells no puzzle, or none that its rules can solve.
        """
        answer = self._answer(request)
        generator = random.Random(request.seed)
        completions = []
        for _ in range(request.n):
            rng = random.Random(generator.getrandbits(SEED_BITS))
            slips = request.sampling.temperature > 0 and rng.random() < self.noise
            completions.append(completion_of(_slipped(answer, rng) if slips else answer, request.sampling))
        return completions

    def _answer(self, request: Request) -> str:
        from stepgym.envs.expressions import expression_from_id, expression_steps
        from stepgym.envs.number_solutions import next_line, solution_expression
        from stepgym.envs.tasks import Task

        text = "\n".join(message["content"] for message in request.messages if message["role"] != "assistant")
        shown = request.messages[-1]["content"]
        expressions = list(_EXPRESSION.finditer(text))
        if expressions:
            steps = expression_steps(expression_from_id("compute/" + expressions[-1]["expression"].replace(" ", "")))
            turn = sum(message["role"] == "assistant" for message in request.messages)
            return steps[min(turn, len(steps) - 1)]
        puzzles = list(_PUZZLE.finditer(text))
        if not puzzles:
            raise InvalidInputError(
                f"expected 'Make 24 from 4, 7, 8, 8.' or 'Compute 3 * 4 - 8.', got {shown[-200:]!r}"
            )
        target, numbers = int(puzzles[-1]["target"]), [int(n) for n in puzzles[-1]["numbers"].split(",")]
        left = list(_LEFT.finditer(shown))
        if left:
            remaining = [Fraction(number) for number in _FRACTION.findall(left[-1]["left"])]
            return next_line(remaining, target, operations=self.operations, use_all=self.use_all)
        task = Task("puzzle", puzzles[-1].group(), {"numbers": numbers, "target": target})
        return solution_expression(task, operations=self.operations, use_all=self.use_all)


def load_puzzle_expert(settings: str = "") -> PuzzleExpertPolicy:
    """The policy of `--policy puzzle-expert:SETTINGS`, such as "noise=0.3,operations=+-,use-all=no".

    Raises:
        InvalidInputError: A setting is none of `PuzzleExpertPolicy`'s, or its value is none it takes.
    """
    found = read_options(settings, _SETTINGS, player="puzzle-expert")
    return PuzzleExpertPolicy(**{name.replace("-", "_"): value for name, value in found.items()})


def _yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise InvalidInputError(f"use-all must be yes or no, got {text!r:.80}")
    return text == "yes"


def _slipped(answer: str, rng: random.Random) -> str:
    """The answer with one of its numbers a little larger."""
    start, end = rng.choice([match.span() for match in _WHOLE.finditer(answer)])
    return f"{answer[:start]}{int(answer[start:end]) + rng.randint(1, 9)}{answer[end:]}"


_SETTINGS: Mapping[str, Callable[[str], Any]] = {"noise": probability, "operations": str, "use-all": _yes}
