"""Nearest prototypes: the mean input of each label."""

import numpy as np
from jaxtyping import Float

from offprior.parameter import parameter
from offprior.predictors.predictor import LABEL, Algorithm, without_variance


class NearestPrototype(Algorithm):
    """The label of the nearest prototype, for y with two labels −1 and 1 (Snell et al. 2017, arXiv 1703.05175).

    A prototype is the mean input of the context points whose y is above 0, or below. With one label in the context,
    the answer is that label.
    """

    label: str = parameter("nearest prototype", LABEL)

    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        distances = []
        for sign in (-1.0, 1.0):
            has = (np.sign(y) == sign).astype(float)
            count = has.sum(1)
            prototype = (has[..., None] * x).sum(1) / np.maximum(count, 1)[:, None]
            squared = np.square(queries - prototype[:, None]).sum(-1)
            distances.append(np.where(count[:, None] > 0, squared, np.inf))
        return without_variance(np.where(distances[1] < distances[0], 1.0, -1.0))
