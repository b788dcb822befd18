"""Flags from config dataclasses: name, type, default and the text of the docstring's Attributes section.

Annotations and defaults are read from the source where importing a class would import torch, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib.util
import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stepgym.cli.parser import Arguments, Parser

Kind = Literal["int", "float", "str", "bool", "texts"]
_TYPES: Mapping[str, Any] = {"int": int, "float": float}


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a config dataclass as a flag; a default of None is not shown."""

    name: str
    kind: Kind
    help: str = ""
    default: Any = None
    choices: tuple[str, ...] = ()


def settings_of(cls: type) -> list[Setting]:
    """The fields of a dataclass whose module has postponed annotations."""
    help_of = attribute_texts(inspect.getdoc(cls) or "")
    folder = Path(inspect.getfile(cls)).parent
    return [
        _setting(f.name, str(f.type), help_of, None if f.default is dataclasses.MISSING else f.default, folder)
        for f in dataclasses.fields(cls)
    ]


def settings_in_source(module: str, name: str) -> list[Setting]:
    """The fields of the class `name` and of its bases within stepgym, from their sources, without importing them."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    path = Path(spec.origin)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    (node,) = (n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name)
    homes = {
        alias.name: statement.module
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("stepgym.")
        for alias in statement.names
    }
    found: dict[str, Setting] = {}
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in homes:
            found |= {s.name: s for s in settings_in_source(str(homes[base.id]), base.id)}
    help_of = attribute_texts(ast.get_docstring(node) or "")
    # A class may say more about a field of its base, and give it another default.
    found = {s.name: dataclasses.replace(s, help=help_of.get(s.name, s.help)) for s in found.values()}
    own = [
        _setting(item.target.id, ast.unparse(item.annotation), help_of, _default(item.value), path.parent)
        for item in node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    ]
    return list((found | {s.name: s for s in own}).values())


def attribute_texts(docstring: str) -> dict[str, str]:
    """What the section "Attributes:" of a docstring says of each name; several names may share a text."""
    section = re.search(r"^Attributes:\n((?:[ ]+.*\n?|\n)+)", inspect.cleandoc(docstring), re.MULTILINE)
    texts: dict[str, str] = {}
    names: list[str] = []
    for line in section[1].splitlines() if section else ():
        head = re.match(r" {4}([a-z_]\w*(?:, [a-z_]\w*)*): (.*)", line)
        if head:
            names = head[1].split(", ")
            texts |= dict.fromkeys(names, head[2])
        elif line.startswith(" " * 8):
            texts |= {name: f"{texts[name]} {line.strip()}" for name in names}
        else:
            names = []
    return texts


def add_settings(parser: Parser, settings: Iterable[Setting], *, title: str) -> None:
    """A flag for each setting; one that is not given is None."""
    group = parser.add_argument_group(title)
    for setting in settings:
        flag, text = f"--{setting.name.replace('_', '-')}", _help(setting)
        if setting.kind == "bool":
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
        elif setting.kind == "texts":
            group.add_argument(flag, action="append", type=unescaped, metavar="TEXT", help=f"{text}; may be repeated")
        elif setting.choices:
            group.add_argument(flag, choices=setting.choices, metavar="|".join(setting.choices), help=text)
        else:
            group.add_argument(flag, type=_TYPES.get(setting.kind, str), help=text)


def given(args: Arguments, settings: Iterable[Setting]) -> dict[str, Any]:
    """The settings that were given, by name, as the dataclass takes them."""
    found = {s.name: getattr(args, s.name) for s in settings if getattr(args, s.name) is not None}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def unescaped(text: str) -> str:
    r"""The text with \n and \t as the characters they stand for, which are hard to type in a shell."""
    return text.replace("\\n", "\n").replace("\\t", "\t")


def _setting(name: str, annotation: str, help_of: Mapping[str, str], default: Any, folder: Path) -> Setting:
    plain = annotation.strip("'\"").replace(" | None", "")
    if plain not in ("int", "float", "str", "bool", "tuple[str, ...]") and not plain.startswith("Literal["):
        plain = _alias(plain, folder)
    choices: tuple[str, ...] = ()
    if plain.startswith("Literal["):
        choices = tuple(ast.literal_eval(f"({plain[len('Literal[') : -1]},)"))
        plain = "str"
    kinds: dict[str, Kind] = {"int": "int", "float": "float", "bool": "bool", "tuple[str, ...]": "texts"}
    return Setting(name, kinds.get(plain, "str"), help_of.get(name, ""), default, choices)


def _alias(name: str, folder: Path) -> str:
    """What stands behind a module-level `name = Literal[...]` of the package in `folder`."""
    pattern = re.compile(rf"^{re.escape(name)} = (Literal\[[^\]]*\])", re.MULTILINE)
    for path in sorted(folder.glob("*.py")):
        found = pattern.search(path.read_text(encoding="utf-8"))
        if found:
            return found[1]
    return "str"


def _default(value: ast.expr | None) -> Any:
    if isinstance(value, ast.Call):  # field(default=...)
        value = next((k.value for k in value.keywords if k.arg == "default"), None)
    try:
        return None if value is None else ast.literal_eval(value)
    except ValueError:
        return None


def _help(setting: Setting) -> str:
    text = setting.help.rstrip(".")
    text = text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text
    if setting.default not in (None, ()):
        shown = str(setting.default).lower() if setting.kind == "bool" else f"{setting.default}"
        text = f"{text} (default: {shown})" if text else f"default: {shown}"
    return text.replace("%", "%%")
