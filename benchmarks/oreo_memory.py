"""Memory and time of one OREO update of a 1.5 B model: LoRA, one frozen base, exact KL over the whole vocabulary.

    python benchmarks/oreo_memory.py                          # Qwen2.5-1.5B's shape with random weights, one episode
    python benchmarks/oreo_memory.py --size 0.5b --length 512 # smaller
    python benchmarks/oreo_memory.py --critic shared --no-checkpointing
    python benchmarks/oreo_memory.py --device cuda --full     # on a GPU, without LoRA

The model is built in bfloat16; the update goes through `OREOTrainer` with AdamW. Peak memory is the highest resident
size of the process (on CPU) or of the CUDA allocator. The trunk's own forward pass without gradient is timed in the
same process: the cost of the update is given in units of it, beside the count of passes that the method must make.
Times are of the process (all threads) on a CPU, of the wall on a GPU. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import transformers

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
    parser.add_argument("--length", type=int, default=2048, help="tokens of the episode")
    parser.add_argument("--prompt", type=int, default=128, help="of these, tokens of the prompt")
    parser.add_argument("--lora", type=int, default=16, help="rank")
    parser.add_argument("--critic", choices=("separate", "shared"), default="separate")
    parser.add_argument("--full", action="store_true", help="train all weights, without LoRA")
    parser.add_argument("--no-checkpointing", action="store_true", help="keep all activations")
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
        "length": args.length,
        "actions": args.length - args.prompt,
        "lora": None if args.full else args.lora,
        "critic": args.critic,
        "checkpointing": not args.no_checkpointing,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "machine": torch.cuda.get_device_name() if cuda else f"{platform.machine()}, {torch.get_num_threads()} threads",
        "gb_before": round(start, 2),
        "gb_model": round(memory(cuda), 2),
    }
    ids = torch.randint(10, model.config.vocab_size - 1, (1, args.length), device=model.device)
    with torch.no_grad():
        run: Callable[[], Any] = lambda: model.model(ids, use_cache=False)  # noqa: E731
        run()
        report["trunk_forward_s"] = min(timed(run, cuda) for _ in range(2))
    before_update = peak(cuda)
    report |= head_alone(model, args, cuda)
    before_update = max(before_update, peak(cuda))
    report |= update(model, args, cuda)
    unit = report["trunk_forward_s"]
    report["gb_peak"] = round(max(before_update, peak(cuda)), 2)
    report["units"] = round(report["update_s"] / unit, 2)
    report["units_without_head"] = round((report["update_s"] - report["head_s"]) / unit, 2)
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
    """Updates through the trainer; the last is timed."""
    peft_config = None
    if not args.full:
        from peft import LoraConfig

        peft_config = LoraConfig(r=args.lora, lora_alpha=args.lora, target_modules="all-linear")
    clock = Clock(cuda)
    with tempfile.TemporaryDirectory() as folder:
        config = OREOConfig(
            output_dir=folder,
            per_device_train_batch_size=1,
            max_steps=args.updates,
            critic=args.critic,
            packing=True,
            activation_checkpointing=not args.no_checkpointing,
            bf16=True,
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            use_cpu=not cuda,
            guard="off",
        )
        data = [episode(i, model.config.vocab_size, args) for i in range(2)]
        trainer = OREOTrainer(
            model, config, data, processing_class=tokenizer(), peft_config=peft_config, callbacks=[clock]
        )
        trained = sum(p.numel() for p in trainer.networks.parameters() if p.requires_grad)
        trainer.train()
    return {"trained_parameters": trained, "update_s": clock.seconds[-1]}


def head_alone(model: Any, args: argparse.Namespace, cuda: bool) -> dict[str, Any]:
    """Time of log-probabilities, exact KL and their gradient, and what whole logits would take."""
    actions, size = args.length - args.prompt, model.config.hidden_size
    was_trained = model.lm_head.weight.requires_grad
    model.lm_head.weight.requires_grad_(False)
    hidden = torch.randn(actions, size, dtype=torch.bfloat16, device=model.device, requires_grad=True)
    targets = torch.randint(model.config.vocab_size, (actions,), device=model.device)
    head = Head.of(model)

    def run() -> None:
        scores = token_scores(hidden, targets, head, Reference(hidden.detach() * 1.01, head))
        (scores.logp.sum() + scores.kl.sum()).backward()

    before = forget_peak(cuda)
    seconds = timed(run, cuda)
    model.lm_head.weight.requires_grad_(was_trained)
    logits = actions * model.config.vocab_size * 4 / 2**30
    return {
        "head_s": seconds,
        "gb_head": round(max(0.0, peak(cuda) - before), 2),
        "gb_of_one_logits_tensor": round(logits, 2),
    }


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
        np.full(args.length - 1, float(index), np.float32),
    )
    return TokenizedEpisode((segment,), f"e{index}", f"t{index}", float(index))


def tokenizer() -> Any:
    from tokenizers import Tokenizer, models

    core = Tokenizer(models.WordLevel({str(i): i for i in range(TOKENS)}, unk_token="0"))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=core, pad_token="0", eos_token="1")


class Clock(transformers.TrainerCallback):
    """Seconds of each update."""

    def __init__(self, cuda: bool) -> None:
        self.cuda = cuda
        self.seconds: list[float] = []

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._start = now(self.cuda)

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.seconds.append(round(now(self.cuda) - self._start, 2))


def now(cuda: bool) -> float:
    """Seconds: of the wall on a GPU, of the process on a CPU, which other users of the machine do not change."""
    if cuda:
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def timed(function: Callable[[], Any], cuda: bool) -> float:
    start = now(cuda)
    function()
    return round(now(cuda) - start, 2)


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
