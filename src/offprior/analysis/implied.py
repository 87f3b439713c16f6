"""The components of a prediction: its weights on the classes' posterior means (M8), its slope and amplitude (M9)."""

import numpy as np
from jaxtyping import Float

SMALLEST_SHARE = 1e-9
"""Directions of the class means' Gram matrix below this share of the largest are dropped: there the classes agree."""


def implied_columns(
    mean: Float[np.ndarray, "b m"], class_means: Float[np.ndarray, "b classes m"]
) -> dict[str, Float[np.ndarray, " b"]]:
    """Computes M8 per task, and the sums from which metrics pool it over tasks.

    `implied_weight` is the first class's weight in a least-squares fit of the prediction by the class posterior means
    over the queries; `implied_residual` is the share of the prediction's mean square that the fit leaves.
    """
    classes, m = class_means.shape[1:]
    names = [
        *(f"gram {i} {j}" for i in range(classes) for j in range(i, classes)),
        *(f"moment {i}" for i in range(classes)),
    ]
    if not np.isfinite(class_means).all():
        nothing = np.full(len(mean), np.nan)
        unknown = dict.fromkeys(("implied_weight", "implied_residual", *names), nothing)
        return {**unknown, "prediction_square": np.square(mean).mean(1)}
    gram = np.einsum("bim,bjm->bij", class_means, class_means) / m
    moment = np.einsum("bim,bm->bi", class_means, mean) / m
    square = np.square(mean).mean(1)
    weights = np.einsum("bij,bj->bi", np.linalg.pinv(gram, rcond=SMALLEST_SHARE, hermitian=True), moment)
    with np.errstate(divide="ignore", invalid="ignore"):
        residual = 1 - np.einsum("bi,bi->b", weights, moment) / square
    return {
        "implied_weight": weights[:, 0],
        "implied_residual": residual,
        **{f"gram {i} {j}": gram[:, i, j] for i in range(classes) for j in range(i, classes)},
        **{f"moment {i}": moment[:, i] for i in range(classes)},
        "prediction_square": square,
    }


def projection_columns(
    mean: Float[np.ndarray, "b m"],
    truth: Float[np.ndarray, "b m"],
    queries: Float[np.ndarray, "b m d"],
    frequency: Float[np.ndarray, " b"],
) -> dict[str, Float[np.ndarray, " b"]]:
    """Computes M9: slope and amplitude of prediction and truth, projected on {1, x, sin ωx, cos ωx} over the queries.

    Not-a-number if inputs have several dimensions, or the function has no frequency.
    """
    names = ("slope", "amplitude")
    known = np.isfinite(frequency) & (frequency != 0)
    if queries.shape[2] != 1 or not known.any():
        nothing = np.full(len(mean), np.nan)
        return {name: nothing for prefix in ("", "true_") for name in (prefix + names[0], prefix + names[1])}
    x = queries[:, :, 0]
    angle = np.where(known, frequency, 1.0)[:, None] * x
    basis = np.stack([np.ones_like(x), x, np.sin(angle), np.cos(angle)], axis=-1)
    inverse = np.linalg.pinv(basis)
    found = {}
    for prefix, values in (("", mean), ("true_", truth)):
        coefficients = np.einsum("bcm,bm->bc", inverse, values)
        found[f"{prefix}slope"] = np.where(known, coefficients[:, 1], np.nan)
        found[f"{prefix}amplitude"] = np.where(known, np.hypot(coefficients[:, 2], coefficients[:, 3]), np.nan)
    return found
