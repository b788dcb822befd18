"""`ALFWorldExpertPolicy`: a scripted player of ALFWorld as a policy, for logs of known and mixed quality."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from stepgym.agents.policy import Completion, Request
from stepgym.agents.scripted.options import probability, read_options
from stepgym.agents.scripted.policies import completion_of
from stepgym.agents.seeds import SEED_BITS
from stepgym.errors import InvalidInputError, unknown_name

if TYPE_CHECKING:
    from stepgym.envs.alfworld.experts import Strategy


class ALFWorldExpertPolicy:
    """Plays `stepgym/ALFWorld-v0` from the conversation alone, as `stepgym.envs.alfworld.Explorer` does.

    It keeps no state: the conversation is read anew at each turn, so that it goes on sensibly in episodes that somebody
    else began. With temperature 0 there is no noise, and "wanders" says the same to the same conversation.

    Args:
        strategy: "careful" plays well; "skips the change", "wrong object", "never opens" and "wanders" do not, see
            `Explorer`.
        noise: Chance, at each turn, of a random command instead, in [0, 1].
        preset: The environment's; commands are written as it reads them.
        name: Name for logs; by default one that tells the other arguments.

    Raises:
        InvalidInputError: An argument is not one of those above.
    """

    def __init__(
        self, *, strategy: Strategy = "careful", noise: float = 0.0, preset: str = "plain", name: str | None = None
    ) -> None:
        from stepgym.envs.alfworld import PRESETS, Explorer

        player = Explorer(seed=0, noise=noise, strategy=strategy)  # checks both
        if preset not in PRESETS:
            raise unknown_name("preset", str(preset), PRESETS)
        self.strategy = strategy
        self.noise = noise
        self.preset = PRESETS[preset]
        self.name = f"alfworld-{player.name}" if name is None else name

    async def generate(self, request: Request) -> list[Completion]:
        """The expert's command, `request.n` times; the draws of noise are independent and repeat by the seed.

        Raises:
            InvalidInputError: The conversation does not begin with an observation that tells an ALFWorld task, or its
                turns do not alternate.
        """
        greedy = request.sampling.temperature == 0
        noise = 0.0 if greedy else self.noise
        if greedy or not (noise or self.strategy == "wanders"):
            return [self._answer(request, 0, noise)] * request.n
        generator = random.Random(request.seed)
        return [self._answer(request, generator.getrandbits(SEED_BITS), noise) for _ in range(request.n)]

    def _answer(self, request: Request, seed: int, noise: float) -> Completion:
        from stepgym.envs.alfworld import next_command

        turns = [message for message in request.messages if message["role"] != "system"]
        roles = [message["role"] for message in turns]
        if roles != ["user", "assistant"] * (len(turns) // 2) + ["user"]:
            raise InvalidInputError(f"expected turns of user and assistant, one after the other, got {roles[:20]}")
        said = [self.preset.parse(message["content"]).command or "" for message in turns[1::2]]
        shown = [message["content"] for message in turns[::2]]
        command = next_command(shown, said, seed=seed, noise=noise, strategy=self.strategy)
        return completion_of(self.preset.write(command), request.sampling)


def load_alfworld_expert(settings: str = "") -> ALFWorldExpertPolicy:
    """The policy of `--policy alfworld-expert:SETTINGS`, such as "noise=0.3,strategy=wrong-object".

    Raises:
        InvalidInputError: A setting is none of `ALFWorldExpertPolicy`'s, or its value is none it takes.
    """
    return ALFWorldExpertPolicy(**read_options(settings, _SETTINGS, player="alfworld-expert"))


_SETTINGS: Mapping[str, Callable[[str], Any]] = {
    "noise": probability,
    "strategy": lambda text: text.replace("-", " "),
    "preset": str,
}
