"""Speed of OREO updates with a model of about 10 M parameters on the published GSM8K model solutions.

    python benchmarks/oreo_throughput.py                     # packed, padded and length-grouped batches; overhead
    python benchmarks/oreo_throughput.py --part processes    # two processes of one thread against one

`packing`: trained tokens per second of packed batches of 16 episodes, of padded batches of 16 drawn at random, and of
padded batches grouped by length. `overhead`: an update of the trainer against the bare model calls it must make (the
forward pass of policy, reference and value with log-probabilities and exact KL, one backward pass, AdamW). Both in CPU
seconds of one thread, interleaved. `processes` compares wall times, so nothing else should be running. Needs the log
`--data`, the file of solutions published with GSM8K. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import transformers

from stepgym.agents import EpisodeLog
from stepgym.cli.small_model import small_tokenizer
from stepgym.train import OREOConfig, OREOTrainer
from stepgym.train.collate import model_inputs

SHARED = Path(os.environ.get("STEPGYM_SHARED", "../shared"))
DATA = SHARED / "data" / "math" / "gsm8k_example_model_solutions_half.jsonl.gz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--part", choices=("packing", "overhead", "processes"), nargs="+", default=["packing", "overhead"]
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument(
        "--folder", dest="log", type=Path, default=Path("runs/gsm8k-solutions"), help="where it is imported to, once"
    )
    parser.add_argument("--updates", type=int, default=6, help="timed updates of each setting")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    transformers.utils.logging.set_verbosity_error()
    transformers.trainer.PrinterCallback = transformers.TrainerCallback
    torch.set_num_threads(1)
    if not (args.log / "manifest.json").is_file() and not any(args.log.glob("*")):
        command = [sys.executable, "-m", "stepgym.cli", "import", str(args.data)]
        subprocess.run([*command, "--format", "gsm8k-solutions", "--out", str(args.log)], check=True)
    if args.worker:
        print(json.dumps(wall_of_updates(args)))
        return
    report: dict[str, Any] = {"torch": torch.__version__, "transformers": transformers.__version__}
    for part in args.part:
        report |= {"packing": packing, "overhead": overhead, "processes": processes}[part](args)
    for name, value in report.items():
        print(f"{name:40} {value}")
    print(json.dumps(report))


def make_trainer(args: argparse.Namespace, folder: str, **settings: Any) -> OREOTrainer:
    """A trainer for a new model of about 10 M parameters."""
    log = list(EpisodeLog(args.log))
    tokenizer = small_tokenizer(log, vocabulary=4096)
    torch.manual_seed(args.seed)
    model = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=288,
            intermediate_size=864,
            num_hidden_layers=8,
            num_attention_heads=6,
            max_position_embeddings=1024,
        )
    )
    defaults = {
        "output_dir": folder,
        "per_device_train_batch_size": 16,
        "max_steps": args.updates + 1,
        "learning_rate": 1e-4,
        "use_cpu": True,
        "disable_tqdm": True,
        "save_strategy": "no",
        "seed": args.seed,
        "guard": "off",
    }
    return OREOTrainer(model, OREOConfig(**(defaults | settings)), log, processing_class=tokenizer)


class Clock(transformers.TrainerCallback):
    """CPU and wall seconds of each update, and its tokens that are no padding."""

    def __init__(self) -> None:
        self.cpu: list[float] = []
        self.wall: list[float] = []

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.cpu.append(time.process_time() - self._cpu)
        self.wall.append(time.perf_counter() - self._wall)


def counted(trainer: OREOTrainer) -> list[int]:
    """Tokens of each batch the trainer makes, padding left out; filled as training goes on."""
    tokens: list[int] = []
    collate = trainer.data_collator

    def count(episodes: Any) -> Any:
        tokens.append(sum(e.tokens for e in episodes))
        return collate(episodes)

    trainer.data_collator = count
    return tokens


def rate(args: argparse.Namespace, **settings: Any) -> tuple[float, int]:
    """Tokens per CPU second over the updates after the first, and the model's parameters."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(args, folder, **settings)
        clock = Clock()
        trainer.add_callback(clock)
        tokens = counted(trainer)
        trainer.train()
        size = sum(p.numel() for p in trainer.networks.policy.parameters())
    return sum(tokens[1 : args.updates + 1]) / sum(clock.cpu[1:]), size


def packing(args: argparse.Namespace) -> dict[str, Any]:
    """Packed against padded batches."""
    packed, size = rate(args, packing=True)
    padded, _ = rate(args, packing=False)
    grouped, _ = rate(args, packing=False, train_sampling_strategy="group_by_length")
    return {
        "parameters": size,
        "packed_tokens_per_cpu_s": round(packed),
        "padded_tokens_per_cpu_s": round(padded),
        "grouped_tokens_per_cpu_s": round(grouped),
        "packed_over_padded": round(packed / padded, 2),
        "packed_over_grouped": round(packed / grouped, 2),
    }


class Bare(Clock):
    """After each update, its model calls alone, on the same batch."""

    def __init__(self, trainer: OREOTrainer) -> None:
        super().__init__()
        self.networks, self.batches = trainer.networks, []
        self.optimizer = torch.optim.AdamW([p for p in self.networks.parameters() if p.requires_grad], lr=0.0)
        self.bare: list[float] = []
        collate = trainer.data_collator

        def keep(episodes: Any) -> Any:
            self.batches.append(collate(episodes))
            return self.batches[-1]

        trainer.data_collator = keep

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        super().on_step_end(*args, **kwargs)
        start = time.process_time()
        # Batches are drawn ahead of their update.
        out = self.networks(**model_inputs(self.batches[len(self.bare)]))
        (out.logp.sum() + out.kl.sum() + out.values.sum()).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.bare.append(time.process_time() - start)


def overhead(args: argparse.Namespace) -> dict[str, Any]:
    """An update of the trainer against its model calls, on the same batches, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(args, folder, packing=True)
        bare = Bare(trainer)
        trainer.add_callback(bare)
        trainer.train()
    ratios = [ours / model for ours, model in zip(bare.cpu[1:], bare.bare[1:], strict=True)]
    return {
        "update_cpu_s": round(statistics.median(bare.cpu[1:]), 3),
        "bare_model_calls_cpu_s": round(statistics.median(bare.bare[1:]), 3),
        "overhead": round(statistics.median(ratios) - 1, 4),
        "overhead_by_update": [round(r - 1, 3) for r in ratios],
    }


def wall_of_updates(args: argparse.Namespace) -> dict[str, Any]:
    """Run by each process of `processes`: half the episodes in each of two."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(args, folder, packing=True, per_device_train_batch_size=32 // world)
        clock = Clock()
        trainer.add_callback(clock)
        trainer.train()
    return {"processes": world, "wall_s": round(sum(clock.wall[1:]), 2)}


def processes(args: argparse.Namespace) -> dict[str, Any]:
    """Two processes of one thread (DDP over gloo) against one, 32 episodes an update."""
    walls = {}
    for count in (1, 2):
        command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={count}", "--master-port=29517"]
        command += [__file__, "--worker", "--updates", str(args.updates), "--folder", str(args.log)]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        walls[count] = max(json.loads(line)["wall_s"] for line in done.stdout.splitlines() if line.startswith('{"proc'))
    return {"one_process_s": walls[1], "two_processes_s": walls[2], "speed_up": round(walls[1] / walls[2], 2)}


if __name__ == "__main__":
    main()
