"""Local credit reaches the policy through the trainer."""

from __future__ import annotations

import copy

import torch

from stepgym.train import CreditConfig, OREOConfig, OREOTrainer, credit_episodes
from stepgym.train.losses import token_logprobs
from stepgym.verifiers import Finding, Verdict


def test_credit_tells_equal_outcomes_apart(tiny_model, make_episode, tokenizer, tmp_path) -> None:
    episodes = []
    for i in range(16):
        # Both answers earn the same; only the credit tells them apart: "=1" is proved, "=0" refuted.
        proved = i % 2 == 0
        episode = make_episode([(f"{i % 10}?", "=1" if proved else "=0")], 0.0 if i else 1.0, name=f"e{i}")
        finding = Finding(1, 2, "digit", "proved" if proved else "refuted")
        verdict = Verdict.correct(finding) if proved else Verdict.wrong(finding)
        episodes.append(episode.with_verdicts({0: verdict}))
    ids = torch.tensor([tokenizer("3?=1")["input_ids"], tokenizer("3?=0")["input_ids"]])
    preference = {}
    for weight in (0.0, 0.3):
        data, _ = credit_episodes(episodes, tokenizer, CreditConfig(weight=weight))
        config = OREOConfig(
            output_dir=str(tmp_path),
            learning_rate=1e-2,
            per_device_train_batch_size=8,
            max_steps=40,
            use_cpu=True,
            seed=3,
            disable_tqdm=True,
            save_strategy="no",
        )
        trainer = OREOTrainer(copy.deepcopy(tiny_model), config, data, processing_class=tokenizer)
        trainer.train()
        with torch.no_grad():
            logp = token_logprobs(trainer.networks.policy(ids).logits, ids)[:, -1]
        preference[weight] = float(logp[0] - logp[1])
    assert preference[0.3] > preference[0.0] + 1
