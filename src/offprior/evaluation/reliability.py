"""Calibration, erraticness, order and frequency response of a predictor in a cell (M14–M17); no jax."""

import numpy as np

from offprior.evaluation.cells import Cell, Estimate


def reliability(cell: Cell) -> dict[str, Estimate | None]:
    """The metrics that say how far a predictor can be relied on; None where the table does not tell.

    - `M14_log_loss` [nats], `M14_coverage` of the central 90%, `M14_sd`: predicted over B's posterior standard
      deviation, roots of their mean squares, in distribution.
    - `M15_variation`: total variation over the truth's. `M15_seeds`: variance between training seeds, over the
      target's variance.
    - `M16`: variance under permutations of the context, over the target's variance, in distribution.
    - `M17`: amplitude at the nearest frequency of the pretraining range over the true amplitude, outside the range.
    """
    spread = Estimate(np.full(len(cell.seeds), cell.variance), cell.variances)
    between, order = _mean(cell, "seed_spread"), _mean(cell, "order_variance")
    if between is not None:  # of n seeds around their own mean: unbiased with n − 1
        factor = len(cell.seeds) / max(len(cell.seeds) - 1, 1)
        between = Estimate(between.values * factor, between.replicates * factor)
    return {
        "M14_log_loss": _mean(cell, "log_loss"),
        "M14_coverage": _mean(cell, "coverage"),
        "M14_sd": _root(_ratio(cell, "predictive_variance", "posterior_variance")),
        "M15_variation": _ratio(cell, "variation", "true_variation"),
        "M15_seeds": between.over(spread) if between is not None else None,
        "M16": order.over(spread) if order is not None else None,
        "M17": _ratio(cell, "aliased_amplitude", "true_amplitude"),
    }


def _mean(cell: Cell, name: str) -> Estimate | None:
    """The mean of a column; None where a row lacks it."""
    if not cell.knows(name):
        return None
    values = cell.column(cell.predictor, name)
    return cell.mean(values) if np.isfinite(values).all() else None


def _ratio(cell: Cell, above: str, below: str) -> Estimate | None:
    parts = _mean(cell, above), _mean(cell, below)
    return parts[0].over(parts[1]) if parts[0] is not None and parts[1] is not None else None


def _root(estimate: Estimate | None) -> Estimate | None:
    return None if estimate is None else Estimate(np.sqrt(estimate.values), np.sqrt(estimate.replicates))
