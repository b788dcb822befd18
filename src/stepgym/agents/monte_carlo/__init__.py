"""Monte-Carlo values: roll-outs from the prefixes of logged episodes."""
