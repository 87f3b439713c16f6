"""Nearest neighbours."""

import numpy as np
from jaxtyping import Float

from offprior.parameter import parameter
from offprior.predictors.nadaraya_watson import squared_distances
from offprior.predictors.predictor import LABEL, Algorithm, without_variance


class NearestNeighbours(Algorithm):
    """The mean y of the nearest context points (arXiv 2208.01066, section 3, with three of them).

    Distances are Euclidean. A context of fewer points is averaged as a whole.
    """

    count: int = parameter(3, "number of neighbours", minimum=1)
    label: str = parameter("nearest neighbours", LABEL)

    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        nearest = np.argsort(squared_distances(queries, x), axis=-1, kind="stable")[..., : self.count]
        return without_variance(np.take_along_axis(y[:, None], nearest, axis=-1).mean(-1))
