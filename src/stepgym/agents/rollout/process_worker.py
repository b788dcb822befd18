"""What runs in a worker process of `ProcessPlayer`: it makes environments and answers calls to them."""

from __future__ import annotations

import pickle
import signal
import traceback
from multiprocessing.connection import Connection
from typing import Any

import gymnasium

from stepgym.envs.text import instructions_of
from stepgym.errors import StepgymError

Reply = tuple[bool, Any]  # whether it went well, and the answer or the exception


def serve(pipe: Connection, make: bytes) -> None:
    """Answer calls until the other side ends, or is gone.

    Calls are tuples: `("reset", seat, seed, options)`, `("step", seat, action)`, `("close", seat)` and `("end",)`.

    Args:
        pipe: The way to the other side.
        make: The pickled function that makes an environment.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the collector decides
    envs: dict[int, gymnasium.Env[Any, Any]] = {}
    try:
        maker = pickle.loads(make)
    except Exception as error:
        _reply(pipe, (False, error))
        return
    try:
        _reply(pipe, (True, None))
        while (call := pipe.recv()) != ("end",):
            try:
                reply: Reply = (True, _answer(envs, maker, call))
            except Exception as error:  # raised again on the other side
                error.add_note("In the worker process:\n" + "".join(traceback.format_exception(error)))
                reply = (False, error)
            _reply(pipe, reply)
    except (EOFError, ConnectionError):
        pass  # the collector was killed
    finally:
        for env in envs.values():
            env.close()


def _answer(envs: dict[int, gymnasium.Env[Any, Any]], make: Any, call: tuple[Any, ...]) -> Any:
    method, seat, *rest = call
    if method == "step":
        return envs[seat].step(rest[0])
    if method == "close":
        if seat in envs:
            envs.pop(seat).close()
        return None
    env = envs.get(seat)
    if env is None:
        env = envs[seat] = make()
    seed, options = rest
    observation, info = env.reset(seed=seed, options=options)
    return observation, info, instructions_of(env)


def _reply(pipe: Connection, reply: Reply) -> None:
    """Send an answer; one that cannot be sent becomes an error that can."""
    well, value = reply
    try:
        message = pickle.dumps(reply)
        if not well:
            pickle.loads(message)  # some exceptions can be taken apart but not put together
    except Exception as error:
        if well:
            text = f"what the environment returns cannot be sent between processes: {error}. Use workers=0."
            message = pickle.dumps((False, StepgymError(text)))
        else:
            message = pickle.dumps((False, RuntimeError(f"{type(value).__name__}: {value}")))
    pipe.send_bytes(message)
