from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Literal

import pytest

from stepgym.agents import Sampling
from stepgym.cli.settings import attribute_texts, settings_in_source, settings_of
from stepgym.quickstart import QuickstartSettings

from .conftest import ENV


@dataclass(frozen=True)
class Example:
    """One.

    Attributes:
        size: How many: 1 or more,
            at 100 %.
        kind, sort: Which.
        names: Several.

    References:
        other: None.
    """

    size: int = 3
    kind: Literal["a", "b"] = "a"
    sort: str | None = None
    names: tuple[str, ...] = ()
    fast: bool = True


def test_flags_come_from_the_dataclass():
    size, kind, sort, names, fast = settings_of(Example)
    assert (size.kind, size.default, size.help) == ("int", 3, "How many: 1 or more, at 100 %.")
    assert (kind.kind, kind.choices, kind.help) == ("str", ("a", "b"), "Which.")
    assert (sort.kind, sort.default, sort.help) == ("str", None, "Which.")
    assert (names.kind, fast.kind, fast.default) == ("texts", "bool", True)
    assert "other" not in attribute_texts(Example.__doc__ or "")


@pytest.mark.parametrize("cls", [Sampling, QuickstartSettings])
def test_every_field_has_a_help_text(cls):
    assert [s.name for s in settings_of(cls)] == [f.name for f in dataclasses.fields(cls)]
    assert all(s.help for s in settings_of(cls))


def test_what_is_read_from_the_source_is_what_the_class_has():
    pytest.importorskip("transformers")
    from transformers import TrainingArguments

    from stepgym.train import OREOConfig

    fields = {f.name: f for f in dataclasses.fields(OREOConfig)}
    found = {s.name: s for s in settings_in_source("stepgym.train.oreo_config", "OREOConfig")}
    general = {f.name for f in dataclasses.fields(TrainingArguments)}
    assert set(found) >= set(fields) - general
    for name, setting in found.items():
        if setting.default is not None:
            assert setting.default == fields[name].default
    assert all(found[name].help for name in set(fields) - general)
    assert found["loss_norm"].choices == ("token", "episode")
    assert found["beta"].kind == "float"
    assert found["delimiters"].kind == "texts"


def test_a_configuration_file_sets_what_flags_set_and_flags_win(cli, tmp_path):
    (tmp_path / "c.json").write_text(
        json.dumps({"env": ENV, "policy": "expert", "env-arg": {"operands": 2}, "seed": 3})
    )
    from_json = cli("play", "--config", tmp_path / "c.json")
    assert from_json.code == 0
    (tmp_path / "c.toml").write_text(f'env = "{ENV}"\npolicy = "expert"\nseed = 3\n[env_arg]\noperands = 2\n')
    assert cli("play", "--config", tmp_path / "c.toml").out == from_json.out
    assert cli("play", ENV, "--policy", "expert", "--env-arg", "operands=2", "--seed", "3").out == from_json.out
    assert cli("play", "--config", tmp_path / "c.json", "--seed", "4").out != from_json.out


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('{"sed": 1}', "'seed'"),
        ('{"seed": 1.5}', "whole number"),
        ('{"seed": true}', "whole number"),
        ('{"temperature": "hot"}', "a number"),
        ('{"policy": 3}', "a text"),
        ('{"env_arg": ["a"]}', "a table"),
        ('{"stop": "x"}', "a list"),
        ('{"prompt": "char"}', "plain, chat"),
        ('{"command": "train"}', "stepgym train"),
        ('{"seed": 1', "not valid JSON"),
        ("[1]", "names of flags"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong(cli, tmp_path, text, hint):
    (tmp_path / "c.json").write_text(text)
    result = cli("play", "--config", tmp_path / "c.json")
    assert result.code == 2
    assert hint in result.err
    assert "c.json" in result.err


def test_a_missing_configuration_is_named(cli, tmp_path):
    assert "none.toml" in cli("play", "--config", tmp_path / "none.toml").err
