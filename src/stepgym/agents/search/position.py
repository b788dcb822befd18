"""`Position`, an episode as far as it is played, and `Forks`, which plays on from any of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker

from stepgym.agents.conversation.conversation import Conversation, Prompt
from stepgym.agents.episodes import End, Step
from stepgym.agents.policy import Completion, Message, Request
from stepgym.agents.search.scoring import ids_of
from stepgym.envs.text import Forkable
from stepgym.errors import InvalidInputError
from stepgym.verifiers import Verdict

_STATELESS = (OrderEnforcing, PassiveEnvChecker)
_Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """Where an episode stands.

    Attributes:
        state: Of the environment.
        conversation: What the policy knows; it has been asked for its next turn unless the episode is over.
        observation, info: What the environment showed last.
        messages, prompt: What the policy reads next; `prompt` is None without a tokenizer.
        steps: Turns played since the search began to play.
        end: How the episode ended; None if it goes on.
        last: The ids that V of an ended episode is read after: those of its last turn.
    """

    state: Mapping[str, Any] = field(repr=False)
    conversation: Conversation = field(repr=False)
    observation: str
    info: Mapping[str, Any] = field(repr=False)
    messages: tuple[Message, ...] = ()
    prompt: _Ids | None = None
    steps: tuple[Step, ...] = ()
    end: End | None = None
    last: tuple[_Ids, _Ids] | None = None

    @property
    def reward(self) -> float:
        """Sum of the rewards since the search began to play."""
        return sum(step.reward for step in self.steps)

    @property
    def outcome(self) -> float | None:
        """As in `Episode.outcome`."""
        verdicts = self.steps[-1].verdicts if self.steps else ()
        undecided = any(verdict.status == "undecided" for verdict in verdicts)
        return self.reward if self.end in ("terminated", "step_limit") and not undecided else None

    def reading(self) -> tuple[_Ids, _Ids]:
        """Prompt and written ids after which V speaks about this position.

        Where the episode goes on: the next prompt, with the observation, after which an action follows. Where it is
        over: the last action (`Scorer` leaves its end-of-turn token out).
        """
        if self.end is not None and self.last is not None:
            return self.last
        if self.prompt is None:
            raise InvalidInputError("search by value needs a policy with a tokenizer: V reads token ids")
        return self.prompt, ()


class Forks:
    """Plays on from any position of an episode, in the one environment given.

    Args:
        env: An environment that can fork.

    Raises:
        InvalidInputError: The environment cannot fork, or a wrapper around it may keep a state of its own.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        self._env = env
        self._forkable = _forkable(env)

    def here(
        self,
        conversation: Conversation,
        prompt: Prompt | Request,
        observation: str,
        info: Mapping[str, Any],
        steps: tuple[Step, ...] = (),
    ) -> Position:
        """Where the environment stands now that the policy was asked for an action with `prompt`."""
        ids = prompt.token_ids if isinstance(prompt, Prompt) else prompt.prompt_token_ids
        state = self._forkable.get_state()
        return Position(state, _copy(conversation), observation, info, prompt.messages, ids, steps)

    def back_to(self, position: Position) -> None:
        """Put the environment back to `position`."""
        self._forkable.set_state(dict(position.state))

    async def after(self, position: Position, completion: Completion) -> Position:
        """The position after the policy's answer `completion` at `position`, which stays as it is."""
        self.back_to(position)
        conversation = _copy(position.conversation)
        recorded = conversation.record(completion)
        observation, reward, terminated, truncated, info = self._env.step(completion.text)
        found = info.get("verdict")
        signed = (found,) if isinstance(found, Verdict) else ()
        step = Step(
            position.observation, completion.text, recorded, float(reward), bool(terminated), bool(truncated), signed
        )
        steps = (*position.steps, step)
        if not (terminated or truncated):
            prompt = await conversation.ask_async(observation, info)
            return self.here(conversation, prompt, observation, info, steps)
        return Position(
            self._forkable.get_state(),
            conversation,
            observation,
            info,
            steps=steps,
            end="terminated" if terminated else "step_limit",
            last=None if completion.token_ids is None else ids_of(completion),
        )


def _copy(conversation: Conversation) -> Conversation:
    copied = copy.copy(conversation)
    copied.turns = list(conversation.turns)
    return copied


def _forkable(env: gymnasium.Env[Any, Any]) -> Forkable:
    """What holds the state of `env`: the outermost layer that can fork, below wrappers that hold none."""
    layer: Any = env
    while not isinstance(layer, Forkable):
        if not isinstance(layer, gymnasium.Wrapper):
            raise InvalidInputError(
                f"{type(layer).__name__} cannot fork: this search tries actions out and goes back, which needs "
                "get_state() and set_state() (stepgym.envs.Forkable); best_of_k_actions works without"
            )
        if not isinstance(layer, _STATELESS):
            raise InvalidInputError(
                f"the wrapper {type(layer).__name__} may keep a state that forks would mix up: give the environment "
                "without it, or a wrapper with get_state() and set_state() of its own"
            )
        layer = layer.env
    return layer
