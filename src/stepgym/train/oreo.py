"""OREO: policy and value learned together from logged episodes.

Source: Wang et al., "Offline Reinforcement Learning for LLM Multi-Step Reasoning", arXiv 2412.16145. The losses and the
index convention are in `losses`.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from torch import Tensor
from transformers import set_seed

from stepgym.agents.conversation.prompts import PlainPrompt, template_hash
from stepgym.errors import InvalidInputError
from stepgym.train.collate import EpisodeCollator, model_inputs
from stepgym.train.credit_residuals import credited_residuals
from stepgym.train.diagnostics import Guard, batch_diagnostics
from stepgym.train.divergence import TOP, CachedReference, logged_token_kl
from stepgym.train.losses import masked_mean, oreo_residuals
from stepgym.train.model_card import Part
from stepgym.train.models import PolicyWithValue
from stepgym.train.nonfinite import WithKeys
from stepgym.train.oreo_config import OREOConfig
from stepgym.train.outputs import Outputs
from stepgym.train.pretrained import loaded
from stepgym.train.reference_cache import fingerprint, reference_cache
from stepgym.train.token_cache import outcomes as outcomes_of
from stepgym.train.tokenize import TokenizedEpisode
from stepgym.train.trained_folder import save_networks, write_card
from stepgym.train.trainer import Episodes, StepCounts
from stepgym.train.two_groups import TwoGroupTrainer
from stepgym.train.value_model import ValueModel

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

logger = logging.getLogger(__name__)

_SETTINGS = ("beta", "alpha", "kl", "level", "loss_norm", "critic", "value_lm_coef")

# What the loss's divergence is called in the log.
_NAMES = {"exact": "kl", "top-k": "kl", "k3": "k3"}


class OREOTrainer(TwoGroupTrainer):
    """Learns a policy and a value function from logged episodes.

    One optimiser with two parameter groups, each clipped on its own. With separate networks this equals the authors'
    critic-then-actor order, because each loss detaches the other's output from before the update. With a shared trunk
    the two losses are added.

    Args:
        model: A causal language model or where to load it from; it is the start of the policy, and as it is now, the
            reference.
        args: Settings.
        train_dataset: An episode log, any iterable of `Episode`, or tokenised episodes.
        eval_dataset: The same, for the evaluation loss.
        processing_class: The tokenizer of the model that wrote the log.
        peft_config: Train an adapter (LoRA) of the policy; its frozen base is then the reference.
        value_peft_config: The same for the value, `peft_config` unless given; None trains the whole trunk.
        value_model: A trained value model to go on from.
        reference: Another frozen reference than `model`, or where to load it from.
        callbacks: Further transformers callbacks.
    """

    args: OREOConfig

    def __init__(
        self,
        model: PreTrainedModel | str | Path,
        args: OREOConfig | None = None,
        train_dataset: Episodes | None = None,
        eval_dataset: Episodes | None = None,
        processing_class: PreTrainedTokenizerBase | None = None,
        peft_config: PeftConfig | None = None,
        *,
        value_peft_config: PeftConfig | Literal["same"] | None = "same",
        value_model: ValueModel | None = None,
        reference: PreTrainedModel | str | Path | None = None,
        callbacks: list[TrainerCallback] | None = None,
    ) -> None:
        args = args or OREOConfig()
        model, context = loaded(model)
        # Adapters start at random, before transformers' trainer seeds its process.
        set_seed(args.seed)
        other = None if reference is None else loaded(reference)[0]
        value_only = args.policy_freeze_ratio == 1 and args.critic == "separate" and other is None
        cache = None if value_only else args.reference_cache
        identity = "" if cache is None else fingerprint(model if other is None else other)
        super().__init__(
            PolicyWithValue(
                model,
                critic=args.critic,
                value=value_model,
                peft_config=peft_config,
                value_peft_config=peft_config if value_peft_config == "same" else value_peft_config,
                reference=other,
                reference_cached=cache is not None,
                value_only=value_only,
                packing=args.packing,
            ),
            args,
            train_dataset,
            eval_dataset,
            processing_class,
            options=args.tokenize_options(context),
            callbacks=callbacks,
        )
        if cache is not None:
            self._cache_reference(identity, cache)
        if self.is_fsdp_enabled:
            self.networks.unshare()
        outcomes = set() if self.train_dataset is None else set(outcomes_of(cast(Any, self.train_dataset)).tolist())
        if len(outcomes) == 1:
            logger.warning("All episodes have the outcome %g: none can be preferred to another.", *outcomes)
        self.guard = Guard(min(outcomes, default=0.0), max(outcomes, default=1.0), args.guard)
        self.add_callback(self.guard)

    def compute_loss(  # type: ignore[override]
        self,
        model: torch.nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: StepCounts | None = None,
    ) -> Tensor | tuple[Tensor, Outputs]:
        """Value loss + policy loss + alpha KL of one micro-batch, as its share of the optimiser step's means."""
        step = self.counts(inputs, num_items_in_batch)
        action, ids = inputs["action_mask"], inputs["episode_ids"]
        reads = {"value_reads": ids >= 0} if self.args.value_lm_coef else {}
        out: Outputs = model(**model_inputs(inputs), **reads)
        values = out.values[:, :-1]  # (rows, positions), as everything below
        norm = self.args.loss_norm
        residuals = oreo_residuals(
            out.logp,
            out.ref_logp,
            values,
            action,
            inputs["state_mask"],
            inputs["returns"],
            beta=self.args.beta,
            level=self.args.level,
            episode_ids=ids,
        )
        if bool(inputs["credit"].any()):
            residuals = credited_residuals(residuals, inputs["credit"], level=self.args.level)
        per_token = norm == "token"
        states = step.states if per_token else step.episodes_with_states
        policy_terms = step.episodes_with_states if self.args.level == "response" else states
        actions = step.actions if per_token else step.episodes_with_actions
        value_loss = masked_mean(
            residuals.value.square(), residuals.value_mask, ids, loss_norm=norm, denominator=states
        )
        policy_loss = masked_mean(
            residuals.policy.square(), residuals.policy_mask, ids, loss_norm=norm, denominator=policy_terms
        )
        kl = masked_mean(out.kl, action, ids, loss_norm=norm, denominator=actions)
        self.record_shares(value_loss=value_loss, policy_loss=policy_loss, **{_NAMES[self.args.kl]: kl})
        if self.args.kl == "k3":
            # The guard and the log need a KL.
            bound = logged_token_kl(out.logp, out.ref_logp)
            self.record_shares(kl=masked_mean(bound, action, ids, loss_norm=norm, denominator=actions))
        self.record(alpha_over_beta2=self.args.alpha / self.args.beta**2)
        self.record(**batch_diagnostics(residuals, values, inputs["returns"], ids))
        loss = value_loss + policy_loss + self.args.alpha * kl
        if out.value_logp is not None:
            tokens = step.tokens if per_token else step.episodes
            value_lm = masked_mean(-out.value_logp, ids >= 0, ids, loss_norm=norm, denominator=tokens)
            self.record_shares(value_lm=value_lm)
            loss = loss + self.args.value_lm_coef * value_lm
        loss = loss * step.processes
        return (loss, out) if return_outputs else loss

    def progress(self) -> dict[str, Any]:
        """With what the guard has seen."""
        return {**super().progress(), "guard": self.guard.before}

    def resume_progress(self, progress: dict[str, Any]) -> None:
        """With what the guard had seen."""
        super().resume_progress(progress)
        self.guard.before = progress["guard"]

    def _cache_reference(self, identity: str, folder: str) -> None:
        """Run the reference over all data, or find what it said there, and forget it."""
        networks, collator = self.networks, cast(WithKeys, self.data_collator)
        collate = cast(EpisodeCollator, collator.collate)
        top = TOP if self.args.kl == "top-k" else 0
        device = next(networks.policy.parameters()).device

        def score(episodes: list[TokenizedEpisode]) -> CachedReference:
            batch = {name: tensor.to(device) for name, tensor in model_inputs(collate(episodes)).items()}
            with self.accelerator.autocast():
                return networks.reference_scores(**batch, top=top)

        cache = reference_cache(
            [cast(Any, data) for data in (self.train_dataset, self.eval_dataset) if data is not None],
            score,
            folder,
            key={
                "model": identity,
                "tokenizer": template_hash(PlainPrompt(), self.processing_class),
                "precision": str(self.accelerator.mixed_precision),
                "top": top,
            },
            batch_size=self.args.train_batch_size,
        )
        networks.reference = None
        self.data_collator = replace(collator, collate=replace(collate, reference=cache))

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Write `policy/` (with the tokenizer), `value/` and the settings."""
        folder = Path(output_dir or self.args.output_dir or ".")
        save_networks(self, self.networks, folder)
        settings = {name: getattr(self.args, name) for name in _SETTINGS}
        (folder / "oreo.json").write_text(json.dumps(settings, indent=2) + "\n")
        parts: tuple[Part, ...] = ("policy", "value")
        for part in parts:
            cast(Any, self.processing_class).save_pretrained(folder / part)
            write_card(self, self.networks, folder / part, part, "OREO", settings)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        """Take policy and value from a checkpoint; the reference stays the model this trainer was made with."""
        folder = Path(resume_from_checkpoint)
        settings = json.loads((folder / "oreo.json").read_text())
        mine = {name: getattr(self.args, name) for name in settings}
        if settings != mine:
            different = ", ".join(f"{k}: {settings[k]} there, {mine[k]} here" for k in mine if settings[k] != mine[k])
            raise InvalidInputError(f"{folder} was trained with other settings ({different})")
        self.networks.restore(folder)
