"""Reads the rows of an evaluation: cells, metrics with their intervals, verdicts. Never imports jax."""
