"""Metrics M1–M10, M12–M17, M19 and M20 of a table of errors, with their intervals; no jax.

All errors are normalised: NMSE is a ratio of means, squared error averaged over tasks and queries, over the target's
variance pooled over the same tasks and queries. Differences are paired: the same prompts for every predictor.
Intervals are over training seeds, a t-interval of the per-seed values; with one seed they are over tasks only, a
bootstrap, and the column `interval_over` says so. The bootstrap over tasks stands beside (`M4_tasks_low`,
`M4_tasks_high`); tasks are enough where `M4_tasks_add`, the share by which they would widen the interval over seeds, is
below a tenth. M3 and M12 depend on no training seed: their intervals are over tasks, always.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from offprior.evaluation.cells import CELL, Cell, Estimate, cells
from offprior.evaluation.reliability import reliability
from offprior.evaluation.selection import excess_parts, selection_cost, specialist_cost
from offprior.evaluation.verdict import M3_LEAST, NO_PRIOR_GAP, provisional, verdict
from offprior.table import ALL, BLEND, FLOOR, IN_DISTRIBUTION, SMOOTHER

FIT_LEAST = 1e-6
"""Below this NMSE the best fit inside a class is the truth itself up to rounding: there is no M6."""
TRUE_LEAST = 1e-8
"""Below this share of the target's variance a true slope's or amplitude's square is rounding: there is no M9."""
SMALLEST_SHARE = 1e-9
"""Directions of the class means' Gram matrix below this share of the largest are left out: the classes agree there."""


def metrics(rows: pd.DataFrame, predictor: str = "model") -> pd.DataFrame:
    """One row a cell (probe, strength, context length) in which `predictor` was evaluated.

    M1: FAMILY columns are of the in-distribution prompts of that family alone. Unknown numbers are not-a-number.

    Raises:
        OffpriorError: predictors or training seeds of a cell differ in their tasks.
    """
    found = cells(rows, predictor)
    if not found:
        return pd.DataFrame()
    trained = {key[-1]: cell for key, cell in found.items() if key[0] == IN_DISTRIBUTION}
    table = pd.DataFrame([_row(key, cell, trained.get(key[-1])) for key, cell in found.items()])
    inside = rows.groupby(CELL, sort=False)["inside"].first().reset_index()
    table = table.merge(inside, on=CELL, how="left")
    # There C would gain nothing, though it has no closed form to say so.
    covered = table["inside"].astype(bool) & table["M3"].isna() & table["M4"].notna()
    table.loc[covered, "verdict"] = NO_PRIOR_GAP
    return _with_context_slope(table, found)


class Measured(NamedTuple):
    """A metric of a cell: its estimate, or None where it is unknown, and what its interval is over."""

    estimate: Estimate | None
    over_tasks: bool = False

    def columns(self, name: str) -> dict[str, float]:
        """Its value and the ends of its interval; not-a-number where there is no estimate."""
        if self.estimate is None:
            return {name: np.nan, f"{name}_low": np.nan, f"{name}_high": np.nan}
        low, high = self.estimate.over_tasks() if self.over_tasks else self.estimate.interval()
        return {name: self.estimate.value, f"{name}_low": low, f"{name}_high": high}


def _row(key: tuple, cell: Cell, trained: Cell | None) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in measured(key, cell, trained).items():
        row |= value.columns(name) if isinstance(value, Measured) else {name: value}
    ends = {name: (float(row[f"{name}_low"]), float(row[f"{name}_high"])) for name in ("M3", "M4", "M19")}
    row["verdict"] = verdict(float(row["M1"]), *ends.values())
    row["provisional"] = provisional(len(cell.seeds))
    return row


def measured(key: tuple, cell: Cell, trained: Cell | None) -> dict[str, Any]:
    """The metrics of a cell as `Measured` estimates, and plain columns; `trained` is the in-distribution cell.

    A study reads its measure here, seed by seed and resample by resample.
    """
    row: dict[str, Any] = {**dict(zip(CELL, key, strict=True)), "placement": ALL}
    row |= {"seeds": len(cell.seeds), "tasks": len(cell.tasks)}
    row["interval_over"] = "training seeds" if len(cell.seeds) > 1 else "tasks"
    row["variance"] = cell.variance
    row |= _in_distribution_gap(trained)
    model, bayes = cell.nmse(cell.predictor), cell.nmse("B")
    row |= _named("M2", model)
    # M1 at the cell itself: where only inputs or noise changed, B is the optimum still.
    row |= _named("bayes_distance", cell.nmse(cell.predictor, "bayes_gap"))
    row["bayes_nmse"] = bayes.value
    row["bayes_nmse_floor10"] = cell.nmse(FLOOR).value if cell.has(FLOOR) else np.nan
    gain = bayes.minus(model)
    row |= _named("M4", gain)
    row |= _beside(gain)
    # A mixture that knows no combinations but its own has C = B.
    combined = cell.nmse("C") if cell.has("C") else bayes
    prior_gap = bayes.minus(combined)
    row["combined_nmse"] = combined.value
    row |= _named("M3", prior_gap, over_tasks=True)
    row |= _named("shortfall", model.minus(combined if np.isfinite(combined.value) else bayes))
    row |= _named("M5", gain.over(prior_gap) if prior_gap.over_tasks()[0] > M3_LEAST else None)
    smoother = cell.nmse(SMOOTHER) if cell.has(SMOOTHER) else None
    row["smoother_nmse"] = smoother.value if smoother is not None else np.nan
    row |= _over_smoother(smoother, model, combined)
    row |= _named("M6", _nearest_class_ratio(cell, model))
    row |= _named("M7", _best_blend_ratio(cell, model))
    row |= _implied_weight(cell)
    row |= _named("M9_slope", _recovered(cell, "slope")) | _named("M9_amplitude", _recovered(cell, "amplitude"))
    row |= _named("M10", selection_cost(cell) if key[0] == IN_DISTRIBUTION else None)
    for name in cell.specialists:
        row |= _named(f"M10: {name}", specialist_cost(cell, name))
    for label in cell.instructed:
        row |= _named(f"M10: {label}", model.minus(cell.nmse(label)))
    parts = excess_parts(cell)
    row |= _named("excess_selection", parts and parts[0]) | _named("excess_within", parts and parts[1])
    row |= _named("M12", cell.mean(cell.column(cell.predictor, "surprise")[:1]), over_tasks=True)
    for name, estimate in reliability(cell).items():
        row |= _named(name, estimate)
    return row


def _over_smoother(smoother: Estimate | None, model: Estimate, combined: Estimate) -> dict[str, Any]:
    """M19, the gain over S; and M20, as a share of what C gains over S, where that is above the margin of M3."""
    if smoother is None:
        return _named("M19", None) | _named("M20", None)
    gain, most = smoother.minus(model), smoother.minus(combined)
    return _named("M19", gain) | _named("M20", gain.over(most) if most.over_tasks()[0] > M3_LEAST else None)


def _named(name: str, estimate: Estimate | None, over_tasks: bool = False) -> dict[str, Any]:
    return {name: Measured(estimate, over_tasks)}


def _beside(gain: Estimate) -> dict[str, float]:
    """The bootstrap over tasks beside M4's interval, and by what share it would widen one over seeds."""
    low, high = gain.over_tasks()
    seeds_low, seeds_high = gain.interval()
    over_seeds = seeds_high - seeds_low if len(gain.values) > 1 else np.nan
    # Task and seed are drawn independently: widths add in squares.
    add = np.hypot(1.0, (high - low) / over_seeds) - 1.0 if over_seeds > 0 else np.nan
    return {"M4_tasks_low": low, "M4_tasks_high": high, "M4_tasks_add": float(add)}


def _in_distribution_gap(trained: Cell | None) -> dict[str, Any]:
    """M1, at the cell's own context length; and of each family's prompts alone, over the variance of the same."""
    if trained is None:
        return _named("M1", None)
    row = _named("M1", trained.nmse(trained.predictor, "bayes_gap"))
    gap = trained.column(trained.predictor, "bayes_gap").mean(0)
    for family in np.unique(trained.family):
        of = trained.family == family
        variance = trained.truth_square[of].mean() - trained.truth_mean[of].mean() ** 2
        row[f"M1: {family}"] = float(gap[of].mean() / variance) if variance > 0 else np.nan
    return row


def _nearest_class_ratio(cell: Cell, model: Estimate) -> Estimate | None:
    """M6: over the least NMSE of the best fits inside single classes."""
    fits = [cell.nmse(name) for name in cell.fits]
    if not fits or min(fit.value for fit in fits) <= FIT_LEAST:
        return None
    least = [np.minimum.reduce(parts) for parts in zip(*fits, strict=True)]
    return model.over(Estimate(*least))


def _best_blend_ratio(cell: Cell, model: Estimate) -> Estimate | None:
    """M7: over the NMSE of the best blend of two class posterior means, its weight fitted on each task's truth."""
    if not cell.has(BLEND):
        return None
    blend = cell.nmse(BLEND)
    return model.over(blend) if blend.value > FIT_LEAST else None


def _implied_weight(cell: Cell) -> dict[str, Any]:
    """M8: least squares of p on the class posterior means, pooled over the cell's tasks and queries."""
    classes = cell.classes
    probability = cell.mean(cell.column(cell.predictor, "class_probability")[:1])
    row = _named("M8_class_probability", probability, over_tasks=True)
    if classes < 2:
        return row | _named("M8", None) | _named("M8_residual", None)

    def sums(name: str) -> np.ndarray:
        """Its mean over tasks, [1 + resamples, seeds]: the cell's own first, then the bootstrap's."""
        values = cell.column(cell.predictor, name)
        return np.concatenate([values.mean(1)[None], cell.weights @ values.T])

    # Of the classes alone, hence the same for every seed.
    gram = np.stack(
        [np.stack([sums(f"gram {min(i, j)} {max(i, j)}")[:, 0] for j in range(classes)], 1) for i in range(classes)], 1
    )
    moment = np.stack([sums(f"moment {i}") for i in range(classes)], axis=1)
    weights = np.linalg.pinv(gram, rcond=SMALLEST_SHARE, hermitian=True) @ moment
    with np.errstate(divide="ignore", invalid="ignore"):
        residual = 1 - (weights * moment).sum(1) / sums("prediction_square")
    first = weights[:, 0]
    return (
        row
        | _named("M8", Estimate(first[0], first[1:].mean(1)))
        | _named("M8_residual", Estimate(residual[0], residual[1:].mean(1)))
    )


def _recovered(cell: Cell, name: str) -> Estimate | None:
    """M9: a slope or an amplitude over the true one, least squares through the origin over tasks that have it."""
    true = cell.column(cell.predictor, f"true_{name}")[:1]
    values = cell.column(cell.predictor, name)
    known = np.isfinite(true[0])
    # Of a line no frequency is known, and of a pure sinusoid the projection's slope is rounding.
    if not known.any() or np.square(true[0, known]).mean() <= TRUE_LEAST * cell.variance:
        return None
    true, values = np.where(known[None], true, 0.0), np.where(known[None], values, 0.0)
    return cell.mean(values * true).over(cell.mean(np.square(true)))


def _with_context_slope(table: pd.DataFrame, found: dict[tuple, Cell]) -> pd.DataFrame:
    """M13: the slope of NMSE(p, O) in log k, least squares over a path's context lengths; the same in all its cells."""
    table[["M13", "M13_low", "M13_high"]] = np.nan
    # Where the coordinate is the context length itself, the path is one, not one a coordinate.
    along = (table["strength"] == table["length"]).groupby(table["probe"]).transform("all")
    for _, part in table.groupby(["probe", table["strength"].where(~along, np.inf)], sort=False):
        used = part[(part["length"] > 0) & np.isfinite(part["M2"])]
        keys = list(used[CELL].itertuples(index=False, name=None))
        if len(keys) < 2 or len({(*found[key].seeds, -1, *found[key].tasks) for key in keys}) > 1:
            continue
        at = np.log(used["length"].to_numpy(dtype=float))
        centred = (at - at.mean()) / np.square(at - at.mean()).sum()
        ratios = [found[key].nmse(found[key].predictor) for key in keys]
        slope = Estimate(*(centred @ np.stack(parts) for parts in zip(*ratios, strict=True)))
        table.loc[part.index, ["M13", "M13_low", "M13_high"]] = [slope.value, *slope.interval()]
    return table
