"""Convex blends of predictions: what a predictor could be that knows the parts and lacks their weights (M7)."""

import itertools

import numpy as np
from jaxtyping import Float


def best_blend(
    class_means: Float[np.ndarray, "b lengths classes m"], truth: Float[np.ndarray, "b m"]
) -> Float[np.ndarray, "b lengths m"]:
    """w·p₁ + (1 − w)·p₂ of two classes' posterior means, w in [0, 1] the least squares of each task's own truth.

    Of several pairs of classes the one that comes nearest. An oracle: it shows what the blends' own limit is.
    """
    target = np.broadcast_to(truth[:, None], class_means[:, :, 0].shape)
    best = least = None
    for i, j in itertools.combinations(range(class_means.shape[2]), 2):
        first, second = class_means[:, :, i], class_means[:, :, j]
        weight = blend_weight(first, second, target)
        blend = weight[..., None] * first + (1 - weight[..., None]) * second
        error = np.square(blend - target).mean(-1)
        if best is None or least is None:
            best, least = blend, error
        else:
            nearer = error < least
            best, least = np.where(nearer[..., None], blend, best), np.where(nearer, error, least)
    if best is None:
        raise ValueError("a blend needs two classes at least")
    return best


def blend_weight(
    first: Float[np.ndarray, "*rows m"], second: Float[np.ndarray, "*rows m"], target: Float[np.ndarray, "*rows m"]
) -> Float[np.ndarray, "*rows"]:
    """The w in [0, 1] for which w·first + (1 − w)·second is nearest to the target; ½ where both are the same."""
    apart = first - second
    square = np.square(apart).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = (apart * (target - second)).sum(-1) / square
    return np.where(square > 0, np.clip(weight, 0.0, 1.0), 0.5)
