"""A predictor's loss from choosing among families, and its loss inside them; no jax.

B is Σ P_j p_j, with the classes' posterior means p_j and probabilities P_j. Least squares on the class means over the
queries of a task splits a prediction into Σ w_j p_j and a rest that is orthogonal to every class mean, so that

    mean (p − B)² = mean (Σ (w_j − P_j) p_j)² + mean rest²

exactly. The first term is the *family-selection* part, wrong weights of the right answers; the second is the
*within-family* part, an answer that no weighting of the families gives. In distribution their sum is the excess of p's
squared error over B's.
"""

from typing import Any

import numpy as np

from offprior.analysis.cells import Cell
from offprior.analysis.estimate import Estimate, Sample
from offprior.analysis.implied import SMALLEST_SHARE
from offprior.columns import SPECIALIST


def excess_parts(cell: Cell) -> tuple[Estimate, Estimate] | None:
    """Returns the family-selection and the within-family part of mean (p − B)², over the target's variance."""
    classes, predictor = cell.classes, cell.predictor
    if not classes:
        return None
    gram = np.empty((*cell.shapes[predictor], classes, classes))
    moment = np.empty((*cell.shapes[predictor], classes))
    for i in range(classes):
        moment[..., i] = cell.column(predictor, f"moment {i}")
        for j in range(i, classes):
            gram[..., i, j] = gram[..., j, i] = cell.column(predictor, f"gram {i} {j}")
    if not np.isfinite(gram).all():
        return None
    weights = np.einsum("stij,stj->sti", np.linalg.pinv(gram, rcond=SMALLEST_SHARE, hermitian=True), moment)
    square = cell.column(predictor, "prediction_square")
    within = np.maximum(square - np.einsum("sti,sti->st", weights, moment), 0.0)
    gap = cell.column(predictor, "bayes_gap")
    within = np.minimum(within, gap)  # removes rounding error if the prediction is B itself
    return cell.over_variance(gap - within), cell.over_variance(within)


def selection_cost(cell: Cell) -> Estimate | None:
    """Computes M10: NMSE(p, O) minus the NMSE of the Bayes predictor that knows the family.

    This needs the mixture's own prompts; None if the families differ, or no class posterior is known.
    """
    family = cell.family.astype(str)
    if not all(cell.has(f"class: {name}") for name in np.unique(family)):
        return None
    own = cell.column(cell.predictor, "squared_error")
    told = np.empty(own.shape[1])
    for name in np.unique(family):
        told[family == name] = cell.column(f"class: {name}", "squared_error")[0, family == name]
    return cell.over_variance(own - told[None])


def specialist_cost(cell: Cell, name: str) -> Estimate | None:
    """Computes M10 against a model of equal budget trained on one family alone, on prompts of that family."""
    family = cell.family.astype(str)
    label = f"{SPECIALIST}{name}"
    if not cell.has(label) or not (family == name).any():
        return None
    of: Any = family == name
    own, other = cell.column(cell.predictor, "squared_error"), cell.column(label, "squared_error")
    other = other if len(other) == len(own) else other.mean(0, keepdims=True)
    mean, square = cell.truth_mean[of], cell.truth_square[of]
    bottom = square - 2 * mean.mean() * mean + mean.mean() ** 2  # parts of the variance of the family's own prompts
    return Estimate.of(Sample(own[:, of] - other[:, of], bottom))
