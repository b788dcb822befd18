"""What tells two agents apart beyond name, template and sampling, for the ids of episodes and of roll-outs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stepgym.agents.agent import Agent
from stepgym.agents.conversation.prompts import PlainPrompt
from stepgym.agents.policy import Policy, policy_name
from stepgym.errors import InvalidInputError


def policy_settings(policy: Policy) -> dict[str, Any]:
    """The policy's optional attribute `settings`, all that makes it answer in another way; empty where it has none.

    Raises:
        InvalidInputError: The settings are no JSON values.
    """
    found = getattr(policy, "settings", None)
    if not isinstance(found, Mapping):
        return {}
    try:
        return dict(json.loads(json.dumps(dict(found), sort_keys=True)))
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{policy_name(policy)}: settings must be a mapping of JSON values, as they are part of the ids of "
            f"episodes: {error}"
        ) from error


def further_settings(agent: Agent) -> dict[str, Any]:
    """Settings of the policy, and of the prompt format where no template hash has them.

    Empty for policies without settings that have a tokenizer or the plain prompt: the ids in their logs stay.
    """
    settings, prompt = policy_settings(agent.policy), agent.prompt.settings()
    found: dict[str, Any] = {"policy": settings} if settings else {}
    if not agent.template_hash and prompt != PlainPrompt().settings():
        found["prompt"] = json.dumps(prompt, sort_keys=True, default=str)
    return found
