"""TextWorld's grammar texts, derived fast: the same rules and queries, parsed once and never copied.

Most of the time of a step of the real engine goes into parsing the same short texts again and deep copies. Here each
text is parsed once (by TextWorld's own parser) and evaluated directly; queries are answered by TextWorld's state.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Mapping
from typing import Any

from stepgym.errors import InvalidInputError

Mapping_ = Mapping[Any, Any]  # placeholders to variables
Expression = Callable[[Mapping[str, Any]], Any]


class Grammar:
    """Derives texts for one game.

    Args:
        rules: TextWorld's production rules by name.
    """

    def __init__(self, rules: Mapping[str, Any]) -> None:
        self._textgen = importlib.import_module("textworld.envs.pddl.textgen")
        self._rules = rules
        self._query: Callable[[str], Any] = importlib.import_module("textworld.logic").Rule.parse_conjunctive_query
        self._parsed: dict[str, list[Any]] = {}
        self._queries: dict[str, Any] = {}
        self._expressions: dict[str, Expression] = {}

    def derive(self, text: str, state: Any, infos: Mapping[str, Any], mapping: Mapping_) -> str:
        """What `text` says in `state`, with some placeholders already given by `mapping`."""
        symbols = self._parsed.get(text)
        if symbols is None:
            symbols = self._parsed[text] = self._textgen._parse_and_convert(text, rule_name="symbols")
        return "".join(self._text(symbol, state, infos, mapping) for symbol in symbols)

    def _text(self, symbol: Any, state: Any, infos: Mapping[str, Any], mapping: Mapping_) -> str:
        textgen = self._textgen
        if isinstance(symbol, textgen.TerminalSymbol):
            return str(symbol.symbol)
        if isinstance(symbol, textgen.NonterminalSymbol):
            return self._rule(str(symbol), state, infos, mapping)
        if isinstance(symbol, textgen.EvalSymbol):
            return str(self._evaluate(symbol.expression, infos, mapping))
        if isinstance(symbol, textgen.ListSymbol):
            return self._list(self._items(symbol.symbol, state, infos, mapping), state, infos, mapping)
        return "".join(self._items(symbol, state, infos, mapping))

    def _rule(self, name: str, state: Any, infos: Mapping[str, Any], mapping: Mapping_) -> str:
        for rule in self._rules.get(name, ()):
            if not rule.condition or any(True for _ in self._answers(rule.condition, state, mapping)):
                return "".join(self._text(symbol, state, infos, mapping) for symbol in rule.rhs)
        raise InvalidInputError(f"the grammar has no rule for {name!r:.80} that applies")

    def _items(self, symbol: Any, state: Any, infos: Mapping[str, Any], mapping: Mapping_) -> list[str]:
        if not symbol.given:
            return [self._text(symbol.expression, state, infos, mapping)]
        # The answers share one mapping that goes on changing: keep copies.
        answers = [dict(answer) for answer in self._answers(symbol.given, state, mapping)]
        return [self._text(symbol.expression, state, infos, {**mapping, **answer}) for answer in answers]

    def _answers(self, query: str, state: Any, mapping: Mapping_) -> Any:
        rule = self._queries.get(query)
        if rule is None:
            rule = self._queries[query] = self._query(query)
        return state.all_assignments(rule, mapping)

    def _list(self, items: list[str], state: Any, infos: Mapping[str, Any], mapping: Mapping_) -> str:
        if not items:
            return self._rule("list_empty", state, infos, mapping)
        if len(items) == 1:
            return items[0]
        separator = self._rule("list_separator", state, infos, mapping)
        last = self._rule("list_last_separator", state, infos, mapping)
        return f"{separator.join(items[:-1])}{last}{items[-1]}"

    def _evaluate(self, expression: str, infos: Mapping[str, Any], mapping: Mapping_) -> Any:
        compiled = self._expressions.get(expression)
        if compiled is None:
            compiled = self._expressions[expression] = _compile(expression)
        return compiled({placeholder.name: infos[variable.name] for placeholder, variable in mapping.items()})


def _compile(expression: str) -> Expression:
    """A function for "o.name" or "o.indefinite + ' ' + o.name"; TextWorld would `eval` whatever stands there."""
    try:
        return _node(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"the grammar holds {expression!r:.80}, which is no expression: {error}") from error


def _node(node: ast.expr) -> Expression:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        value = node.value
        return lambda names: value
    if isinstance(node, ast.Name):
        key = node.id
        return lambda names: names[key]
    if isinstance(node, ast.Attribute) and not node.attr.startswith("_"):
        inner, attribute = _node(node.value), node.attr
        return lambda names: getattr(inner(names), attribute)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _node(node.left), _node(node.right)
        return lambda names: left(names) + right(names)
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        first, second = _node(node.values[0]), _node(node.values[-1])
        return lambda names: first(names) or second(names)
    raise ValueError(f"{type(node).__name__} is not allowed in it")
