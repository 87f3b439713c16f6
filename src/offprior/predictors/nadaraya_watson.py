"""Kernel regression."""

import numpy as np
from jaxtyping import Float

from offprior.parameter import parameter
from offprior.predictors.predictor import LABEL, Algorithm, first_of_the_best, without_variance

BANDWIDTHS = np.logspace(1, -2.5, 29)
"""Candidate bandwidths, in units of the root mean square distance of the context's inputs; the widest first.

Of equally good bandwidths the widest is taken.
"""


class NadarayaWatson(Algorithm):
    """The context's y averaged with a Gaussian kernel of the distance to the query (Nadaraya 1964, Watson 1964).

    The bandwidth is either one number for all contexts, or the one with the least squared error on the context, leaving
    out each pair in turn.
    """

    bandwidth: float | None = parameter(
        None, "standard deviation of the kernel; null chooses it by leaving one out", above=0
    )
    label: str = parameter("Nadaraya-Watson", LABEL)

    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        square = squared_distances(queries, x)
        bandwidth = self._bandwidth(x, y) if self.bandwidth is None else np.full(len(y), float(self.bandwidth))
        return without_variance(_smoothed(square, y, bandwidth))

    def _bandwidth(self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"]) -> Float[np.ndarray, " B"]:
        if y.shape[1] < 2:  # there is only one y, whatever the bandwidth
            return np.ones(len(y))
        square = squared_distances(x, x)
        bandwidths = BANDWIDTHS[:, None] * typical_distance(x)[None]
        others = square + np.where(np.eye(y.shape[1], dtype=bool), np.inf, 0.0)[None]
        errors = [((_smoothed(others, y, bandwidth) - y) ** 2).mean(1) for bandwidth in bandwidths]
        return bandwidths[first_of_the_best(np.stack(errors, axis=1)), np.arange(len(y))]


def squared_distances(
    first: Float[np.ndarray, "B m d"], second: Float[np.ndarray, "B k d"]
) -> Float[np.ndarray, "B m k"]:
    """Returns squared Euclidean distances."""
    return ((first[:, :, None] - second[:, None]) ** 2).sum(-1)


def typical_distance(x: Float[np.ndarray, "B k d"]) -> Float[np.ndarray, " B"]:
    """Returns the root mean square distance of two inputs of a context; 1 if all inputs are the same."""
    square = 2 * x.var(1).sum(-1)
    return np.sqrt(np.where(square > 0, square, 1.0))


def _smoothed(
    square: Float[np.ndarray, "B m k"], y: Float[np.ndarray, "B k"], bandwidth: Float[np.ndarray, " B"]
) -> Float[np.ndarray, "B m"]:
    exponent = -square / (2 * bandwidth[:, None, None] ** 2)
    # The nearest point has weight 1, so that the sum of weights is never 0, however far the query lies.
    weight = np.exp(exponent - exponent.max(-1, keepdims=True))
    return (weight * y[:, None]).sum(-1) / weight.sum(-1)
