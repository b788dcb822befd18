"""Two worlds whose answers a symbolic tool judges: C++ programs and products of reactions.

Each seed redoes everything from nothing: tasks, weights, demonstrations, log.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from stepgym.agents import Episode, Sampling, Step
from stepgym.agents.rollout import collect
from stepgym.envs import Task, make
from stepgym.envs.chemistry import EASY_REACTIONS
from stepgym.quickstart.settings import QuickstartSettings
from stepgym.train import SupervisedConfig, SupervisedTrainer

from learning.worlds import World  # isort: skip

_CPP_TOKEN = r" ?[A-Za-z_]+| ?(?:<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%]=|\+\+|--)| ?[0-9]| +|\n| ?[^\w\s]"
_FRAME = "#include <bits/stdc++.h>\nusing namespace std;\n"


@dataclass(frozen=True, slots=True)
class Kind:
    """What differs between the worlds.

    Attributes:
        env_id, env_kwargs: The environment.
        solution: The text of a demonstration.
        form: Whether a verdict's note says that the answer is well formed: it compiles, it is a valid molecule.
        tokens: Tokens of the prompts and answers of some tasks, longest first where one begins another.
        max_tokens: Longest answer.
        sizes: Settings that differ from the quickstart's.
    """

    env_id: str
    env_kwargs: Mapping[str, Any]
    solution: Callable[[Task], str]
    form: tuple[str, str]
    tokens: Callable[[Sequence[str], Sequence[str]], list[str]]
    max_tokens: int
    sizes: Mapping[str, Any]


class Symbolic(World):
    """Tasks, tokenizer and model of one seed.

    Args:
        folder: Of the seed.
        settings: Sizes and rates.
        kind: Which world.
    """

    def __init__(self, folder: Path, settings: QuickstartSettings, kind: Kind) -> None:
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.settings, self.kind = settings, kind
        self.name, self.env_id = kind.env_id.partition("/")[2], kind.env_id
        self.sampling = Sampling(max_tokens=kind.max_tokens)
        tasks = list(self._draw())
        cuts = settings.test_tasks, settings.test_tasks + settings.train_tasks
        self.test, self.train = tasks[: cuts[0]], tasks[cuts[0] : cuts[1]]
        self.shown = tasks[cuts[1] :]
        texts = [t.prompt for t in self.shown], [kind.solution(t) for t in self.shown]
        self.tokenizer = tokenizer_of(kind.tokens(*texts))
        self.common_ids = [i for answer in texts[1][:200] for i in self.tokenizer(answer).input_ids]

    @property
    def env_kwargs(self) -> Mapping[str, Any]:
        """As the tasks were drawn."""
        return self.kind.env_kwargs

    def fine_tune(self) -> Any:
        """A new model on the demonstrations."""
        s = self.settings
        config = LlamaConfig(
            vocab_size=len(self.tokenizer),
            hidden_size=s.hidden,
            intermediate_size=2 * s.hidden,
            num_hidden_layers=s.layers,
            num_attention_heads=s.heads,
            max_position_embeddings=512,
            initializer_range=0.1,
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=self.tokenizer.eos_token_id,
            bos_token_id=None,
        )
        with torch.random.fork_rng():
            torch.manual_seed(s.seed)
            model = LlamaForCausalLM(config)
        arguments = SupervisedConfig(**self.common(s.sft_updates) | {"learning_rate": s.sft_rate})
        demonstrations = [self._demonstration(i, task) for i, task in enumerate(self.shown)]
        SupervisedTrainer(model, arguments, demonstrations, processing_class=self.tokenizer).train()
        return model

    def measure(self, model: Any, tasks: Sequence[Task], *, greedy: bool) -> dict[str, dict[str, float]]:
        """Of each task the share of right answers ("success") and of well-formed ones ("form")."""
        sampling = self.sampling.greedy() if greedy else self.sampling
        done = collect(
            self.env_id,
            self.policy(model),
            tasks=list(tasks),
            samples_per_task=1 if greedy else self.settings.candidates,
            sampling=sampling,
            env_kwargs=self.env_kwargs,
            seed=self.settings.seed + 1,
            concurrency=64,
            progress=False,
        )
        found: dict[str, dict[str, list[float]]] = {"success": {}, "form": {}}
        for episode in done.episodes:
            found["success"].setdefault(episode.task_id, []).append(float(episode.success is True))
            found["form"].setdefault(episode.task_id, []).append(float(self.well_formed(episode)))
        return {
            name: {task: sum(values) / len(values) for task, values in sorted(tasks.items())}
            for name, tasks in found.items()
        }

    def well_formed(self, episode: Episode) -> bool:
        """Whether the answer compiles, or is a molecule at all."""
        kind, fact = self.kind.form
        notes = [f for s in episode.steps for v in s.verdicts for f in v.findings if f.kind == kind]
        return any(note.evidence.get(fact) is True for note in notes)

    def _demonstration(self, index: int, task: Task) -> Episode:
        """The answer as a hasty hand writes it: a token is left out, doubled or taken for another now and then."""
        draw = random.Random(f"{self.settings.seed}/{index}")
        ids = self.tokenizer(self.kind.solution(task)).input_ids
        written: list[int] = []
        for token in ids:
            if draw.random() < self.settings.slip:
                written += draw.choice(([], [token, token], [draw.choice(self.common_ids)]))
            else:
                written.append(token)
        step = Step(task.prompt, self.tokenizer.decode(written), reward=1.0, terminated=True)
        return Episode(f"demonstration-{index}", self.env_id, task.id, (step,), outcome=1.0, policy="reference")

    def _draw(self) -> Iterator[Task]:
        """Tasks with different prompts, those of the evaluation first."""
        env: Any = make(self.env_id, **self.env_kwargs).unwrapped
        wanted = self.settings.test_tasks + self.settings.train_tasks + self.settings.demonstrations
        seen: set[str] = set()
        env.reset(seed=1_000 + self.settings.seed)
        for _ in range(50 * wanted):
            if len(seen) >= wanted:
                return
            task = env.draw_task()
            if task.prompt not in seen:
                seen.add(task.prompt)
                yield task


def tokenizer_of(tokens: Iterable[str]) -> Any:
    """A tokenizer that knows these texts and every printable character."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    characters = ["\n", *map(chr, range(32, 127))]
    words = sorted({t for t in tokens if len(t) > 1}, key=lambda t: (-len(t), t))
    vocabulary = {token: i for i, token in enumerate(("<pad>", "<eos>", *characters, *words))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    # A word ends where no letter goes on.
    pattern = "|".join(re.escape(w) + (r"(?![A-Za-z_])" if w[-1].isalpha() else "") for w in words)
    core.pre_tokenizer = pre_tokenizers.Split(Regex(f"{pattern}|[\\s\\S]"), "isolated")
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="<eos>")


def cpp_tokens(prompts: Sequence[str], answers: Sequence[str]) -> list[str]:
    """Words and operators with the space before them, and the lines that all programs begin with."""
    counts = Counter(token for text in (*prompts, *answers) for token in re.findall(_CPP_TOKEN, text))
    head = prompts[0].partition("\n")[0] + "\n" + _FRAME
    return [head, _FRAME, *(token for token, count in counts.items() if count >= 5)]


def reaction_tokens(prompts: Sequence[str], answers: Sequence[str]) -> list[str]:
    """The words of the questions; molecules stay characters, but for atoms of two letters."""
    counts: Counter[str] = Counter()
    for prompt in prompts:
        first, _, rest = prompt.partition("\n")
        counts.update([first.partition(" ")[0] + " ", *(line + "\n" for line in rest.split("\n")[:-1])])
        counts.update([rest.split("\n")[-1]])
    return ["Cl", "Br", "<SMILES>", "</SMILES>", *(token for token, count in counts.items() if count >= 5)]


def cpp_solution(task: Task) -> str:
    from stepgym.envs.pseudo_to_cpp import write_solution

    return write_solution(task)


def product(task: Task) -> str:
    from stepgym.envs.chemistry.solutions import write_solution

    return write_solution(task, tags=False)


KINDS: Mapping[str, Kind] = {
    "programs": Kind(
        "stepgym/PseudoToCpp-v0",
        {"difficulty": 1},
        cpp_solution,
        ("compiles", "compiled"),
        cpp_tokens,
        120,
        {"slip": 0.012, "sft_updates": 400, "train_tasks": 300, "samples": 2, "test_tasks": 60, "candidates": 1},
    ),
    "products": Kind(
        "stepgym/ForwardSynthesis-v0",
        {"difficulty": 2, "reactions": list(EASY_REACTIONS)},
        product,
        ("scores", "valid"),
        reaction_tokens,
        60,
        {
            "demonstrations": 1_000,
            "slip": 0.04,
            "train_tasks": 500,
            "samples": 4,
            "test_tasks": 150,
            "sft_updates": 800,
        },
    ),
}


def symbolic_world(name: str, folder: Path, seed: int, *, small: bool) -> Symbolic:
    """The world of a seed; a small one only shows that everything runs."""
    kind = KINDS[name]
    common = {"demonstrations": 1_000, "train_tasks": 500, "candidates": 4, "updates": 100, "batch": 32}
    settings = QuickstartSettings(seed=seed, **(common | dict(kind.sizes)))
    if small:
        settings = replace(
            settings, demonstrations=100, train_tasks=10, test_tasks=5, sft_updates=20, updates=5, samples=2
        )
    return Symbolic(folder, settings, kind)
