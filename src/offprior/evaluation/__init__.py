"""Predictors against probes: the table of errors, its metrics, their intervals, the verdict."""
