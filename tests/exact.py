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


def agrees(family, x, y, queries, noise, parts, tolerance=None):
    """B against parts: (log-weight, columns of the context, of the queries, scales) of every component."""
    from offprior.mixture import Mixture
    from offprior.predictors.bayes import Bayes

    bayes = Bayes(Mixture(families=[family], noise=noise))
    evidence, mean, variance = integrated(
        [(weight, *dense(known, asked, scales, y, noise)) for weight, known, asked, scales in parts]
    )
    answer = bayes.predict(x, y, queries)
    np.testing.assert_allclose(bayes.log_evidence(x, y), evidence, rtol=tolerance or 1e-8)
    np.testing.assert_allclose(answer.mean, mean, rtol=tolerance or 1e-6, atol=tolerance or 1e-8)
    np.testing.assert_allclose(answer.variance, variance, rtol=10 * (tolerance or 1e-6), atol=tolerance or 1e-8)


def waves(low, high, x, y, queries, noise, line=0.0, wave=1.0, count=4000):
    """line·(slope·x) + wave·(sinusoid of frequency U[low, high]), by the midpoint rule over frequencies."""
    scales = np.asarray([line, wave, wave])
    parts = []
    for omega in np.array_split(low + (high - low) * (np.arange(count) + 0.5) / count, max(1, count // 5000)):
        known, wanted = (_features(omega, at) * scales for at in (x, queries))
        covariance = known @ known.swapaxes(1, 2) + noise**2 * np.eye(len(x))
        weights = np.linalg.solve(covariance, known @ wanted.swapaxes(1, 2))
        solved = np.linalg.solve(covariance, np.broadcast_to(y[:, None], (len(omega), len(y), 1)))[..., 0]
        cross = wanted @ known.swapaxes(1, 2)
        evidence = -(solved @ y + np.linalg.slogdet(covariance)[1] + len(y) * np.log(2 * np.pi)) / 2
        variance = np.square(wanted).sum(2) - np.einsum("omn,onm->om", cross, weights)
        parts.append((evidence - np.log(count), np.einsum("omn,on->om", cross, solved), variance))
    log_mass, means, variances = (np.concatenate(part) for part in zip(*parts, strict=True))
    total = logsumexp(log_mass)
    share = np.exp(log_mass - total)
    mean = share @ means
    return total, mean, share @ (variances + (means - mean) ** 2)


def _features(omega, at):
    return np.stack(
        [np.broadcast_to(at, (len(omega), len(at))), *(f(omega[:, None] * at) for f in (np.sin, np.cos))], 2
    )
