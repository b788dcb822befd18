from __future__ import annotations

import subprocess
import sys

import pytest

import stepgym.verifiers
from stepgym.errors import UnknownNameError
from stepgym.verifiers import ExactMatchVerifier, get_verifier, list_verifiers

BUILT_IN = {"arithmetic-chain", "exact", "game24", "math-answer", "math-steps", "short-answer"}


def test_built_in_verifiers_are_listed_with_a_summary():
    plugins = {plugin.name: plugin for plugin in list_verifiers()}
    assert set(plugins) >= BUILT_IN
    assert all(plugins[name].summary for name in BUILT_IN)


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_built_in_verifiers_load_by_name(name):
    assert callable(get_verifier(name).verify)


def test_constructor_arguments_and_module_paths():
    assert get_verifier("exact", ignore_case=True).verify("YES", "yes").status == "correct"
    assert isinstance(get_verifier("stepgym.verifiers.exact:ExactMatchVerifier"), ExactMatchVerifier)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="'math-answer'"):
        get_verifier("math-answr")


def test_every_public_name_exists():
    for name in stepgym.verifiers.__all__:
        assert getattr(stepgym.verifiers, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = stepgym.verifiers.no_such_name


def test_importing_the_room_stays_light():
    code = (
        "import sys, stepgym.verifiers as v; v.list_verifiers(); v.check_verifier; v.AllOf; v.as_trl_reward; "
        "heavy = {'sympy', 'torch', 'transformers', 'pyarrow'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
