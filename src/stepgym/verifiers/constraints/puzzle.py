"""`Puzzle`: variables with finite domains, rules and clues as statements with words, and the form of the answer.

A reference is such a puzzle as JSON:

    {
      "variables": {"Ann": [1, 2, 3], "Bob": [1, 2, 3], "Cy": [1, 2, 3]},
      "rules": [{"words": "They sit in different seats.", "holds": ["different", "Ann", "Bob", "Cy"]}],
      "clues": [{"words": "Ann sits left of Bob.", "holds": ["<", "Ann", "Bob"]}, ...],
      "answer": {"form": "list"}
    }
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from stepgym.errors import InvalidInputError
from stepgym.verifiers.constraints.expression import MAX_DEPTH, ExpressionReader, Node, evaluate, variables_of

Form = Literal["pairs", "equations", "list"]
Value = int | str

_MAX_VARIABLES = 64
_MAX_VALUES = 1_000
_MAX_CLUES = 200
_MAX_NAME = 60
_MAX_WORDS = 500
_KEYS = ("variables", "rules", "clues", "answer", "aliases")


@dataclass(frozen=True, slots=True)
class Clue:
    """One statement of a puzzle, for people and for solvers.

    Attributes:
        words: The sentence.
        node: The same as an expression.
        variables: Positions of the variables it speaks of.
    """

    words: str
    node: Node
    variables: frozenset[int]


@dataclass(frozen=True, slots=True)
class Variable:
    """One unknown.

    Attributes:
        name: Its name.
        values: Its domain: whole numbers or words.
        codes: What each value counts as in expressions: a number as itself, a word as its place, from 0.
    """

    name: str
    values: tuple[Value, ...]
    codes: tuple[int, ...]

    def word(self, code: int) -> str:
        """The value with this code, as text."""
        return str(self.values[self.codes.index(code)])


@dataclass(frozen=True, eq=False)
class Puzzle:
    """A puzzle; any assignment that makes all rules and clues true solves it. Compared by identity.

    Attributes:
        variables: The unknowns.
        rules: What holds in any case ("no two in one seat"); never named as a reason.
        clues: What is to be combined; the reasons that certificates name.
        rows: The rows of an answer, by label: positions of the variables whose values stand in it.
        form: How an answer is written: "pairs" (Ann: knight), "equations" (A=3) or "list" (1. Bob). All are read.
        aliases: Other words for values, in lower case.
    """

    variables: tuple[Variable, ...]
    rules: tuple[Clue, ...]
    clues: tuple[Clue, ...]
    rows: Mapping[str, tuple[int, ...]]
    form: Form
    aliases: Mapping[str, Value]

    @classmethod
    def from_reference(cls, reference: Any) -> Puzzle:
        """The puzzle in a reference; raises `InvalidInputError` saying what is wrong with it."""
        if not isinstance(reference, Mapping):
            raise InvalidInputError(f"constraints: the reference must be a puzzle, a mapping, got {reference!r:.80}")
        try:
            return _parsed(json.dumps(reference))
        except RecursionError:
            raise InvalidInputError(f"constraints: statements may be nested {MAX_DEPTH} deep; this has more") from None
        except TypeError as error:
            raise InvalidInputError(f"constraints: the reference is no JSON value: {error}") from error

    def violated(self, codes: Sequence[int]) -> list[Clue]:
        """The rules and clues that a complete assignment, a code for each variable, makes false."""
        return [clue for clue in (*self.rules, *self.clues) if not evaluate(clue.node, codes)]

    def write(self, codes: Sequence[int]) -> str:
        """The answer that says this assignment, in the puzzle's form."""
        if self.form == "list":
            (first, *_) = self.variables
            places = {codes[variables[0]]: label for label, variables in self.rows.items()}
            return "\n".join(f"{first.word(code)}. {label}" for code, label in sorted(places.items()))
        sign = "=" if self.form == "equations" else ": "
        said = {
            label: " ".join(self.variables[v].word(codes[v]) for v in variables)
            for label, variables in self.rows.items()
        }
        return "\n".join(f"{label}{sign}{values}" for label, values in said.items())


@functools.lru_cache(maxsize=512)
def _parsed(text: str) -> Puzzle:
    data = json.loads(text)
    for key in data:
        if key not in _KEYS:
            raise InvalidInputError(f"constraints: a puzzle has the keys {', '.join(_KEYS)}, got {key!r:.40}")
    variables = _variables(data.get("variables"))
    reader = ExpressionReader({v.name: dict(zip(v.values, v.codes, strict=True)) for v in variables})
    rules, clues = (_clues(data.get(key, []), reader, key) for key in ("rules", "clues"))
    if not rules and not clues:
        raise InvalidInputError("constraints: a puzzle has at least one clue")
    answer = data.get("answer", {})
    if not isinstance(answer, dict) or not set(answer) <= {"form", "rows"}:
        raise InvalidInputError(f'constraints: the answer is {{"form": ..., "rows": ...}}, got {answer!r:.80}')
    rows = _rows(answer.get("rows"), variables)
    form = answer.get("form", "pairs")
    if form not in get_args(Form):
        raise InvalidInputError(f"constraints: the form of the answer is one of {get_args(Form)}, got {form!r:.40}")
    if form == "list" and (any(len(row) > 1 for row in rows.values()) or len({v.values for v in variables}) > 1):
        raise InvalidInputError("constraints: the form 'list' is for variables that all have the same domain")
    return Puzzle(variables, rules, clues, rows, form, _aliases(data.get("aliases", {}), variables, rows))


def _variables(data: Any) -> tuple[Variable, ...]:
    if not isinstance(data, dict) or not 1 <= len(data) <= _MAX_VARIABLES:
        raise InvalidInputError(
            f'constraints: "variables" maps 1 to {_MAX_VARIABLES} names to values, got {data!r:.80}'
        )
    variables = []
    for name, values in data.items():
        _check_name(name, "a variable")
        if not isinstance(values, list) or not 1 <= len(values) <= _MAX_VALUES:
            raise InvalidInputError(
                f"constraints: {name} needs a list of 1 to {_MAX_VALUES} values, got {values!r:.80}"
            )
        if all(type(value) is int and abs(value) < 10**9 for value in values):
            codes = tuple(values)
        elif all(isinstance(value, str) for value in values):
            for value in values:
                _check_name(value, f"a value of {name}")
            codes = tuple(range(len(values)))
        else:
            raise InvalidInputError(f"constraints: the values of {name} must be all whole numbers or all words")
        if len(set(values)) < len(values):
            raise InvalidInputError(f"constraints: the values of {name} must be different, got {values!r:.80}")
        variables.append(Variable(name, tuple(values), codes))
    return tuple(variables)


def _clues(data: Any, reader: ExpressionReader, key: str) -> tuple[Clue, ...]:
    if not isinstance(data, list) or len(data) > _MAX_CLUES:
        raise InvalidInputError(f'constraints: "{key}" is a list of at most {_MAX_CLUES}, got {data!r:.80}')
    clues = []
    for number, item in enumerate(data, 1):
        if not isinstance(item, dict) or set(item) != {"words", "holds"} or not isinstance(item["words"], str):
            raise InvalidInputError(f'constraints: {key} {number} must be {{"words", "holds"}}, got {item!r:.80}')
        try:
            node = reader.statement(item["holds"])
        except InvalidInputError as error:
            raise InvalidInputError(f"constraints: {key} {number}: {error}") from error
        clues.append(Clue(item["words"][:_MAX_WORDS], node, variables_of(node)))
    return tuple(clues)


def _rows(data: Any, variables: tuple[Variable, ...]) -> dict[str, tuple[int, ...]]:
    places = {variable.name: place for place, variable in enumerate(variables)}
    if data is None:
        return {name: (place,) for name, place in places.items()}
    if not isinstance(data, dict) or not all(isinstance(names, list) for names in data.values()):
        raise InvalidInputError(f"constraints: rows map labels to lists of variables, got {data!r:.80}")
    named = [name for names in data.values() for name in names]
    if sorted(map(str, named)) != sorted(places):
        raise InvalidInputError(f"constraints: the rows must name each variable once, got {data!r:.80}")
    for label in data:
        _check_name(label, "a row")
    return {label: tuple(places[name] for name in names) for label, names in data.items()}


def _aliases(data: Any, variables: tuple[Variable, ...], rows: Mapping[str, Any]) -> dict[str, Value]:
    values = {value for variable in variables for value in variable.values}
    words = [value for value in values if isinstance(value, str)]
    if not isinstance(data, dict) or not all(type(v) in (int, str) and v in values for v in data.values()):
        raise InvalidInputError(f"constraints: aliases map words to values, got {data!r:.80}")
    for word in data:
        _check_name(word, "an alias")
    names = [name.lower() for name in (*rows, *words, *data)]
    if len(set(names)) < len(names):
        raise InvalidInputError("constraints: labels of rows, values and aliases must be different words")
    return {word.lower(): value for word, value in data.items()}


def _check_name(name: Any, what: str) -> None:
    if not isinstance(name, str) or not name.strip() or name != name.strip() or len(name) > _MAX_NAME:
        raise InvalidInputError(f"constraints: {what} has a name of 1 to {_MAX_NAME} characters, got {name!r:.80}")
    if not name.isprintable() or not any(c.isalnum() for c in name):
        raise InvalidInputError(f"constraints: the name of {what} must have printable letters, got {name!r:.80}")
