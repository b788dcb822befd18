"""The same few updates in one process or, under torchrun, in several; writes the weights that come out."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parent))
import killed_run

from stepgym.errors import StepgymError

# Plain gradient descent without clipping: the weights move in proportion to the gradients, wrong scales included.
CHANGES = {
    "max_steps": 3,
    "optim": "sgd",
    "max_grad_norm": 1e9,
    "lr_scheduler_type": "constant",
    "warmup_steps": 0,
    "logging_steps": 1,
    "save_steps": 2,
    "learning_rate": 0.05,
}


METHODS = {
    "oreo": ("oreo", {}),
    "value alone": ("oreo", {"policy_freeze_ratio": 1.0}),
    "supervised": ("supervised", {}),
}


def run(
    folder: Path, method: str, loss_norm: str, batch: int, accumulate: int, *, resume: str | None = None, **changes
) -> dict[str, torch.Tensor]:
    """The trained weights."""
    killed_run.DROPOUT = 0.0  # random numbers belong to a process
    trained_by, own = METHODS[method]
    trainer = killed_run.make_trainer(
        folder,
        trained_by,
        loss_norm=loss_norm,
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=accumulate,
        **(CHANGES | own | changes),
    )
    trainer.train(resume_from_checkpoint=resume)
    model = trainer.accelerator.unwrap_model(trainer.model)
    return {n: p.detach().clone().contiguous() for n, p in model.named_parameters() if p.requires_grad}


def poisoned(folder: Path) -> str:
    """What is said when one of the processes meets a loss that is NaN."""
    killed_run.DROPOUT = 0.0
    trainer = killed_run.make_trainer(folder, "supervised", per_device_train_batch_size=2, **CHANGES)
    compute, calls = trainer.compute_loss, 0

    def spoilt(*args, **kwargs):
        nonlocal calls
        calls += 1
        loss = compute(*args, **kwargs)
        return loss * float("nan") if calls == 6 and trainer.args.process_index == 1 else loss

    trainer.compute_loss = spoilt
    try:
        trainer.train()
    except StepgymError as error:
        return str(error)
    return ""


def main() -> None:
    torch.set_num_threads(1)
    out = Path(sys.argv[1])
    for method in METHODS:
        for norm in ("token", "episode"):
            folder = out / f"{method}-{norm}"
            weights = run(folder, method, norm, 2, 2)
            if torch.distributed.get_rank() == 0:
                save_file(weights, folder / "weights.safetensors")
    # In the middle of the second epoch.
    folder = out / "resumed"
    for name, resume in (("whole", None), ("resumed", str(folder / "checkpoints" / "checkpoint-4"))):
        weights = run(folder, "oreo", "token", 2, 2, resume=resume, max_steps=6, save_total_limit=None)
        if torch.distributed.get_rank() == 0:
            save_file(weights, folder / f"{name}.safetensors")
    message = poisoned(out / "poisoned")
    (out / f"message-{torch.distributed.get_rank()}").write_text(message)
    # Processes that end by themselves may be aborted by what is left of their connections.
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
