"""Least squares: what a statistician would try who believes in lines."""

import numpy as np
from jaxtyping import Float

from offprior.parameter import parameter
from offprior.predictors.predictor import LABEL, Algorithm


class LeastSquares(Algorithm):
    """Ordinary least squares on the inputs, the shortest solution if many fit (arXiv 2208.01066, section 3).

    The noise can only be estimated from more pairs than coefficients; with fewer, the variance is not-a-number.
    """

    intercept: bool = parameter(False, "whether there is a constant term")
    label: str = parameter("least squares", LABEL)

    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        if self.intercept:
            x, queries = (np.concatenate([array, np.ones((*array.shape[:2], 1))], axis=2) for array in (x, queries))
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
