"""`EnvSource`: where the environments of a collection come from."""

from __future__ import annotations

import contextlib
import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec

from stepgym.errors import InvalidInputError, UnknownNameError

EnvLike = str | gymnasium.Env[Any, Any] | Callable[[], gymnasium.Env[Any, Any]]

_LONGEST_KWARG = 2_000  # characters of JSON; every episode carries the arguments of its environment


@dataclass(frozen=True)
class EnvSource:
    """Where the environments of a collection come from.

    Attributes:
        make: Makes one.
        id: Name for the log, what `gymnasium.make` takes where there is such a name.
        kwargs: Its arguments as JSON values.
    """

    make: Callable[[], gymnasium.Env[Any, Any]]
    id: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)


def environment_source(
    env: str | gymnasium.Env[Any, Any] | Callable[[], gymnasium.Env[Any, Any]],
    kwargs: Mapping[str, Any] | None = None,
) -> EnvSource:
    """The source for a Gymnasium id with its `kwargs`, for an environment that knows its spec, or for a function."""
    arguments = dict(kwargs or {})
    if isinstance(env, str):
        return EnvSource(partial(_made, _spec(env), arguments), env, _plain(arguments))
    if arguments:
        raise InvalidInputError("env_kwargs go with an environment id; put the arguments into the function itself")
    if isinstance(env, gymnasium.Env):
        if (spec := env.spec) is None:
            raise InvalidInputError(
                f"{env} has no spec, so no second one can be made: give its id, or a function that makes one"
            )
        return EnvSource(partial(gymnasium.make, spec, disable_env_checker=True), spec.id, _plain(spec.kwargs))
    if not callable(env):
        raise InvalidInputError(f"expected an environment id, an environment or a function, got {type(env).__name__}")
    made = env()
    spec = made.spec
    made.close()
    if spec is not None:
        return EnvSource(env, spec.id, _plain(spec.kwargs))
    return EnvSource(env, type(made.unwrapped).__name__)


def _spec(name: str) -> str | EnvSpec:
    """What an id stands for, so that it means the same in another process; unknown names as they are."""
    module, _, plain = name.rpartition(":")
    with contextlib.suppress(ImportError):  # `gymnasium.make` has the words for it
        if module:
            importlib.import_module(module)
    return gymnasium.registry.get(plain, name)


def _made(name: str | EnvSpec, arguments: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    try:
        return gymnasium.make(name, disable_env_checker=True, **arguments)
    except gymnasium.error.UnregisteredEnv as error:
        raise UnknownNameError(str(error)) from error


def _plain(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """`kwargs` as JSON values; what is none, or is large, by a description that changes with its contents."""
    plain: dict[str, Any] = {}
    for name, value in kwargs.items():
        try:
            text = json.dumps(value, sort_keys=True)
        except (TypeError, ValueError):
            plain[name] = f"<{type(value).__name__}>"
            continue
        if len(text) > _LONGEST_KWARG:
            plain[name] = f"<{type(value).__name__} {blake2b(text.encode(), digest_size=8).hexdigest()}>"
        else:
            plain[name] = json.loads(text)
    return plain
