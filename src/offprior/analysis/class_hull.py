"""How far a prediction is from one class's posterior mean, and from every convex blend of them; no jax.

Whatever the weights of a mixture of the classes, its Bayes predictor answers Σ P(j | context) p_j, with the classes'
posterior means p_j: a convex blend. Both distances are therefore taken to what is nearest to the *prediction*, task by
task: no weight is assumed.
"""

import itertools

import numpy as np
from jaxtyping import Float

from offprior.analysis.cells import Cell
from offprior.analysis.estimate import Estimate
from offprior.analysis.implied import SMALLEST_SHARE

MOST_CLASSES = 8
"""Up to so many classes all their blends are searched; of more classes only those of two."""
FEASIBLE = 1e-9
"""How far below 0 rounding may take a weight."""


def class_distances(cell: Cell) -> tuple[Estimate, Estimate] | None:
    """Returns the distances from the nearest class and from the nearest blend, over the variance of the truth.

    Both are mean (p − q)² / variance, q the class posterior mean, or the convex blend of them, that is nearest to p in
    the task. None if the table has no class posterior means.
    """
    of_tasks = squared_distances(cell)
    if of_tasks is None:
        return None
    return cell.over_variance(of_tasks.min(-1)), cell.over_variance(_from_blends(cell, of_tasks))


def squared_distances(cell: Cell) -> Float[np.ndarray, "seeds tasks classes"] | None:
    """Returns the mean over the queries of (p − p_j)² for each class's posterior mean p_j; None if they are unknown."""
    if not cell.classes:
        return None
    gram, moment, square = _sums(cell)
    found = square[..., None] - 2 * moment + np.diagonal(gram, axis1=-2, axis2=-1)
    return np.maximum(found, 0.0) if np.isfinite(found).all() else None


def nearest_blend(
    gram: Float[np.ndarray, "*rows j j"], moment: Float[np.ndarray, "*rows j"], square: Float[np.ndarray, "*rows"]
) -> Float[np.ndarray, "*rows"]:
    """Returns the least mean (p − Σ w_j p_j)² over w ≥ 0 with Σ w = 1.

    The least over a set of classes whose weights are all above 0 solves linear equations; every set is tried.

    Args:
        gram: means of p_i·p_j.
        moment: means of p·p_j.
        square: means of p².
    """
    classes = moment.shape[-1]
    least = (square[..., None] - 2 * moment + np.diagonal(gram, axis1=-2, axis2=-1)).min(-1)
    for size in range(2, (classes if classes <= MOST_CLASSES else 2) + 1):
        for first, *others in itertools.combinations(range(classes), size):
            at = np.asarray(others)
            # Differences from the first class, whose weight is what the others leave.
            cross = gram[..., at, first]
            apart = gram[..., at[:, None], at] - cross[..., :, None] - cross[..., None, :]
            apart = apart + gram[..., first, first][..., None, None]
            to_blend = moment[..., at] - moment[..., first, None] - cross + gram[..., first, first, None]
            inverse = np.linalg.pinv(apart, rcond=SMALLEST_SHARE, hermitian=True)
            weights = np.einsum("...ij,...j->...i", inverse, to_blend)
            begun = square - 2 * moment[..., first] + gram[..., first, first]
            found = begun - (weights * to_blend).sum(-1)
            is_convex = (weights >= -FEASIBLE).all(-1) & (weights.sum(-1) <= 1 + FEASIBLE)
            least = np.where(is_convex, np.minimum(found, least), least)
    return np.maximum(least, 0.0)


def _from_blends(cell: Cell, of_classes: Float[np.ndarray, "seeds tasks classes"]) -> Float[np.ndarray, "seeds tasks"]:
    return np.minimum(nearest_blend(*_sums(cell)), of_classes.min(-1))


def _sums(cell: Cell) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the sums over queries of one cell: gram [seeds, tasks, j, j], moment [seeds, tasks, j], square."""
    classes, predictor = cell.classes, cell.predictor
    gram = np.empty((*cell.shapes[predictor], classes, classes))
    for i, j in itertools.combinations_with_replacement(range(classes), 2):
        gram[..., i, j] = gram[..., j, i] = cell.column(predictor, f"gram {i} {j}")
    moment = np.stack([cell.column(predictor, f"moment {i}") for i in range(classes)], axis=-1)
    return gram, moment, cell.column(predictor, "prediction_square")
