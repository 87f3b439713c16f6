"""Averaging: the simplest estimate of a linear function's weights."""

import numpy as np
from jaxtyping import Float

from offprior.parameter import parameter
from offprior.predictors.predictor import LABEL, Algorithm, without_variance


class Averaging(Algorithm):
    """The linear function whose weights are the mean of y·x (arXiv 2208.01066, section 3).

    It is consistent if the inputs are uncorrelated with variance 1, the case for which it was proposed.
    """

    label: str = parameter("averaging", LABEL)

    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        weights = np.einsum("bk,bkd->bd", y, x) / y.shape[1]
        return without_variance(np.einsum("bmd,bd->bm", queries, weights))
