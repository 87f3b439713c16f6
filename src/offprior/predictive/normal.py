"""Normal predictive distributions."""

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from offprior.predictive.distribution import Distribution

LOG_TWO_PI = float(np.log(2 * np.pi))
LEAST = 1e-6
"""The least standard deviation, as a share of 1 + |mean|, so that a variance of 0 still has a density."""


class Normal(Distribution):
    """Normal distributions with given means and variances."""

    def __init__(self, mean: Float[np.ndarray, "*rows"], variance: Float[np.ndarray, "*rows"]):
        self._mean = mean
        self._variance = np.maximum(variance, np.square(LEAST * (1 + np.abs(mean))))

    @property
    def mean(self) -> Float[np.ndarray, "*rows"]:
        return self._mean

    @property
    def variance(self) -> Float[np.ndarray, "*rows"]:
        return self._variance

    def log_density(self, y: Float[np.ndarray, "*rows r"]) -> Float[np.ndarray, "*rows r"]:
        variance = self._variance[..., None]
        return -0.5 * (np.square(y - self._mean[..., None]) / variance + np.log(variance) + LOG_TWO_PI)

    def quantiles(self, levels: Float[np.ndarray, "*rows r"]) -> Float[np.ndarray, "*rows r"]:
        return self._mean[..., None] + np.sqrt(self._variance)[..., None] * ndtri(levels)
