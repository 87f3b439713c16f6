"""Mixtures of normal distributions, as exact posteriors of weighted Gaussian linear models have them."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int
from scipy.special import logsumexp, ndtr

from offprior.predictive.distribution import Distribution
from offprior.predictive.normal import LOG_TWO_PI

FARTHEST = 9.0
"""Standard deviations of a component beyond which it has no mass in double precision."""
PLACES = 33
"""Places at which the distribution function is tabulated to bracket a quantile."""
STEPS = 60
"""The most steps of the search for a quantile within its bracket."""
ROUNDING = 1e-11
"""The step at which the search ends, as a share of the mixture's reach."""
MOST_NUMBERS = 1 << 22
"""The most numbers in an array; rows are processed in blocks."""


class NormalMixture(Distribution):
    """Mixtures of c normal distributions per row; components of weight 0 may pad a row.

    `log_weights` need not be normalised.
    """

    def __init__(
        self,
        log_weights: Float[np.ndarray, "*rows c"],
        means: Float[np.ndarray, "*rows c"],
        variances: Float[np.ndarray, "*rows c"],
    ):
        self.log_weights = log_weights - logsumexp(log_weights, axis=-1, keepdims=True)
        self.means, self.variances = means, variances

    @property
    def mean(self) -> Float[np.ndarray, "*rows"]:
        return (np.exp(self.log_weights) * self.means).sum(-1)

    @property
    def variance(self) -> Float[np.ndarray, "*rows"]:
        spread = self.variances + np.square(self.means - self.mean[..., None])
        return (np.exp(self.log_weights) * spread).sum(-1)

    def log_density(self, y: Float[np.ndarray, "*rows r"]) -> Float[np.ndarray, "*rows r"]:
        outputs = y.reshape(-1, y.shape[-1])
        found = np.empty_like(outputs)
        for rows, (log_weights, means, variances) in self._blocks(y.shape[-1]):
            each = np.square(outputs[rows][:, :, None] - means[:, None])
            each *= -0.5 / variances[:, None]
            each += (log_weights - 0.5 * (np.log(variances) + LOG_TWO_PI))[:, None]
            highest = each.max(-1, keepdims=True)
            found[rows] = highest[..., 0] + np.log(np.exp(each - highest).sum(-1))
        return found.reshape(y.shape)

    def quantiles(self, levels: Float[np.ndarray, "*rows r"]) -> Float[np.ndarray, "*rows r"]:
        wanted = levels.reshape(-1, levels.shape[-1])
        found = np.empty_like(wanted)
        for rows, (log_weights, means, variances) in self._blocks(PLACES):
            weights, deviations = np.exp(log_weights), np.sqrt(variances)
            is_there = weights > 0
            least = np.where(is_there, means - FARTHEST * deviations, np.inf).min(1)
            most = np.where(is_there, means + FARTHEST * deviations, -np.inf).max(1)
            places = least[:, None] + (most - least)[:, None] * np.linspace(0, 1, PLACES)[None]
            at = (_below(places, weights, means, deviations)[0][:, None] < wanted[rows][:, :, None]).sum(-1)
            low = np.take_along_axis(places, np.clip(at - 1, 0, PLACES - 2), axis=1)
            high = np.take_along_axis(places, np.clip(at, 1, PLACES - 1), axis=1)
            row = np.repeat(np.arange(len(low)), low.shape[1])
            brackets = wanted[rows].ravel(), low.ravel(), high.ravel(), ROUNDING * (most - least)[row]
            found[rows] = _searched(*brackets, row, weights, means, deviations).reshape(low.shape)
        return found.reshape(levels.shape)

    def _blocks(self, times: int) -> Iterator[tuple[slice, list[np.ndarray]]]:
        """Yields slices of the flattened rows with their components, so that `times` copies fit the memory."""
        count = self.means.shape[-1]
        every = np.broadcast_arrays(self.log_weights, self.means, self.variances)
        flat = [each.reshape(-1, count) for each in every]
        size = max(1, MOST_NUMBERS // (times * count))
        for start in range(0, len(flat[0]), size):
            rows = slice(start, start + size)
            yield rows, [each[rows] for each in flat]


def _searched(
    wanted: Float[np.ndarray, " n"],
    low: Float[np.ndarray, " n"],
    high: Float[np.ndarray, " n"],
    tolerance: Float[np.ndarray, " n"],
    row: Int[np.ndarray, " n"],
    weights: Float[np.ndarray, "rows c"],
    means: Float[np.ndarray, "rows c"],
    deviations: Float[np.ndarray, "rows c"],
) -> Float[np.ndarray, " n"]:
    """Returns the quantiles of mixtures `row` at the levels `wanted`, within brackets, by Newton's method."""
    found = (low + high) / 2
    left = np.arange(len(wanted))
    for _ in range(STEPS):
        at, of_row = found[left], row[left]
        value, slope = _below(at[:, None], weights[of_row], means[of_row], deviations[of_row])
        missing = wanted[left] - value[:, 0]
        low[left], high[left] = np.where(missing > 0, at, low[left]), np.where(missing > 0, high[left], at)
        after = at + missing / np.maximum(slope[:, 0], 1e-300)
        # Half of the bracket where Newton's step leaves it.
        after = np.where((after > low[left]) & (after < high[left]), after, (low[left] + high[left]) / 2)
        found[left] = after
        left = left[np.abs(after - at) > tolerance[left]]
        if not len(left):
            break
    return found


def _below(
    y: Float[np.ndarray, "rows r"],
    weights: Float[np.ndarray, "rows c"],
    means: Float[np.ndarray, "rows c"],
    deviations: Float[np.ndarray, "rows c"],
) -> tuple[Float[np.ndarray, "rows r"], Float[np.ndarray, "rows r"]]:
    """Returns the probabilities of outputs below y, and the densities at y."""
    scores = (y[:, :, None] - means[:, None]) / deviations[:, None]
    density = np.einsum("nrc,nc->nr", np.exp(-0.5 * np.square(scores)), weights / deviations)
    return np.einsum("nrc,nc->nr", ndtr(scores), weights), density * np.exp(-LOG_TWO_PI / 2)
