# Converters take what users write, a number for a law; pyright sees the stored types alone, and no lengths of stars.
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false
"""Posteriors the slow way, in NumPy alone: a dense Gaussian a component, numerical integration over the rest."""

import numpy as np
from scipy.special import logsumexp


def dense(columns, asked, scales, y, noise):
    """Evidence, mean and variance of y = Φ·(scales·c) + noise, c ~ N(0, 1), from the joint covariance of all values."""
    known, wanted = columns * scales, asked * scales
    covariance = known @ known.T + noise**2 * np.eye(len(y))
    sign, log_determinant = np.linalg.slogdet(covariance)
    assert sign > 0
    solved = np.linalg.solve(covariance, y)
    cross = wanted @ known.T
    mean = cross @ solved
    variance = (wanted * wanted).sum(1) - np.einsum("mn,nm->m", cross, np.linalg.solve(covariance, cross.T))
    return -(y @ solved + log_determinant + len(y) * np.log(2 * np.pi)) / 2, mean, variance


def integrated(parts):
    """One posterior of weighted ones: (log-weight, evidence, mean, variance) of each."""
    log_weights, evidences, means, variances = (np.asarray(part) for part in zip(*parts, strict=True))
    log_mass = log_weights + evidences
    total = logsumexp(log_mass)
    share = np.exp(log_mass - total)
    mean = share @ means
    return total, mean, share @ (variances + (means - mean) ** 2)


def waves(low, high, x, y, queries, noise, line=0.0, wave=1.0, count=4000):
    """line·(slope·x) + wave·(sinusoid of frequency U[low, high]), by the midpoint rule over frequencies."""
    parts = []
    for omega in low + (high - low) * (np.arange(count) + 0.5) / count:
        features = [np.stack([at, np.sin(omega * at), np.cos(omega * at)], axis=1) for at in (x, queries)]
        parts.append((-np.log(count), *dense(*features, np.asarray([line, wave, wave]), y, noise)))
    return integrated(parts)
