"""`connect`: the way to a Ray cluster, with its failures as `ClusterError` and without its chatter."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from stepgym.errors import StepgymError, require

_ANSWER_SECONDS = 5.0
_STORE_BYTES = 256 * 2**20  # of a cluster started here; only large episodes pass through it


class ClusterError(StepgymError):
    """The cluster cannot be reached, has no room, or cannot play what it was given."""


@dataclass(frozen=True, slots=True)
class Connection:
    """This process as a driver of a cluster.

    Attributes:
        ray: The module.
        ours: Whether it was opened by `connect`; another one is left open.
    """

    ray: ModuleType
    ours: bool

    def close(self) -> None:
        """Leave the cluster, and stop it if `connect` started it."""
        if self.ours:
            self.ray.shutdown()


def connect(address: str | None) -> Connection:
    """Connects to the cluster at `address`, see `RayWorkers`; uses the connection of this process if there is one.

    Raises:
        ClusterError: Nobody answers there, or the versions of Ray or Python differ.
        MissingExtraError: Ray is not installed.
    """
    with _unheard(), _SignalsKept():
        ray = require("ray", extra="ray")
        if ray.is_initialized():
            return Connection(ray, ours=False)
        place = address or os.environ.get("RAY_ADDRESS") or "local"
        _check(_running_here(ray) if place == "auto" else place)
        starting = {"include_dashboard": False, "object_store_memory": _STORE_BYTES} if place == "local" else {}
        try:
            ray.init(address=place, log_to_driver=False, logging_level=logging.ERROR, **starting)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise ClusterError(
                f"cannot use the Ray cluster at {place}: {error}. `ray status` on its head node "
                "shows its state; Ray and Python must have the same versions everywhere."
            ) from error
    # The state dump of each dead node would be printed to stdout; no option of Ray leaves it out.
    if hasattr(ray._private.worker, "_worker_logs_enabled"):
        ray._private.worker._worker_logs_enabled = False
    return Connection(ray, ours=True)


def _running_here(ray: ModuleType) -> str:
    """The address of the cluster that was last started on this machine, which may be gone."""
    found = ray._private.utils.read_ray_address()
    if not found:
        raise ClusterError("no Ray cluster runs on this machine: start one with `ray start --head`, or give HOST:PORT")
    return str(found)


def _check(address: str) -> None:
    """Raises where nobody listens: Ray itself tries for minutes."""
    if address == "local":
        return
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isdigit() and 0 < int(port) < 65536) or "/" in host:
        raise ClusterError(f"the address of a Ray cluster is HOST:PORT of its head node, or 'auto', got {address!r}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_SECONDS).close()
    except OSError as error:
        raise ClusterError(
            f"no Ray cluster answers at {address}: {error.strerror or error}. Start its head node with "
            f"`ray start --head --port={port}`, or check the address and the firewall."
        ) from error


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """No usage report goes out and no banner is shown, whatever Ray's defaults are; set variables are respected."""
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    added = {name: value for name, value in quiet.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


class _SignalsKept(contextlib.AbstractContextManager[None]):
    """Ray takes SIGTERM over when it connects; whoever had it gets it back."""

    def __enter__(self) -> None:
        self._before = signal.getsignal(signal.SIGTERM)

    def __exit__(self, *exc_info: object) -> None:
        if threading.current_thread() is threading.main_thread() and self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
