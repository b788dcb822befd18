"""A real GRPO step with a verifier as the reward."""

from __future__ import annotations

import pytest

from stepgym.verifiers import ExactMatchVerifier, as_trl_reward

trl = pytest.importorskip("trl", reason="needs the extra baselines")


@pytest.mark.slow
def test_a_grpo_step_is_rewarded_by_a_verifier(tmp_path) -> None:
    import torch
    from datasets import Dataset
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = ["<pad>", "<eos>", *"0123456789+= "]
    core = Tokenizer(models.WordLevel({t: i for i, t in enumerate(vocabulary)}, unk_token="<pad>"))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    core.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="<eos>")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=len(vocabulary),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=2,
            pad_token_id=0,
            eos_token_id=1,
            bos_token_id=None,
        )
        model = LlamaForCausalLM(config)
    rewards: list[float | None] = []
    judge = as_trl_reward(ExactMatchVerifier(), reference_column="answer")

    def reward(**columns):
        found = judge(**columns)
        rewards.extend(found)
        return found

    arguments = trl.GRPOConfig(
        output_dir=str(tmp_path),
        per_device_train_batch_size=8,
        num_generations=8,
        max_completion_length=2,
        max_steps=2,
        use_cpu=True,
        bf16=False,
        report_to="none",
        disable_tqdm=True,
        save_strategy="no",
    )
    data = Dataset.from_list([{"prompt": f"{i}+0=", "answer": str(i)} for i in range(8)])
    trainer = trl.GRPOTrainer(
        model=model, reward_funcs=reward, args=arguments, train_dataset=data, processing_class=tokenizer
    )
    trainer.train()
    assert trainer.state.global_step == 2
    assert len(rewards) == 16
    assert set(rewards) <= {0.0, 1.0}
