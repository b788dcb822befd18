"""Registering environments, finding those that others offer, and making them by id."""

from __future__ import annotations

import importlib
import inspect
import sys
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from types import ModuleType
from typing import TYPE_CHECKING, Any

import gymnasium
from gymnasium.envs.registration import EnvSpec, load_env_creator, parse_env_id

from stepgym.errors import InvalidInputError, PluginError, UnknownNameError, unknown_name

if TYPE_CHECKING:
    from stepgym.envs.tasks import Task
    from stepgym.plugins import Plugin

GROUP = "stepgym.envs"
"""Entry-point group: each value is a module that registers ids when imported, or "module:function" that does."""

_QUESTION_ENV = "stepgym.envs.question:QuestionEnv"


@dataclass(frozen=True, slots=True)
class _Registration:
    module: str
    summary: str


_registrations: dict[str, _Registration] = {}
_distributions: dict[str, str] = {}  # id -> the distribution whose entry point registered it
_broken: list[PluginError] | None = None  # None until the entry points were read


def register(
    id: str,
    *,
    tasks: str | PathLike[str] | Iterable[Task] | Iterable[Mapping[str, Any]] | None = None,
    verifier: str | None = None,
    entry_point: str | None = None,
    instructions: str = "",
    summary: str = "",
    max_episode_steps: int | None = None,
    nondeterministic: bool = False,
    overwrite: bool = False,
    **kwargs: Any,
) -> None:
    """Make `id` an ordinary Gymnasium id: some tasks and a verifier, or an environment class of your own.

    Everything is kept as text and plain values, so that the spec can be written as JSON and made in worker processes;
    no file is opened and nothing is imported before the environment is made.

    Args:
        id: "namespace/Name-v0".
        tasks: What `load_tasks` takes; a file beside your module is "package.module:file.jsonl".
        verifier: A name such as "math-answer", or "module:Class".
        entry_point: "module:Class" of a `gymnasium.Env`, instead of (or besides) tasks and verifier.
        instructions: The answer format the environment expects; "" leaves the class's own.
        summary: One line for `stepgym list`.
        max_episode_steps: Limit that ends an episode as truncated; question environments need none.
        nondeterministic: As in `gymnasium.register`.
        overwrite: Replace an id that is registered already with other settings.
        **kwargs: Further arguments of the environment's constructor, such as `max_turns` or `columns`; JSON values.

    Raises:
        InvalidInputError: The id is malformed or taken, or an argument cannot travel.
    """
    _check_id(id)
    if entry_point is None and (tasks is None or verifier is None):
        raise InvalidInputError(f"{id}: give tasks and verifier, or entry_point='module:Class'")
    for name, value in (("verifier", verifier), ("entry_point", entry_point)):
        if value is not None and not isinstance(value, str):
            raise InvalidInputError(
                f"{id}: {name} must be a text such as 'module:Class', so that workers can find it, got {value!r:.80}"
            )
    if tasks is not None:
        kwargs["tasks"] = fspath(tasks) if isinstance(tasks, str | PathLike) else _plain_rows(tasks)
    if verifier is not None:
        kwargs["verifier"] = verifier
    if instructions:
        kwargs["instructions"] = instructions
    spec = EnvSpec(
        id,
        entry_point=entry_point or _QUESTION_ENV,
        nondeterministic=nondeterministic,
        max_episode_steps=max_episode_steps,
        kwargs=kwargs,
    )
    _check_json(spec)
    known = gymnasium.registry.get(id)
    if known is not None and known != spec:
        if not overwrite:
            raise InvalidInputError(
                f"the id {id!r} is registered already, as {known.entry_point} with other settings; choose another id, "
                "or pass overwrite=True to replace it"
            )
        del gymnasium.registry[id]
        known = None
    if known is None:
        gymnasium.register(
            id,
            entry_point=spec.entry_point,
            nondeterministic=nondeterministic,
            max_episode_steps=max_episode_steps,
            kwargs=kwargs,
        )
    caller = sys._getframe(1).f_globals.get("__name__", "")
    _registrations[id] = _Registration(caller, summary)


def make(id: str, **kwargs: Any) -> gymnasium.Env[Any, Any]:
    """`gymnasium.make`, with ids that installed plug-ins offer and errors that help.

    Raises:
        UnknownNameError: No such id, with the nearest ones; or no such keyword argument.
    """
    spec = find_spec(id)
    check_arguments(spec, kwargs)
    return gymnasium.make(spec, **kwargs)


def find_spec(id: str) -> EnvSpec:
    """The spec registered under `id` ("module:id" imports the module first); loads plug-ins only if it must."""
    module, _, name = id.rpartition(":")
    if module:
        _import(module, id)
    if name not in gymnasium.registry:
        load_plugins()
    spec = gymnasium.registry.get(name)
    if spec is None:
        hint = " ".join(str(error) for error in load_plugins())
        raise unknown_name("environment", name, _ids(), hint=hint)
    return spec


def check_arguments(spec: EnvSpec, kwargs: Mapping[str, Any]) -> None:
    """Raise `UnknownNameError` for a keyword argument that the environment does not have."""
    creator = load_env_creator(spec.entry_point) if isinstance(spec.entry_point, str) else spec.entry_point
    if creator is None:
        return
    parameters = inspect.signature(creator).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for name in kwargs:
        if name not in parameters and name not in ("max_episode_steps", "disable_env_checker"):
            raise unknown_name(f"argument of {spec.id}", name, parameters)


def list_envs() -> list[Plugin]:
    """The registered text environments, by id, those of installed plug-ins included; warns of each broken plug-in."""
    from stepgym.plugins import Plugin  # reads distributions, which is slow to import

    for error in load_plugins():
        warnings.warn(str(error), RuntimeWarning, stacklevel=2)
    found = []
    for id in _ids():
        spec, known = gymnasium.registry[id], _registrations.get(id)
        found.append(
            Plugin(id, str(spec.entry_point), known.summary if known else "", _distributions.get(id) or _owner(id))
        )
    return found


def load_plugins() -> tuple[PluginError, ...]:
    """Load the entry points of the group `stepgym.envs`, once; the errors of those that are broken."""
    global _broken
    if _broken is None:
        from importlib.metadata import entry_points  # slow to import, and rarely needed

        _broken = []
        for entry in entry_points(group=GROUP):
            before = set(gymnasium.registry)
            distribution = entry.dist.name if entry.dist is not None else "unknown"
            try:
                loaded = entry.load()
                if callable(loaded) and not isinstance(loaded, ModuleType):
                    loaded()
            except (Exception, SystemExit) as error:
                _broken.append(
                    PluginError(
                        f"Plug-in {entry.name!r} ({entry.value}, from {distribution}) cannot be loaded: "
                        f"{type(error).__name__}: {error}"
                    )
                )
            module = entry.value.partition(":")[0]
            for id in gymnasium.registry:
                if id not in before or _registered_by(id, module):
                    _distributions.setdefault(id, distribution)
    return tuple(_broken)


def _plain_rows(tasks: Iterable[Any]) -> list[Any]:
    """Tasks as plain JSON rows that `load_tasks` reads back; other rows as they are."""
    from stepgym.envs.tasks import Task

    return [
        {"id": t.id, "prompt": t.prompt, "reference": t.reference, "meta": dict(t.meta)} if isinstance(t, Task) else t
        for t in tasks
    ]


def _import(module: str, id: str) -> None:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            raise UnknownNameError(f"{id!r}: there is no module {module!r} to import") from error
        raise PluginError(f"{id!r}: the module {module!r} cannot be imported: {error}") from error
    except Exception as error:
        raise PluginError(
            f"{id!r}: the module {module!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error


def _ids() -> list[str]:
    ids = {id for id in (*_registrations, *_distributions) if id in gymnasium.registry}
    return sorted(ids)


def _registered_by(id: str, module: str) -> bool:
    caller = _registrations[id].module if id in _registrations else ""
    return caller == module or caller.startswith(f"{module}.")


def _owner(id: str) -> str:
    return _registrations[id].module.partition(".")[0] if id in _registrations else ""


def _check_id(id: str) -> None:
    if not isinstance(id, str):
        raise InvalidInputError(f"an id is a text such as 'mylab/Units-v0', got {id!r:.80}")
    try:
        namespace, _, version = parse_env_id(id)
    except gymnasium.error.Error as error:
        raise InvalidInputError(f"an id looks like 'mylab/Units-v0', got {id!r:.80}") from error
    if namespace is None or version is None or ":" in id:
        raise InvalidInputError(f"an id needs a namespace and a version, like 'mylab/Units-v0', got {id!r:.80}")


def _check_json(spec: EnvSpec) -> None:
    try:
        round_trip = EnvSpec.from_json(spec.to_json())
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{spec.id}: the arguments must be JSON values, so that the spec can travel: {error}"
        ) from error
    if round_trip.kwargs != spec.kwargs:
        raise InvalidInputError(
            f"{spec.id}: the arguments change in a JSON round trip (tuples and keys that are not texts do): "
            f"{spec.kwargs!r:.200}"
        )
