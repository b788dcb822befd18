"""Writing generated games as PDDL, and in the official file format when ALFWorld's rules are installed."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stepgym.envs.alfworld.phrases import TASK
from stepgym.envs.alfworld.world import Goal
from stepgym.errors import MissingExtraError

Fact = tuple[str, tuple[str, ...]]

_AGENT = "agent1"
# The domain names these types, so every problem must declare them.
_TYPES = {
    "otype": ("knifetype", "butterknifetype", "sinktype"),
    "rtype": ("fridgetype", "microwavetype", "sinkbasintype"),
}
_ARGUMENTS = {
    "atlocation": ("agent", "location"),
    "receptacleatlocation": ("receptacle", "location"),
    "objectatlocation": ("object", "location"),
    "inreceptacle": ("object", "receptacle"),
    "inreceptacleobject": ("object", "object"),
    "receptacletype": ("receptacle", "rtype"),
    "objecttype": ("object", "otype"),
    "cancontain": ("rtype", "otype"),
    "openable": ("receptacle",),
    "opened": ("receptacle",),
}


def problem_text(name: str, facts: Iterable[Fact], goal: Goal) -> str:
    """A PDDL problem of ALFWorld's domain."""
    facts = list(facts)
    kinds = {word: kind for kind, words in _TYPES.items() for word in words}
    for predicate, arguments in facts:
        for word, kind in zip(arguments, _ARGUMENTS.get(predicate, ("object",)), strict=True):
            kinds[word] = kind
    objects = "\n".join(f"        {word} - {kind}" for word, kind in sorted(kinds.items()))
    init = "\n".join(f"        ({predicate} {' '.join(arguments)})" for predicate, arguments in facts)
    return (
        f"(define (problem {name})\n    (:domain alfred)\n    (:objects\n{objects}\n    )\n"
        f"    (:init\n{init}\n    )\n    {goal_text(goal)}\n)\n"
    )


def goal_text(goal: Goal) -> str:
    """The goal as ALFWorld writes it."""
    kind, target = f"{goal.object}type", f"{goal.target}type"
    if goal.form == "light":
        return (
            "(:goal (and (exists (?ot - object ?r - receptacle ?a - agent ?l - location) "
            f"(and (objecttype ?ot {target}) (toggleable ?ot) (istoggled ?ot) (receptacleatlocation ?r ?l) "
            "(atlocation ?a ?l) (inreceptacle ?ot ?r))) "
            f"(exists (?o - object ?a - agent) (and (objecttype ?o {kind}) (holds ?a ?o)))))"
        )
    if goal.form == "two":
        return (
            "(:goal (and (exists (?r - receptacle) (exists (?o1 - object) "
            f"(and (objecttype ?o1 {kind}) (receptacletype ?r {target}) (inreceptacle ?o1 ?r) "
            f"(exists (?o2 - object) (and (not (= ?o1 ?o2)) (objecttype ?o2 {kind}) (receptacletype ?r {target}) "
            "(inreceptacle ?o2 ?r))))))))"
        )
    needs = "".join(f"({need} ?o) " for need in (*goal.abilities, *goal.conditions))
    return (
        "(:goal (and (exists (?r - receptacle) (exists (?o - object) "
        f"(and {needs}(inreceptacle ?o ?r) (objecttype ?o {kind}) (receptacletype ?r {target}))))))"
    )


def official_data(
    name: str, facts: Iterable[Fact], goal: Goal, task: str, walkthrough: Sequence[str]
) -> dict[str, Any]:
    """The JSON value of a game file that the real engine plays.

    Raises:
        MissingExtraError: The package `alfworld`, whose files hold the domain and the grammar, is not installed.
    """
    folder = _rules_folder()
    grammar = (folder / "alfred.twl2").read_text(encoding="utf-8")
    return {
        "pddl_domain": (folder / "alfred.pddl").read_text(encoding="utf-8"),
        "grammar": grammar.replace("UNKNOWN GOAL", json.dumps(task.removeprefix(TASK).removesuffix("."))[1:-1]),
        "pddl_problem": problem_text(name, facts, goal),
        "solvable": True,
        "walkthrough": list(walkthrough),
    }


def _rules_folder() -> Path:
    # Found, not imported: importing alfworld sets environment variables and makes folders.
    spec = importlib.util.find_spec("alfworld")
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "'alfworld' is not installed; its package holds the PDDL domain and the grammar that official game files "
            "contain. Install the extra 'alfworld': pip install 'stepgym[alfworld]'"
        )
    return Path(spec.origin).parent / "data"
