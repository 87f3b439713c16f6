"""Which known algorithm a predictor is nearest to, and the best convex blend of them (M11); no jax.

Distances are mean (p − q)² over the target's variance, on the same prompts. They come from the table's columns
``product: NAME``, the mean over a task's queries of p·q, which an evaluation with other predictors contains. For tokens
they are KL(q ‖ p) in nats per token, the columns ``divergence: NAME``, and there is no blend.
"""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.optimize import nnls

from offprior.analysis.cells import CELL, Cell, cells
from offprior.analysis.estimate import Estimate

PRODUCT = "product: "
DIVERGENCE = "divergence: "
SUM_TO_ONE = 1e4
"""Weight of the sum-to-one constraint on a blend's weights, relative to the largest product."""
SMALLEST_WEIGHT = 0.01
"""The smallest weight at which a predictor of a blend is named."""


def identification(rows: pd.DataFrame, predictor: str = "model") -> pd.DataFrame:
    """Returns one row per cell in which `predictor` was evaluated with others, except fits and blends on the truth.

    Columns: `nearest` and its `distance`; `certainty`, the share of a bootstrap's resampled tasks in which it stays the
    nearest; `second` and its distance; `blend`, the weights of the best convex blend, and `blend_distance`; and
    ``distance: NAME`` of each. Distances are means over training seeds.
    """
    found = []
    for key, cell in cells(rows, predictor).items():
        names = [name for name in algorithms(cell) if name != predictor]
        if len(names) >= 2:
            found.append({**dict(zip(CELL, key, strict=True)), **_of_cell(cell, names)})
    return pd.DataFrame(found)


def best_convex(gram: Float[np.ndarray, "k k"], moment: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """Minimises wᵀGw − 2wᵀm over w ≥ 0 with sum 1, by non-negative least squares (Lawson and Hanson)."""
    values, vectors = np.linalg.eigh(gram)
    values = np.maximum(values, 1e-12 * max(values.max(), 1e-300))
    root = (vectors * np.sqrt(values)).T
    target = (vectors / np.sqrt(values)).T @ moment
    heavy = SUM_TO_ONE * np.sqrt(values.max())
    weights, _ = nnls(np.vstack([root, np.full((1, len(moment)), heavy)]), np.append(target, heavy))
    return weights / weights.sum()


def distance(cell: Cell, name: str) -> Estimate | None:
    """Returns the judged predictor's distance from another, per training seed; None if their product is unknown."""
    if not cell.has(name):
        return None
    if cell.knows(DIVERGENCE + name):
        return cell.over_variance(cell.column(cell.predictor, DIVERGENCE + name))
    if not cell.knows(PRODUCT + name):
        return None
    own, square = cell.column(cell.predictor, "prediction_square"), cell.column(name, "prediction_square")
    of_tasks = own - 2 * cell.column(cell.predictor, PRODUCT + name) + cell.every_seed(square)
    if not np.isfinite(of_tasks).all():
        return None
    return cell.over_variance(of_tasks)


def algorithms(cell: Cell) -> list[str]:
    """Returns the predictors from which the judged one's distances are known."""
    return [
        name.removeprefix(prefix)
        for prefix in (PRODUCT, DIVERGENCE)
        for name in cell.names
        if name.startswith(prefix)
        and cell.has(name.removeprefix(prefix))
        and np.isfinite(cell.column(cell.predictor, name)).all()
    ]


def _of_cell(cell: Cell, names: list[str]) -> dict[str, Any]:
    is_divergence = cell.knows(DIVERGENCE + names[0])
    if is_divergence:
        of_tasks = np.stack([cell.column(cell.predictor, DIVERGENCE + name).mean(0) for name in names])
    else:
        own = _square(cell)
        of_tasks = np.stack(
            [own - 2 * _product(cell, cell.predictor, name) + _product(cell, name, name) for name in names]
        )
    distances = of_tasks.mean(1) / cell.variance
    order = np.argsort(distances)
    resampled = np.argmin(cell.weights @ of_tasks.T, axis=1)
    blend, blend_distance = ("", np.nan) if is_divergence else _blend(cell, names)
    return {
        "nearest": names[order[0]],
        "distance": float(distances[order[0]]),
        "certainty": float((resampled == order[0]).mean()),
        "second": names[order[1]],
        "second_distance": float(distances[order[1]]),
        "blend": blend,
        "blend_distance": blend_distance,
        **{f"distance: {name}": float(distance) for name, distance in zip(names, distances, strict=True)},
    }


def _blend(cell: Cell, names: list[str]) -> tuple[str, float]:
    """Returns the best convex blend in words, and its distance."""
    own = _square(cell)
    gram = np.asarray([[_product(cell, of, name).mean() for name in names] for of in names])
    moment = np.asarray([_product(cell, cell.predictor, name).mean() for name in names])
    weights = best_convex((gram + gram.T) / 2, moment)
    apart = own.mean() - 2 * weights @ moment + weights @ gram @ weights
    parts = [(names[place], weights[place]) for place in np.argsort(-weights) if weights[place] >= SMALLEST_WEIGHT]
    words = " + ".join(f"{weight:.2f} {name}" for name, weight in parts)
    return words, float(max(apart, 0.0) / cell.variance)


def _square(cell: Cell) -> Float[np.ndarray, " tasks"]:
    return cell.column(cell.predictor, "prediction_square").mean(0)


def _product(cell: Cell, of: str, name: str) -> Float[np.ndarray, " tasks"]:
    """Returns the mean over training seeds."""
    return cell.column(of, PRODUCT + name).mean(0)
