"""The shape of the repository: doors, floors, and what importing costs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "stepgym"


@pytest.mark.parametrize("room", ["envs", "verifiers", "agents", "train"])
def test_doors_lead_to_the_rooms(room: str) -> None:
    door = ROOT / room
    assert door.is_symlink()
    assert os.readlink(door) == f"src/stepgym/{room}"
    assert door.resolve() == SOURCE / room


def test_importing_a_room_imports_nothing_heavy() -> None:
    heavy = "('torch', 'transformers', 'sympy', 'pyarrow', 'datasets', 'vllm', 'textworld', 'jinja2')"
    code = (
        "import sys, stepgym, stepgym.verifiers, stepgym.envs, stepgym.agents, stepgym.train, stepgym.cli\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "common", "misc"}
    assert not [path for path in SOURCE.rglob("*.py") if path.stem.strip("_") in drawers]


def test_model_text_is_never_evaluated() -> None:
    """No call of eval, exec, sympify or parse_expr anywhere in the package."""
    forbidden = {"eval", "exec", "sympify", "parse_expr", "parse_latex"}
    found = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                is_method = isinstance(node.func, ast.Attribute) and name == "eval"  # torch's Module.eval()
                if name in forbidden and not is_method:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno} {name}")
    assert not found


def test_no_machine_or_registry_in_the_repository() -> None:
    """Tracked text names no package registry host and no absolute path of a machine."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    words = ["/" + "home/", "/" + "work/", "pypi" + ".org", "pythonhosted" + ".org", "download.pytorch" + ".org"]
    pattern = "|".join(words)
    done = subprocess.run(
        ["git", "grep", "-nIE", pattern, "--", "."], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
