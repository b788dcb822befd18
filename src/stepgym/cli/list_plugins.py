"""`stepgym list`: everything that has a name."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from stepgym.cli.parser import Arguments, Parser
from stepgym.cli.terminal import say
from stepgym.errors import PluginError
from stepgym.plugins import Plugin

EXAMPLE = "stepgym list\nstepgym list verifiers --check"
_KINDS = ("environments", "verifiers", "policies")


def configure(parser: Parser) -> None:
    """The options."""
    parser.add_argument("kind", nargs="?", choices=_KINDS, metavar="|".join(_KINDS), help="list only these")
    parser.add_argument("--check", action="store_true", help="import each one, and name those that cannot be")


def run(args: Arguments) -> None:
    """Print a table of each kind, then the broken plug-ins."""
    broken: list[str] = []
    blocks = []
    for kind in _KINDS if args.kind is None else (args.kind,):
        plugins, errors = _plugins(kind)
        broken += errors
        broken += _check(plugins) if args.check else []
        blocks.append(_table(kind, plugins))
    say("\n\n".join(blocks))
    if broken:
        say("\nbroken plug-ins")
        for error in dict.fromkeys(broken):
            say(f"  ! {error}")
    elif args.check:
        say("\nAll of them can be imported.")


def _plugins(kind: str) -> tuple[Sequence[Plugin], list[str]]:
    """The plug-ins of a kind, and what is wrong with installed ones."""
    if kind == "environments":
        from stepgym.envs import list_envs

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = list_envs()
        return found, [str(w.message) for w in caught if issubclass(w.category, RuntimeWarning)]
    if kind == "verifiers":
        from stepgym.verifiers import list_verifiers

        return list_verifiers(), []
    from stepgym.agents.policy import registry

    return registry.plugins(), []


def _check(plugins: Sequence[Plugin]) -> list[str]:
    errors = []
    for plugin in plugins:
        try:
            plugin.load()
        except PluginError as error:
            errors.append(str(error))
    return errors


def _table(kind: str, plugins: Sequence[Plugin]) -> str:
    rows = [
        (p.name, p.summary or p.target, "" if p.distribution == "stepgym" else f"[{p.distribution}]") for p in plugins
    ]
    name_width = max((len(name) for name, _, _ in rows), default=0)
    lines = [f"  {name:<{name_width}}  {summary}  {origin}".rstrip() for name, summary, origin in rows]
    return "\n".join((kind, *(lines or ["  none"])))
