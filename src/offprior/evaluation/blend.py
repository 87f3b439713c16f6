"""Convex blends of predictions: what a predictor could be that knows the parts and lacks their weights (M7)."""

import numpy as np
from jaxtyping import Float

from offprior.predictors.class_blend import best_pair


def best_blend(
    class_means: Float[np.ndarray, "b lengths classes m"], truth: Float[np.ndarray, "b m"]
) -> Float[np.ndarray, "b lengths m"]:
    """w·p₁ + (1 − w)·p₂ of two classes' posterior means, w in [0, 1] the least squares of each task's own truth.

    Of several pairs of classes the one that comes nearest. An oracle: it shows what the blends' own limit is.
    """
    target = np.broadcast_to(truth[:, None], class_means[:, :, 0].shape)
    return np.einsum("blf,blfm->blm", best_pair(class_means, target), class_means)
