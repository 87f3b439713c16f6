"""Posteriors of one prompt by sums over dense grids, in NumPy alone: what the engine's quadrature is checked against.

Nothing here is adaptive. A grid is fine enough where the posterior is at least two cells wide in each direction; the
midpoint rule of a bell curve is then right to about 1e-8. Inputs are numbers.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

CHUNK = 1 << 20


def extrapolated(grid: Callable[[int], "Answer"], cells: int) -> "Answer":
    """From a grid and one of half the cells: where a law ends the midpoint rule is wrong by the square of a cell."""
    coarse, fine = grid(cells // 2), grid(cells)
    means, variances = (
        (4 * one - other) / 3 for one, other in ((fine.mean, coarse.mean), (fine.variance, coarse.variance))
    )
    return Answer((4 * fine.log_evidence - coarse.log_evidence) / 3, means, variances)


class Answer(NamedTuple):
    """A posterior of m queries."""

    log_evidence: float
    mean: np.ndarray
    variance: np.ndarray


def midpoints(low: float, high: float, count: int) -> np.ndarray:
    """Evenly spaced, each with the same share of a uniform law."""
    return low + (high - low) * (np.arange(count) + 0.5) / count


def known_waves(
    x: np.ndarray,
    y: np.ndarray,
    queries: np.ndarray,
    noise: float,
    frequencies: np.ndarray,
    phases: np.ndarray,
    amplitudes: np.ndarray | None = None,
) -> Answer:
    """A·sin(ωx + φ), every ω, φ and A of the tables equally likely."""
    amplitudes = np.ones(1) if amplitudes is None else amplitudes
    cosine, sine = np.cos(phases), np.sin(phases)
    rows = max(1, CHUNK // len(phases))
    log_mass = np.empty((len(amplitudes), len(frequencies)))
    moments = np.empty((len(amplitudes), len(frequencies), 5))
    for k, amplitude in enumerate(amplitudes):
        for start in range(0, len(frequencies), rows):
            angle = frequencies[start : start + rows, None] * x
            s, c = np.sin(angle), np.cos(angle)
            # The squared error is a quadratic form in the sine and cosine of the phase.
            towards = (s @ y)[:, None] * cosine + (c @ y)[:, None] * sine
            square = (s * s).sum(1)[:, None] * cosine**2 + (c * c).sum(1)[:, None] * sine**2
            square += 2 * (s * c).sum(1)[:, None] * cosine * sine
            log_density = -(y @ y - 2 * amplitude * towards + amplitude**2 * square) / (2 * noise**2)
            top = log_density.max(1, keepdims=True)
            share = np.exp(log_density - top)
            total = share.sum(1, keepdims=True)
            share /= total
            of_phase = [cosine, sine, cosine**2, cosine * sine, sine**2]
            powers = amplitude ** np.asarray([1, 1, 2, 2, 2])
            moments[k, start : start + rows] = share @ np.stack(of_phase, 1) * powers
            log_mass[k, start : start + rows] = (top + np.log(total))[:, 0]
    cells = len(amplitudes) * len(frequencies) * len(phases)
    log_evidence = float(logsumexp(log_mass)) - np.log(cells) - len(y) * np.log(2 * np.pi * noise**2) / 2
    share = np.exp(log_mass - logsumexp(log_mass))
    a, b, aa, ab, bb = np.einsum("kf,kfi->fki", share, moments).sum(1).T
    angle = frequencies[:, None] * queries
    s, c = np.sin(angle), np.cos(angle)
    mean = a @ s + b @ c
    return Answer(log_evidence, mean, aa @ (s * s) + 2 * (ab @ (s * c)) + bb @ (c * c) - mean**2)


def free_columns(
    columns: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    known: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray] | None,
    first: np.ndarray,
    second: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    queries: np.ndarray,
    noise: float,
    second_weights: np.ndarray | None = None,
) -> Answer:
    """Σ cⱼ·columnⱼ(u, v; x) + known(u, v; x) with normal c; every u and v of the tables equally likely.

    Unless v has weights, which sum to 1. `columns` gives [cells, columns, points], `known` [cells, points].
    """
    u, v = (each.ravel() for each in np.meshgrid(first, second, indexing="ij"))
    parts = []
    rows = max(1, CHUNK // (8 * (len(x) + len(queries))))
    for start in range(0, len(u), rows):
        here = u[start : start + rows], v[start : start + rows]
        phi, asked = columns(*here, x), columns(*here, queries)
        given = known or (lambda u, v, at: np.zeros((len(u), 1)))
        offset, asked_offset = given(*here, x), given(*here, queries)
        rest = y - offset
        precision = np.eye(phi.shape[1]) + phi @ phi.swapaxes(1, 2) / noise**2
        towards = (phi @ rest[..., None])[..., 0] / noise**2
        lower = np.linalg.cholesky(precision)
        half = np.linalg.solve(lower, towards[..., None])[..., 0]
        centre = np.linalg.solve(lower.swapaxes(1, 2), half[..., None])[..., 0]
        spread = np.linalg.solve(lower, asked)
        misfit = np.square(rest).sum(1) / noise**2 - np.square(half).sum(1)
        log_determinant = 2 * np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(1)
        parts.append(
            (
                -(misfit + log_determinant) / 2,
                np.einsum("zc,zcm->zm", centre, asked) + asked_offset,
                np.square(spread).sum(1),
            )
        )
    log_mass, means, variances = (np.concatenate(each) for each in zip(*parts, strict=True))
    weights = np.full(len(second), 1 / len(second)) if second_weights is None else second_weights
    log_mass = log_mass + np.log(np.tile(weights, len(first)) / len(first))
    total = float(logsumexp(log_mass))
    share = np.exp(log_mass - total)
    mean = share @ means
    log_evidence = total - len(y) * np.log(2 * np.pi * noise**2) / 2
    return Answer(log_evidence, mean, share @ (variances + np.square(means - mean)))
