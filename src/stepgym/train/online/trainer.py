r"""`OnlineTrainer`: REINFORCE on fresh episodes, each step with a weight of its own.

An iteration plays episodes with the policy as it is, asks where the dense rewards come from, and makes one update by

.. math::
    -\frac{1}{N} \sum_{\text{episodes}} \Big( \sum_h w_h \log \pi(a_h | s_h)
        - \lambda \sum_t \mathrm{KL}(\pi \,\|\, \pi_0)_t \Big), \qquad w_h = (R - b) + \alpha r_h,

with the dense reward `r_h` of step `h` for that step alone (`weights`). One update a batch keeps it on-policy: no
likelihood ratios. It is made for experiments and for tasks of moderate size; docs/online.md has the bridge to TRL.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from stepgym.agents.agent import Agent
from stepgym.agents.conversation.prompts import PromptFormat
from stepgym.agents.engines.transformers_policy import TransformersPolicy
from stepgym.agents.episodes import Episode
from stepgym.agents.log.episode_log import EpisodeLog
from stepgym.agents.policy import Sampling
from stepgym.agents.rollout import EnvLike, collect
from stepgym.agents.rollout.source import environment_source
from stepgym.agents.seeds import derive_seed
from stepgym.envs.tasks import Task
from stepgym.errors import InvalidInputError
from stepgym.train.adapters import merged, plain
from stepgym.train.collate import EpisodeCollator, model_inputs
from stepgym.train.credited_episodes import CreditedEpisode
from stepgym.train.models import PolicyWithValue
from stepgym.train.nonfinite import NonFiniteError
from stepgym.train.online.checkpoint import restore_checkpoint, save_checkpoint
from stepgym.train.online.config import OnlineConfig
from stepgym.train.online.loss import online_loss, weighted
from stepgym.train.online.records import Iteration, append_iteration, read_iterations, write_iterations
from stepgym.train.online.rewards import OutcomeOnly, RewardedBatch, StepRewards
from stepgym.train.outputs import Outputs
from stepgym.train.pretrained import loaded
from stepgym.train.reference_cache import fingerprint
from stepgym.train.saving import whole_folder
from stepgym.train.tokenize import TokenizedEpisode, TokenizeOptions, tokenize_episodes

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class OnlineTrainer:
    """Trains a policy on episodes that it plays itself.

    Everything is in the folder `out`: `episodes/`, the log of all that was played; `iterations.jsonl`, a line for each
    update; `checkpoint/`; and at the end `policy/`, a plain causal language model. A training that was stopped goes on
    at its last checkpoint; episodes played since then are taken from the log, not played again.

    Args:
        model: A causal language model or where to load it from. It is trained in place; the KL is to what it is now.
        env: As in `collect`.
        tasks: To draw from.
        config: Settings.
        tokenizer: Of the model.
        out: The folder.
        rewards: Where dense rewards come from; the outcome alone if None.
        sampling: How the policy is sampled. The gradient is that of temperature 1 without truncation: others are
            refused.
        prompt: Prompt format.
        env_kwargs: As in `collect`, like `concurrency`.
        concurrency: Most episodes in flight.
        peft_config: Train an adapter (LoRA).

    Attributes:
        model: The policy, as it is now.
    """

    def __init__(
        self,
        model: PreTrainedModel | str | Path,
        env: EnvLike,
        tasks: Sequence[str | Task],
        config: OnlineConfig | None = None,
        *,
        tokenizer: PreTrainedTokenizerBase,
        out: Path | str,
        rewards: StepRewards | None = None,
        sampling: Sampling | None = None,
        prompt: PromptFormat | None = None,
        env_kwargs: Mapping[str, Any] | None = None,
        concurrency: int = 256,
        peft_config: PeftConfig | None = None,
    ) -> None:
        self.config = config or OnlineConfig()
        self.rewards: StepRewards = rewards or OutcomeOnly()
        self.sampling = sampling or Sampling(temperature=1.0)
        if (self.sampling.temperature, self.sampling.top_p, self.sampling.top_k) != (1.0, 1.0, 0):
            raise InvalidInputError(
                f"the gradient is that of the policy itself: sample with temperature 1, top_p 1 and top_k 0, got "
                f"{self.sampling.temperature}, {self.sampling.top_p} and {self.sampling.top_k}"
            )
        names = [task.id if isinstance(task, Task) else task for task in tasks]
        if len(set(names)) < self.config.tasks:
            raise InvalidInputError(f"expected at least {self.config.tasks} different tasks, got {len(set(names))}")
        self._tasks = list(dict.fromkeys(names))
        self._env, self._env_kwargs, self._concurrency = env, env_kwargs, concurrency
        self._prompt, self._tokenizer = prompt, tokenizer
        policy, context = loaded(model)
        self._options = TokenizeOptions(max_length=context)
        self._known = {
            "config": self.config,
            "start": fingerprint(policy),
            "rewards": self.rewards.name,
            "played": self._identity(),
        }
        # The critic is not used; sharing the trunk makes it free.
        self._networks = PolicyWithValue(policy, critic="shared", peft_config=peft_config)
        pad = tokenizer.pad_token_id
        self._collate = EpisodeCollator(pad if pad is not None else int(cast(Any, tokenizer.eos_token_id) or 0))
        value = {id(parameter) for parameter in self._networks.value_parameters()}
        self._parameters = [p for p in self._networks.policy.parameters() if p.requires_grad and id(p) not in value]
        self._optimiser = torch.optim.Adam(self._parameters, lr=self.config.learning_rate)
        self.out = Path(out)

    @property
    def model(self) -> PreTrainedModel:
        """The policy as it is now; an adapter stays switched on."""
        return plain(self._networks.policy)

    def train(self, *, on_iteration: Callable[[Iteration], bool | None] | None = None) -> list[Iteration]:
        """Train to the end, from the last checkpoint in `out` if there is one.

        Args:
            on_iteration: Called after each update; True ends the training there.

        Returns:
            All iterations, those before the checkpoint too.

        Raises:
            InvalidInputError: `out` holds a run with other settings.
            NonFiniteError: A loss or gradient is NaN or infinite; the update is not made.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        policy, known = self._networks.policy, cast(Any, self._known)
        done = restore_checkpoint(self.out, policy, self._optimiser, **known)
        records = read_iterations(self.out)[:done]
        if len(records) < done:
            raise InvalidInputError(
                f"{self.out}: the checkpoint is of iteration {done}, the records end at {len(records)}"
            )
        write_iterations(self.out, records)
        if not done:
            # From the first episode on the folder says whose it is.
            save_checkpoint(self.out, policy, self._optimiser, done=0, **known)
        with EpisodeLog(self.out / "episodes", mode="a") as log:
            for number in range(done, self.config.iterations):
                records.append(self._iteration(number, log))
                append_iteration(self.out, records[-1])
                last = bool(on_iteration and on_iteration(records[-1])) or number + 1 == self.config.iterations
                if last or (number + 1) % self.config.save_every == 0:
                    save_checkpoint(self.out, policy, self._optimiser, done=number + 1, **known)
                if last:
                    break
        with whole_folder(self.out / "policy") as folder:
            merged(policy).save_pretrained(folder)
            self._tokenizer.save_pretrained(folder)
        return records

    def _iteration(self, number: int, log: EpisodeLog) -> Iteration:
        played = self._play(number, log)
        if self.config.cut == "failure":
            played = [replace(e, outcome=0.0, end="step_limit") if e.end == "context" else e for e in played]
        tokenized, report = tokenize_episodes(played, self._tokenizer, self._options)
        if 2 * len(tokenized) < len(played):
            logger.warning("Iteration %d: %s. cut='failure' makes a failure of what has no end.", number, report)
        by_id = {episode.id: episode for episode in played}
        kept = [by_id[episode.id] for episode in tokenized]
        seed = derive_seed(self.config.seed, "rewards", number)
        dense = self.rewards.rewards(kept, tokenized, seed=seed) if kept else RewardedBatch([])
        rate = self.config.rate(number)
        kl, gradient = self._update(weighted(tokenized, dense, self.config), rate, number)
        return Iteration(
            iteration=number,
            episodes=len(played),
            trained=len(kept),
            success=float(np.mean([bool(episode.success) for episode in kept])) if kept else 0.0,
            tokens=sum(len((s.completion.token_ids if s.completion else None) or ()) for e in played for s in e.steps),
            prover_episodes=dense.episodes,
            prover_tokens=dense.tokens,
            reward=_size(tokenized, dense),
            kl=kl,
            gradient=gradient,
            rate=rate,
        )

    def _identity(self) -> str:
        """A digest of what decides which episodes are played, beside the policy."""
        source = environment_source(self._env, self._env_kwargs)
        parts = (source.id, source.kwargs, self.sampling.to_dict(), self._tasks)
        prompt = None if self._prompt is None else self._prompt.settings()
        text = json.dumps((*parts, prompt), sort_keys=True, default=str)
        return blake2b(text.encode(), digest_size=8).hexdigest()

    def _play(self, number: int, log: EpisodeLog) -> list[Episode]:
        """The episodes of an iteration, in the order of their names whichever finished first."""
        seed = derive_seed(self.config.seed, "iteration", number)
        drawn = np.random.default_rng(seed).choice(len(self._tasks), self.config.tasks, replace=False)
        name = f"online-{number}"
        policy = TransformersPolicy(self.model, self._tokenizer, name=name)
        found: list[Episode] = []
        collected = collect(
            self._env,
            Agent(policy, self._prompt, self.sampling),
            tasks=[self._tasks[i] for i in drawn.tolist()],
            samples_per_task=self.config.samples,
            out=log,
            env_kwargs=self._env_kwargs,
            seed=seed,
            concurrency=self._concurrency,
            progress=False,
            on_episode=found.append,
        )
        if collected.skipped:
            new = {episode.id for episode in found}
            found += [e for e in log if e.policy == name and e.id not in new]
        return sorted(found, key=lambda episode: episode.id)

    def _update(self, episodes: Sequence[CreditedEpisode], rate: float, number: int) -> tuple[float, float]:
        """One update; KL and gradient norm before it."""
        if not episodes:
            return 0.0, 0.0
        self._networks.train()
        self._optimiser.zero_grad(set_to_none=True)
        device = self.model.device
        total = 0.0
        for start in range(0, len(episodes), self.config.batch_size):
            batch = self._collate(episodes[start : start + self.config.batch_size])
            batch = {key: tensor.to(device) for key, tensor in batch.items()}
            out: Outputs = self._networks(**model_inputs(batch))
            loss = online_loss(out.logp, out.kl, batch["credit"], kl_weight=self.config.kl, episodes=len(episodes))
            total += float(out.kl.detach().sum()) / len(episodes)
            loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(self._parameters, self.config.max_grad_norm))
        if not math.isfinite(norm):
            raise NonFiniteError(
                f"iteration {number}: the gradient has the norm {norm}. The update was not made; look at the rewards "
                "and lower the learning rate"
            )
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.step()
        return total, norm


def _size(tokenized: Sequence[TokenizedEpisode], dense: RewardedBatch) -> float:
    """Mean size of the dense rewards of the written tokens."""
    pairs = zip(tokenized, dense.rewards, strict=True)
    rows = [np.abs(row[s.action_mask]) for e, rewards in pairs for s, row in zip(e.segments, rewards, strict=True)]
    return float(np.concatenate(rows).mean()) if rows else 0.0
