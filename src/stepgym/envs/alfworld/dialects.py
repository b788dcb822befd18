"""Reading the rules a game brings along: are they the ones `Engine` plays, and in which dialect?"""

from __future__ import annotations

import hashlib
import json
import re
from functools import lru_cache
from typing import Any

from stepgym.envs.alfworld.world import Dialect
from stepgym.errors import InvalidInputError

_TASK = re.compile(r'("task"\s*:\s*\[\s*\{\s*"rhs"\s*:\s*)("(?:[^"\\]|\\.)*")')
_BLOCK = re.compile(r'grammar\s*::\s*"""(.*?)"""', re.DOTALL)
_ACTION = re.compile(r'action\s+(\w+)\s*\{\s*template\s*::\s*"(.*?)"\s*;\s*feedback\s*::\s*"(.*?)"\s*;', re.DOTALL)
_ARRIVALS = {"r": False, "lend": True}
_SINK_LINE = "( receptacletype ?r sinktype ) "

_RULES = (
    *("intro", "OpenObject.feedback", "CloseObject.feedback", "PickupObject.feedback", "inventory.feedback"),
    *("examineReceptacle.feedback", "examineObject.feedback", "toggleObject.feedback", "heatObject.feedback"),
    *("cleanObject.feedback", "coolObject.feedback", "sliceObject.feedback", "look.feedback", "look-variations"),
    *("list_objects_on_the_floor", "list_appliances", "overview(o)", "overview(r)", "list_empty"),
    *("list_separator", "list_last_separator"),
)
_COMMANDS = (
    *("GotoLocation", "OpenObject", "CloseObject", "PickupObject", "inventory", "examineReceptacle", "examineObject"),
    *("ToggleObject", "HeatObject", "CleanObject", "CoolObject", "SliceObject", "look"),
)
_GRAMMAR_DIGEST = "7884364ff88e0207"
_DOMAIN_DIGEST = "110173111ba8841d"


def split_task(grammar: str) -> tuple[str, str]:
    """The grammar without its task, and the sentence that tells the task."""
    match = _TASK.search(grammar)
    if match is None:
        raise InvalidInputError('the grammar has no rule "task"')
    try:
        sentence = json.loads(match[2])
    except ValueError as error:
        raise InvalidInputError(f'the rule "task" of the grammar cannot be read: {error}') from error
    return grammar[: match.start(2)] + '""' + grammar[match.end(2) :], sentence


@lru_cache(maxsize=8)
def read_dialect(domain: str, grammar: str) -> Dialect:
    """The dialect of a game's PDDL domain and of its grammar (without task).

    Raises:
        InvalidInputError: The rules are not those of ALFWorld's text games, so that `Engine` would play them wrongly.
    """
    if _digest(_domain_rules(domain)) != _DOMAIN_DIGEST:
        raise InvalidInputError(_foreign("PDDL domain"))
    try:
        rules = {name: rule for block in _BLOCK.findall(grammar) for name, rule in json.loads(block).items()}
        commands = {name: (template, feedback) for name, template, feedback in _ACTION.findall(grammar)}
        known = [[rules[name] for name in _RULES], [commands[name] for name in _COMMANDS]]
        arrival = re.fullmatch(
            r"You arrive at \{(r|lend)\.name\}\. #examineReceptacle\.feedback#",
            rules["GotoLocation.feedback"][0]["rhs"],
        )
        put, feedback = commands["PutObject"][0], rules["PutObject.feedback"][0]["rhs"]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInputError(f"{_foreign('grammar')} ({type(error).__name__}: {error})") from error
    if _digest(known) != _GRAMMAR_DIGEST or arrival is None:
        raise InvalidInputError(_foreign("grammar"))
    feedback = feedback.replace("{o.name}", "{o}").replace("{r.name}", "{r}")
    if not re.fullmatch(r"(move|put) \{o\} [a-z/]+ \{r\}", put) or not re.fullmatch(
        r"[^{}]*\{o\}[^{}]*\{r\}[^{}]*", feedback
    ):
        raise InvalidInputError(_foreign("grammar"))
    helping = commands["help"][1] if "help" in commands else None
    if helping == "#help.feedback#":
        helping = str(rules["help.feedback"][0]["rhs"])
    # TextWorld's grammar takes white space at the beginning of a text for an empty comment.
    return Dialect(put, feedback, _ARRIVALS[arrival[1]], helping.lstrip() if helping is not None else None)


def _domain_rules(domain: str) -> dict[str, str]:
    """Each action of the domain as words in lower case, without comments; `help` and the line on sinks differ."""
    text = re.sub(r";[^\n]*", "", domain).lower()
    text = " ".join(re.findall(r"[()]|[^\s()]+", text))
    actions = {}
    for part in text.split("( :action ")[1:]:
        name, _, body = part.partition(" ")
        actions[name] = body.replace(_SINK_LINE, "").rstrip(" )")
    actions.pop("help", None)
    return actions


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _foreign(what: str) -> str:
    return (
        f"its {what} is not that of ALFWorld's text games, so the engine would play it wrongly; expected a game file "
        "as `alfworld-download` brings them"
    )
