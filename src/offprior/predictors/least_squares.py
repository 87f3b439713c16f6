"""Least squares: what a statistician would try who believes in lines."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from offprior.precision import as_double
from offprior.predictors.predictor import BatchPrediction, Predictor


class LeastSquares(Predictor):
    """Ordinary least squares on the inputs, the shortest solution where many fit.

    With fewer pairs than coefficients, or as many, there is nothing to estimate the noise from: the variance is
    not-a-number.
    """

    def __init__(self, intercept: bool = False, label: str = "least squares"):
        self.intercept = intercept
        self.label = label

    def predict_batch(
        self,
        x: Float[Any, "B n d"],
        y: Float[Any, "B n"],
        queries: Float[Any, "B m d"],
        lengths: Sequence[int],
    ) -> BatchPrediction:
        """Means and variances [B, L, m] of the noise-free value."""
        x, y, queries = as_double(x), as_double(y), as_double(queries)
        if self.intercept:
            x, queries = (np.concatenate([array, np.ones((*array.shape[:2], 1))], axis=2) for array in (x, queries))
        answers = [_fit(x[:, :length], y[:, :length], queries) for length in lengths]
        return BatchPrediction(*(np.stack(parts, axis=1) for parts in zip(*answers, strict=True)))


def _fit(
    x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
    inverse = np.linalg.pinv(x)
    coefficients = (inverse @ y[..., None])[..., 0]
    mean = np.einsum("bmd,bd->bm", queries, coefficients)
    spare = x.shape[1] - x.shape[2]
    if spare <= 0:
        return mean, np.full_like(mean, np.nan)
    residual = y - np.einsum("bkd,bd->bk", x, coefficients)
    noise = (residual**2).sum(1) / spare
    spread = queries @ inverse
    return mean, noise[:, None] * (spread**2).sum(2)
