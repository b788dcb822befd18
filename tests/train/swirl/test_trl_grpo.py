from __future__ import annotations

import pytest

from stepgym.agents import RuleJudge, judge_episodes
from stepgym.train.swirl import judge_as_trl_reward, to_step_grpo


@pytest.mark.slow
def test_grpo_of_trl_trains_on_stored_states_with_a_judge(make_episode, tokenizer, tiny_model, tmp_path):
    trl = pytest.importorskip("trl")
    datasets = pytest.importorskip("datasets")
    asked = []

    def rule(state, action):
        asked.append((state.observations, state.actions))
        return action.startswith("g"), ""

    judge = RuleJudge(rule)
    judged = judge_episodes(judge, [make_episode([("a?", "g"), ("c?", "b")], name=f"e{i}") for i in range(4)])
    rows = datasets.Dataset.from_list(list(to_step_grpo(judged)))
    asked.clear()
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    config = trl.GRPOConfig(
        output_dir=str(tmp_path),
        max_steps=2,
        per_device_train_batch_size=4,
        num_generations=4,
        max_completion_length=2,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
    )
    trainer = trl.GRPOTrainer(
        tiny_model,
        reward_funcs=[judge_as_trl_reward(judge)],
        args=config,
        train_dataset=rows,
        processing_class=tokenizer,
    )
    try:
        trainer.train()
    finally:
        tokenizer.chat_template = None
    assert trainer.state.global_step == 2
    assert set(asked) <= {(("a?",), ()), (("a?", "c?"), ("g",))}
    assert asked
    assert 0 <= trainer.state.log_history[-1]["rewards/rule/mean"] <= 1
