"""Memory and time of one OREO update of a 1.5 B model: LoRA, one frozen base, exact KL over the whole vocabulary.

    python benchmarks/oreo_memory.py                          # Qwen2.5-1.5B's shape with random weights, one episode
    python benchmarks/oreo_memory.py --size 0.5b --length 512 # smaller
    python benchmarks/oreo_memory.py --critic shared --no-checkpointing --compile
    python benchmarks/oreo_memory.py --device cuda --full     # on a GPU, without LoRA

The model is built in bfloat16; the update goes through `OREOTrainer` with AdamW. Peak memory is the highest resident
size of the process (on CPU) or of the CUDA allocator. The trunk's own forward pass without gradient and the
language-model head's work are timed beside each update: its cost is given in units of that pass, with and without the
head, beside the count of passes of the trunk that the method must make. With several --updates, medians over them.
Times are of the process (all threads) on a CPU, of the wall on a GPU. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import transformers
from peft import LoraConfig
from peft.tuners.tuners_utils import BaseTunerLayer

from stepgym.train import OREOConfig, OREOTrainer
from stepgym.train.logprobs import Head, Reference, token_scores
from stepgym.train.tokenize import Segment, TokenizedEpisode

TOKENS = 500  # of the made-up tokenizer, which only has to know the ids of the episode

# Shapes of the Qwen2.5 family (its published configurations); weights here are random.
SIZES: dict[str, dict[str, Any]] = {
    "tiny": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "heads": (2, 1), "vocab_size": 512},
    "0.5b": {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "heads": (14, 2)},
    "1.5b": {"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "heads": (12, 2)},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="1.5b")
    parser.add_argument("--episodes", type=int, default=1, help="of an update, packed into one row")
    parser.add_argument("--length", type=int, default=2048, help="tokens of an episode")
    parser.add_argument("--prompt", type=int, default=128, help="of these, tokens of the prompt")
    parser.add_argument("--lora", type=int, default=16, help="rank")
    parser.add_argument("--critic", choices=("separate", "shared"), default="separate")
    parser.add_argument("--full", action="store_true", help="train all weights, without LoRA")
    parser.add_argument("--no-checkpointing", action="store_true", help="keep all activations")
    parser.add_argument("--compile", action="store_true", help="the blocks of the trunk (torch_compile)")
    parser.add_argument("--updates", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    args = parser.parse_args()
    transformers.utils.logging.set_verbosity_error()
    cuda = args.device == "cuda"
    start = memory(cuda)
    model = build(args)
    report: dict[str, Any] = {
        "size": args.size,
        "parameters": sum(p.numel() for p in model.parameters()),
        "trunk_parameters": sum(p.numel() for p in model.model.layers.parameters()),
        "episodes": args.episodes,
        "length": args.length,
        "actions": args.episodes * (args.length - args.prompt),
        "lora": None if args.full else args.lora,
        "critic": args.critic,
        "checkpointing": not args.no_checkpointing,
        "compiled": args.compile,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "machine": torch.cuda.get_device_name() if cuda else f"{platform.machine()}, {torch.get_num_threads()} threads",
        "gb_before": round(start, 2),
        "gb_model": round(memory(cuda), 2),
    }
    before_update = peak(cuda)
    report |= head_memory(model, args, cuda)
    before_update = max(before_update, peak(cuda))
    report |= update(model, args, cuda)
    report["gb_peak"] = round(max(before_update, peak(cuda)), 2)
    report["passes"] = passes(args)
    report["ratio"] = round(report["units"] / report["passes"], 3)
    report["ratio_without_head"] = round(report["units_without_head"] / report["passes"], 3)
    for name, value in report.items():
        print(f"{name:20} {value}")
    print(json.dumps(report))


def build(args: argparse.Namespace) -> Any:
    """A Qwen2 of the chosen size with random weights, made in bfloat16 and never in float32."""
    sizes = dict(SIZES[args.size])
    heads, key_value_heads = sizes.pop("heads")
    config = transformers.Qwen2Config(
        **{"vocab_size": 151_936, "tie_word_embeddings": True, "max_position_embeddings": 32_768} | sizes,
        num_attention_heads=heads,
        num_key_value_heads=key_value_heads,
        rope_theta=1e6,
        dtype="bfloat16",
    )
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(args.device):
        model = transformers.Qwen2ForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    return model


def update(model: Any, args: argparse.Namespace, cuda: bool) -> dict[str, Any]:
    """Updates through the trainer, each beside one forward pass of the trunk and the head's work alone."""
    peft_config = None
    if not args.full:
        peft_config = LoraConfig(r=args.lora, lora_alpha=args.lora, target_modules="all-linear")
    clock = Clock(model, args, cuda)
    with tempfile.TemporaryDirectory() as folder:
        config = OREOConfig(
            output_dir=folder,
            per_device_train_batch_size=args.episodes,
            max_steps=args.updates,
            critic=args.critic,
            packing=True,
            activation_checkpointing=not args.no_checkpointing,
            torch_compile=args.compile,
            bf16=True,
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            use_cpu=not cuda,
            guard="off",
        )
        data = [episode(i, model.config.vocab_size, args) for i in range(2 * args.episodes)]
        trainer = OREOTrainer(
            model, config, data, processing_class=tokenizer(), peft_config=peft_config, callbacks=[clock]
        )
        trained = sum(p.numel() for p in trainer.networks.parameters() if p.requires_grad)
        trainer.train()
    rows = clock.rows
    units = [r["update_s"] / r["trunk_forward_s"] for r in rows]
    without = [(r["update_s"] - r["head_s"]) / r["trunk_forward_s"] for r in rows]
    return {
        "trained_parameters": trained,
        **{name: round(statistics.median(r[name] for r in rows), 2) for name in rows[0]},
        "units": round(statistics.median(units), 2),
        "units_without_head": round(statistics.median(without), 2),
        "units_without_head_from": round(min(without), 2),
        "units_without_head_to": round(max(without), 2),
    }


def head_memory(model: Any, args: argparse.Namespace, cuda: bool) -> dict[str, Any]:
    """Memory of log-probabilities, exact KL and their gradient, and what whole logits would take."""
    before = forget_peak(cuda)
    head_work(model, args)()
    logits = args.episodes * (args.length - args.prompt) * model.config.vocab_size * 4 / 2**30
    return {"gb_head": round(max(0.0, peak(cuda) - before), 2), "gb_of_one_logits_tensor": round(logits, 2)}


def head_work(model: Any, args: argparse.Namespace) -> Callable[[], None]:
    """The head on all action positions, frozen as it is with LoRA."""
    actions, size = args.episodes * (args.length - args.prompt), model.config.hidden_size
    hidden = torch.randn(actions, size, dtype=torch.bfloat16, device=model.device, requires_grad=True)
    targets = torch.randint(model.config.vocab_size, (actions,), device=model.device)

    def run() -> None:
        was_trained = model.lm_head.weight.requires_grad
        model.lm_head.weight.requires_grad_(False)
        head = Head.of(model)
        scores = token_scores(hidden, targets, head, Reference(hidden.detach() * 1.01, head))
        (scores.logp.sum() + scores.kl.sum()).backward()
        hidden.grad = None
        model.lm_head.weight.requires_grad_(was_trained)

    return run


def passes(args: argparse.Namespace) -> float:
    """Forward passes of the trunk that the method must make, a backward pass of a frozen base counting as one."""
    per_trunk = (2 if args.no_checkpointing else 3) + (1 if args.full else 0)
    return 1 + per_trunk * (2 if args.critic == "separate" else 1)


def episode(index: int, vocabulary: int, args: argparse.Namespace) -> TokenizedEpisode:
    random = np.random.default_rng(index)
    action = np.arange(args.length - 1) >= args.prompt - 1
    segment = Segment(
        random.integers(10, min(vocabulary, TOKENS), args.length),
        action,
        action,
        np.full(args.length - 1, float(index % 2), np.float32),
    )
    return TokenizedEpisode((segment,), f"e{index}", f"t{index}", float(index % 2))


def tokenizer() -> Any:
    from tokenizers import Tokenizer, models

    core = Tokenizer(models.WordLevel({str(i): i for i in range(TOKENS)}, unk_token="0"))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=core, pad_token="0", eos_token="1")


class Clock(transformers.TrainerCallback):
    """Seconds of each update; of the trunk's forward pass before and after it, on average; and of the head's work."""

    def __init__(self, model: Any, args: argparse.Namespace, cuda: bool) -> None:
        self.cuda = cuda
        self.rows: list[dict[str, float]] = []
        self._model, self._head = model, head_work(model, args)
        shape = (args.episodes, args.length)
        self._ids = torch.randint(10, model.config.vocab_size - 1, shape, device=model.device)
        self._base()  # warm
        self._before = math.inf

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._before = timed(self._base, self.cuda)
        self._start = now(self.cuda)

    def on_step_end(self, *_: Any, **__: Any) -> None:
        seconds = now(self.cuda) - self._start
        unit = (self._before + timed(self._base, self.cuda)) / 2
        self.rows.append({"update_s": seconds, "trunk_forward_s": unit, "head_s": timed(self._head, self.cuda)})

    @torch.no_grad()
    def _base(self) -> None:
        """The base alone, plain: adapters, if there are some by now, are switched off, and nothing runs compiled."""
        layers = [m for m in self._model.modules() if isinstance(m, BaseTunerLayer)]
        for layer in layers:
            layer.enable_adapters(False)
        with torch.compiler.set_stance("force_eager"):
            self._model.model(self._ids, use_cache=False)
        for layer in layers:
            layer.enable_adapters(True)


def now(cuda: bool) -> float:
    """Seconds: of the wall on a GPU, of the process on a CPU, which other users of the machine do not change."""
    if cuda:
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def timed(function: Callable[[], Any], cuda: bool) -> float:
    start = now(cuda)
    function()
    return now(cuda) - start


def memory(cuda: bool) -> float:
    """GB in use."""
    if cuda:
        return torch.cuda.memory_allocated() / 2**30
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**30


def forget_peak(cuda: bool) -> float:
    """GB in use now, from where `peak` counts again."""
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    else:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    return memory(cuda)


def peak(cuda: bool) -> float:
    """The most GB since the start, or since `forget_peak`."""
    if cuda:
        return torch.cuda.max_memory_allocated() / 2**30
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 2**20 for line in file if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
