"""Calibration, erraticness, order and frequency response of a predictor in a cell (M14–M17); no jax."""

import numpy as np

from offprior.analysis.cells import Cell
from offprior.analysis.estimate import Estimate


def reliability(cell: Cell) -> dict[str, Estimate | None]:
    """Computes the metrics that say how far a predictor can be relied on; None if the table lacks the columns.

    - `M14_log_loss` [nats], `M14_coverage` of the central 90%, `M14_sd`: predicted over B's posterior standard
      deviation, roots of their mean squares, in distribution.
    - `M15_variation`: total variation over the truth's. `M15_seeds`: variance between training seeds, over the
      target's variance.
    - `M16`: variance under permutations of the context, over the target's variance, in distribution.
    - `M17`: amplitude at the nearest frequency of the pretraining range over the true amplitude, outside the range.
    """
    # The variance of n seeds around their own mean is unbiased with n − 1.
    factor = len(cell.seeds) / max(len(cell.seeds) - 1, 1)
    between, order = _values(cell, "seed_spread"), _values(cell, "order_variance")
    deviation = _ratio(cell, "predictive_variance", "posterior_variance")
    return {
        "M14_log_loss": _mean(cell, "log_loss"),
        "M14_coverage": _mean(cell, "coverage"),
        "M14_sd": deviation.root() if deviation is not None else None,
        "M15_variation": _ratio(cell, "variation", "true_variation"),
        "M15_seeds": cell.over_variance(factor * between) if between is not None else None,
        "M16": cell.over_variance(order) if order is not None else None,
        "M17": _ratio(cell, "aliased_amplitude", "true_amplitude"),
    }


def _values(cell: Cell, name: str) -> np.ndarray | None:
    """Returns a column, or None if a row lacks it."""
    values = cell.column(cell.predictor, name) if cell.knows(name) else np.full((1, 1), np.nan)
    return values if np.isfinite(values).all() else None


def _mean(cell: Cell, name: str) -> Estimate | None:
    values = _values(cell, name)
    return cell.mean(values) if values is not None else None


def _ratio(cell: Cell, above: str, below: str) -> Estimate | None:
    """Returns the ratio of the means of two columns; the second belongs to the truth or B, the same for every seed."""
    top, bottom = _values(cell, above), _values(cell, below)
    return cell.mean(top).over(cell.mean(bottom[:1])) if top is not None and bottom is not None else None
