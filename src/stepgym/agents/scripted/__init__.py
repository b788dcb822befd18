"""Policies without a model."""
