"""Episodes as Minari data sets, and back without loss.

Minari keeps observations, actions, rewards and flags; what it has no place for (token ids, log-probabilities, verdicts)
travels as the JSON of the whole episode in the info `stepgym_episode` of the first step.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from stepgym.agents.episodes import Episode, Step
from stepgym.agents.importers.columns import prompt_id
from stepgym.envs.text import TextSpace
from stepgym.errors import InvalidInputError, require

_INFO = "stepgym_episode"


def to_minari(episodes: Iterable[Episode], dataset_id: str, *, data_format: str = "hdf5", description: str = "") -> Any:
    """Create the Minari data set `dataset_id` ("group/name-v0") and return it; needs the extra `minari`.

    Episodes without a step are left out. Minari wants an observation after the last action; it is "". Characters that
    HDF5 cannot hold are replaced in observations and actions, not in the episode that travels with them.

    Raises:
        InvalidInputError: there is no episode with a step, or Minari refuses the id or the format.
    """
    minari = require("minari", extra="minari")
    buffer_type = require("minari.data_collector", extra="minari").EpisodeBuffer
    longest = 1
    buffers: list[Any] = []
    for episode in episodes:
        if not episode.steps:
            continue
        steps = episode.steps
        observations = [_storable(step.observation) for step in steps] + [""]
        actions = [_storable(step.action) for step in steps]
        longest = max(longest, *map(len, observations), *map(len, actions))
        buffers.append(
            buffer_type(
                id=len(buffers),
                seed=episode.seed,
                observations=observations,
                actions=actions,
                rewards=[step.reward for step in steps],
                terminations=[step.terminated for step in steps],
                truncations=[step.truncated for step in steps],
                infos={_INFO: [json.dumps(episode.to_dict())] + [""] * len(steps)},
            )
        )
    if not buffers:
        raise InvalidInputError("there is no episode with a step to export")
    space = TextSpace(max_length=longest, min_length=0)
    try:
        return minari.create_dataset_from_buffers(
            dataset_id,
            buffers,
            observation_space=space,
            action_space=space,
            data_format=data_format,
            description=description or "Episodes of stepgym",
        )
    except (ValueError, AssertionError) as error:
        raise InvalidInputError(f"Minari cannot make the data set {dataset_id!r}: {error}") from error


def from_minari(dataset: Any, *, env_id: str = "imported", policy: str = "") -> Iterator[Episode]:
    """The episodes of a Minari data set of texts, whole where `to_minari` wrote them.

    Others get the sum of their rewards as outcome and a task id made of the first observation. `env_id` and `policy`
    are for these.

    Args:
        dataset: A data set or the id of one on this machine.
        env_id: The episodes' environment.
        policy: The episodes' policy.
    """
    if isinstance(dataset, str):
        minari = require("minari", extra="minari")
        try:
            dataset = minari.load_dataset(dataset)
        except FileNotFoundError as error:
            raise InvalidInputError(f"there is no Minari data set {dataset!r} on this machine") from error
    name = str(dataset.spec.dataset_id)
    for data in dataset.iterate_episodes():
        record = _text(data.infos[_INFO][0]) if data.infos and _INFO in data.infos else ""
        yield Episode.from_dict(json.loads(record)) if record else _plain_episode(data, name, env_id, policy)


def _plain_episode(data: Any, name: str, env_id: str, policy: str) -> Episode:
    if len(data.actions) == 0 or not isinstance(data.actions[0], (str, bytes)):
        raise InvalidInputError(f"{name}, episode {data.id}: only actions that are text can become episodes")
    steps = tuple(
        Step(_text(observation), _text(action), None, float(reward), bool(terminated), bool(truncated))
        for observation, action, reward, terminated, truncated in zip(
            data.observations[:-1], data.actions, data.rewards, data.terminations, data.truncations, strict=True
        )
    )
    end = "step_limit" if steps[-1].truncated and not steps[-1].terminated else "terminated"
    outcome = sum(step.reward for step in steps)
    task = prompt_id(steps[0].observation)
    return Episode(f"{name}:{data.id}", env_id, task, steps, outcome, end=end, policy=policy)  # type: ignore[arg-type]


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _text(value: Any) -> str:
    # Some storages give bytes back.
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
