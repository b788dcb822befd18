"""Policies with a model: transformers, vLLM, servers."""
