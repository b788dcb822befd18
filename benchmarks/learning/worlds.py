"""Two small worlds for learning experiments: a bad habit to unlearn, and a skill that is half there.

Each seed redoes everything from nothing: tasks, weights, demonstrations, log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoModelForCausalLM

from stepgym.agents import Episode, EpisodeLog, Evaluation, Sampling, Step, evaluate
from stepgym.agents.engines.transformers_policy import TransformersPolicy
from stepgym.agents.rollout import collect
from stepgym.envs import Task
from stepgym.envs.countdown import countdown_from_id
from stepgym.quickstart.model import chain_model
from stepgym.quickstart.run import Quickstart
from stepgym.quickstart.settings import QuickstartSettings
from stepgym.quickstart.tasks import ENV_ID, draw_tasks
from stepgym.report.recorder import RunRecorder
from stepgym.train import SupervisedConfig, SupervisedTrainer

# Settings are chosen on these seeds, whose tasks are kept out of the reported ones.
TUNING_SEEDS = (100, 101)
REPORTED_SEEDS = range(10)


class World:
    """What the experiments need of a world.

    Attributes:
        settings: Sizes and rates; the same record as the quickstart's.
        tokenizer: Of its models.
        sampling: How episodes are drawn.
        train, test: Disjoint tasks.
    """

    name: str
    env_id: str
    settings: QuickstartSettings
    tokenizer: Any
    sampling: Sampling
    train: Sequence[Task]
    test: Sequence[Task]

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def env_kwargs(self) -> Mapping[str, Any]:
        """Arguments of the environment."""
        raise NotImplementedError

    def fine_tune(self) -> Any:
        """The model after supervised fine-tuning on demonstrations."""
        raise NotImplementedError

    def demonstrations(self) -> Iterator[Episode]:
        """What it is fine-tuned on."""
        raise NotImplementedError

    def start(self) -> Any:
        """The fine-tuned model, from the folder if it was made before."""
        place = self.folder / "start"
        if not (place / "model.safetensors").is_file():
            self.fine_tune().save_pretrained(place)
        return AutoModelForCausalLM.from_pretrained(place)

    def log(self, model: Any, name: str = "episodes") -> list[Episode]:
        """The log of `model`, from the folder if it was finished before."""
        place, done = self.folder / name, self.folder / f"{name}.done"
        if not done.is_file():
            log = EpisodeLog(place, mode="a")
            collect(
                self.env_id,
                self.policy(model),
                tasks=self.train,
                samples_per_task=self.settings.samples,
                out=log,
                sampling=self.sampling,
                env_kwargs=self.env_kwargs,
                seed=self.settings.seed,
                concurrency=512,
                progress=False,
            )
            log.close()
            done.touch()
        return list(EpisodeLog(place))

    def policy(self, model: Any) -> TransformersPolicy:
        """The model as a policy."""
        return TransformersPolicy(model.eval(), self.tokenizer, name=self.name, batch_size=512)

    def evaluate(self, model: Any, tasks: Sequence[Task]) -> tuple[Evaluation, Evaluation]:
        """Greedy and sampled success."""

        def play(sampling: Sampling, samples: int) -> Evaluation:
            return evaluate(
                self.env_id,
                self.policy(model),
                tasks=list(tasks),
                samples=samples,
                sampling=sampling,
                env_kwargs=self.env_kwargs,
                seed=self.settings.seed + 1,
                concurrency=512,
                progress=False,
            )

        return play(self.sampling.greedy(), 1), play(self.sampling, self.settings.candidates)

    def common(self, updates: int) -> dict[str, Any]:
        """What all methods share."""
        return {
            "output_dir": str(self.folder / "training"),
            "per_device_train_batch_size": self.settings.batch,
            "max_steps": updates,
            "learning_rate": self.settings.rate,
            "lr_scheduler_type": "linear",
            "warmup_steps": 20,
            "logging_steps": 50,
            "save_strategy": "no",
            "use_cpu": True,  # at this size a GPU is slower
            "seed": self.settings.seed,
        }


class Habit(World):
    """`stepgym/ArithmeticChain-v0` in the quickstart's setting: 9 of 10 demonstrations guess the answer at once."""

    name, env_id = "habit", ENV_ID

    def __init__(self, folder: Path, settings: QuickstartSettings) -> None:
        super().__init__(folder)
        self.settings = settings
        self.quick = Quickstart(RunRecorder(folder, "learning: habit", "benchmark", ""), settings)
        self.tokenizer, self.sampling = self.quick.tokenizer, self.quick.sampling
        self.train, self.test = self.quick.tasks.train, self.quick.tasks.test

    @property
    def env_kwargs(self) -> Mapping[str, Any]:
        """As the tasks were drawn."""
        return {"operands": self.settings.operands, "modulus": self.settings.modulus}

    def fine_tune(self) -> Any:
        """The quickstart's first phase."""
        return self.quick.fine_tune()

    @staticmethod
    def test_ids(settings: QuickstartSettings) -> set[str]:
        """The test tasks of a seed."""
        return {task.id for task in draw_tasks(settings).test}


class Skill(World):
    """`stepgym/Countdown-v0`, 3 numbers of 1 to 20: random legal play shows how to compute, not what to aim for.

    A demonstration plays random legal lines; what came out is its target, so it is right by hindsight.
    """

    name, env_id = "skill", "stepgym/Countdown-v0"
    NUMBERS, LARGEST, TARGETS = 3, 20, (10, 100)

    def __init__(self, folder: Path, settings: QuickstartSettings) -> None:
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.tokenizer = countdown_tokenizer()
        self.sampling = Sampling(max_tokens=40)
        tasks = [countdown_from_id(task_id) for task_id in self._draw(settings)]
        self.test, self.train = tasks[: settings.test_tasks], tasks[settings.test_tasks :]

    @property
    def env_kwargs(self) -> Mapping[str, Any]:
        """As the tasks were drawn."""
        return {"numbers": self.NUMBERS, "largest": self.LARGEST, "target": list(self.TARGETS)}

    def fine_tune(self) -> Any:
        """A new model on the demonstrations."""
        model = chain_model(self.settings, self.tokenizer)
        config = SupervisedConfig(**self.common(self.settings.sft_updates) | {"learning_rate": self.settings.sft_rate})
        demonstrations = list(self.demonstrations())
        SupervisedTrainer(model, config, demonstrations, processing_class=self.tokenizer).train()
        return model

    def demonstrations(self) -> Iterator[Episode]:
        """Random legal play towards wherever it leads, on no test task."""
        rng = np.random.default_rng([self.settings.seed, 1])
        held_back = {task.id for task in self.test}
        made = 0
        while made < self.settings.demonstrations:
            task_id, lines = self._play(rng)
            if task_id is None or task_id in held_back:
                continue
            yield Episode(
                id=f"demonstration-{made}",
                env_id=self.env_id,
                task_id=task_id,
                steps=(Step(countdown_from_id(task_id).prompt, lines, reward=1.0, terminated=True),),
                outcome=1.0,
                policy="random play",
            )
            made += 1

    @classmethod
    def test_ids(cls, settings: QuickstartSettings) -> set[str]:
        """The test tasks of a seed."""
        return set(cls._draw(settings)[: settings.test_tasks])

    @classmethod
    def _draw(cls, settings: QuickstartSettings) -> list[str]:
        rng = np.random.default_rng([settings.seed, 0])
        ids: dict[str, None] = {}
        while len(ids) < settings.test_tasks + settings.train_tasks:
            task_id, _ = cls._play(rng)
            if task_id is not None:
                ids[task_id] = None
        return list(ids)

    @classmethod
    def _play(cls, rng: np.random.Generator) -> tuple[str | None, str]:
        """A puzzle's id and the lines that solve it; None where the target is out of range."""
        numbers = sorted(int(n) for n in rng.integers(1, cls.LARGEST + 1, size=cls.NUMBERS))
        left, lines = list(numbers), []
        while len(left) > 1:
            a, b = (left.pop(int(rng.integers(len(left)))) for _ in range(2))
            a, b = max(a, b), min(a, b)
            results = {"+": a + b, "-": a - b, "*": a * b, "/": a // b if a % b == 0 else 0}
            legal = [sign for sign, result in results.items() if result > 0]
            sign = legal[int(rng.integers(len(legal)))]
            left.append(results[sign])
            lines.append(f"{a} {sign} {b} = {results[sign]}")
        low, high = cls.TARGETS
        fits = low <= left[0] <= high
        listed = ",".join(map(str, numbers))
        return (f"countdown/{left[0]}/{listed}" if fits else None), "\n".join(lines)


WORLDS: Mapping[str, Any] = {"habit": Habit, "skill": Skill}


def settings_of(world: str, seed: int, *, small: bool) -> QuickstartSettings:
    """Sizes of a world; the small ones only show that everything runs."""
    settings = QuickstartSettings(seed=seed)
    if world == "skill":
        settings = replace(settings, demonstrations=3_000, sft_updates=1_500)
    if small:
        settings = replace(settings, train_tasks=200, test_tasks=50, candidates=2, updates=20)
        if world == "habit":
            settings = replace(settings, demonstrations=1_000, sft_updates=100)
        else:
            settings = replace(settings, sft_updates=400)
    return settings


def validation_tasks(world: World, *, small: bool) -> list[Task]:
    """The test tasks of a tuning seed that no reported seed tests on."""
    reported: set[str] = set()
    for seed in REPORTED_SEEDS:
        reported |= type(world).test_ids(settings_of(world.name, seed, small=small))  # type: ignore[attr-defined]
    return [task for task in world.test if task.id not in reported]


def countdown_tokenizer() -> Any:
    """One token per digit, sign and word of a puzzle."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ("Make ", " from ", ", ", ".", " + ", " - ", " * ", " / ", " = ", "\n", *"0123456789")
    vocabulary = {token: i for i, token in enumerate(("<pad>", "<eos>", *words))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"Make | from |, | [-+*/=] |[\s\S]"), "isolated")
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="<eos>")
