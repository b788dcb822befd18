"""`check_text_env`: what stepgym expects of a text environment, beyond Gymnasium's own `check_env`."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import random
import warnings
from collections.abc import Callable, Sized
from dataclasses import dataclass
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env, data_equivalence

from stepgym.envs.text import Forkable
from stepgym.errors import ConformanceError, StepgymError

Env = gymnasium.Env[Any, Any]

HOSTILE_ACTIONS = {
    "empty": "",
    "white space": " \t\r\n ",
    "1 MB of digits": "9" * 1_000_000,
    "1 MB of open brackets": "({[" * 333_333,
    "NUL and control characters": "\x00\x01\x1b[2J\x1b]0;title\x07\r\x7f\x9b",
    "half a surrogate pair": "answer \ud800 2",
    "right-to-left marks": "\u202e2 rewsna\u202c \u2066\u200f",
    "combining marks": "2" + "\u0301" * 10_000,
    "code": "__import__('os').abort()",
    "markup": "<script>alert(1)</script> \\boxed{\\input{/etc/passwd}} {{7*7}} %s%n",
}
_LONGEST_EPISODE = 200


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise: its name, what it says, and why it was not checked ("" if it was and holds)."""

    name: str
    says: str
    not_checked: str = ""


@dataclass(frozen=True, slots=True)
class EnvReport:
    """The promises that an environment keeps; `print` shows a table."""

    env: str
    promises: tuple[Promise, ...]

    def __str__(self) -> str:
        rows = [(p.name, f"not checked: {p.not_checked}" if p.not_checked else "kept", p.says) for p in self.promises]
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        lines = [f"{name:{widths[0]}}  {result:{widths[1]}}  {says}" for name, result, says in rows]
        return "\n".join([f"Promises of {self.env}", *lines])


class _NotCheckedError(Exception):
    """A promise that cannot be checked here, with the reason."""


def check_text_env(env: Env) -> EnvReport:
    """The promises that `env` keeps; raises `ConformanceError` naming the first one that is broken.

    Gymnasium's `check_env` runs first, with warnings as errors. The environment is stepped and reset; with a spec
    (that is, made by `gymnasium.make`) fresh copies are made too and more can be checked. Printing goes nowhere.

    Args:
        env: A text environment, wrapped or not; the innermost one is checked.
    """
    env = env.unwrapped
    name = env.spec.id if env.spec is not None else type(env).__name__
    kept = []
    for check in _CHECKS:
        promise, says = check.__name__.strip("_").replace("_", " "), (check.__doc__ or "").rstrip(".")
        why = ""
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                check(env)
        except _NotCheckedError as error:
            why = str(error)
        except ConformanceError as error:
            raise ConformanceError(f"{name} breaks the promise {promise!r} ({says}): {error}") from error
        except Exception as error:
            raise ConformanceError(
                f"{name} breaks the promise {promise!r} ({says}): it raised {type(error).__name__}: {error!s:.500}"
            ) from error
        kept.append(Promise(promise, says, why))
    return EnvReport(name, tuple(kept))


def _gymnasium(env: Env) -> None:
    """Gymnasium's check_env passes without a warning."""
    if env.spec is None:
        raise _NotCheckedError("no spec, make it with gymnasium.make")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env)
    _expect(not caught, f"it warns: {caught[0].message if caught else ''}")


def _text(env: Env) -> None:
    """Observations and actions are texts of any characters, `instructions` is a text."""
    for role, space in (("observation", env.observation_space), ("action", env.action_space)):
        _expect(isinstance(space, gymnasium.spaces.Text), f"the {role} space must be a TextSpace, got {space}")
        _expect("2 ∈ {1, 2}\n" in space, f"the {role} space {space} refuses characters outside its set")
    instructions = getattr(env, "instructions", None)
    _expect(isinstance(instructions, str), f"instructions must be a str, got {type(instructions).__name__}")


def _same_seed_same_episode(env: Env) -> None:
    """The same seed and actions give the same episode."""
    first, second = _play(env, seed=17), _play(env, seed=17)
    for number, (one, two) in enumerate(zip(first, second, strict=False)):
        _expect(data_equivalence(one, two, exact=True), f"item {number}: {one!r:.200} and then {two!r:.200}")
    _expect(len(first) == len(second), f"{len(first) - 1} steps and then {len(second) - 1}")


def _seeds_matter(env: Env) -> None:
    """Different seeds give different beginnings."""
    tasks = getattr(env, "tasks", None)
    if isinstance(tasks, Sized) and len(tasks) == 1:
        raise _NotCheckedError("there is one task only")
    begun = {env.reset(seed=seed)[0] for seed in range(32)}
    _expect(len(begun) > 1, "32 seeds gave one and the same observation")


def _own_randomness(env: Env) -> None:
    """The global random generators are left alone."""
    before = random.getstate(), pickle.dumps(np.random.get_state())
    _play(env, seed=3)
    _expect((random.getstate(), pickle.dumps(np.random.get_state())) == before, "one of them has advanced")


def _task_selection(env: Env) -> None:
    """options={"task": id} chooses the task, an unknown id is refused with a LookupError."""
    observation, info = env.reset(seed=5)
    _expect(isinstance(info.get("task"), str), f"info['task'] must be the id of the task, got {info.get('task')!r}")
    for seed in (None, 6):
        chosen, chosen_info = env.reset(seed=seed, options={"task": info["task"]})
        _expect(chosen_info["task"] == info["task"], f"asked for {info['task']!r}, got {chosen_info['task']!r}")
        _expect(chosen == observation, "the chosen task begins otherwise than when it was drawn")
    with _must_raise(LookupError, "an unknown task"):
        env.reset(options={"task": "no such task \u2205"})


def _info_types(env: Env) -> None:
    """The infos of reset and step have the same keys, with one type each, and can be pickled."""
    types: dict[str, type] = {}
    for number, item in enumerate(_play(env, seed=7)):
        info = item[-1]
        found = {key: type(value) for key, value in info.items()}
        types = types or found
        _expect(found == types, f"item {number} has {found}, reset has {types}")
        pickle.loads(pickle.dumps(info))


def _order(env: Env) -> None:
    """A step before reset, or after the end of an episode, raises gymnasium.error.ResetNeeded."""
    last = _play(env, seed=8)[-1]
    if last[2] or last[3]:
        with _must_raise(gymnasium.error.ResetNeeded, "step after the end"):
            env.step("")
    fresh = _fresh(env)
    with _must_raise(gymnasium.error.ResetNeeded, "step before reset"):
        fresh.step("")


def _wrong_type(env: Env) -> None:
    """An action that is no text raises an error of stepgym or Gymnasium, or a TypeError."""
    for action in (None, 3, b"answer 2", ["answer 2"]):
        env.reset(seed=9)
        with _must_raise((StepgymError, gymnasium.error.Error, TypeError), f"the action {action!r}"):
            env.step(action)


def _hostile_actions(env: Env) -> None:
    """Whatever a model writes is judged, never a crash."""
    for name, action in HOSTILE_ACTIONS.items():
        env.reset(seed=10)
        try:
            observation, reward, *_ = env.step(action)
        except Exception as error:
            raise ConformanceError(f"{name}: {type(error).__name__}: {error!s:.300}") from error
        _expect(observation in env.observation_space, f"{name}: the observation is outside of its space")
        _expect(np.isfinite(float(reward)), f"{name}: the reward is {reward}")


def _ends(env: Env) -> None:
    """The flags terminated and truncated are bools and never both True."""
    for seed in range(3):
        for item in _play(env, seed=seed)[1:]:
            terminated, truncated = item[2], item[3]
            _expect(type(terminated) is bool and type(truncated) is bool, f"got {terminated!r} and {truncated!r}")
            _expect(not (terminated and truncated), "both are True")


def _rendering(env: Env) -> None:
    """'ansi' returns a str without control characters, 'human' prints and returns None."""
    if env.spec is None:
        raise _NotCheckedError("no spec, make it with gymnasium.make")
    for mode in ("ansi", "human"):
        _expect(mode in env.metadata.get("render_modes", ()), f"metadata['render_modes'] has no {mode!r}")
        other = env.spec.make(render_mode=mode)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            other.reset(seed=11)
            other.step(HOSTILE_ACTIONS["NUL and control characters"])
            frame = cast(Any, other.render())
        other.close()
        if mode == "ansi":
            _expect(isinstance(frame, str), f"'ansi' returned {type(frame).__name__}")
        else:
            _expect(frame is None, f"'human' returned {type(frame).__name__}")
            frame = printed.getvalue()
            _expect(bool(frame), "'human' printed nothing")
        _expect(not set(frame) & set("\x00\x1b\x07\r\x9b"), f"{mode!r} lets control characters of the action through")


def _travels(env: Env) -> None:
    """The spec can be pickled and written as JSON, and both make the same environment."""
    if env.spec is None:
        raise _NotCheckedError("no spec, make it with gymnasium.make")
    here = env.reset(seed=12)[0]
    text = env.spec.to_json()
    json.loads(text)
    for spec in (EnvSpec.from_json(text), pickle.loads(pickle.dumps(env.spec))):
        other = cast(Env, spec.make())
        _expect(other.reset(seed=12)[0] == here, "a copy made from it begins otherwise")
        other.close()


def _forks(env: Env) -> None:
    """get_state and set_state branch an episode exactly, and the state can be pickled."""
    if not isinstance(env, Forkable):
        raise _NotCheckedError("it offers no get_state and set_state")
    env.reset(seed=13)
    state = pickle.loads(pickle.dumps(env.get_state()))
    other = cast(Any, _fresh(env) if env.spec is not None else env)
    for action in ("", "answer 2", "look"):
        env.set_state(state)
        here = env.step(action), env.np_random.random()
        other.set_state(pickle.loads(pickle.dumps(state)))
        there = other.step(action), other.np_random.random()
        _expect(data_equivalence(here, there, exact=True), f"after {action!r}: {here!r:.200} and {there!r:.200}")


_CHECKS: tuple[Callable[[Env], None], ...] = (
    _gymnasium,
    _text,
    _same_seed_same_episode,
    _seeds_matter,
    _own_randomness,
    _task_selection,
    _info_types,
    _order,
    _wrong_type,
    _hostile_actions,
    _ends,
    _rendering,
    _travels,
    _forks,
)


def _play(env: Env, *, seed: int) -> list[tuple[Any, ...]]:
    """What reset and each step return, with sampled actions, to the end of the episode or 200 steps."""
    env.action_space.seed(seed)
    items: list[tuple[Any, ...]] = [env.reset(seed=seed)]
    for _ in range(_LONGEST_EPISODE):
        items.append(env.step(env.action_space.sample()))
        if items[-1][2] or items[-1][3]:
            break
    return items


def _fresh(env: Env) -> Env:
    """A new copy that was never reset."""
    if env.spec is None:
        raise _NotCheckedError("no spec, make it with gymnasium.make")
    return env.spec.make()


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ConformanceError(otherwise)


@contextlib.contextmanager
def _must_raise(expected: Any, what: str) -> Any:
    try:
        yield
    except expected:
        return
    except Exception as error:
        raise ConformanceError(f"{what} raised {type(error).__name__}: {error!s:.200}") from error
    raise ConformanceError(f"{what} was accepted")
