"""stepgym: text environments, symbolic verifiers with certificates, agents, and offline RL for reasoning in steps.

`import stepgym` registers the environment ids and does nothing else.
"""

from __future__ import annotations

__version__ = "0.1.0"
