"""How well the families explain a prediction (M6–M9): single classes, their blends, their parameters; no jax."""

import numpy as np

from offprior.analysis.cells import Cell
from offprior.analysis.estimate import Estimate
from offprior.analysis.implied import SMALLEST_SHARE
from offprior.columns import BLEND

FIT_LEAST = 1e-6
"""Below this NMSE the best fit inside a class equals the truth up to rounding, and M6 is undefined."""
TRUE_LEAST = 1e-8
"""Below this share of the target's variance a true slope's or amplitude's square is rounding, and M9 is undefined."""


def nearest_class_ratio(cell: Cell, model: Estimate) -> Estimate | None:
    """Computes M6: NMSE over the least NMSE of the best fits inside single classes."""
    fits = [cell.nmse(name) for name in cell.fits]
    least = min(fits, key=lambda fit: fit.value, default=None)
    return model.over(least) if least is not None and least.value > FIT_LEAST else None


def best_blend_ratio(cell: Cell, model: Estimate) -> Estimate | None:
    """Computes M7: NMSE over the NMSE of the best blend of two class posterior means, fitted to each task's truth."""
    if not cell.has(BLEND):
        return None
    blend = cell.nmse(BLEND)
    return model.over(blend) if blend.value > FIT_LEAST else None


def implied_weight(cell: Cell) -> tuple[Estimate | None, Estimate | None]:
    """Computes M8: least squares of p on the class posterior means, pooled over the cell's tasks and queries.

    Returns the first class's weight, and the share of p that the classes leave, with a bootstrap over tasks.
    """
    classes, seeds = cell.classes, len(cell.seeds)
    if classes < 2:
        return None, None
    pairs = [(i, j) for i in range(classes) for j in range(i, classes)]
    # The Gram matrices depend only on the classes, hence are the same for every seed.
    grams = [cell.column(cell.predictor, f"gram {i} {j}")[:1] for i, j in pairs]
    moments = [cell.column(cell.predictor, f"moment {i}") for i in range(classes)]
    every = np.concatenate([*grams, *moments, cell.column(cell.predictor, "prediction_square")])
    # Means over tasks, [1 + resamples, …]: the cell's own first, then the bootstrap's.
    means = np.concatenate([every.mean(1)[None], cell.weights @ every.T])
    gram = np.empty((len(means), classes, classes))
    for place, (i, j) in enumerate(pairs):
        gram[:, i, j] = gram[:, j, i] = means[:, place]
    moment = means[:, len(pairs) : -seeds].reshape(len(means), classes, seeds)
    weights = np.linalg.pinv(gram, rcond=SMALLEST_SHARE, hermitian=True) @ moment
    with np.errstate(divide="ignore", invalid="ignore"):
        residual = 1 - (weights * moment).sum(1) / means[:, -seeds:]
    first = weights[:, 0]
    return Estimate(first[0], first[1:].mean(1)), Estimate(residual[0], residual[1:].mean(1))


def recovered(cell: Cell, name: str) -> Estimate | None:
    """Computes M9: a slope or amplitude over the true one, by least squares through the origin over tasks with one."""
    true = cell.column(cell.predictor, f"true_{name}")[:1]
    values = cell.column(cell.predictor, name)
    known = np.isfinite(true[0])
    # A line has no known frequency, and the projection's slope of a pure sinusoid is rounding.
    if not known.any() or np.square(true[0, known]).mean() <= TRUE_LEAST * cell.variance:
        return None
    true, values = np.where(known[None], true, 0.0), np.where(known[None], values, 0.0)
    return cell.mean(values * true).over(cell.mean(np.square(true)))
