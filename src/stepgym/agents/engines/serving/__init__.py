"""Model servers that speak the OpenAI protocol: where they are, how they are asked, and what went wrong."""

from stepgym.agents.engines.serving.errors import ServingError
from stepgym.agents.engines.serving.model_server import ModelServer

__all__ = ["ModelServer", "ServingError"]
