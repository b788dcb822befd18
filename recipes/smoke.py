"""What SMOKE=1 uses: a tiny random model of a named architecture, its tokenizer, and generated word problems.

`python smoke.py qwen2|llama OUT` writes `OUT/model`, `OUT/gsm8k` and `OUT/math`.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

# Special tokens: end of text, and what the prompts of the recipes are made of.
SPECIAL = {
    "qwen2": ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    "llama": ("</s>", "<用户>", "<AI>"),
}
NAMES = ("Ann", "Tom", "Eve", "Sam")
THINGS = ("apples", "books")
ALFWORLD = (
    "You are in the middle of a room. Looking quickly around you, you see a cabinet 4, a drawer 1, and a fridge 1. "
    "Your task is to: put a bread in countertop. Action: go to cabinet 1 You arrive at cabinet 1. On the cabinet 1, "
    "you see a cup 1. Action: open fridge 1 Action: take bread 1 from fridge 1 Action: move bread 1 to countertop 1"
)


def problems(split: str) -> list[dict[str, Any]]:
    """Sums of two small numbers, told as GSM8K tells them."""
    rows = []
    for i, (a, b) in enumerate((a, b) for a in range(1, 5) for b in range(1, 5)):
        if (i % 4 == 3) != (split == "test"):
            continue
        name, thing = NAMES[i % 4], THINGS[i % 2]
        rows.append(
            {
                "question": f"{name} has {a} {thing} and buys {b} more. How many {thing} does {name} have?",
                "answer": f"{a}+{b}=<<{a}+{b}={a + b}>>{a + b}\n#### {a + b}",
                "problem": f"Compute ${a}+{b}$.",
                "solution": f"We add. So ${a}+{b}=\\boxed{{{a + b}}}$.",
            }
        )
    return rows


def write_problems(folder: Path, columns: tuple[str, str]) -> None:
    """One file per split in the published format."""
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        lines = [json.dumps({name: row[name] for name in columns}) for row in problems(split)]
        (folder / f"{split}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def tokenizer_of(architecture: str) -> Any:
    """A byte-level BPE tokenizer with the special tokens of the real one."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    end, *others = SPECIAL[architecture]
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=["<pad>", end, *others],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator([*(text for row in problems("train") for text in row.values()), ALFWORLD], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token=end, additional_special_tokens=others
    )


def model_of(architecture: str, tokenizer: Any) -> Any:
    """Two layers of 64 units with random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    config_class, model_class = {
        "qwen2": (Qwen2Config, Qwen2ForCausalLM),
        "llama": (LlamaConfig, LlamaForCausalLM),
    }[architecture]
    config = config_class(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        initializer_range=0.1,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    torch.manual_seed(0)
    return model_class(config)


def main(architecture: str, out: str) -> None:
    """Write everything, or nothing."""
    partial = Path(f"{out}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    tokenizer = tokenizer_of(architecture)
    model_of(architecture, tokenizer).save_pretrained(partial / "model")
    tokenizer.save_pretrained(partial / "model")
    write_problems(partial / "gsm8k", ("question", "answer"))
    write_problems(partial / "math", ("problem", "solution"))
    partial.rename(out)


if __name__ == "__main__":
    main(*sys.argv[1:3])
