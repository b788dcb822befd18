"""Which characters of a text each logged token wrote, and where reasoning steps begin: as `stepgym.agents` has them."""

from __future__ import annotations

from stepgym.agents.spans import DEFAULT_DELIMITERS, step_start_tokens, step_starts, token_spans

__all__ = ["DEFAULT_DELIMITERS", "step_start_tokens", "step_starts", "token_spans"]
