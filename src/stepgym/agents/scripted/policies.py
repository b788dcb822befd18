"""Policies without a model: scripted, random, and a person at the terminal."""

from __future__ import annotations

import asyncio
import random
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stepgym.agents.policy import Completion, Request, Sampling
from stepgym.errors import InvalidInputError
from stepgym.verifiers.verdict import printable


class ScriptedPolicy:
    """Answers from a script; deterministic, so seeds and temperature play no part.

    Args:
        script: A function from the latest observation to the answer; or a mapping from observations to answers; or the
            answers of an episode in order.
        name: Name for logs. It is all that tells two functions of one name apart.
    """

    def __init__(
        self, script: Callable[[str], str] | Mapping[str, str] | Sequence[str], *, name: str = "scripted"
    ) -> None:
        if isinstance(script, str) or not (callable(script) or isinstance(script, (Mapping, Sequence))):
            raise InvalidInputError(
                f"a script is a function, a mapping or a sequence of answers, got {type(script).__name__}"
            )
        self.name = name
        self._script = script

    @property
    def settings(self) -> dict[str, Any]:
        """The answers, for the ids of episodes; of a function nothing is known but `name`."""
        if isinstance(self._script, Mapping):
            return {"script": dict(self._script)}
        if callable(self._script):
            return {}
        return {"script": list(self._script)}

    async def generate(self, request: Request) -> list[Completion]:
        """The scripted answer, `request.n` times."""
        return [completion_of(self._answer(request), request.sampling)] * request.n

    def _answer(self, request: Request) -> str:
        if callable(self._script):
            return self._script(request.messages[-1]["content"])
        if isinstance(self._script, Mapping):
            observation = request.messages[-1]["content"]
            if observation not in self._script:
                raise InvalidInputError(f"the script has no answer to {observation[:80]!r}")
            return self._script[observation]
        turn = sum(message["role"] == "assistant" for message in request.messages)
        if turn >= len(self._script):
            raise InvalidInputError(f"the script has {len(self._script)} answers, turn {turn + 1} was asked for")
        return self._script[turn]


class RandomPolicy:
    """Answers with one of `choices`, all equally likely, repeatable by the request's seed.

    Args:
        choices: The answers, at least one.
        name: Name for logs.
    """

    def __init__(self, choices: Sequence[str], *, name: str = "random") -> None:
        if isinstance(choices, str) or not choices:
            raise InvalidInputError(f"expected a sequence of at least one answer, got {choices!r}")
        self.name = name
        self._choices = tuple(choices)

    @property
    def settings(self) -> dict[str, Any]:
        """The choices, for the ids of episodes."""
        return {"choices": list(self._choices)}

    async def generate(self, request: Request) -> list[Completion]:
        """`request.n` independent choices; with temperature 0 always the first one."""
        if request.sampling.temperature == 0:
            return [completion_of(self._choices[0], request.sampling)] * request.n
        generator = random.Random(request.seed)
        return [completion_of(generator.choice(self._choices), request.sampling) for _ in range(request.n)]


class HumanPolicy:
    """A person who reads the observation and writes one line; an empty line is an empty action.

    Args:
        name: Name for logs.
        ask: Shows a text and returns the line written; by default on the terminal. Control characters of observations
            are shown escaped.
    """

    def __init__(self, *, name: str = "human", ask: Callable[[str], str] | None = None) -> None:
        self.name = name
        self._ask = ask or _ask_terminal
        self._turn = threading.Lock()  # one question at a time

    async def generate(self, request: Request) -> list[Completion]:
        """The person's answers, asked `request.n` times; raises `EOFError` at the end of the input."""
        observation = printable(request.messages[-1]["content"])
        return [Completion(await asyncio.to_thread(self._answer, observation)) for _ in range(request.n)]

    def _answer(self, observation: str) -> str:
        with self._turn:
            return self._ask(observation)


def _ask_terminal(observation: str) -> str:
    sys.stdout.write(f"{observation}\n> ")
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError("the input has ended")
    return line.rstrip("\n")


def completion_of(text: str, sampling: Sampling) -> Completion:
    """`text`, ended by the first stop string in it as a model's would be."""
    ends = [text.index(stop) + len(stop) for stop in sampling.stop if stop in text]
    return Completion(text[: min(ends)] if ends else text)
