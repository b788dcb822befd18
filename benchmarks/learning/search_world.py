"""The multi-hop world from nothing: careless demonstrations, a tiny fine-tuned model, its own roll-outs, evaluation."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from learning import cells
from learning.search_language import QuestionPrompt, search_model, search_tokenizer
from transformers import AutoModelForCausalLM

from stepgym.agents import Episode, EpisodeLog, RuleJudge, Sampling, Step, TransformersPolicy, collect, judge_episodes
from stepgym.agents.judges import multi_hop_rule, process_labels
from stepgym.agents.seeds import derive_seed
from stepgym.envs import MultiHopQAEnv
from stepgym.envs.multi_hop import multi_hop_task, slip_action, world_of
from stepgym.envs.tasks import Task
from stepgym.train import SupervisedConfig, SupervisedTrainer
from stepgym.train.tokenize import TokenizedEpisode, TokenizeOptions, tokenize_episodes

ENV_ID = "stepgym/MultiHopQA-v0"
SAMPLING = Sampling(max_tokens=6)
SLIPS = ("wrong-entity", "wrong-relation", "repeat", "early")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """Sizes and rates of the whole experiment.

    Attributes:
        seed: Of everything but the world: demonstrations, weights, roll-outs, order of the data.
        people: Size of the world.
        noise: Share of documents that state something wrong.
        carelessness: Chance of each step of a demonstration to be a slip.
        demonstrations, train_tasks, test_tasks: How many tasks; none is in two of them.
        samples: Roll-outs per train task.
        test_samples: Per test task.
        width, layers, heads: Of the model.
        sft_updates, sft_batch, sft_rate: Of fine-tuning on demonstrations.
        updates, batch, rate: Of fine-tuning on filtered roll-outs and of the offline variant.
        iterations, states, new_actions, rl_rate, beta: Of step-wise reinforcement.
    """

    seed: int = 0
    people: int = 60
    noise: float = 0.1
    carelessness: float = 0.3
    demonstrations: int = 7_000
    train_tasks: int = 400
    test_tasks: int = 100
    samples: int = 3
    test_samples: int = 4
    width: int = 64
    layers: int = 2
    heads: int = 2
    sft_updates: int = 2_300
    sft_batch: int = 16
    sft_rate: float = 3e-3
    updates: int = 40
    batch: int = 32
    rate: float = 3e-4
    iterations: int = 50
    states: int = 48
    new_actions: int = 6
    rl_rate: float = 1e-3
    beta: float = 0.05

    @classmethod
    def small(cls, seed: int) -> Settings:
        """Only shows that everything runs."""
        return cls(
            seed=seed,
            people=20,
            demonstrations=600,
            train_tasks=40,
            test_tasks=8,
            samples=2,
            test_samples=1,
            width=32,
            layers=2,
            sft_updates=250,
            sft_batch=16,
            updates=4,
            iterations=3,
            states=8,
            new_actions=3,
        )


class SearchWorld:
    """One seed; every finished phase is in `folder` and not repeated.

    Args:
        folder: Of this seed.
        settings: Sizes and rates.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        made = folder / "settings.json"
        if made.is_file() and json.loads(made.read_text()) != asdict(settings):
            raise SystemExit(f"{folder} was made with other settings: choose another --out")
        made.write_text(json.dumps(asdict(settings)))
        self.folder, self.settings = folder, settings
        self.tokenizer = search_tokenizer(world_of(0, settings.people))
        self.judge = RuleJudge(multi_hop_rule())
        self.env_kwargs: dict[str, Any] = {"size": settings.people, "hops": 2, "noise": settings.noise, "max_calls": 4}
        self.demonstration_tasks, self.train, self.test = self._split()

    def start(self) -> Any:
        """The model after fine-tuning on careless demonstrations."""
        place = self.folder / "start"
        if not (place / "model.safetensors").is_file():
            data, _ = tokenize_episodes(self._demonstrated(), self.tokenizer, TokenizeOptions(prompt=QuestionPrompt()))
            s = self.settings
            size = {
                "hidden_size": s.width,
                "intermediate_size": 2 * s.width,
                "num_hidden_layers": s.layers,
                "num_attention_heads": s.heads,
            }
            model = search_model(self.tokenizer, seed=s.seed, size=size)
            self.fine_tune(model, data, s.sft_updates, s.sft_rate, s.sft_batch)
            model.set_attn_implementation("sdpa")
            model.save_pretrained(place)
        return AutoModelForCausalLM.from_pretrained(place)

    def fine_tune(self, model: Any, data: Sequence[TokenizedEpisode], updates: int, rate: float, batch: int) -> None:
        """`updates` of supervised fine-tuning, the model changed in place."""
        config = SupervisedConfig(
            output_dir=str(self.folder / "training"),
            per_device_train_batch_size=batch,
            max_steps=updates,
            learning_rate=rate,
            warmup_steps=10,
            logging_steps=50,
            save_strategy="no",
            use_cpu=True,
            seed=self.settings.seed,
        )
        SupervisedTrainer(model, config, data, processing_class=self.tokenizer).train()

    def log(self) -> list[Episode]:
        """Roll-outs of the fine-tuned model at temperature 1 in train tasks."""
        place, done = self.folder / "episodes", self.folder / "episodes.done"
        if not done.is_file():
            self.play(self.start(), self.train, samples=self.settings.samples, seed=self.settings.seed, out=place)
            done.touch()
        return list(EpisodeLog(place))

    def play(
        self,
        model: Any,
        tasks: Sequence[str],
        *,
        samples: int,
        seed: int,
        greedy: bool = False,
        out: Path | None = None,
    ) -> tuple[Episode, ...]:
        """Episodes of a model."""
        return collect(
            ENV_ID,
            TransformersPolicy(model.eval(), self.tokenizer, name="tiny"),
            tasks=list(tasks),
            samples_per_task=samples,
            out=out,
            sampling=SAMPLING.greedy() if greedy else SAMPLING,
            prompt=QuestionPrompt(),
            env_kwargs=self.env_kwargs,
            seed=seed,
            progress=False,
        ).episodes

    def measured(self, model: Any) -> dict[str, float]:
        """Accuracy and share of good steps on the test tasks, sampled at temperature 1, and greedy accuracy."""
        seed = derive_seed(self.settings.seed, "test")
        sampled = self.play(model, self.test, samples=self.settings.test_samples, seed=seed)
        greedy = self.play(model, self.test, samples=1, seed=seed, greedy=True)
        return {
            "accuracy": float(np.mean([bool(e.success) for e in sampled])),
            "process": process_labels(judge_episodes(self.judge, sampled)).macro,
            "greedy": float(np.mean([bool(e.success) for e in greedy])),
            "steps": float(np.mean([len(e.steps) for e in sampled])),
        }

    def cell(self, name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The finished cell, or what `work` gives and took."""
        file = self.folder / "cells" / f"{name.replace(' ', '_').replace(',', '')}.json"
        if not file.is_file():
            began = time.process_time()
            found = work()
            cells.write(file, found | {"cpu": round(time.process_time() - began, 1), "date": cells.today()})
            shown = "  ".join(f"{k} {v:.3f}" for k, v in found.items() if isinstance(v, float))
            print(f"seed {self.settings.seed}  {name:44s} {shown}", flush=True)
        return json.loads(file.read_text())

    def _split(self) -> tuple[list[str], list[str], list[str]]:
        """Distinct tasks for demonstrations (each may be shown several times), training and tests."""
        s = self.settings
        tasks: dict[str, Task] = {}
        rng = np.random.default_rng(derive_seed(s.seed, "tasks"))
        wanted = min(s.demonstrations, 400) + s.train_tasks + s.test_tasks
        for _ in range(40 * wanted):
            task = multi_hop_task(rng, size=s.people, hops=2)
            tasks.setdefault(task.id, task)
            if len(tasks) == wanted:
                break
        # Kinds with few names run out early: in the order of the draws the sets would differ in kind.
        names = [list(tasks)[int(i)] for i in rng.permutation(len(tasks))]
        return names[s.test_tasks + s.train_tasks :], names[s.test_tasks :][: s.train_tasks], names[: s.test_tasks]

    def _demonstrated(self) -> Iterator[Episode]:
        """A searcher who does not look closely; its episodes are shown whether they ended well or not."""
        env = MultiHopQAEnv(**self.env_kwargs)
        for k in range(self.settings.demonstrations):
            task = self.demonstration_tasks[k % len(self.demonstration_tasks)]
            rng = np.random.default_rng(derive_seed(self.settings.seed, "demonstration", k))
            seen, _ = env.reset(options={"task": task})
            steps: list[Step] = []
            ended = False
            while not ended:
                slip: Any = SLIPS[int(rng.integers(4))] if rng.random() < self.settings.carelessness else ""
                # As the tiny model would write it: its words alone.
                action = self.tokenizer.decode(self.tokenizer.encode(slip_action(env.state, slip, rng)))
                shown, reward, ended, _, _ = env.step(action)
                steps.append(Step(seen, action, reward=reward, terminated=ended))
                seen = shown
            yield Episode(f"demonstration/{k}", ENV_ID, task, tuple(steps), steps[-1].reward, policy="careless")
