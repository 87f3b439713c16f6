"""Prompts that a predictor did not answer, as a column of its rows."""

import numpy as np
from jaxtyping import Float, Shaped

from offprior.evaluation.rows import Answer
from offprior.predictors.predictor import Predictor


def failures(
    predictor: Predictor,
    answer: Answer,
    x: Float[np.ndarray, "b n d"],
    y: Float[np.ndarray, "b n"],
    queries: Float[np.ndarray, "b m d"],
) -> Shaped[np.ndarray, "b lengths"]:
    """Returns why each prompt was not answered; empty for those that were."""
    found = np.full(answer.mean.shape[:2], "", dtype=object)
    for number, at in np.argwhere(~np.isfinite(answer.mean).all(-1)):
        length = answer.lengths[at]
        found[number, at] = predictor.reason(x[number, :length], y[number, :length], queries[number])
    return found
