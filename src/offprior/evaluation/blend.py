"""The best convex blend of the classes' predictions, the limit of knowing the parts but not their weights (M7)."""

import numpy as np
from jaxtyping import Float

from offprior.predictors.class_blend import best_pair


def best_blend(
    class_means: Float[np.ndarray, "b lengths classes m"], truth: Float[np.ndarray, "b m"]
) -> Float[np.ndarray, "b lengths m"]:
    """Returns w·p₁ + (1 − w)·p₂ of two classes' posterior means, with w in [0, 1] fitted to each task's own truth.

    w is a least-squares fit. Of several pairs of classes, the nearest one is taken. This is an oracle: it shows the
    limit of all blends.
    """
    target = np.broadcast_to(truth[:, None], class_means[:, :, 0].shape)
    return np.einsum("blf,blfm->blm", best_pair(class_means, target), class_means)
