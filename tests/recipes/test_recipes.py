from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RECIPES = Path(__file__).parents[2] / "recipes"
NAMES = sorted(p.name for p in RECIPES.iterdir() if p.is_dir() and (p / "3-oreo.sh").exists())
SHARED = Path(os.environ.get("STEPGYM_SHARED", RECIPES.parent.parent / "shared")) / "data" / "math"
WHO = ("model", "policy", "compare")
STEPS = ("1-sft.sh", "2-sample.sh", "3-oreo.sh", "4-search.sh", "5-evaluate.sh")


def sh(script: Path, *words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    known = {"PYTHON": sys.executable, "STEPGYM": f"{sys.executable} -m stepgym.cli", "OMP_NUM_THREADS": "1"}
    clean = {k: v for k, v in os.environ.items() if k not in ("MODEL", "POLICY", "REFERENCE", "RUNS", "SMOKE")}
    return subprocess.run(
        ["sh", str(script), *words],
        cwd=cwd,
        env={**clean, **known, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def commands_of(script: Path, *words: str, cwd: Path, **variables: str) -> list[dict[str, Any]]:
    """The settings of each command that a script would call, in order."""
    only_read = f"{sys.executable} {Path(__file__).with_name('parse_only.py')}"
    data = {"GSM8K": "data/gsm8k", "MATH": "data/MATH", "ALFWORLD": "data/alfworld.games"}
    asked = cwd / "asked"
    result = sh(script, *words, cwd=cwd, STEPGYM=only_read, PYTHON="true", ASKED=str(asked), **data, **variables)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in asked.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module", params=NAMES)
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[dict[str, Any]]]:
    """A recipe's name and what it would do."""
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, commands_of(RECIPES / "run.sh", request.param, cwd=folder)


def test_there_is_a_recipe_for_each_row_with_all_steps():
    assert NAMES == ["deepseek-math-7b", "minicpm-2b-alfworld", "qwen2.5-math-1.5b"]
    for name in NAMES:
        assert sorted(p.name for p in (RECIPES / name).glob("[0-9]*.sh")) == list(STEPS)
        assert f"]({name}/README.md)" in (RECIPES / "README.md").read_text(encoding="utf-8")


def test_the_settings_are_those_of_the_paper(asked):
    name, commands = asked
    (oreo,) = (c for c in commands if c["command"] == "train" and c["method"] == "oreo")
    assert (oreo["beta"], oreo["alpha"], oreo["level"], oreo["loss_norm"]) == (0.03, 0.01, "token", "episode")
    assert oreo["per_device_train_batch_size"] * oreo["gradient_accumulation_steps"] == 128
    assert oreo["learning_rate"] == 5e-6
    expected = {
        "qwen2.5-math-1.5b": {"num_train_epochs": 1, "value_learning_rate": 5e-6, "max_length": 2048},
        "deepseek-math-7b": {
            "num_train_epochs": 2,
            "value_learning_rate": 1e-4,
            "max_length": 2048,
            "balance": 4,
            "value_lora": 64,
            "lora_alpha": 64,
        },
        "minicpm-2b-alfworld": {"num_train_epochs": 3, "value_learning_rate": 5e-6, "max_length": 4096},
    }[name]
    assert {k: oreo.get(k) for k in expected} == expected
    sampled = [c for c in commands if c["command"] == "collect" and not c["policy"].startswith("alfworld-expert")]
    samples = {"qwen2.5-math-1.5b": 10, "deepseek-math-7b": 16, "minicpm-2b-alfworld": 5}[name]
    assert all((c["samples"], c["temperature"]) == (samples, 1.0) for c in sampled)
    tuned = [c for c in commands if c["command"] == "train" and c["method"] == "sft"]
    assert [c["learning_rate"] for c in tuned] == ([] if name == "deepseek-math-7b" else [2e-5])


def test_search_and_evaluation_are_on_held_out_tasks(asked):
    name, commands = asked
    played = [c for c in commands if c["command"] == "evaluate"]
    searched = [c for c in played if "search" in c]
    assert {c["env_arg"]["split"] for c in played} <= {"test", "valid_seen", "valid_unseen"}
    assert {c["width"] for c in searched} == ({2, 3, 4, 5} if name == "minicpm-2b-alfworld" else {3, 5, 7})
    assert all(c["temperature"] == 0 for c in played if "search" not in c)


def test_the_same_prompt_is_read_in_training_and_in_play(asked):
    name, commands = asked
    written = {(c["prompt_prefix"], c["prompt_suffix"]) for c in commands if "prompt_prefix" in c}
    assert len(written) == 1
    ((prefix, suffix),) = written
    # The shell leaves backslashes alone; the command line makes \n a line end.
    assert "\\n" not in prefix + suffix
    assert (" \\boxed{}." in prefix + suffix) == (name != "minicpm-2b-alfworld")
    # A folder trained here remembers its prompt, a model of the hub has to be told.
    published = [c for c in commands if any("/" in str(v) and "runs/" not in str(v) for k, v in c.items() if k in WHO)]
    assert published
    assert all("prompt_prefix" in c for c in published)


def test_what_can_be_set_from_outside(tmp_path):
    steps = RECIPES / "minicpm-2b-alfworld"
    imported, tuned = commands_of(steps / "1-sft.sh", cwd=tmp_path, TRAJECTORIES="react.json", RUNS="here")
    assert (imported["command"], imported["file"], imported["preset"]) == ("import", "react.json", "oreo")
    assert tuned["log"] == imported["out"] == "here/demonstrations"
    (tmp_path / "asked").unlink()
    (again,) = commands_of(steps / "3-oreo.sh", cwd=tmp_path, RUNS="two", POLICY="one/oreo", REFERENCE="one/sft")
    assert (again["model"], again["reference"], again["out"]) == ("one/oreo", "one/sft", "two/oreo")


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason=f"third-party data not found at {SHARED} (set STEPGYM_SHARED)")
def test_the_published_solutions_become_demonstrations_that_are_right(tmp_path):
    from stepgym.agents import EpisodeLog
    from stepgym.envs import GSM8KEnv, MATHEnv
    from stepgym.verifiers import MathAnswerVerifier

    files = {"gsm8k": SHARED / "gsm8k_train.jsonl.gz", "math": SHARED / "math_train.jsonl.gz"}
    words = [f"{name}={path}" for name, path in files.items()]
    subprocess.run([sys.executable, str(RECIPES / "demonstrations.py"), str(tmp_path / "log"), *words], check=True)
    episodes = list(EpisodeLog(tmp_path / "log"))
    gold = {
        t.id: t.reference
        for kind, path in ((GSM8KEnv, files["gsm8k"]), (MATHEnv, files["math"]))
        for t in kind.load(path, split="train", on_error="skip")
    }
    assert len(episodes) == len(gold) > 14_900
    assert not any("<<" in e.steps[0].action for e in episodes if e.task_id.startswith("gsm8k"))
    verifier = MathAnswerVerifier()
    some = episodes[::150]
    right = sum(verifier.verify(e.steps[0].action, gold[e.task_id]).status == "correct" for e in some)
    assert right >= 0.98 * len(some)


def test_the_tables_hold_the_figures_of_the_paper():
    pages = {name: (RECIPES / name / "README.md").read_text(encoding="utf-8") for name in NAMES}
    for name, row in (
        ("qwen2.5-math-1.5b", "| OREO, token level | 77.3 | | 52.5 | |"),
        ("deepseek-math-7b", "| OREO | 85.9 | | 49.2 | |"),
        ("minicpm-2b-alfworld", "| OREO | 79.1 | | 80.7 | |"),
    ):
        assert row in pages[name]
        assert re.search(r"^\| SFT .*\| \|$", pages[name], re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_runs_whole_with_a_tiny_model(name, tmp_path):
    pytest.importorskip("transformers")
    result = sh(RECIPES / "run.sh", name, cwd=tmp_path, SMOKE="1")
    assert result.returncode == 0, f"{result.stdout[-2000:]}\n{result.stderr[-3000:]}"
    run = tmp_path / "runs" / f"smoke-{name}"
    for part in ("sft/policy", "oreo/policy", "oreo/value"):
        assert (run / part / "model.safetensors").is_file()
    found = [json.loads(p.read_text(encoding="utf-8")) for p in run.glob("*/evaluations.json")]
    assert len(found) >= 3
    assert all(e["evaluations"] and e["comparisons"] for e in found)
    again = sh(RECIPES / name / "3-oreo.sh", cwd=tmp_path, SMOKE="1")
    assert again.returncode == 0, again.stderr[-2000:]
    assert "is the end of the training already" in again.stderr
