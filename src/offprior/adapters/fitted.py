"""A regressor of scikit-learn as a function of one prompt, which can be sent to other processes."""

import inspect
from typing import Any

import numpy as np


class Fitted:
    """Fits a copy of a regressor to a prompt's context, and predicts at its queries."""

    def __init__(self, regressor: Any):
        self.regressor = regressor
        self.has_deviation = "return_std" in inspect.signature(regressor.predict).parameters

    def __call__(self, x: np.ndarray, y: np.ndarray, queries: np.ndarray) -> Any:
        """Returns means [m], or a mapping with `mean` and `variance` if the regressor knows its deviation."""
        from sklearn.base import clone

        regressor: Any = clone(self.regressor).fit(x, y)
        if not self.has_deviation:
            return regressor.predict(queries)
        mean, deviation = regressor.predict(queries, return_std=True)
        return {"mean": mean, "variance": np.square(deviation)}
