"""Predictive distributions of a new output, noise included: moments, densities and quantiles; NumPy, no jax."""
