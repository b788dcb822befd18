"""Reading a game's rules: are they the ones `Engine` plays, and in which dialect?"""

from __future__ import annotations

