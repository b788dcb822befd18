"""`TextWorldEngine`: the real ALFWorld engine (TextWorld and Fast Downward), with its repeated work cached.

It has the interface of `Engine` and is the oracle it is tested against. Facts, possible actions and the goal are Fast
Downward's, sentences come from the game's own grammar through TextWorld's parser and state. Needs the extra
`alfworld`. Not for threads: the translator of Fast Downward is one per process.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from stepgym.envs.alfworld.dialects import split_task
from stepgym.envs.alfworld.phrases import NOTHING_HAPPENS
from stepgym.errors import MissingExtraError

_KEPT_TRANSLATIONS = 8  # about 4 MB each
_KEPT_FACTS = 20_000

_lock = threading.RLock()
_translations: OrderedDict[tuple[str, str], tuple[Any, str]] = OrderedDict()
_idle_libraries: list[Any] = []  # a library is never unloaded: closing it crashes some processes at their exit


class TextWorldEngine:
    """One game in the real engine; see `Engine` for the interface.

    Args:
        data: The JSON value of a game file.

    Raises:
        MissingExtraError: The engine is not installed.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        modules = _modules()
        _forget_facts()
        grammar, self._task = split_task(data["grammar"])
        self._logic, self._grammar = _logic(data["pddl_domain"], grammar)
        self._fast_downward = modules.fast_downward
        self._library = _borrow_library()
        self._commands_of: dict[str, tuple[str, str, dict[Any, Any]]] = {}
        self._history: list[str] = []
        self._problem: str = data["pddl_problem"]
        self._begin()
        self._infos = _entities(self._state)
        self._update()
        self.valid = True

    @property
    def intro(self) -> str:
        """The first observation of the game."""
        text = self._grammar.derive("#intro#", self._state, self._infos, {})
        return f"{text}{self._task}"

    def step(self, command: str) -> str:
        """What happens."""
        command = command.strip()
        operator = self._possible.get(command)
        self.valid = operator is not None
        if operator is None:
            return NOTHING_HAPPENS
        self._history.append(command)
        self._state._operators = {operator.id: operator}
        self._state.apply(SimpleNamespace(id=operator.id))
        _, feedback, mapping = self._commands_of[operator.name]
        answer: str = self._grammar.derive(feedback, self._state, self._infos, mapping)
        self._update()
        return answer

    def admissible(self) -> list[str]:
        """The commands that are possible now, sorted by code points."""
        return sorted(self._possible)

    def snapshot(self) -> dict[str, Any]:
        """The commands that led here; `restore` plays them again."""
        return {"history": list(self._history), "valid": self.valid}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `snapshot` of the same game."""
        self._begin()
        self._update()
        self._history = []
        for command in state["history"]:
            self.step(command)
        self.valid = state["valid"]

    def close(self) -> None:
        """Give the engine's library back, for the next game."""
        if self._library is not None:
            with _lock:
                _idle_libraries.append(self._library)
            self._library = None

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):
            self.close()

    def _begin(self) -> None:
        """The state of the beginning."""
        with _lock, _cached_translation(self._fast_downward):
            self._state = _modules().logic.PddlState(_WithoutPlanner(self._library), self._problem, self._logic)

    def _update(self) -> None:
        count = self._library.get_applicable_operators_count()
        operators = (self._fast_downward.Operator * count)()
        self._library.get_applicable_operators(operators)
        self._possible: dict[str, Any] = {}
        for operator in operators:
            name = operator.name
            known = self._commands_of.get(name) or self._command(name)
            self._possible.setdefault(known[0], operator)
        self.won = bool(self._library.check_goal())

    def _command(self, name: str) -> tuple[str, str, dict[Any, Any]]:
        logic = _modules().textworld_logic
        action, *arguments = name.split()
        mapping = {
            logic.Placeholder(parameter.name.strip("?"), parameter.type_name): logic.Variable(
                argument, parameter.type_name
            )
            for parameter, argument in zip(self._state._actions[action].parameters, arguments, strict=False)
        }
        rules = self._logic.actions[action]
        text = self._grammar.derive(rules.template, self._state, self._infos, mapping)
        self._commands_of[name] = (text, rules.feedback_rule, mapping)
        return self._commands_of[name]


def _forget_facts() -> None:
    """Empty TextWorld's table of all facts ever made, once it is large; facts compare by value, so nothing is lost."""
    table = getattr(importlib.import_module("mementos.core"), "_memento_cache", {})
    if len(table) > _KEPT_FACTS:
        table.clear()


class _WithoutPlanner:
    """The library, without loading the planner's own copy of every problem."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def load_sas_replan(self, sas: bytes) -> None:
        """Nothing: no plans are asked for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)


@lru_cache(maxsize=1)
def _modules() -> SimpleNamespace:
    before = os.environ.get("ALFWORLD_DATA")
    try:
        with _protected():
            return SimpleNamespace(
                fast_downward=importlib.import_module("fast_downward"),
                textworld_logic=importlib.import_module("textworld.logic"),
                logic=importlib.import_module("textworld.envs.pddl.logic"),
                Demangler=importlib.import_module("alfworld.agents.utils.misc").Demangler,
                EntityInfo=importlib.import_module("textworld.generator.game").EntityInfo,
            )
    except ImportError as error:
        raise MissingExtraError(
            f"backend='textworld' needs {(error.name or 'textworld').partition('.')[0]!r}, which is not installed. "
            "Install the extra 'alfworld': pip install 'stepgym[alfworld]'. It compiles fast-downward-textworld and "
            "jericho for some minutes (needs cmake, make and g++). backend='native' plays the same games without it."
        ) from error
    finally:
        # Importing alfworld sets the variable; only the user may decide where data are read from.
        if before is None:
            os.environ.pop("ALFWORLD_DATA", None)
        else:
            os.environ["ALFWORLD_DATA"] = before


@lru_cache(maxsize=8)
def _logic(domain: str, grammar: str) -> tuple[Any, Any]:
    """TextWorld's rules of a game, parsed once for all games that share them."""
    from stepgym.envs.alfworld.textworld_grammar import Grammar

    logic = _modules().logic.GameLogic(domain=domain, grammar=grammar)
    return logic, Grammar(logic.grammar._rules)


def _entities(state: Any) -> dict[str, Any]:
    modules = _modules()
    infos = {v.name: modules.EntityInfo(v.name, v.type) for fact in state.facts for v in fact.arguments}
    names = modules.Demangler(game_infos=infos, shuffle=False)
    for info in infos.values():
        info.name = names.demangle_alfred_name(info.id)
        info.definite, info.indefinite = "the", "a"
    return infos


def _borrow_library() -> Any:
    with _lock:
        if _idle_libraries:
            return _idle_libraries.pop()
        with _protected():
            return _modules().fast_downward.load_lib()


@contextlib.contextmanager
def _cached_translation(fast_downward: Any) -> Iterator[None]:
    """While it lasts, PDDL is translated once per problem, and not at all for the planner."""
    translate = fast_downward.pddl2sas

    def cached(domain: str, problem: str, verbose: bool = False, optimize: bool = False) -> tuple[Any, str]:
        if optimize:
            return None, ""
        key = (domain, problem)
        if key not in _translations:
            with _protected():
                _translations[key] = translate(domain, problem, verbose=verbose)
            while len(_translations) > _KEPT_TRANSLATIONS:
                _translations.popitem(last=False)
        _translations.move_to_end(key)
        return _translations[key]

    fast_downward.pddl2sas = cached
    try:
        yield
    finally:
        fast_downward.pddl2sas = translate


@contextlib.contextmanager
def _protected() -> Iterator[None]:
    """Puts `sys.argv` and `sys.stdout` back, which the translator overwrites."""
    arguments, output = sys.argv, sys.stdout
    try:
        yield
    finally:
        sys.argv, sys.stdout = arguments, output


def check_installed() -> None:
    """Raise `MissingExtraError` if the engine cannot be imported."""
    _modules()
