"""Environments own state and reward: tasks in, observations and rewards out."""
