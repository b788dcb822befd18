"""FSDP2: two gloo processes that hold half of every parameter give the losses and gradients of one process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["full", "full-reads", "lora", "lora-shared", "lora-compiled"])
def test_losses_and_gradients_are_those_of_one_process(tmp_path, kind) -> None:
    script = Path(__file__).with_name("sharded_losses.py")
    port = 29_600 + os.getpid() % 300
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={port}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, script, kind, tmp_path], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    results = torch.load(tmp_path / "results.pt")
    assert results["sharded"]
    torch.testing.assert_close(*results["loss"], rtol=1e-5, atol=1e-6)
    sharded, alone = results["gradients"]
    assert sharded.keys() == alone.keys()
    for name, gradient in alone.items():
        torch.testing.assert_close(sharded[name], gradient, rtol=1e-4, atol=1e-6)
