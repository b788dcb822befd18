"""Named plug-ins: what stepgym brings itself and what other distributions offer through entry points.

A registry knows names and where to find the objects (`"module:attribute"`); nothing is imported before it is used,
and a plug-in that fails to import names itself and leaves the others alone.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from stepgym.errors import InvalidInputError, PluginError, unknown_name


@dataclass(frozen=True, slots=True)
class Plugin:
    """One registered name.

    Attributes:
        name: The name users write.
        target: Where the object lives, `"module:attribute"`.
        summary: One line for `stepgym list`; empty for entry points, which are listed without being imported.
        distribution: The installed distribution that offers it.
    """

    name: str
    target: str
    summary: str = ""
    distribution: str = "stepgym"

    def load(self) -> Any:
        """The object; raises `PluginError` with the plug-in's name when it cannot be imported."""
        try:
            return load_target(self.target)
        except (Exception, SystemExit) as error:  # a plug-in that exits on import must not take us along
            raise PluginError(
                f"Plug-in {self.name!r} ({self.target}, from {self.distribution}) cannot be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error


class PluginRegistry:
    """Plug-ins of one kind, built in ones first, then those of an entry-point group.

    Args:
        kind: The word for error messages, for example "verifier".
        group: The entry-point group, for example "stepgym.verifiers".
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind = kind
        self.group = group
        self._plugins: dict[str, Plugin] = {}
        self._discovered = False

    def add(self, name: str, target: str, *, summary: str = "", distribution: str = "stepgym") -> None:
        """Register `name`; a second registration with another target is refused."""
        if target.count(":") != 1:
            raise InvalidInputError(f"{self.kind} {name!r}: target must look like 'module:attribute', got {target!r}.")
        known = self._plugins.get(name)
        if known is not None and known.target != target:
            raise InvalidInputError(
                f"{self.kind} {name!r} is already registered as {known.target} (from {known.distribution}); "
                f"{target} (from {distribution}) needs another name."
            )
        self._plugins[name] = Plugin(name, target, summary, distribution)

    def names(self) -> list[str]:
        """All names, sorted, without importing any plug-in."""
        self._discover()
        return sorted(self._plugins)

    def plugins(self) -> list[Plugin]:
        """All plug-ins, sorted by name, without importing any."""
        self._discover()
        return [self._plugins[name] for name in sorted(self._plugins)]

    def get(self, name: str) -> Any:
        """The object behind `name`, or behind `name` itself if it has the form `"module:attribute"`."""
        if name not in self._plugins:
            self._discover()
        if name in self._plugins:
            return self._plugins[name].load()
        if ":" in name:
            return Plugin(name, name, distribution="the given name").load()
        raise unknown_name(self.kind, name, self._plugins)

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        for entry in entry_points(group=self.group):
            distribution = entry.dist.name if entry.dist is not None else "unknown"
            # What is built in wins: an installed package cannot silently replace it.
            if entry.name not in self._plugins:
                self._plugins[entry.name] = Plugin(entry.name, entry.value, "", distribution)


def load_target(target: str) -> Any:
    """The object at `"module:attribute"` (dots inside the attribute part walk further)."""
    module_name, _, attribute = target.partition(":")
    value: Any = importlib.import_module(module_name)
    for part in attribute.split("."):
        value = getattr(value, part)
    return value
