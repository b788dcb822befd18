"""Splitting a batch over micro-batches or processes does not change the update."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import parallel_run  # noqa: E402 - modules of their own, so that new processes can import them

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Weights and log of one process that sees whole batches of 8, by method and normaliser."""
    done = {}

    def of(method: str, norm: str):
        if (method, norm) not in done:
            folder = tmp_path_factory.mktemp(f"{method}-{norm}")
            done[method, norm] = parallel_run.run(folder, method, norm, 8, 1), log_of(folder)
        return done[method, norm]

    return of


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """The folder in which two gloo processes trained with batches of 2 and two micro-batches."""
    folder = tmp_path_factory.mktemp("two")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    ended = subprocess.run(
        [*command, str(HERE / "parallel_run.py"), str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    return folder


def log_of(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def check_same(weights, log, expected) -> None:
    reference, reference_log = expected
    assert weights.keys() == reference.keys()
    for name, value in reference.items():
        torch.testing.assert_close(weights[name], value, rtol=1e-4, atol=2e-6, msg=lambda m, n=name: f"{n}: {m}")
    for mine, theirs in zip(log[:-1], reference_log[:-1], strict=True):
        assert mine["step"] == theirs["step"]
        for name in {"loss", "value_loss", "policy_loss", "kl", "grad_norm"} & set(theirs):
            assert mine[name] == pytest.approx(theirs[name], rel=1e-3, abs=1e-6), name


methods = pytest.mark.parametrize("method", list(parallel_run.METHODS))
norms = pytest.mark.parametrize("norm", ["token", "episode"])


@methods
@norms
def test_micro_batches(whole, tmp_path, method, norm) -> None:
    weights = parallel_run.run(tmp_path, method, norm, 2, 4)
    check_same(weights, log_of(tmp_path), whole(method, norm))


@methods
@norms
def test_two_processes(whole, two_processes, method, norm) -> None:
    folder = two_processes / f"{method}-{norm}"
    check_same(load_file(folder / "weights.safetensors"), log_of(folder), whole(method, norm))


def test_every_process_stops_when_one_meets_nan(two_processes) -> None:
    messages = [(two_processes / f"message-{rank}").read_text() for rank in range(2)]
    assert messages[0] == messages[1]
    assert "update 3: the loss is NaN or infinite" in messages[0]
    assert "checkpoint-2" in messages[0]
    assert "'e" in messages[0]


def test_two_processes_resume_exactly(two_processes) -> None:
    whole, resumed = (load_file(two_processes / "resumed" / f"{n}.safetensors") for n in ("whole", "resumed"))
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_checkpoints_of_two_processes_are_whole(two_processes) -> None:
    from stepgym.train.resumable import newest_checkpoint

    newest = newest_checkpoint(two_processes / "oreo-token" / "checkpoints")
    assert newest is not None
    assert newest.name == "checkpoint-3"
    names = {p.name for p in newest.iterdir()}
    assert {"rng_state_0.pth", "rng_state_1.pth", "progress_0.json", "progress_1.json"} <= names


def test_the_normaliser_matters(whole) -> None:
    token, episode = (whole("supervised", norm)[0] for norm in ("token", "episode"))
    assert any((token[name] - episode[name]).abs().max() > 1e-3 for name in token)
