"""`stepgym new`: a small installable package with one environment or one verifier, and its test."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from stepgym.cli.parser import Arguments, Parser
from stepgym.cli.templates import ENVIRONMENT, VERIFIER
from stepgym.cli.terminal import say
from stepgym.errors import InvalidInputError

EXAMPLE = """
stepgym new env Capitals
stepgym new verifier Palindrome --out palindrome
"""
_KINDS = {"env": ENVIRONMENT, "verifier": VERIFIER}


def configure(parser: Parser) -> None:
    """The options."""
    parser.add_argument("kind", nargs="?", choices=tuple(_KINDS), metavar="env|verifier", help="what to start")
    parser.add_argument("name", nargs="?", metavar="NAME", help="its name: letters and digits, like Capitals")
    parser.needs("kind", "env or verifier")
    parser.needs("name", "NAME, a name like Capitals")
    parser.add_argument("--out", metavar="DIR", help="where to write it, new or empty (default: stepgym-NAME)")


def run(args: Arguments) -> None:
    """Write the files."""
    names = _names(args.name)
    folder = Path(args.out or f"stepgym-{names['slug']}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInputError(f"{folder} is there already and not empty: give another --out")
    for path, text in _KINDS[args.kind].items():
        target = folder / _filled(path, names)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_filled(text, names).lstrip("\n"), encoding="utf-8")
        say(str(target))
    say(f"\nNext:\n  pip install -e {folder}\n  pytest {folder}\n  stepgym list")


def _names(name: str) -> dict[str, str]:
    """The forms of a name: Class, snake_case, kebab-case."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9 _-]{0,60}", name) or not words:
        raise InvalidInputError(f"a name has letters, digits, '-' and '_' and begins with a letter, got {name!r}")
    snake = "_".join(word.lower() for word in words)
    if keyword.iskeyword(snake):
        raise InvalidInputError(f"{snake!r} is a word of Python: choose another name")
    return {
        "Name": "".join(word[:1].upper() + word[1:] for word in words),
        "snake": snake,
        "slug": snake.replace("_", "-"),
        "package": f"stepgym_{snake}",
    }


def _filled(text: str, names: dict[str, str]) -> str:
    """`text` with @Name@ and the others replaced; braces mean nothing, the templates are full of them."""
    return re.sub(r"@(\w+)@", lambda m: names[m[1]], text)
