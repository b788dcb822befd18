"""A tiny random Llama in vLLM: served over HTTP, in process, with an adapter, and as a value model.

`make test-vllm` runs this folder in an environment of its own; elsewhere it is skipped.
"""

from __future__ import annotations

import copy
import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

CONTEXT = 256
START_SECONDS = 600
HERE = Path(__file__).parent
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
ENGINE = ("--dtype", "float32", "--max-model-len", str(CONTEXT), "--max-num-seqs", "64", "--enforce-eager")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if importlib.util.find_spec("vllm") is not None:
        return
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="vLLM is not installed here: make test-vllm"))


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory, make_byte_tokenizer: Any, chat_templates: Any) -> SimpleNamespace:
    """Folders of the policy, an adapter of it and a value model; the policy in transformers; the tokenizer."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    from stepgym.train.value_model import ValueModel

    folder = tmp_path_factory.mktemp("models")
    template, end, _ = chat_templates["chatml"]
    tokenizer = make_byte_tokenizer(template, eos=end)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,  # of size 32, the smallest that vLLM's attention on CPUs has
        max_position_embeddings=CONTEXT,
        initializer_range=0.3,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(config).eval()
    # Defaults that must not reach a sample.
    model.generation_config = GenerationConfig(
        do_sample=True, temperature=0.05, top_k=1, repetition_penalty=3.0, eos_token_id=tokenizer.eos_token_id
    )
    value = ValueModel(LlamaForCausalLM(config).base_model)
    torch.nn.init.normal_(value.head.weight, std=0.3)
    for name, saved in (("policy", model), ("value", value)):
        (saved.save_pretrained if name == "policy" else saved.save)(folder / name)
        tokenizer.save_pretrained(folder / name)
    targets = ["q_proj", "v_proj", "up_proj"]
    tuned = get_peft_model(copy.deepcopy(model), LoraConfig(r=4, target_modules=targets, task_type="CAUSAL_LM"))
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.3)
    tuned.save_pretrained(folder / "adapter")
    return SimpleNamespace(
        policy=folder / "policy",
        adapter=folder / "adapter",
        value=folder / "value",
        model=model,
        tuned=tuned.merge_and_unload().eval(),
        value_model=value.eval(),
        tokenizer=tokenizer,
    )


@pytest.fixture(scope="session")
def servers(models: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """URLs of the policy's server and the value model's."""
    logs = tmp_path_factory.mktemp("logs")
    # Read in parts, a prompt with a seed ends vLLM 0.32 on CPUs.
    whole = ("--no-enable-chunked-prefill", "--max-num-batched-tokens", "4096")
    lora = ("--enable-lora", "--max-lora-rank", "8", "--lora-modules", f"tuned={models.adapter}")
    started = {
        "policy": _start(models.policy, "tiny", logs / "policy.log", *whole, *lora),
        "value": _start(models.value, "value", logs / "value.log", "--runner", "pooling"),
    }
    try:
        for name, (process, url) in started.items():
            _wait(process, url, logs / f"{name}.log")
        yield SimpleNamespace(policy=f"{started['policy'][1]}/v1", value=started["value"][1])
    finally:
        for process, _ in started.values():
            process.terminate()
        for process, _ in started.values():
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def _start(model: Path, name: str, log: Path, *more: str) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    command += ["--served-model-name", name, "--host", "127.0.0.1", "--port", str(port), *ENGINE, *more]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=os.environ | ENVIRONMENT)
    return process, f"http://127.0.0.1:{port}"


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    pytest.fail(f"the server did not start:\n{log.read_text(errors='replace')[-4000:]}")
