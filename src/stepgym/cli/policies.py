"""`--policy`: a folder, a name on the model hub, or the name of a policy, as the object that acts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepgym.agents.engines.openai_policy import load_openai_policy
from stepgym.agents.policy import Policy, registry
from stepgym.agents.scripted.policies import HumanPolicy, RandomPolicy, ScriptedPolicy
from stepgym.cli.config_file import NAME
from stepgym.cli.parser import Parser
from stepgym.cli.terminal import quiet_transformers
from stepgym.errors import InvalidInputError, PluginError, unknown_name
from stepgym.plugins import Plugin

POLICY_HELP = (
    "a trained folder or a name on the model hub; the URL of an OpenAI-compatible server, as in "
    "http://127.0.0.1:8000/v1 or http://127.0.0.1:8000/v1#MODEL; vllm:FOLDER; or random, scripted:MODULE:ATTRIBUTE "
    "(a function from observation to answer, a mapping or a list), human, or an installed policy as NAME or "
    "NAME:ARGUMENT (see `stepgym list policies`)"
)


@dataclass(frozen=True, slots=True)
class PolicySource:
    """Where policies are loaded from.

    Attributes:
        device: Where models run; None takes the GPU if there is one.
        choices: Answers of the random policy.
    """

    device: str | None = None
    choices: Sequence[str] = ()

    def load(self, name: str) -> Policy:
        """The policy that `name` says, see `POLICY_HELP`."""
        head, colon, rest = name.partition(":")
        if Path(name).expanduser().exists():
            return self.from_folder(Path(name).expanduser())
        if head == "scripted":
            return _scripted(rest)
        if head in ("http", "https"):
            return load_openai_policy(name)
        if head == "random" and not colon:
            return RandomPolicy(self.choices)
        if head == "human" and not colon:
            return HumanPolicy()
        if head in registry.names():
            return _made(registry.get(head), rest if colon else None, name)
        if is_hub_name(name):
            return self._transformers(name, name)
        raise unknown_name("policy or folder", name, [*registry.names(), *_neighbours(name)])

    def from_folder(self, folder: Path) -> Policy:
        """The policy of a folder written by `stepgym train` or by `save_pretrained`."""
        return self._transformers(str(model_folder(folder)), str(folder))

    def _transformers(self, place: str, name: str) -> Policy:
        quiet_transformers()
        from stepgym.agents.engines.transformers_policy import load_transformers_policy

        with reading_model(name):
            return load_transformers_policy(place, name=name, device=self.device or best_device())


def add_device(parser: Parser) -> None:
    """`--device`."""
    parser.add_argument("--device", help="where models run: cpu, cuda, mps (default: the GPU if there is one)")


def model_folder(folder: Path) -> Path:
    """The folder with the language model: `folder` itself or its `policy/`."""
    if _is_model(folder / "policy"):
        return folder / "policy"
    if _is_model(folder):
        return folder
    inside = sorted(child.name for child in folder.iterdir() if (child / "policy").is_dir()) if folder.is_dir() else []
    hint = f" Did you mean {folder / inside[0]}?" if inside else ""
    raise InvalidInputError(f"{folder} holds no model: expected policy/ or config.json with model.safetensors.{hint}")


def value_folder(folder: str, value: str | None) -> Path:
    """Where the value function is: as given, else beside the policy."""
    place = Path(value or folder)
    for candidate in (place / "value", place):
        if _is_value(candidate):
            return candidate
    raise InvalidInputError(
        f"{place} holds no value function: expected a folder trained by OREO (with value/), or --value DIR"
    )


def check_value_place(folder: str, value: str | None) -> None:
    """Refuse a folder without a value function; a server is asked when it is needed."""
    if not is_address(value):
        value_folder(folder, value)


def is_address(name: str | None) -> bool:
    """Whether it is the address of a server."""
    return name is not None and name.startswith(("http://", "https://"))


@contextmanager
def reading_model(name: str) -> Iterator[None]:
    """Errors of files that hold no whole model become one line."""
    from safetensors import SafetensorError

    try:
        yield
    except InvalidInputError:
        raise
    except (OSError, ValueError, SafetensorError) as error:
        raise InvalidInputError(f"expected a saved model and tokenizer at {name}: {error}") from error


def training_settings(folder: str | Path) -> dict[str, Any]:
    """The settings that `stepgym train` kept beside what it trained; empty where there are none."""
    try:
        found = json.loads((Path(folder) / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and found.get("command") == "train" else {}


def is_hub_name(name: str) -> bool:
    """Whether `name` looks like owner/model and not like a path whose beginning exists here."""
    owner, slash, model = name.partition("/")
    # Runs go to runs/ by custom: a mistyped one shall not be looked for on the network.
    local = not owner or owner[0] in "./~" or owner == "runs" or Path(owner).exists()
    return bool(slash and model) and "/" not in model and not local


def best_device() -> str | None:
    """The name of the GPU, None where there is none."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


def _is_model(folder: Path) -> bool:
    if any((folder / name).is_file() for name in ("adapter_config.json", "value_head.safetensors")):
        return True
    try:
        return "model_type" in json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def _is_value(folder: Path) -> bool:
    """Whether a value model is saved there, with one label a token, and not just any model."""
    if (folder / "value_head.safetensors").is_file():
        return True
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        labels = config.get("num_labels", len(config.get("id2label") or ()))
        built = config.get("architectures") or ()
        return labels == 1 and any(str(name).endswith("ForTokenClassification") for name in built)
    except (OSError, ValueError, TypeError, AttributeError):
        return False


def look_here() -> None:
    """Let modules of the current folder be found."""
    import sys

    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)


def _scripted(target: str) -> Policy:
    if target.count(":") != 1:
        raise InvalidInputError(f"a scripted policy is scripted:MODULE:ATTRIBUTE, got 'scripted:{target}'")
    script = _load_here(target)
    if hasattr(script, "generate"):
        return script  # type: ignore[no-any-return]
    return ScriptedPolicy(script, name=f"scripted:{target}")


def _load_here(target: str) -> Any:
    """The object at "module:attribute"; modules of the current folder are found too, as with `python -m`."""
    look_here()
    return Plugin(target, target, distribution="the given name").load()


def _made(factory: Any, argument: str | None, name: str) -> Policy:
    try:
        made = factory() if argument is None else factory(argument)
    except TypeError as error:
        raise PluginError(f"policy {name!r} cannot be made this way: {error}. Try NAME:ARGUMENT.") from error
    if not hasattr(made, "generate"):
        raise PluginError(f"policy {name!r} has no method generate(request)")
    return made  # type: ignore[no-any-return]


def _neighbours(name: str) -> list[str]:
    """Folders beside the one that is not there."""
    parent = Path(name).expanduser().parent
    try:
        return [str(child) for child in parent.iterdir() if child.is_dir()]
    except OSError:
        return []
