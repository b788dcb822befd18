"""Finding plug-ins by name: what is broken names itself and harms nothing else."""

from __future__ import annotations

import sys

import pytest

from stepgym.errors import InvalidInputError, PluginError, UnknownNameError
from stepgym.plugins import PluginRegistry


@pytest.fixture
def registry() -> PluginRegistry:
    made = PluginRegistry("verifier", "stepgym.test-nothing")
    made.add("good", "json:dumps", summary="fine")
    return made


def test_names_need_no_import(registry) -> None:
    registry.add("absent", "no_such_module_anywhere:Thing")
    assert registry.names() == ["absent", "good"]
    assert registry.get("good")([1]) == "[1]"
    with pytest.raises(PluginError, match=r"'absent' \(no_such_module_anywhere:Thing, from stepgym\)"):
        registry.get("absent")


@pytest.mark.parametrize("body", ["raise SystemExit(3)", "1 / 0", "import no_such_module_anywhere"])
def test_a_plugin_that_fails_or_exits_on_import_is_an_error_with_its_name(
    registry, tmp_path, monkeypatch, body
) -> None:
    (tmp_path / "broken_plugin_module.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("broken_plugin_module", None)
    registry.add("broken", "broken_plugin_module:V", distribution="their-package")
    with pytest.raises(PluginError, match=r"'broken'.*their-package"):
        registry.get("broken")
    assert registry.get("good")([1]) == "[1]"


def test_unknown_names_get_a_suggestion(registry) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'good'"):
        registry.get("god")


def test_a_name_is_registered_once(registry) -> None:
    registry.add("good", "json:dumps")
    with pytest.raises(InvalidInputError, match="already registered"):
        registry.add("good", "json:loads")
    with pytest.raises(InvalidInputError, match="module:attribute"):
        registry.add("other", "json.dumps")
