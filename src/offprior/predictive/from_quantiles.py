"""Distributions through given quantiles."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri

from offprior.predictive.distribution import Distribution
from offprior.predictive.normal import LOG_TWO_PI

LEAST = 1e-6
"""The least slope between quantiles, as a share of 1 + the largest, so that equal ones still have a density."""


class FromQuantiles(Distribution):
    """Distributions through q quantiles per row, whose quantile function is piecewise linear in the normal score.

    At level u it is linear in z = Φ⁻¹(u) between two given levels, and goes on with the slope of the outermost pair
    beyond them: tails are normal. Quantiles of a normal distribution thus give that distribution, at any levels.
    """

    def __init__(self, quantiles: Float[np.ndarray, "*rows q"], levels: Sequence[float]):
        self._scores = ndtri(np.asarray(levels, float))
        steps = np.diff(self._scores)
        least = LEAST * (1 + np.abs(quantiles).max(-1, keepdims=True))
        self._slopes = np.maximum(np.diff(quantiles, axis=-1) / steps, least)
        first = quantiles[..., :1]
        self._values = np.concatenate([first, first + np.cumsum(self._slopes * steps, axis=-1)], axis=-1)

    @property
    def mean(self) -> Float[np.ndarray, "*rows"]:
        return self._moments()[0]

    @property
    def variance(self) -> Float[np.ndarray, "*rows"]:
        return self._moments()[1]

    def log_density(self, y: Float[np.ndarray, "*rows r"]) -> Float[np.ndarray, "*rows r"]:
        at = (self._values[..., None, 1:-1] <= y[..., None]).sum(-1)
        slope = np.take_along_axis(self._slopes, at, axis=-1)
        score = self._scores[at] + (y - np.take_along_axis(self._values, at, axis=-1)) / slope
        return -0.5 * (np.square(score) + LOG_TWO_PI) - np.log(slope)

    def quantiles(self, levels: Float[np.ndarray, "*rows r"]) -> Float[np.ndarray, "*rows r"]:
        score = ndtri(levels)
        at = np.searchsorted(self._scores[1:-1], score, side="right")
        slope = np.take_along_axis(self._slopes, at, axis=-1)
        return np.take_along_axis(self._values, at, axis=-1) + slope * (score - self._scores[at])

    def _moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns mean and variance, from pieces a + bz of a standard normal z about the middle value."""
        ends = np.concatenate([[-np.inf], self._scores[1:-1], [np.inf]])
        density = np.exp(-0.5 * np.square(ends) - LOG_TWO_PI / 2)
        mass, first = np.diff(ndtr(ends)), -np.diff(density)
        second = mass - np.diff(np.where(np.isfinite(ends), ends, 0.0) * density)
        centre = self._values[..., self._values.shape[-1] // 2, None]
        a, b = self._values[..., :-1] - centre - self._slopes * self._scores[:-1], self._slopes
        mean = (a * mass + b * first).sum(-1)
        square = (a**2 * mass + 2 * a * b * first + b**2 * second).sum(-1)
        return centre[..., 0] + mean, np.maximum(square - mean**2, np.square(b).min(-1))
