"""`LLMJudge`: a language model that gives its reasons and then a verdict."""

from __future__ import annotations

import re
from collections import Counter
from hashlib import sha256
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Literal

from stepgym.agents.agent import Agent, PolicyError
from stepgym.agents.conversation.prompts import ChatPrompt
from stepgym.agents.judges.fence import Fence
from stepgym.agents.judges.judge import Judgement, StepState
from stepgym.agents.judges.judgement_cache import JudgementCache
from stepgym.agents.policy import Policy, Sampling
from stepgym.agents.seeds import derive_seed
from stepgym.errors import InvalidInputError, unknown_name

PROMPTS = ("search", "calculator")
"""The prompts that come with stepgym."""

_NEEDED = ("conversation", "action", "marker", "nonce")
_PLACE = re.compile(r"\{(conversation|action|marker|nonce)\}")


class LLMJudge:
    """Asks a language model for reasons and a verdict, GOOD or BAD.

    What is judged stands in a fence that its author cannot have known (see `Fence`), and only the judge's own last
    marker counts. This keeps a text from passing for the prompt or for the verdict; it does not keep a weak model from
    believing what it reads: measure it with `audit_judge`.

    A judgement is remembered under the hash of judge, prompt, sampling, state and action. An answer with neither
    verdict is asked for again, `attempts` times in all, and then counts as None; so does a step that does not fit the
    judge's context.

    Args:
        policy: The judge, any policy; `OpenAIPolicy` for a model on a server.
        prompt: "search", "calculator", or a file of yours with the places {conversation}, {action}, {marker} and
            {nonce}, which begins the lines around what others wrote.
        cache: A cache, or a folder for one; None remembers in memory.
        sampling: Greedy with 512 tokens by default.
        attempts: How often a step is put to the judge that gives neither verdict.
        on_failure: "raise" a `PolicyError` when the policy fails, or "count" the step as None; it is not remembered.
        name: For logs; the policy's name by default.

    Attributes:
        counts: How many steps were "asked", "remembered", and ended as "neither", "cut" or "failed".
    """

    def __init__(
        self,
        policy: Policy | Agent,
        *,
        prompt: str | PathLike[str] = "search",
        cache: JudgementCache | str | PathLike[str] | None = None,
        sampling: Sampling | None = None,
        attempts: int = 2,
        on_failure: Literal["raise", "count"] = "raise",
        name: str = "",
    ) -> None:
        if attempts < 1:
            raise InvalidInputError(f"attempts must be at least 1, got {attempts}")
        if on_failure not in ("raise", "count"):
            raise InvalidInputError(f"on_failure must be 'raise' or 'count', got {on_failure!r}")
        sampling = Sampling(temperature=0.0, max_tokens=512) if sampling is None else sampling
        self._agent = policy if isinstance(policy, Agent) else _agent(policy, sampling)
        self.name = name or self._agent.name
        self.template = _template(prompt)
        self.prompt_hash = sha256(self.template.encode()).hexdigest()[:16]
        self.cache = cache if isinstance(cache, JudgementCache) else JudgementCache(cache)
        self.counts: Counter[str] = Counter()
        self._attempts = attempts
        self._on_failure = on_failure

    async def judge(self, state: StepState, action: str) -> Judgement:
        """The model's judgement, remembered or new.

        Raises:
            PolicyError: The policy failed and `on_failure` is "raise".
        """
        key = self._key(state, action)
        known = self.cache.get(key)
        if known is not None:
            self.counts["remembered"] += 1
            return known
        self.counts["asked"] += 1
        try:
            judgement = await self._asked(state, action, key)
        except PolicyError as error:
            self.counts["failed"] += 1
            if self._on_failure == "raise":
                raise PolicyError(
                    f"the judge {self.name} failed at step {len(state.actions) + 1} of task {state.task_id!r:.120}: "
                    f"{error}. Judgements so far are kept; LLMJudge(on_failure='count') goes on without such steps."
                ) from error
            return Judgement(None, str(error), self.name, self.prompt_hash, "failed")
        if judgement.problem:
            self.counts[judgement.problem] += 1
        self.cache.put(key, judgement)
        return judgement

    def text(self, state: StepState, action: str, fence: Fence) -> str:
        """What the judge reads."""
        parts = {
            "conversation": fence.conversation(state),
            "action": fence.around(action, "the newest message of the assistant"),
            "marker": fence.marker,
            "nonce": fence.nonce,
        }
        # In one pass: a place that stands in what others wrote is no place.
        return _PLACE.sub(lambda match: parts[match[1]], self.template)

    async def _asked(self, state: StepState, action: str, key: str) -> Judgement:
        answer = ""
        for attempt in range(self._attempts):
            fence = Fence()
            conversation = self._agent.start(seed=derive_seed(0, key, attempt))
            completion = await self._agent.act(conversation, self.text(state, action, fence))
            if completion.finish_reason == "error":
                raise PolicyError(f"{self._agent.name}: the engine gave up on the request")
            if completion.finish_reason == "length" and not completion.text:
                why = conversation.overflow or "the prompt fills the judge's context"
                return Judgement(None, why, self.name, self.prompt_hash, "cut")
            answer = completion.text
            good = fence.verdict(answer)
            if good is not None:
                return Judgement(good, answer.rpartition(fence.marker)[0].strip(), self.name, self.prompt_hash)
        return Judgement(None, answer, self.name, self.prompt_hash, "neither")

    def _key(self, state: StepState, action: str) -> str:
        asked = (self.name, self.prompt_hash, self._agent.sampling.to_dict(), self._agent.template_hash)
        return sha256(repr((asked, state.key, action)).encode("utf-8", "backslashreplace")).hexdigest()


def _agent(policy: Policy, sampling: Sampling) -> Agent:
    tokenizer = getattr(policy, "tokenizer", None)
    # A model that was taught to chat judges in a chat, whether the server renders it or we do.
    chats = tokenizer is None or bool(getattr(tokenizer, "chat_template", None))
    return Agent(policy, ChatPrompt(instructions="none") if chats else None, sampling)


def _template(prompt: str | PathLike[str]) -> str:
    if isinstance(prompt, str) and prompt in PROMPTS:
        text = files("stepgym.agents.judges").joinpath("prompts", f"{prompt}.txt").read_text(encoding="utf-8")
    elif isinstance(prompt, str) and not Path(prompt).suffix:
        raise unknown_name("judge prompt", prompt, PROMPTS, hint="A prompt of your own is a file such as 'judge.txt'.")
    else:
        try:
            text = Path(prompt).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInputError(f"cannot read the judge's prompt {prompt}: {error}") from error
    missing = [f"{{{name}}}" for name in _NEEDED if f"{{{name}}}" not in text]
    if missing:
        raise InvalidInputError(f"the judge's prompt {prompt} lacks {', '.join(missing)}")
    return text
