"""How published harnesses read actions, limit episodes and treat invalid ones, so that their numbers can be repeated.

Read from `run_alfworld_async.py` of OREO, `alfworld_projection` of verl-agent and `alfworld.ipynb` of ReAct. Templates
(OREO writes "Observation: " before each answer), history windows and few-shot examples belong to the agents.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from stepgym.envs.alfworld.phrases import BANNER

InvalidRule = Literal["message", "penalty", "end", "nearest"]
"""What an impossible command brings: the answer "Nothing happens." alone; the same and a negative reward; the end of
the episode; or the admissible command that is spelled most like it."""

_ARRIVAL = re.compile(r"^You arrive at loc [^.]*\. ")  # of games in the older syntax; nobody cuts the newer ones
_IDEOGRAPH = re.compile("[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Move:
    """What was read out of an action.

    Attributes:
        command: The command for the engine; None if there is none to be sent.
        answer: What the environment answers without asking the engine; None if the engine is asked.
        malformed: The action is not in the format of the harness.
    """

    command: str | None
    answer: str | None = None
    malformed: bool = False


def _plain(action: str) -> Move:
    return Move(action)


def _after_action(action: str) -> Move:
    parts = action.strip().split("Action: ")
    return Move(parts[1].strip()) if len(parts) > 1 else Move(None, malformed=True)


def _tagged(action: str) -> Move:
    text = action.lower()
    begin, end = text.find("<action>"), text.find("</action>")
    well_formed = 0 <= begin < end and "<think>" in action and "</think>" in action and not _IDEOGRAPH.search(action)
    return Move(text[begin + 8 : end].strip() if 0 <= begin < end else text[-30:], malformed=not well_formed)


def _after_prompt(action: str) -> Move:
    command = action.strip().removeprefix(">").strip()
    return Move(None, answer="OK.") if command.startswith("think:") else Move(command)


def _as_is(text: str) -> str:
    return text


def _without_banner(observation: str) -> str:
    return _ARRIVAL.sub("", observation.removeprefix(BANNER))


def _without_banner_and_blank_lines(observation: str) -> str:
    if observation.startswith(BANNER):
        return "\n".join(observation.split("\n\n")[1:])
    return _ARRIVAL.sub("", observation)


@dataclass(frozen=True, slots=True)
class Preset:
    """The rules of one harness.

    Attributes:
        name: Its name.
        instructions: The answer format.
        max_steps: Steps of an episode; the last one is marked `truncated`. None leaves it to Gymnasium's `TimeLimit`.
        malformed: What an action in another format brings: "send" gives what could be read to the engine all the same,
            "end" ends the episode.
        invalid: What a well-formed but impossible command brings.
        penalty: Subtracted from the reward for malformed actions, and for impossible ones under the rule "penalty".
        reward: For reaching the goal.
        parse: Reads the command out of an action.
        write: The shortest action that `parse` reads as a command.
        show: Changes an observation before it is shown.
    """

    name: str
    instructions: str
    max_steps: int | None = None
    malformed: Literal["send", "end"] = "send"
    invalid: InvalidRule = "message"
    penalty: float = 0.0
    reward: float = 1.0
    parse: Callable[[str], Move] = field(default=_plain, repr=False)
    write: Callable[[str], str] = field(default=_as_is, repr=False)
    show: Callable[[str], str] = field(default=_as_is, repr=False)


PRESETS = MappingProxyType(
    {
        "plain": Preset("plain", "Answer with one command, for example: go to desk 1"),
        "oreo": Preset(
            "oreo",
            "Think, then act: 'Thought: your reasoning', then on a new line 'Action: one command'.",
            max_steps=40,
            malformed="end",
            parse=_after_action,
            write="Action: {}".format,
            show=_without_banner,
        ),
        "verl-agent": Preset(
            "verl-agent",
            "Reason inside <think> </think> tags, then give one admissible command inside <action> </action> tags.",
            max_steps=50,
            penalty=0.1,
            reward=10.0,
            parse=_tagged,
            write="<think></think><action>{}</action>".format,
        ),
        "react": Preset(
            "react",
            "Answer with one command, or with 'think: your reasoning', which changes nothing.",
            max_steps=50,
            parse=_after_prompt,
            show=_without_banner_and_blank_lines,
        ),
    }
)
"""The presets by name."""
