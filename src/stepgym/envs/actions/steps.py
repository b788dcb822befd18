"""A step with an action format: the action is read, the environment answers, what it says is put where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs

from stepgym.envs.actions.names import ActionsLike, action_format
from stepgym.envs.actions.reading import ActionFormat, Reading, read_action
from stepgym.errors import InvalidInputError
from stepgym.verifiers.verdict import Verdict

Result = tuple[str, float, bool, bool, dict[str, Any]]

UNREAD = "unread"
"""The key of `info` that says why no action could be read; "" where one was."""

SIGNATURE = "action-format"
"""Who signs the verdict that a log has on a text without an action."""


def read_step(format: ActionFormat, text: str, step: Callable[[str], Result]) -> tuple[Result, Reading]:
    """Give `step` the action in `text`, "" if there is none, and the result offsets into `text`.

    Where there was no action and the episode goes on, the format's instructions are added to the observation.
    """
    reading = read_action(format, text)
    observation, reward, terminated, truncated, info = step(reading.text)
    info = {**info, UNREAD: reading.problem}
    if isinstance(verdict := info.get("verdict"), Verdict):
        info["verdict"] = reading.placed(verdict)
    if reading.problem and not (terminated or truncated):
        reminder = " ".join(part for part in (f"No action was read: {reading.problem}.", format.instructions) if part)
        observation = f"{observation}\n\n{reminder}" if observation else reminder
    return (observation, reward, terminated, truncated, info), reading


class ReadActions(gymnasium.Wrapper[str, str, str, str], RecordConstructorArgs):
    """Any text environment, with actions read out of what a model wrote; `TextEnv` has this as its argument `actions`.

    The environment gets the action alone, "" where none could be read: it answers as it answers to nothing, and the
    turn counts. `info["unread"]` says why; findings of `info["verdict"]` are offsets into the whole text.

    Args:
        env: The environment; its observations and actions are texts.
        actions: See `action_format`.
    """

    def __init__(self, env: gymnasium.Env[str, str], actions: ActionsLike) -> None:
        RecordConstructorArgs.__init__(self, actions=actions)
        gymnasium.Wrapper.__init__(self, env)
        self.action_format = action_format(actions)

    @property
    def instructions(self) -> str:
        """The environment's, if it has some, and those of the format."""
        own = self.env.get_wrapper_attr("instructions") if self.env.has_wrapper_attr("instructions") else ""
        return "\n".join(part for part in (own, self.action_format.instructions) if part)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """As the environment's own."""
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, {**info, UNREAD: ""}

    def step(self, action: str) -> Result:
        """Give the environment the action that stands in the text `action`."""
        if not isinstance(action, str):
            raise InvalidInputError(f"an action must be a str, got {type(action).__name__}: {action!r:.80}")
        return read_step(self.action_format, action, self._step)[0]

    def _step(self, action: str) -> Result:
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, float(reward), terminated, truncated, info
