"""Training: what has a gradient or a mask."""
