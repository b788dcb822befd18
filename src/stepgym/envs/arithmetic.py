"""`ArithmeticChainEnv`: chains of small integers, procedural and endless, worked from left to right.

The canonical texts for "3 + 4 + 1 + 2 + 6 mod 7 =" are `worked_solution` (one step per line)

    3+4=0
    0+1=1
    1+2=3
    3+6=2
    answer 2

and `direct_solution`, the last line alone. Ids such as "chain/7/3+4+1+2+6" ("chain/int/..." without a modulus) hold
the whole task: two tasks are the same problem exactly if their ids, or their prompts, are equal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from stepgym.envs.actions.names import ActionsLike
from stepgym.envs.question import Feedback, TaskEnv
from stepgym.envs.tasks import Task
from stepgym.errors import InvalidInputError, UnknownNameError
from stepgym.verifiers.arithmetic_chain import MAX_NUMBER, MAX_OPERANDS, OPERATIONS, ArithmeticChainVerifier, Chain

INSTRUCTIONS = (
    "Work strictly from left to right. If the question says 'mod m', reduce every result to 0..m-1. "
    "You may write one step per line, like 3+4=0. End with a line 'answer N'."
)

_INTEGER = r"(?:0|[1-9][0-9]{0,9})"
_ID = re.compile(rf"chain/(?P<modulus>int|{_INTEGER})/(?P<chain>{_INTEGER}(?:[+*-]{_INTEGER}){{1,{MAX_OPERANDS - 1}}})")


class ArithmeticChainEnv(TaskEnv):
    """A new chain at every reset; the reward is for the final answer only, worked steps earn nothing.

    `options={"task": id}` rebuilds any chain from its id, whatever the settings of this environment.

    Args:
        operands: How many numbers, 2 to 64.
        modulus: Results are reduced to 0..modulus-1 (2 to 10^9); None for plain integers.
        values: Smallest and largest operand, 0 <= smallest <= largest <= 10^9. Without it 0..modulus-1, or 0..9 when
            there is no modulus.
        operations: The operations to draw from, out of "+", "-", "*".
        max_turns: See `TaskEnv`, as for `feedback`.
        feedback: What a wrong try is told.
        instructions: None for the instructions of this task.
        actions: How actions are read out of what a model wrote, see `TextEnv`; None takes the whole text.
        render_mode: None, "ansi" or "human".
    """

    instructions = INSTRUCTIONS

    def __init__(
        self,
        *,
        operands: int = 5,
        modulus: int | None = 7,
        values: Sequence[int] | None = None,
        operations: str = "+",
        max_turns: int = 1,
        feedback: Feedback = "status",
        instructions: str | None = None,
        actions: ActionsLike | None = None,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(
            ArithmeticChainVerifier(),
            max_turns=max_turns,
            feedback=feedback,
            instructions=instructions,
            actions=actions,
            render_mode=render_mode,
        )
        _check(operands, modulus, values, operations)
        self.operands = operands
        self.modulus = modulus
        self.values = values
        self.operations = operations

    def draw_task(self) -> Task:
        """A fresh chain."""
        return chain_task(
            self.np_random,
            operands=self.operands,
            modulus=self.modulus,
            values=self.values,
            operations=self.operations,
        )

    def find_task(self, task_id: str) -> Task:
        """The chain that `task_id` spells out."""
        return task_from_id(task_id)


def chain_task(
    seed: int | np.random.Generator,
    *,
    operands: int = 5,
    modulus: int | None = 7,
    values: Sequence[int] | None = None,
    operations: str = "+",
) -> Task:
    """A random chain, with the arguments of `ArithmeticChainEnv`.

    With an integer `seed` it is the task of `reset(seed=seed)`; a generator is advanced.
    """
    low, high = _check(operands, modulus, values, operations)
    rng = seed if isinstance(seed, np.random.Generator) else np.random.Generator(np.random.PCG64(seed))
    numbers = rng.integers(low, high + 1, size=operands).tolist()
    if len(operations) == 1:
        drawn = operations * (operands - 1)
    else:
        drawn = "".join(operations[i] for i in rng.integers(len(operations), size=operands - 1).tolist())
    return _task(Chain(tuple(numbers), drawn, modulus))


def task_from_id(task_id: str) -> Task:
    """The chain that an id spells out; raises `UnknownNameError` for any other text."""
    match = _ID.fullmatch(task_id)
    if match is None:
        raise UnknownNameError(
            f"No arithmetic chain is called {task_id!r:.80}. Ids look like 'chain/7/3+4+1+2+6', or 'chain/int/3+4*1' "
            f"without a modulus; 2 to {MAX_OPERANDS} operands, no leading zeros."
        )
    numbers = tuple(int(text) for text in re.findall("[0-9]+", match["chain"]))
    modulus = None if match["modulus"] == "int" else int(match["modulus"])
    try:
        return _task(Chain(numbers, re.sub("[0-9]+", "", match["chain"]), modulus))
    except InvalidInputError as error:
        raise UnknownNameError(f"No arithmetic chain is called {task_id!r:.80}: {error}.") from error


def worked_solution(task: Task) -> str:
    """The canonical solution: one line per operation, then `answer N`."""
    chain = Chain.from_reference(task.reference)
    left = chain.operands[0]
    lines = []
    for operation, operand, result in zip(chain.operations, chain.operands[1:], chain.partial_results(), strict=True):
        lines.append(f"{left}{operation}{operand}={result}")
        left = result
    return "\n".join([*lines, f"answer {left}"])


def direct_solution(task: Task, answer: int | None = None) -> str:
    """The bare answer line, `answer N`, with the right answer or the one given."""
    return f"answer {task.reference['answer'] if answer is None else answer}"


def _task(chain: Chain) -> Task:
    first, rest = chain.operands[0], list(zip(chain.operations, chain.operands[1:], strict=True))
    compact = str(first) + "".join(f"{operation}{operand}" for operation, operand in rest)
    spaced = str(first) + "".join(f" {operation} {operand}" for operation, operand in rest)
    modulus = "int" if chain.modulus is None else chain.modulus
    suffix = "" if chain.modulus is None else f" mod {chain.modulus}"
    return Task(f"chain/{modulus}/{compact}", f"{spaced}{suffix} =", chain.to_reference())


def _check(operands: int, modulus: int | None, values: Sequence[int] | None, operations: str) -> tuple[int, int]:
    """The range of operands, after checking all arguments."""
    if type(operands) is not int or not 2 <= operands <= MAX_OPERANDS:
        raise InvalidInputError(f"operands must be an integer from 2 to {MAX_OPERANDS}, got {operands!r}")
    if modulus is not None and (type(modulus) is not int or not 2 <= modulus <= MAX_NUMBER):
        raise InvalidInputError(f"modulus must be an integer from 2 to {MAX_NUMBER} or None, got {modulus!r}")
    if not isinstance(operations, str) or not operations or set(operations) - set(OPERATIONS):
        raise InvalidInputError(f"operations must be some of {OPERATIONS!r}, for example '+-', got {operations!r}")
    if len(set(operations)) < len(operations):
        raise InvalidInputError(f"operations must be different, got {operations!r}")
    if values is None:
        return 0, 9 if modulus is None else modulus - 1
    if len(values) != 2 or any(type(v) is not int for v in values) or not 0 <= values[0] <= values[1] <= MAX_NUMBER:
        raise InvalidInputError(
            f"values must be two integers, 0 <= smallest <= largest <= {MAX_NUMBER}, got {values!r}"
        )
    return values[0], values[1]
