from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.train import tokenize_episodes
from stepgym.train.model_card import TrainingData, episodes_fingerprint, licence_of, model_card


def head(card: str) -> dict[str, object]:
    """The card's YAML; every value of ours is JSON on a line of its own."""
    lines = card.split("\n")
    assert lines[0] == "---"
    end = lines.index("---", 1)
    return {name: json.loads(value) for name, _, value in (line.partition(": ") for line in lines[1:end])}


def test_a_card_tells_machines_what_the_model_is():
    policy = head(model_card("policy", method="OREO", base="Qwen/Qwen2.5-Math-1.5B", licence="apache-2.0"))
    assert policy == {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "license": "apache-2.0",
        "base_model": "Qwen/Qwen2.5-Math-1.5B",
        "tags": ["stepgym", "oreo", "reinforcement-learning", "policy"],
    }
    value = head(model_card("value", method="OREO", base="../models/mine"))
    assert value["pipeline_tag"] == "token-classification"
    assert not {"base_model", "license"} & value.keys(), "a folder is no name on the hub, and nothing is guessed"


def test_the_hub_reads_the_head():
    cards = pytest.importorskip("huggingface_hub").ModelCard
    card = cards(model_card("policy", method="OREO", base="a/b", licence="mit", settings={"beta": 0.03}))
    assert (card.data.license, card.data.base_model, card.data.pipeline_tag) == ("mit", "a/b", "text-generation")


def test_the_run_stands_in_the_text(log, tokenizer):
    episodes, _ = tokenize_episodes(log, tokenizer)
    data = TrainingData.of(episodes, note="a test")
    assert (data.episodes, data.successes, data.tasks) == (32, 16, 32)
    assert data.fingerprint == episodes_fingerprint(episodes)
    card = model_card(
        "value",
        method="OREO",
        data=data,
        settings={"beta": 0.03, "alpha": 0.01, "delimiters": ("\n", ". "), "max_length": None},
        figures={"value_loss": 0.123456789},
        versions={"torch": "2.13.0"},
        updates=1170,
    )
    for expected in (
        f"* Fingerprint: `{data.fingerprint}`",
        "* 32 episodes of 32 tasks, 16 of them successes (50.0%)",
        "* Note of the log: a test",
        "| beta | 0.03 |",
        "| delimiters | `\\n`, `. ` |",
        "| value\\_loss | 0.123457 |",
        "| torch | `2.13.0` |",
        "* Updates: 1,170",
        "* Licence of the base: not known",
    ):
        assert expected in card
    assert "max\\_length" not in card, "what was not set is not told"


def test_the_fingerprint_sees_ids_masks_returns_and_order(log, tokenizer, make_episode):
    episodes, _ = tokenize_episodes(log, tokenizer)
    same, _ = tokenize_episodes(log, tokenizer)
    names = {
        episodes_fingerprint(e)
        for e in (
            episodes,
            episodes[::-1],
            episodes[1:],
            tokenize_episodes([make_episode([("1+1?", "=1")], 0.0)], tokenizer)[0],
            tokenize_episodes([make_episode([("1+1?", "=1")], 1.0)], tokenizer)[0],
            tokenize_episodes([make_episode([("1+1?=", "1")], 1.0)], tokenizer)[0],
        )
    }
    assert len(names) == 6
    assert episodes_fingerprint(same) in names


@given(st.text(), st.text(), st.text(max_size=40))
def test_no_text_breaks_out_of_the_card(base, note, name):
    data = TrainingData("0" * 16, 1, 1, 2, 1, 1, note=note)
    card = model_card("policy", method="OREO", base=base, data=data, licence=name, settings={"x": note, name: 1})
    found = head(card)
    assert found.keys() <= {"library_name", "pipeline_tag", "license", "base_model", "tags"}
    body = card.split("\n---\n", 1)[1]
    assert re.findall(r"^## (.*)$", body, re.MULTILINE) == [
        "Where it comes from",
        "Data",
        "Settings",
        "How to use it",
    ]
    assert all(line.isprintable() for line in card.splitlines())
    assert body.count("\n|") == 2 + len({"x", name})


def test_the_licence_of_a_base_with_a_card(tmp_path: Path):
    assert licence_of(tmp_path) is None
    card = tmp_path / "README.md"
    card.write_text("no head\nlicense: mit\n")
    assert licence_of(tmp_path) is None
    card.write_text("---\nlanguage: en\nlicense: apache-2.0\n---\nlicense: mit\n")
    assert licence_of(tmp_path) == "apache-2.0"
    card.write_text(model_card("policy", method="OREO", licence="llama3.1"))
    assert licence_of(tmp_path) == "llama3.1", "a card of ours is read too"
