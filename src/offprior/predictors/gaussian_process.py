"""Gaussian process regression with fitted hyperparameters."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from offprior.parameter import parameter
from offprior.predictors.nadaraya_watson import squared_distances, typical_distance
from offprior.predictors.predictor import LABEL, TIE, Algorithm, first_of_the_best

SCALES = np.logspace(0.6, -1.7, 14)
"""Length scales, times the root mean square distance of the context's inputs; the longest first."""
NOISES = np.logspace(-6, 0.5, 14)
"""Variances of the noise, over that of the function."""
TINY = 1e-200
"""Least square of an amplitude: that of a context which is 0."""


class Fit(NamedTuple):
    """Hyperparameters of every prompt."""

    length_scale: Float[np.ndarray, " B"]
    amplitude: Float[np.ndarray, " B"]
    """Standard deviation of the function."""
    noise: Float[np.ndarray, " B"]
    """Standard deviation."""
    log_likelihood: Float[np.ndarray, " B"]
    """Log-density of y, in nats."""


class GaussianProcess(Algorithm):
    """Gaussian process regression, its RBF kernel fitted to each context (Rasmussen and Williams 2006, section 5.4).

    The marginal likelihood is exact, and largest over a grid of 14 length scales, from a fiftieth of the inputs' root
    mean square distance to four times it, and 14 shares of noise, from 10⁻⁶ of the function's variance to three times
    it; the amplitude that is best for each has a closed form. Of fits that are as good the longest length scale is
    taken. The variance is that of the fitted process.
    """

    label: str = parameter("Gaussian process", LABEL)

    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        fit = self.fit(x, y)
        square = 2 * fit.length_scale[:, None, None] ** 2
        across = np.exp(-squared_distances(queries, x) / square)
        share = (fit.noise / fit.amplitude) ** 2
        matrix = np.exp(-squared_distances(x, x) / square) + share[:, None, None] * np.eye(y.shape[1])
        solved = np.linalg.solve(matrix, np.concatenate([y[..., None], across.swapaxes(1, 2)], axis=2))
        mean = np.einsum("bmk,bk->bm", across, solved[..., 0])
        taken = np.einsum("bmk,bkm->bm", across, solved[..., 1:])
        return mean, fit.amplitude[:, None] ** 2 * np.maximum(1 - taken, 0.0)

    def fit(self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"]) -> Fit:
        """The hyperparameters of largest marginal likelihood on the grid."""
        pairs = y.shape[1]
        square, typical = squared_distances(x, x), typical_distance(x)
        best: Fit | None = None
        for scale in SCALES:
            length_scale = scale * typical
            values, vectors = np.linalg.eigh(np.exp(-square / (2 * length_scale[:, None, None] ** 2)))
            along = np.einsum("bki,bk->bi", vectors, y) ** 2
            spectrum = np.maximum(values, 0.0)[:, None] + NOISES[None, :, None]
            # The amplitude that is best for a kernel R with noise: its square is yᵀR⁻¹y/k.
            amplitude = np.maximum((along[:, None] / spectrum).mean(-1), TINY)
            likelihood = -(pairs * (np.log(2 * np.pi * amplitude) + 1) + np.log(spectrum).sum(-1)) / 2
            place = first_of_the_best(-likelihood)[:, None]
            found, chosen = (np.take_along_axis(table, place, axis=1)[:, 0] for table in (likelihood, amplitude))
            fit = Fit(length_scale, np.sqrt(chosen), np.sqrt(chosen * NOISES[place[:, 0]]), found)
            if best is None:
                best = fit
                continue
            better = found > best.log_likelihood + TIE * np.abs(best.log_likelihood)
            best = Fit(*(np.where(better, new, old) for new, old in zip(fit, best, strict=True)))
        assert best is not None
        return best
