from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stepgym.quickstart.model import chain_model, chain_tokenizer
from stepgym.quickstart.settings import QuickstartSettings
from stepgym.quickstart.tasks import demonstrations, draw_tasks
from stepgym.train import SupervisedConfig, SupervisedTrainer

SETTINGS = QuickstartSettings(
    operands=3, modulus=5, habit=0.0, slip=0.4, demonstrations=3_000, train_tasks=40, test_tasks=20, hidden=32, layers=2
)


@pytest.fixture(scope="session")
def chain_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model that writes worked chains, with slips in most."""
    folder = tmp_path_factory.mktemp("chains")
    tokenizer = chain_tokenizer()
    model = chain_model(SETTINGS, tokenizer)
    config = SupervisedConfig(
        output_dir=str(folder / "training"),
        per_device_train_batch_size=32,
        max_steps=250,
        learning_rate=3e-3,
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
    )
    data = list(demonstrations(SETTINGS, draw_tasks(SETTINGS)))
    SupervisedTrainer(model, config, data, processing_class=tokenizer).train()
    model.save_pretrained(folder / "start")
    tokenizer.save_pretrained(folder / "start")
    return folder / "start"


@pytest.fixture
def chain(chain_start: Path) -> dict[str, Any]:
    """What a trainer is given, beside the model."""
    from stepgym.agents import Sampling

    return {
        "env": "stepgym/ArithmeticChain-v0",
        "tasks": draw_tasks(SETTINGS).train,
        "env_kwargs": {"operands": SETTINGS.operands, "modulus": SETTINGS.modulus},
        "tokenizer": chain_tokenizer(),
        "sampling": Sampling(max_tokens=32),
    }
