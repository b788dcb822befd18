"""Advantages of steps in the manner of VinePPO, and painting them on tokens.

Kazemnejad et al., VinePPO: Refining Credit Assignment in RL Training of LLMs, arXiv:2410.01679.
"""

from __future__ import annotations

from collections.abc import Sequence

from stepgym.errors import InvalidInputError

Span = tuple[int, int]


def vine_advantages(values: Sequence[float | None], rewards: Sequence[float]) -> list[float]:
    """`A_i = r_i + V_{i+1} - V_i` of each step; the value after the last one is 0.

    Late states may be left out, as VinePPO does to save roll-outs: a trailing None is filled backwards,
    `V_i = r_i + V_{i+1}`, so that the last known state's step takes all that follows and the later ones get 0.

    Args:
        values: V of the state before each step, the task first; None only behind the last known one.
        rewards: Of each step.

    Raises:
        InvalidInputError: Different lengths, the first value is None, or there is a gap before a known value.
    """
    if len(values) != len(rewards) or not values:
        raise InvalidInputError(f"expected a value and a reward for each step, got {len(values)} and {len(rewards)}")
    known = [index for index, value in enumerate(values) if value is not None]
    if known != list(range(len(known))) or not known:
        raise InvalidInputError("expected the value of the task, and values missing only at the end; roll out the gaps")
    filled = [0.0 if value is None else value for value in values] + [0.0]
    for index in reversed(range(len(known), len(values))):
        filled[index] = rewards[index] + filled[index + 1]
    return [rewards[i] + filled[i + 1] - filled[i] for i in range(len(values))]


def paint(step_advantages: Sequence[float], spans: Sequence[Span], token_spans: Sequence[Span]) -> list[float]:
    """One advantage per token: that of the step in which the token's **first** character lies.

    A token behind all text, such as the end-of-turn token, has no character: it copies the token before it. Tokens that
    begin outside of all steps get 0.

    Args:
        step_advantages: Of each step.
        spans: Characters `[start, end)` of each step, in order and without overlap.
        token_spans: Characters of each token, in order, see `stepgym.agents.spans.token_spans`.

    Raises:
        InvalidInputError: Different lengths, or spans out of order.
    """
    if len(step_advantages) != len(spans):
        raise InvalidInputError(f"expected a span for each step, got {len(step_advantages)} and {len(spans)} spans")
    borders = [border for span in spans for border in span]
    if borders != sorted(borders):
        raise InvalidInputError(f"the spans of steps must be in order and must not overlap, got {list(spans)}")
    painted: list[float] = []
    written = max((end for _, end in [*spans, *token_spans]), default=0)
    step = 0
    for start, end in token_spans:
        if start == end and start >= written:
            painted.append(painted[-1] if painted else 0.0)
            continue
        while step < len(spans) and spans[step][1] <= start:
            step += 1
        inside = step < len(spans) and spans[step][0] <= start
        painted.append(step_advantages[step] if inside else 0.0)
    return painted
