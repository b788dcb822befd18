"""`make_vec`: several copies of an environment stepped together."""

from __future__ import annotations

from typing import Any, Literal, get_args

import gymnasium

from stepgym.envs.registration import check_arguments, find_spec
from stepgym.errors import InvalidInputError

Vectorization = Literal["sync", "async"]


def make_vec(
    id: str,
    num_envs: int,
    *,
    vectorization_mode: Vectorization = "sync",
    autoreset_mode: str | gymnasium.vector.AutoresetMode = gymnasium.vector.AutoresetMode.NEXT_STEP,
    context: str | None = None,
    **kwargs: Any,
) -> gymnasium.vector.VectorEnv[Any, Any, Any]:
    """`num_envs` environments of one id: observations and actions are tuples of texts, `info` values object arrays.

    "async" runs each in a process of its own and passes texts through pipes, because shared memory cannot hold them
    (`gymnasium.make_vec` with its defaults is refused for that reason). Call it under `if __name__ == "__main__":`
    where processes are spawned.

    With the default `autoreset_mode`, the `step` after the end of an episode ignores its action, resets and has
    reward 0: leave that step out of any log.

    Args:
        id: As for `make`.
        num_envs: How many, at least 1.
        vectorization_mode: "sync" (one process) or "async".
        autoreset_mode: As in `gymnasium.vector`.
        context: How processes start, "spawn", "forkserver" or "fork"; None for the default of the platform.
        **kwargs: Arguments for each environment.
    """
    if vectorization_mode not in get_args(Vectorization):
        raise InvalidInputError(f"vectorization_mode must be 'sync' or 'async', got {vectorization_mode!r}")
    if type(num_envs) is not int or num_envs < 1:
        raise InvalidInputError(f"num_envs must be an integer of at least 1, got {num_envs!r}")
    spec = find_spec(id)
    check_arguments(spec, kwargs)
    vector_kwargs: dict[str, Any] = {"autoreset_mode": autoreset_mode}
    if vectorization_mode == "async":
        vector_kwargs |= {"shared_memory": False, "context": context}
    return gymnasium.make_vec(spec, num_envs, vectorization_mode, vector_kwargs=vector_kwargs, **kwargs)
