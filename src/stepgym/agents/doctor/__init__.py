"""A look at an episode log before training on it."""
