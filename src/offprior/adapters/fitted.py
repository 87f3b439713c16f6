"""A regressor of scikit-learn as a function of one prompt, which can be sent to other processes."""

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np


class Fitted:
    """Fits a copy of a regressor to a prompt's context, and predicts at its queries.

    A regressor of one quantile is fitted once for each level. The quantiles of a query are sorted, because those of
    separate fits may cross (Chernozhukov, Fernández-Val and Galichon 2010).
    """

    def __init__(self, regressor: Any, levels: Sequence[float]):
        self.regressor, self.levels = regressor, tuple(levels)
        self.level_setting = _level_setting(regressor)
        self.has_deviation = "return_std" in inspect.signature(regressor.predict).parameters

    def __call__(self, x: np.ndarray, y: np.ndarray, queries: np.ndarray) -> Any:
        """Returns means [m], or a mapping with `mean` and `variance` or with `quantiles` if the regressor has them."""
        from sklearn.base import clone

        if self.level_setting:
            of_levels = [clone(self.regressor).set_params(**{self.level_setting: level}) for level in self.levels]
            return {"quantiles": np.sort(np.stack([each.fit(x, y).predict(queries) for each in of_levels], 1), 1)}
        regressor: Any = clone(self.regressor).fit(x, y)
        if not self.has_deviation:
            return regressor.predict(queries)
        mean, deviation = regressor.predict(queries, return_std=True)
        return {"mean": mean, "variance": np.square(deviation)}


def _level_setting(regressor: Any) -> str:
    """The setting that holds the level of a regressor of one quantile; empty if it predicts something else."""
    settings = regressor.get_params(deep=False) if hasattr(regressor, "get_params") else {}
    if settings.get("loss", "quantile") != "quantile":
        return ""
    if "quantile" in settings:
        return "quantile"
    return "alpha" if "loss" in settings and "alpha" in settings else ""
