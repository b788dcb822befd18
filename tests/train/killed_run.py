"""A small training run in a process of its own, which kills itself at a chosen moment."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from stepgym.agents import Completion, Episode, Step
from stepgym.train import MetricsFile, OREOConfig, OREOTrainer, SupervisedConfig, SupervisedTrainer

EPISODES, BATCH, ACCUMULATE, UPDATES, SAVE = 22, 3, 2, 11, 2  # 4 updates an epoch, the last one smaller
DROPOUT = 0.1  # the state of the random numbers must be right as well


def train(folder: Path, method: str, kill: tuple[str, float] | None = None) -> None:
    """Train in `folder` from where it stands; `kill` is ("time", CPU seconds) or ("file", n-th event in the folder)."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    trainer = make_trainer(folder, method)
    if kill is not None:
        moment, value = kill
        if moment == "file":
            _kill_at_event(folder, int(value))
        else:
            threading.Thread(target=_kill_after, args=(value,), daemon=True).start()
    start = time.process_time()
    trainer.train(resume_from_checkpoint=True)
    trainer.save_model(str(folder / "final"))
    (folder / "seconds").write_text(str(time.process_time() - start))


def make_trainer(folder: Path, method: str, *, evaluate: bool = False, **changes):
    """A trainer on the small log; its checkpoints and metrics lie in `folder`."""
    values = {
        "output_dir": str(folder / "checkpoints"),
        "learning_rate": 1e-2,
        "per_device_train_batch_size": BATCH,
        "gradient_accumulation_steps": ACCUMULATE,
        "max_steps": UPDATES,
        "save_steps": SAVE,
        "save_total_limit": 2,
        "logging_steps": 3,  # not in step with the saves
        "use_cpu": True,
        "seed": 5,
        "disable_tqdm": True,
        "warmup_steps": 0.2,
    } | changes
    rest = {
        "eval_dataset": _log() if evaluate else None,
        "processing_class": _tokenizer(),
        "callbacks": [MetricsFile(folder / "metrics.jsonl")],
    }
    if method == "oreo":
        return OREOTrainer(_model(), OREOConfig(**{"value_lm_coef": 0.3} | values), _log(), **rest)
    return SupervisedTrainer(_model(), SupervisedConfig(**values), _log(), **rest)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _kill_after(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        time.sleep(0.001)
    _die()


def _kill_at_event(folder: Path, n: int) -> None:
    count = 0
    writes = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"}

    def hook(event: str, args: tuple) -> None:
        nonlocal count
        if event == "open":
            relevant = isinstance(args[1], str) and any(c in args[1] for c in "wax")
        else:
            relevant = event in writes
        if relevant and str(args[0]).startswith(str(folder)):
            count += 1
            if count >= n:
                _die()

    sys.addaudithook(hook)


def _tokenizer():
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = ["<pad>", "<eos>", *"0123456789+=?;"]
    core = Tokenizer(models.WordLevel({t: i for i, t in enumerate(vocabulary)}, unk_token="<pad>"))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="<eos>")


def _model() -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=16,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        pad_token_id=0,
        eos_token_id=1,
        attention_dropout=DROPOUT,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LlamaForCausalLM(config)


def _log() -> list[Episode]:
    tokenizer = _tokenizer()
    episodes = []
    for i in range(EPISODES):
        question, answer = f"{i % 10}+{i // 3}?", "=1" if i % 2 else "=0" + ";" * (i % 5)
        ids = tuple(tokenizer(answer)["input_ids"])
        completion = Completion(
            text=answer,
            new_segment=True,
            prompt_token_ids=tuple(tokenizer(question)["input_ids"]),
            token_ids=(*ids, tokenizer.eos_token_id),
        )
        step = Step(question, answer, completion, float(i % 2), terminated=True)
        episodes.append(Episode(f"e{i}", "test/Env-v0", f"t{i}", (step,), float(i % 2)))
    return episodes
