"""What can be said of a predictor whose prior nobody wrote down, so that it has no B (docs/metrics.md); no jax.

Everything refers to a *reference mixture*. Its classes are compared with the prediction, but nothing assumes that the
predictor was trained on them, or with which weights. The rules apply in this order, with 95% intervals and a margin
δ = .02; both distances are over the variance of the truth (`offprior.analysis.class_hull`):

1. `like one class` if all of the interval of the distance from the nearest class is at most δ.
2. `neither` if all of the interval of the distance from the nearest blend is above δ: no Bayes predictor of any mixture
   of these classes answers so.
3. `like the best blend` if all of the blend's interval is at most δ, and all of the class's above it.
4. Otherwise `undecided`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from offprior.analysis.cells import Cell
from offprior.analysis.class_hull import class_distances, squared_distances
from offprior.analysis.estimate import Estimate, Measured
from offprior.analysis.identification import algorithms, distance
from offprior.analysis.intervals import LEVEL, benjamini_hochberg
from offprior.analysis.verdict import LIKE_BLEND, LIKE_CLASS, MARGIN, NEITHER, UNDECIDED, Interval, directed
from offprior.columns import ALL

NOT_WITHOUT_PRIOR = (
    *("M1", "M3", "M4", "M5", "M10", "M14_sd", "M20", "bayes_distance", "shortfall", "structure_gap"),
    *("excess_selection", "excess_within"),
)
"""Metrics that compare with the Bayes predictor of the predictor's own prior, and are unknown."""
BAYES = "Bayes under the reference mixture"
MARK = "panel_gap"
"""A column that only tables of predictors with an unknown prior have."""


def is_prior_known(metrics: pd.DataFrame | Mapping[Any, Any]) -> bool:
    """Whether a table of metrics, or one of its rows, is of a predictor whose prior is known."""
    return MARK not in metrics


def without_prior(cell: Cell, model: Estimate, row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a cell's metrics without those that need the predictor's own prior, and with those that take their place.

    These are the distances from the nearest class and blend of classes (`class_distance`, `blend_distance`), the class
    that is nearest in most tasks, the nearest algorithm (M11), and the error above the panel's least (`panel_gap`).
    """
    kept = {name: value for name, value in row.items() if not name.startswith(("M1: ", "M10: "))}
    kept |= {name: Measured(None) for name in NOT_WITHOUT_PRIOR if name in kept}
    whole = cell.placement == ALL
    distances = class_distances(cell) if whole else None
    one, blend = distances or (None, None)
    kept |= {"class_distance": Measured(one), "blend_distance": Measured(blend)}
    kept |= _nearest_class(cell) if whole else {"nearest_class": "", "nearest_class_share": np.nan}
    kept |= _nearest_algorithm(cell) if whole else {"nearest": "", "nearest_distance": Measured(None)}
    name, count, gap, error = _best_of_panel(cell, model)
    return kept | {"panel_best": name, "panel_count": count, "panel_gap": Measured(gap), "panel_nmse": Measured(error)}


def verdict_without_prior(one_class: Interval, blend: Interval) -> str:
    """Returns the verdict of a cell, by the intervals of the distances from the nearest class and the nearest blend."""
    if one_class[1] <= MARGIN:
        return LIKE_CLASS
    if blend[0] > MARGIN:
        return NEITHER
    return LIKE_BLEND if blend[1] <= MARGIN and one_class[0] > MARGIN else UNDECIDED


def judged_without_prior(table: pd.DataFrame, rate: float = 1 - LEVEL) -> pd.DataFrame:
    """Returns a table of metrics with verdicts, and with those that hold at a false-discovery rate over each probe.

    Each kind of claim is a family of hypotheses, one per cell of a probe: that the distance from the nearest class is
    at most the margin; that the distance from the nearest blend is above it; and both halves of `like the best blend`.
    Cells for single placements of the queries have no verdict.
    """
    ends = {
        name: list(zip(table[f"{name}_low"], table[f"{name}_high"], strict=True))
        for name in ("class_distance", "blend_distance")
    }
    verdicts = [verdict_without_prior(*both) for both in zip(*ends.values(), strict=True)]
    table["verdict"] = np.where(table["placement"] == ALL, verdicts, "")
    table["verdict_fdr"] = table["verdict"]
    for _, part in table[table["placement"] == ALL].groupby("probe", sort=False):
        table.loc[part.index, "verdict_fdr"] = _controlled(part, rate)
    # The best of the panel is chosen on the same tasks: Bonferroni over those that might have been chosen.
    table["panel_gap_p"] = np.minimum(1.0, table["panel_gap_p"] * table["panel_count"].clip(lower=1))
    table["off_bayes"] = False
    return table


def _controlled(part: pd.DataFrame, rate: float) -> list[str]:
    one, blend = (part[name].to_numpy(float) for name in ("class_distance", "blend_distance"))
    p_one, p_blend = (part[f"{name}_p"].to_numpy(float) for name in ("class_distance", "blend_distance"))
    claims = {
        LIKE_CLASS: directed(p_one, one < MARGIN),
        NEITHER: directed(p_blend, blend > MARGIN),
        LIKE_BLEND: np.maximum(directed(p_blend, blend < MARGIN), directed(p_one, one > MARGIN)),
    }
    holds = {name: benjamini_hochberg(p, rate) for name, p in claims.items()}
    return [name if name == UNDECIDED or holds[name][at] else UNDECIDED for at, name in enumerate(part["verdict"])]


def _nearest_class(cell: Cell) -> dict[str, Any]:
    """Returns the class that is nearest to the prediction in most tasks, and in which share of them."""
    of_tasks, names = squared_distances(cell), cell.class_names
    if of_tasks is None or len(names) != of_tasks.shape[-1]:
        return {"nearest_class": "", "nearest_class_share": np.nan}
    shares = np.bincount(of_tasks.argmin(-1).ravel(), minlength=len(names)) / of_tasks[..., 0].size
    return {"nearest_class": names[int(shares.argmax())], "nearest_class_share": float(shares.max())}


def _nearest_algorithm(cell: Cell) -> dict[str, Any]:
    """Returns the predictor of least distance (M11), Bayes under the reference mixture included, and the distance."""
    known = {name: distance(cell, name) for name in algorithms(cell) if name not in (cell.predictor, "C")}
    known = {name: estimate for name, estimate in known.items() if estimate is not None}
    if not known:
        return {"nearest": "", "nearest_distance": Measured(None)}
    nearest = min(known, key=lambda name: known[name].value)
    return {"nearest": BAYES if nearest == "B" else nearest, "nearest_distance": Measured(known[nearest])}


def _best_of_panel(cell: Cell, model: Estimate) -> tuple[str, int, Estimate | None, Estimate | None]:
    """Returns the panel's predictor of least error, of how many contenders, the error above its own, and its error.

    Contenders are least in some resample of the tasks: among them the choice depends on the tasks that were drawn.
    """
    errors = {name: cell.nmse(name) for name in cell.panel}
    errors = {name: error for name, error in errors.items() if np.isfinite(error.value)}
    if not errors:
        return "", 0, None, None
    best = min(errors, key=lambda name: errors[name].value)
    resampled = np.stack([error.replicates for error in errors.values()])
    return best, len(np.unique(resampled.argmin(0))), model.minus(errors[best]), errors[best]
