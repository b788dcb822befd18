"""`decompose`: an episode of K actions becomes K rows, each with one action and everything before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepgym.agents.conversation.conversation import Conversation, PromptEncoder
from stepgym.agents.conversation.prompts import ChatPrompt, PlainPrompt, PromptFormat
from stepgym.agents.episodes import Episode, Step
from stepgym.agents.judges import StepState
from stepgym.agents.policy import Completion
from stepgym.errors import InvalidInputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class StepRow:
    """One action of an episode and the state it was written in: `(s_i, a_i)`.

    Attributes:
        task_id, episode_id: Of the episode.
        step: Which action it is, from 0.
        steps: K, the number of actions of the episode.
        state: What was known, as text.
        action: What was written, as text.
        state_ids: The ids that were read before the action, those of the log where there are some.
        action_ids: The ids that were written, end-of-turn token included.
        action_mask: Over `state_ids + action_ids`: True for what the agent wrote in this action. Everything else, what
            tools returned and earlier actions, is context and has no loss.
    """

    task_id: str
    episode_id: str
    step: int
    steps: int
    state: StepState
    action: str
    state_ids: tuple[int, ...]
    action_ids: tuple[int, ...]

    @property
    def action_mask(self) -> tuple[bool, ...]:
        """One entry for each of `state_ids + action_ids`."""
        return (False,) * len(self.state_ids) + (True,) * len(self.action_ids)

    @property
    def tokens(self) -> int:
        """Of state and action."""
        return len(self.state_ids) + len(self.action_ids)


def decompose(
    episode: Episode, tokenizer: PreTrainedTokenizerBase | None = None, *, prompt: PromptFormat | None = None
) -> list[StepRow]:
    """The K rows of an episode of K actions; each action token of the episode is an action token of exactly one row.

    Undecided and cut episodes are decomposed too: what is judged is the step. An action that was itself cut, or in
    which nothing was written, is left out.

    Args:
        episode: With ids, or without.
        tokenizer: Encodes episodes without ids, as `TokenizeOptions` does.
        prompt: How such episodes are shown; None takes the chat template where there is one, else plain text.

    Raises:
        InvalidInputError: The episode has no ids and there is no tokenizer.
    """
    completions = [_logged(step) for step in episode.steps]
    if any(completion is None for completion in completions):
        if tokenizer is None:
            raise InvalidInputError(
                f"{episode.id} has no token ids: give the tokenizer of the model, decompose(episode, tokenizer)"
            )
        completions = list(_encoded(episode.steps, tokenizer, prompt))
    rows: list[StepRow] = []
    read: tuple[int, ...] = ()
    for number, (step, completion) in enumerate(zip(episode.steps, completions, strict=True)):
        if completion is None:
            continue
        before, written = completion.prompt_token_ids or (), completion.token_ids or ()
        state_ids = before if completion.new_segment else read + before
        read = state_ids + written
        last = number == len(episode.steps) - 1
        cut = completion.finish_reason == "error" or (last and episode.end in ("context", "error"))
        if written and not cut:
            state = StepState.of(episode, number)
            rows.append(
                StepRow(episode.task_id, episode.id, number, len(episode.steps), state, step.action, state_ids, written)
            )
    return rows


def decompose_all(
    episodes: Iterable[Episode],
    tokenizer: PreTrainedTokenizerBase | None = None,
    *,
    prompt: PromptFormat | None = None,
    max_length: int | None = None,
) -> tuple[list[StepRow], Counter[str]]:
    """The rows of many episodes, and why actions were left out.

    Args:
        episodes: A log.
        tokenizer: Encodes episodes without ids.
        prompt: How such episodes are shown.
        max_length: Most tokens of a row; longer ones are left out and counted, never cut.
    """
    rows: list[StepRow] = []
    left_out: Counter[str] = Counter()
    for episode in episodes:
        found = decompose(episode, tokenizer, prompt=prompt)
        left_out["cut or empty"] += len(episode.steps) - len(found)
        fitting = [row for row in found if max_length is None or row.tokens <= max_length]
        left_out["too long"] += len(found) - len(fitting)
        rows += fitting
    return rows, +left_out


def _logged(step: Step) -> Completion | None:
    completion = step.completion
    if completion is None or completion.token_ids is None or completion.prompt_token_ids is None:
        return None
    return completion


def _encoded(
    steps: Sequence[Step], tokenizer: PreTrainedTokenizerBase, prompt: PromptFormat | None
) -> list[Completion]:
    if prompt is None:
        prompt = ChatPrompt() if getattr(tokenizer, "chat_template", None) else PlainPrompt()
    conversation = Conversation(prompt, PromptEncoder(prompt, tokenizer))
    found = []
    for step in steps:
        conversation.ask(step.observation)
        completion = conversation.force(step.action)
        # Nothing was written: an end-of-turn token alone is no action.
        found.append(completion if step.action else Completion("", completion.new_segment, completion.prompt_token_ids))
    return found
