"""The mean of the context."""

import numpy as np
from jaxtyping import Float

from offprior.parameter import parameter
from offprior.predictors.predictor import LABEL, Algorithm


class Mean(Algorithm):
    """The mean of the context's y, wherever the query lies (the simplest reference; no source).

    The variance is that of a mean, s²/k; with one pair it is not-a-number.
    """

    label: str = parameter("mean", LABEL)

    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        k = y.shape[1]
        variance = y.var(1, ddof=1) / k if k > 1 else np.full(len(y), np.nan)
        mean, spread = (
            np.repeat(of_prompts[:, None], queries.shape[1], axis=1) for of_prompts in (y.mean(1), variance)
        )
        return mean, spread
