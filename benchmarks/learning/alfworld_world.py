"""ALFWorld from nothing: demonstrations, a tiny fine-tuned model, its own roll-outs, evaluation on official games."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from learning.alfworld_language import GoalPrompt, word_model, word_tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from stepgym.agents import Episode, EpisodeLog, Sampling, Step, collect
from stepgym.agents.engines.admissible_policy import AdmissiblePolicy
from stepgym.agents.seeds import derive_seed
from stepgym.envs.alfworld import Engine, Explorer, OfficialGames
from stepgym.train import SupervisedConfig, SupervisedTrainer
from stepgym.train.tokenize import States, TokenizedEpisode, TokenizeOptions, tokenize_episodes

ENV_ID = "stepgym/ALFWorld-v0"
SAMPLING = Sampling(max_tokens=16)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """Sizes and rates of the whole experiment.

    Attributes:
        seed: Of everything: demonstrations, weights, roll-outs, order of the data.
        games: Train games used; None for all.
        demonstrations: Per train game.
        noise: Highest share of random commands in a demonstration; each draws its own, evenly from 0.
        scripted: Whether lost games stay among the demonstrations, and these are the log that the methods learn from.
        log_steps: Steps after which demonstrations and logged episodes are cut.
        episodes: Logged episodes.
        test_steps: Steps of an evaluated episode.
        test_games: Games evaluated on; None for all of the split.
        width, layers, heads, inner: Of the model.
        sft_updates, sft_batch, sft_rate: Of fine-tuning.
        updates, batch: Of each method afterwards, in optimiser steps and episodes.
    """

    seed: int = 0
    games: int | None = None
    demonstrations: int = 3
    noise: float = 0.3
    scripted: bool = False
    log_steps: int = 30
    episodes: int = 3_000
    test_steps: int = 50
    test_games: int | None = None
    width: int = 128
    layers: int = 4
    heads: int = 4
    inner: int = 320
    sft_updates: int = 900
    sft_batch: int = 32
    sft_rate: float = 1.5e-3
    updates: int = 250
    batch: int = 12

    @classmethod
    def small(cls, seed: int) -> Settings:
        """Only shows that everything runs."""
        return cls(seed=seed, games=30, demonstrations=10, episodes=120, test_games=10, sft_updates=150, updates=15)


class Costs:
    """CPU and wall seconds of each phase, kept in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, dict[str, float]]:
        """What was measured so far."""
        return json.loads(self.path.read_text()) if self.path.is_file() else {}

    def measured(self, phase: str, work: Callable[[], T]) -> T:
        """The result of `work`, whose cost is noted."""
        cpu, wall = time.process_time(), time.perf_counter()
        result = work()
        cost = {"cpu": round(time.process_time() - cpu, 1), "wall": round(time.perf_counter() - wall, 1)}
        self.path.write_text(json.dumps(self.read() | {phase: cost}, indent=1))
        print(f"{phase:45s} {cost['cpu']:8,.1f} CPU s {cost['wall']:8,.1f} s", flush=True)
        return result


class AlfworldWorld:
    """One seed; every finished phase is in `folder` and not repeated.

    Args:
        folder: Of this seed.
        settings: Sizes and rates.
        path: The official games.
    """

    def __init__(self, folder: Path, settings: Settings, path: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        made = folder / "settings.json"
        if made.is_file() and json.loads(made.read_text()) != asdict(settings):
            raise SystemExit(f"{folder} was made with other settings: choose another --out")
        made.write_text(json.dumps(asdict(settings)))
        self.folder, self.settings, self.path = folder, settings, path
        self.costs = Costs(folder / "costs.json")
        self.official = OfficialGames(path)
        order = list(self.official.ids("train"))
        random.Random(settings.seed).shuffle(order)
        self.train = order[: settings.games]
        self._tokenizer: Any = None

    @property
    def tokenizer(self) -> Any:
        """Made with the fine-tuned model."""
        if self._tokenizer is None:
            self._tokenizer = AutoTokenizer.from_pretrained(self.folder / "start")
        return self._tokenizer

    def test(self, split: str) -> list[str]:
        """Games to evaluate on; where few train games are used, as a smoke test, some of these instead."""
        games = self.train if self.settings.games else list(self.official.ids(split))
        return random.Random(0).sample(games, len(games))[: self.settings.test_games]

    def start(self) -> Any:
        """The model after fine-tuning on demonstrations."""
        place = self.folder / "start"
        if not (place / "model.safetensors").is_file():
            self._tokenizer, data = self.costs.measured("demonstrations", self._demonstrations)
            model = self.costs.measured("fine-tuning", lambda: self._fine_tuned(data))
            self.tokenizer.save_pretrained(place)
            model.save_pretrained(place)
        return AutoModelForCausalLM.from_pretrained(place)

    def log(self, times: int = 1) -> list[Episode]:
        """What the methods learn from: roll-outs of the fine-tuned model at temperature 1, or scripted play.

        Args:
            times: So many times the episodes of the settings, each train game once before any twice.
        """
        if self.settings.scripted:
            return list(self._demonstrated(set()))
        return [episode for part in range(times) for episode in self._rolled_out(part)]

    def _rolled_out(self, part: int) -> list[Episode]:
        name = "episodes" if part == 0 else f"episodes-{part + 1}"
        place, done = self.folder / name, self.folder / f"{name}.done"
        count, games = self.settings.episodes, len(self.train)
        if not done.is_file():

            def play() -> None:
                first = part * count
                while first < (part + 1) * count:
                    tasks = self.train[first % games :][: (part + 1) * count - first]
                    self.play(
                        self.start(), tasks, seed=derive_seed(self.settings.seed, "log", first // games), out=place
                    )
                    first += len(tasks)

            self.costs.measured("roll-outs" if part == 0 else f"roll-outs, part {part + 1}", play)
            done.touch()
        return list(EpisodeLog(place))

    def tokenised(self, episodes: Sequence[Episode], states: States = "token") -> list[TokenizedEpisode]:
        """For a trainer: the ids of the log, or, of what no model wrote, those of its text."""
        return tokenize_episodes(episodes, self.tokenizer, TokenizeOptions(prompt=GoalPrompt(), states=states))[0]

    def play(
        self,
        policy: Any,
        tasks: Sequence[str],
        *,
        seed: int,
        steps: int | None = None,
        greedy: bool = False,
        temperature: float = 1.0,
        samples: int = 1,
        out: Path | None = None,
        concurrency: int = 128,
    ) -> tuple[Episode, ...]:
        """Episodes of a policy, or of a model as an `AdmissiblePolicy`."""
        if not hasattr(policy, "generate") or hasattr(policy, "config"):
            policy = AdmissiblePolicy(policy.eval(), self.tokenizer, name="tiny", slots=128, ignored=("help",))
        kwargs = {"path": str(self.path), "max_episode_steps": steps or self.settings.log_steps}
        return collect(
            ENV_ID,
            policy,
            tasks=list(tasks),
            samples_per_task=samples,
            out=out,
            sampling=SAMPLING.greedy() if greedy else replace(SAMPLING, temperature=temperature),
            prompt=GoalPrompt(),
            env_kwargs=kwargs,
            seed=seed,
            concurrency=concurrency,
            progress=False,
        ).episodes

    def common(self, updates: int) -> dict[str, Any]:
        """What all trainers share."""
        return {
            "output_dir": str(self.folder / "training"),
            "per_device_train_batch_size": self.settings.batch,
            "max_steps": updates,
            "warmup_steps": 20,
            "logging_steps": 50,
            "packing": True,
            "save_strategy": "no",
            "use_cpu": True,
            "seed": self.settings.seed,
        }

    def _demonstrations(self) -> tuple[Any, list[TokenizedEpisode]]:
        texts: set[str] = set()
        episodes = list(self._demonstrated(texts))
        tokenizer = word_tokenizer(texts)
        self._tokenizer = tokenizer
        return tokenizer, self.tokenised(episodes)

    def _demonstrated(self, texts: set[str]) -> Iterator[Episode]:
        """Games of the exploring expert, won unless `scripted`; what was read and possible goes to `texts`."""
        for task in self.train:
            game = self.official.read(task)
            for k in range(self.settings.demonstrations):
                seed = derive_seed(self.settings.seed, "demonstration", task, k)
                noise = self.settings.noise * random.Random(seed).random()
                engine, expert = Engine(game), Explorer(seed=seed, noise=noise)
                seen, possible = engine.intro, engine.admissible()
                command = expert.start(seen, possible)
                steps: list[Step] = []
                while not engine.won and len(steps) < self.settings.log_steps:
                    texts.update((seen, *possible))
                    answer = engine.step(command)
                    last = len(steps) + 1 == self.settings.log_steps and not engine.won
                    steps.append(Step(seen, command, reward=float(engine.won), terminated=engine.won, truncated=last))
                    seen, possible = answer, engine.admissible()
                    command = expert.act(seen, possible)
                if engine.won or self.settings.scripted:
                    outcome = float(engine.won)
                    yield Episode(f"{task}/{k}", ENV_ID, task, tuple(steps), outcome, policy=expert.name)

    def _fine_tuned(self, data: list[TokenizedEpisode]) -> Any:
        s = self.settings
        size = {
            "hidden_size": s.width,
            "intermediate_size": s.inner,
            "num_hidden_layers": s.layers,
            "num_attention_heads": s.heads,
        }
        model = word_model(self.tokenizer, seed=s.seed, size=size)
        own = {"per_device_train_batch_size": s.sft_batch, "learning_rate": s.sft_rate}
        config = SupervisedConfig(**self.common(s.sft_updates) | own)
        trainer = SupervisedTrainer(model, config, data, processing_class=self.tokenizer)
        trainer.train()
        (self.folder / "fine-tuning.json").write_text(json.dumps(trainer.state.log_history))
        model.set_attn_implementation("sdpa")
        return model
