"""Conversations: prompts, the ids they become, history, summaries."""
