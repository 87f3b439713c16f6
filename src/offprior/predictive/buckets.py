"""Densities that are constant on buckets, with half-normal tails (Müller et al. 2022, section 4)."""

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from offprior.predictive.distribution import Distribution
from offprior.predictive.normal import LOG_TWO_PI

HALF_NORMAL_MEAN = float(np.sqrt(2 / np.pi))
LEAST = 1e-300
"""The least probability of a bucket, so that its logarithm is finite."""


class Buckets(Distribution):
    """Probabilities of buckets between borders; the outermost two are half-normals beyond their inner border."""

    def __init__(
        self,
        probabilities: Float[np.ndarray, "*rows buckets"],
        borders: Float[np.ndarray, " edges"],
        tails: Float[np.ndarray, "2"],
    ):
        self.probabilities = probabilities / probabilities.sum(-1, keepdims=True)
        self.borders, self.tails = borders, tails

    @property
    def mean(self) -> Float[np.ndarray, "*rows"]:
        return self.probabilities @ self._centres

    @property
    def variance(self) -> Float[np.ndarray, "*rows"]:
        spread = np.square(np.diff(self.borders)) / 12
        spread[[0, -1]] = (1 - HALF_NORMAL_MEAN**2) * np.square(self.tails)
        away = np.square(self._centres - self.mean[..., None])
        return (self.probabilities * (away + spread)).sum(-1)

    def log_density(self, y: Float[np.ndarray, "*rows r"]) -> Float[np.ndarray, "*rows r"]:
        at = np.searchsorted(self.borders[1:-1], y, side="right")
        last = len(self.borders) - 2
        inside = -np.log(np.diff(self.borders))[at]
        below = _half_normal(self.borders[1] - y, self.tails[0])
        above = _half_normal(y - self.borders[-2], self.tails[1])
        density = np.where(at == 0, below, np.where(at == last, above, inside))
        chosen = np.take_along_axis(self.probabilities, at, axis=-1)
        return np.log(np.maximum(chosen, LEAST)) + density

    def quantiles(self, levels: Float[np.ndarray, "*rows r"]) -> Float[np.ndarray, "*rows r"]:
        upper = np.cumsum(self.probabilities, axis=-1)
        last = upper.shape[-1] - 1
        at = np.minimum((upper[..., None, :] < levels[..., None]).sum(-1), last)
        share = np.take_along_axis(self.probabilities, at, axis=-1)
        before = np.take_along_axis(upper, at, axis=-1) - share
        within = np.clip((levels - before) / np.maximum(share, LEAST), 1e-12, 1 - 1e-12)
        inside = self.borders[at] + within * np.diff(self.borders)[at]
        below = self.borders[1] - self.tails[0] * ndtri(1 - within / 2)
        above = self.borders[-2] + self.tails[1] * ndtri((1 + within) / 2)
        return np.where(at == 0, below, np.where(at == last, above, inside))

    @property
    def _centres(self) -> Float[np.ndarray, " buckets"]:
        centres = (self.borders[1:] + self.borders[:-1]) / 2
        centres[0] = self.borders[1] - HALF_NORMAL_MEAN * self.tails[0]
        centres[-1] = self.borders[-2] + HALF_NORMAL_MEAN * self.tails[1]
        return centres


def _half_normal(distance: Float[np.ndarray, "*rows"], scale: float) -> Float[np.ndarray, "*rows"]:
    return 0.5 * (2 * np.log(2) - LOG_TWO_PI - np.square(distance / scale)) - np.log(scale)
