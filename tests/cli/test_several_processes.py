"""`stepgym train` under torchrun, on two gloo processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from safetensors.torch import load_file

pytest.importorskip("transformers")

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1", "CUDA_VISIBLE_DEVICES": ""}


def two_processes(*words: object) -> subprocess.CompletedProcess[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*launcher, "-m", "stepgym.cli", *map(str, words)]
    return subprocess.run(command, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_two_processes_train_what_one_does(quickstart, cli, tmp_path):
    words = ["train", quickstart / "episodes", "--model", quickstart / "sft", "--max-steps", "4", "--use-cpu"]
    words += ["--learning-rate", "1e-3", "--logging-steps", "2", "--set", "optim=sgd"]
    assert cli(*words, "--per-device-train-batch-size", "8", "--out", tmp_path / "one").code == 0
    run = tmp_path / "two"
    done = two_processes(*words, "--per-device-train-batch-size", "4", "--out", run)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.count(str(run)) == 1, "only one process speaks"
    assert done.stderr.count("OREO: 4 updates") == 1
    assert len((run / "metrics" / "oreo.jsonl").read_text().splitlines()) == 3
    assert json.loads((run / "value.json").read_text())["tasks"] > 0
    assert cli("report", run).code == 0
    for model in ("policy", "value"):
        one, two = (load_file(tmp_path / name / model / "model.safetensors") for name in ("one", "two"))
        assert one.keys() == two.keys()
        for name, weight in one.items():
            assert (weight - two[name]).abs().max() < 1e-4, (model, name)
    again = two_processes(*words, "--per-device-train-batch-size", "4", "--out", run)
    assert again.returncode != 0
    assert "process 0: stepgym: error" in again.stderr
    assert "not empty" in again.stderr
