"""`TextSpace` and `TextEnv`: environments whose observations and actions are text."""

from __future__ import annotations

import sys
from typing import Any, ClassVar, Protocol, runtime_checkable

import gymnasium
import numpy as np
from gymnasium.vector.utils import create_shared_memory

from stepgym.envs.actions.names import ActionsLike, action_format
from stepgym.envs.actions.steps import UNREAD, read_step
from stepgym.errors import InvalidInputError
from stepgym.verifiers.verdict import printable

MAX_LENGTH = 1 << 20
"""Default bound on observations and actions, in characters."""

StepResult = tuple[str, float, bool, bool, dict[str, Any]]

_PRINTABLE_ASCII = "".join(map(chr, range(32, 127)))
_LONGEST_SAMPLE = 256


class TextSpace(gymnasium.spaces.Text):
    """All texts of `min_length` to `max_length` characters, whatever the characters are.

    A `gymnasium.spaces.Text` checks every character against a fixed set; here membership is type and length only, so
    that mathematics, line ends and every script belong. `sample` draws printable ASCII of at most 256 characters
    (`min_length` if that is more). Shared memory cannot hold such texts: `AsyncVectorEnv(shared_memory=True)` is
    refused, `stepgym.envs.make_vec` chooses what works.
    """

    def __init__(
        self, max_length: int = MAX_LENGTH, *, min_length: int = 0, seed: int | np.random.Generator | None = None
    ) -> None:
        super().__init__(max_length, min_length=min_length, charset=_PRINTABLE_ASCII, seed=seed)

    def contains(self, x: Any) -> bool:
        """Whether `x` is a text of a length within the bounds."""
        return isinstance(x, str) and self.min_length <= len(x) <= self.max_length

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """A random text of printable ASCII characters; `mask` and `probability` as in `gymnasium.spaces.Text`."""
        if mask is None and probability is None:
            longest = max(self.min_length, min(self.max_length, _LONGEST_SAMPLE))
            mask = (int(self.np_random.integers(self.min_length, longest + 1)), None)
        return super().sample(mask=mask, probability=probability)

    def __eq__(self, other: object, /) -> bool:
        return (
            isinstance(other, TextSpace) and self.min_length == other.min_length and self.max_length == other.max_length
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"TextSpace({self.max_length}, min_length={self.min_length})"


@create_shared_memory.register(TextSpace)
def _refuse_shared_memory(space: TextSpace, n: int = 1, ctx: Any = None) -> Any:
    raise gymnasium.error.CustomSpaceError(
        f"{space} cannot live in shared memory; use shared_memory=False or stepgym.envs.make_vec, which sets it."
    )


@runtime_checkable
class Forkable(Protocol):
    """An environment whose episodes can branch: search and Monte-Carlo continuations need it."""

    def get_state(self) -> dict[str, Any]:
        """The whole state of the episode as plain values that can be pickled; later steps do not change it."""
        ...

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from `state`, in this or another environment of the same spec."""
        ...


def instructions_of(env: gymnasium.Env[Any, Any]) -> str:
    """The answer format that an environment, or a wrapper around it, expects; "" if it does not say."""
    return str(env.get_wrapper_attr("instructions") or "") if env.has_wrapper_attr("instructions") else ""


class TextEnv(gymnasium.Env[str, str]):
    """Base of text environments: a subclass writes `on_reset` and `on_step`, the rest of the contract is here.

    * `reset(*, seed, options)` seeds `self.np_random`, the only source of randomness, and calls `on_reset`.
    * `step(action)` raises `gymnasium.error.ResetNeeded` before the first reset and after the end of an episode, and
      `InvalidInputError` if `action` is not a `str`; any text is allowed, it comes from a model.
    * With `actions`, `on_step` gets only the action that such a format reads in the text, "" if there is none: the
      environment answers as it answers to nothing, the turn counts, and the format's instructions are added to the
      observation. `info["unread"]` says why there was none; findings of `info["verdict"]` are offsets into the text.
    * `terminated` is the end of the task, `truncated` a limit from outside; at most one of them is True.
    * The `info` of `reset` and of `step` has the same keys, each with values of one type.
    * `render_mode="ansi"`: `render()` returns the last action and observation; `"human"`: `reset`, `step` and
      `render()` print them and return None. Control characters are shown as escapes.

    Args:
        instructions: The answer format the environment expects, for agents to show; None keeps the class's own.
        actions: How actions are read out of what a model wrote, see `stepgym.envs.actions.action_format`: "react",
            "think", "tool-call" and others, whose instructions join those of the environment. None takes the text.
        render_mode: None, "ansi" or "human".
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "human"], "render_fps": 4}  # noqa: RUF012 - Gymnasium's name
    instructions: str = ""
    reset_options: ClassVar[tuple[str, ...]] = ()
    """The keys of `options` that `reset` knows; others are refused."""

    def __init__(
        self,
        *,
        instructions: str | None = None,
        actions: ActionsLike | None = None,
        render_mode: str | None = None,
    ) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise InvalidInputError(
                f"render_mode must be None or one of {self.metadata['render_modes']}, got {render_mode!r}"
            )
        if instructions is not None:
            self.instructions = instructions
        self.action_format = None if actions is None else action_format(actions)
        if self.action_format is not None:
            told = (self.instructions, self.action_format.instructions)
            self.instructions = "\n".join(part for part in told if part)
        self.render_mode = render_mode
        self.observation_space: TextSpace = TextSpace()
        self.action_space: TextSpace = TextSpace()
        self._live = False
        self._shown: tuple[str | None, str] | None = None

    def on_reset(self, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Begin an episode; the first observation and `info`. `self.np_random` is seeded already."""
        raise NotImplementedError(f"{type(self).__name__} must define on_reset(options)")

    def on_step(self, action: str) -> StepResult:
        """Answer one action: observation, reward, terminated, truncated, `info`."""
        raise NotImplementedError(f"{type(self).__name__} must define on_step(action)")

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Begin a new episode; the same `seed` and `options` begin the same episode."""
        super().reset(seed=seed)
        options = options or {}
        for key in options:
            if key not in self.reset_options:
                known = ", ".join(map(repr, self.reset_options)) or "none"
                raise InvalidInputError(f"reset: unknown option {key!r}; known options: {known}")
        self._live = False
        observation, info = self.on_reset(options)
        if self.action_format is not None:
            info = {**info, UNREAD: ""}
        self._live = True
        self._shown = (None, observation)
        if self.render_mode == "human":
            self.render()
        return observation, info

    def step(self, action: str) -> StepResult:
        """Give `action` to the environment; see the class for what is refused."""
        if not self._live:
            raise gymnasium.error.ResetNeeded("the episode has not begun or is over: call reset() before step()")
        if not isinstance(action, str):
            raise InvalidInputError(f"an action must be a str, got {type(action).__name__}: {action!r:.80}")
        if self.action_format is None:
            result = self.on_step(action)
        else:
            result, reading = read_step(self.action_format, action, self.on_step)
            action = reading.text  # what is shown is what was done
        self._live = not (result[2] or result[3])
        self._shown = (action, result[0])
        if self.render_mode == "human":
            self.render()
        return result

    def render(self) -> str | None:
        """The current frame as text ("ansi"), or None after printing it ("human")."""
        if self._shown is None:
            raise gymnasium.error.ResetNeeded("nothing to render: call reset() first")
        if self.render_mode is None:
            gymnasium.logger.warn("render() without a render mode does nothing; make(..., render_mode='ansi')")
            return None
        frame = printable(self.frame())
        if self.render_mode == "ansi":
            return frame
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(frame.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        sys.stdout.flush()
        return None

    def frame(self) -> str:
        """What `render` shows: the last action, if any, and the current observation."""
        action, observation = self._shown or (None, "")
        return observation if action is None else f"> {action}\n{observation}"

    def written(self, action: str) -> str:
        """The text that reads as `action` here, for demonstrations."""
        return action if self.action_format is None else self.action_format.write(action)

    def base_state(self) -> dict[str, Any]:
        """The part of `get_state` that this class owns; a subclass that can fork adds its own."""
        return {"live": self._live, "shown": self._shown, "rng": self.np_random.bit_generator.state}

    def restore_base_state(self, state: dict[str, Any]) -> None:
        """The inverse of `base_state`."""
        self._live, self._shown = state["live"], state["shown"]
        self.np_random.bit_generator.state = state["rng"]
