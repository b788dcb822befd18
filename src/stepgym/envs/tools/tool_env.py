"""`ToolEnv`: a question, a tool that is called by a tag, an answer; the base of such environments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stepgym.envs.actions.names import ActionsLike
from stepgym.envs.question import UNANSWERED, TaskEnv
from stepgym.envs.text import StepResult
from stepgym.envs.tools.turns import ANSWER, Turn, read_turn
from stepgym.errors import InvalidInputError
from stepgym.verifiers import Verdict, Verifier

SIGNATURE = "tool-calls/1"
"""Who signs verdicts on turns that answer nothing."""

_LONGEST = 1_000


class ToolEnv(TaskEnv):
    """A question is shown; each turn calls the tool or gives the answer, never both.

    `<tag>argument</tag>` calls the tool, and the next observation is `argument -> result`. `<answer>...</answer>`
    ends the episode and is judged: reward 1.0 if it is correct, else 0.0. Text around the tags is free reasoning.

    * There are `max_calls` turns without an answer, whether a call could be read in them or not. The observation says
      when they are used up; a further turn without an answer ends the episode as wrong.
    * What cannot be read (no tag, a tag that is not closed, nothing inside, more than 1,000 characters inside) is not
      done, costs its turn and is told. Of several calls, or of a call and an answer, the first counts, and it is told.
    * A tool that cannot do what it is asked answers with "error: ..."; a call that was made before is told to be one.

    `info` has "task", "verdict", "call", the argument of this turn's call ("" if none), and "calls_left". While there
    is no answer the verdict is undecided.

    A subclass defines `tag`, `call`, `draw_task` and `find_task`.

    Args:
        verifier: Judges the text inside the answer tags, see `TaskEnv`.
        verifier_kwargs: Arguments for a verifier given by name.
        max_calls: How many turns without an answer, at least 1.
        instructions: None for instructions that name the tags and the limit.
        actions: How actions are read out of what a model wrote, see `TextEnv`; the tags are looked for in the action.
        render_mode: None, "ansi" or "human".
    """

    tag: ClassVar[str]
    """The name of the tool's tag."""
    usage: ClassVar[str]
    """What the tool does, for the instructions: one sentence with `{tag}` for the tag."""

    def __init__(
        self,
        verifier: str | Verifier,
        *,
        verifier_kwargs: Mapping[str, Any] | None = None,
        max_calls: int,
        instructions: str | None = None,
        actions: ActionsLike | None = None,
        render_mode: str | None = None,
    ) -> None:
        if type(max_calls) is not int or max_calls < 1:
            raise InvalidInputError(f"max_calls must be an integer of at least 1, got {max_calls!r}")
        super().__init__(
            verifier,
            verifier_kwargs=verifier_kwargs,
            max_turns=max_calls + 1,
            instructions=self._instructions(max_calls) if instructions is None else instructions,
            actions=actions,
            render_mode=render_mode,
        )
        self.max_calls = max_calls
        self._asked: tuple[str, ...] = ()

    def call(self, argument: str) -> str:
        """What the tool says to `argument`, a text of 1 to 1,000 characters that a model wrote."""
        raise NotImplementedError(f"{type(self).__name__} must define call(argument)")

    def on_reset(self, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The question."""
        self._asked = ()
        prompt, info = super().on_reset(options)
        return prompt, {**info, "call": "", "calls_left": self.max_calls}

    def on_step(self, action: str) -> StepResult:
        """Call the tool, or judge the answer."""
        turn = read_turn(action, self.tag, longest=_LONGEST)
        left = self.max_calls - self._turn
        self._turn += 1
        if turn.kind == "answer":
            verdict = self.verifier.verify(turn.text, self.task.reference, context=self.task.prompt)
            self.verdict = turn.reading.placed(verdict)
            return self._result("", turn, left, over=True)
        if not left:
            reason = f"no answer after {self.max_calls} {'turn' if self.max_calls == 1 else 'turns'} without one"
            self.verdict = Verdict.wrong(reason=reason, verifier=SIGNATURE)
            return self._result("", turn, 0, over=True)
        self.verdict = UNANSWERED
        return self._result(self._answered(turn, left - 1), turn, left - 1, over=False)

    def get_state(self) -> dict[str, Any]:
        """The state of the episode, see `Forkable`."""
        return {**super().get_state(), "asked": self._asked}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from `state`, see `Forkable`."""
        super().set_state(state)
        self._asked = state["asked"]

    def _answered(self, turn: Turn, left: int) -> str:
        """The observation after a turn without an answer."""
        notes = [turn.note] if turn.note else []
        if turn.kind == "call":
            # Half a surrogate pair cannot be written to a log.
            asked = " ".join(turn.text.encode("utf-8", "replace").decode().split())
            shown = f"{asked} -> {self.call(turn.text)}"
            if asked in self._asked:
                notes.append("this was asked before")
            self._asked = (*self._asked, asked)
        else:
            shown = f"Nothing was done: {turn.problem}."
        if not left:
            notes.append(f"no calls are left: write <{ANSWER}>your answer</{ANSWER}> now")
        return "\n".join([shown, *(f"({note})" for note in notes)])

    def _result(self, observation: str, turn: Turn, left: int, *, over: bool) -> StepResult:
        reward = 1.0 if over and self.verdict.status == "correct" else 0.0
        called = turn.text if turn.kind == "call" and not over else ""
        info = {"task": self.task.id, "verdict": self.verdict, "call": called, "calls_left": left}
        return observation, reward, over, False, info

    def _instructions(self, max_calls: int) -> str:
        calls = "once" if max_calls == 1 else f"up to {max_calls} times, once per turn"
        return (
            f"{self.usage.format(tag=self.tag)} You may do so {calls}, and never ask the same twice. When you know "
            f"enough, write <{ANSWER}>your answer</{ANSWER}>, as short as possible. Each turn has one call or the "
            "answer, never both."
        )
