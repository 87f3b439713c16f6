"""Metrics M1–M6, M8, M9, M12 and M13 of a table of errors, with their intervals; no jax.

All errors are normalised: NMSE is a ratio of means, squared error averaged over tasks and queries, over the target's
variance pooled over the same tasks and queries. Differences are paired: the same prompts for every predictor.
Intervals are over training seeds, a t-interval of the per-seed values; with one seed they are over tasks only, a
bootstrap, and the column `interval_over` says so. The bootstrap over tasks stands beside (`M4_tasks_low`,
`M4_tasks_high`).
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from offprior.evaluation.intervals import percentiles, resamples, seed_interval
from offprior.evaluation.verdict import M3_LEAST, provisional, verdict

CELL = ["probe", "coordinate", "strength", "length"]
IN_DISTRIBUTION = "in-distribution"
FLOOR = "B at 10× floor"


class Ratio(NamedTuple):
    """A mean over tasks divided by the pooled variance: its value a seed, and a bootstrap over tasks."""

    values: Float[np.ndarray, " seeds"]
    replicates: Float[np.ndarray, " resamples"]
    """Of the mean over seeds."""

    @property
    def value(self) -> float:
        """The mean over seeds."""
        return float(np.mean(self.values))

    def minus(self, other: "Ratio") -> "Ratio":
        """A paired difference."""
        return Ratio(self.values - other.values, self.replicates - other.replicates)

    def over(self, other: "Ratio") -> "Ratio":
        """A paired quotient."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return Ratio(self.values / other.values, self.replicates / other.replicates)

    def interval(self) -> tuple[float, float]:
        """Over seeds where there are several, over tasks where there is one."""
        return seed_interval(self.values) if len(self.values) > 1 else percentiles(self.replicates)


class Cell:
    """The rows of one cell, as arrays [seeds, tasks]."""

    def __init__(self, rows: pd.DataFrame, predictor: str):
        self._predictors = {name: part for name, part in rows.groupby("predictor", sort=False)}
        own = self._predictors[predictor]
        self.seeds = np.sort(own["seed"].unique())
        self.tasks = np.sort(own["task"].unique())
        self.predictor = predictor
        self.weights = resamples(len(self.tasks))
        mean, square = self.column(predictor, "truth_mean")[0], self.column(predictor, "truth_square")[0]
        self.variance = float(square.mean() - mean.mean() ** 2)
        self._variances = self.weights @ square - (self.weights @ mean) ** 2
        self.family = own[own["seed"] == self.seeds[0]].sort_values("task")["family"].to_numpy()
        self.truth_mean, self.truth_square = mean, square

    def has(self, predictor: str) -> bool:
        """Was this predictor evaluated here?"""
        return predictor in self._predictors

    @property
    def fits(self) -> list[str]:
        """The best fits inside single classes."""
        return [name for name in self._predictors if str(name).startswith("best fit: ")]

    def column(self, predictor: str, name: str) -> Float[np.ndarray, "seeds tasks"]:
        """A column of a predictor's rows."""
        rows = self._predictors[predictor]
        return rows.pivot(index="seed", columns="task", values=name).sort_index().to_numpy(dtype=float)

    def ratio(self, predictor: str, name: str = "squared_error") -> Ratio:
        """A mean over tasks, over the pooled variance; predictors that are not trained are the same for every seed."""
        values = self.column(predictor, name)
        if values.shape[0] != len(self.seeds):
            values = np.broadcast_to(values[:1], (len(self.seeds), values.shape[1]))
        with np.errstate(divide="ignore", invalid="ignore"):
            each, boot = values.mean(1) / self.variance, (self.weights @ values.mean(0)) / self._variances
        return Ratio(each, boot)


def metrics(rows: pd.DataFrame, predictor: str = "model") -> pd.DataFrame:
    """One row a cell (probe, strength, context length) in which `predictor` was evaluated.

    `M1: FAMILY` columns are of the in-distribution prompts of that family alone. Unknown numbers are not-a-number.
    """
    present = rows[[*CELL, "predictor"]].drop_duplicates()
    wanted = present[present["predictor"] == predictor][CELL]
    cells = {
        tuple(key): Cell(part, predictor)
        for key, part in rows.merge(wanted, on=CELL).groupby(CELL, sort=False, observed=True)
    }
    trained = {key[-1]: cell for key, cell in cells.items() if key[0] == IN_DISTRIBUTION}
    found = [_row(key, cell, trained.get(key[-1])) for key, cell in cells.items()]
    table = pd.DataFrame(found)
    if table.empty:
        return table
    inside = rows.groupby(CELL, sort=False)["inside"].first().reset_index()
    table = table.merge(inside, on=CELL, how="left")
    return _with_context_slope(table, cells)


def _row(key: tuple, cell: Cell, trained: Cell | None) -> dict[str, Any]:
    row: dict[str, Any] = {**dict(zip(CELL, key, strict=True)), "seeds": len(cell.seeds), "tasks": len(cell.tasks)}
    row["interval_over"] = "training seeds" if len(cell.seeds) > 1 else "tasks"
    row["variance"] = cell.variance
    row["M1"] = np.nan if trained is None else trained.ratio(trained.predictor, "bayes_gap").value
    row |= _gap_by_family(trained)
    model, bayes = cell.ratio(cell.predictor), cell.ratio("B")
    row |= _with_interval("M2", model)
    row["bayes_nmse"] = bayes.value
    row["bayes_nmse_floor10"] = cell.ratio(FLOOR).value if cell.has(FLOOR) else np.nan
    row["M12"] = float(cell.column(cell.predictor, "surprise")[0].mean())
    gain = bayes.minus(model)
    row |= _with_interval("M4", gain)
    row["M4_tasks_low"], row["M4_tasks_high"] = percentiles(gain.replicates)
    if cell.has("C"):
        combined = cell.ratio("C")
        prior_gap = bayes.minus(combined)
        # No training seed is in it: its interval is over tasks, always.
        row |= {"combined_nmse": combined.value, "M3": prior_gap.value}
        row["M3_low"], row["M3_high"] = percentiles(prior_gap.replicates)
        if prior_gap.value > M3_LEAST:
            row |= _with_interval("M5", gain.over(prior_gap))
    else:
        # Without combinations to know, C is B.
        row |= {"combined_nmse": bayes.value, "M3": 0.0, "M3_low": 0.0, "M3_high": 0.0}
    for name in ("M5", "M5_low", "M5_high"):
        row.setdefault(name, np.nan)
    fits = [cell.ratio(name).value for name in cell.fits]
    row["M6"] = model.value / min(fits) if fits and min(fits) > 0 else np.nan
    row |= _implied_weight(cell)
    row |= _recovered(cell)
    row["verdict"] = verdict(*(float(row[name]) for name in ("M1", "M3", "M4_low", "M4_high")))
    row["provisional"] = provisional(len(cell.seeds))
    return row


def _with_interval(name: str, ratio: Ratio) -> dict[str, Any]:
    low, high = ratio.interval()
    return {name: ratio.value, f"{name}_low": low, f"{name}_high": high}


def _gap_by_family(trained: Cell | None) -> dict[str, Any]:
    """M1 of each family's prompts alone, over the variance of the same prompts."""
    if trained is None:
        return {}
    gap = trained.column(trained.predictor, "bayes_gap").mean(0)
    found: dict[str, Any] = {}
    for family in np.unique(trained.family):
        of = trained.family == family
        variance = trained.truth_square[of].mean() - trained.truth_mean[of].mean() ** 2
        found[f"M1: {family}"] = float(gap[of].mean() / variance)
    return found


def _implied_weight(cell: Cell) -> dict[str, Any]:
    """M8: least squares of p on the class posterior means, pooled over the cell's tasks, queries and seeds."""
    rows = cell._predictors[cell.predictor]
    classes = sum(1 for name in rows.columns if name.startswith("moment "))
    found = {"M8": np.nan, "M8_residual": np.nan}
    probability = cell.column(cell.predictor, "class_probability")[0].mean()
    if classes >= 2:
        gram = np.array(
            [[rows[f"gram {min(i, j)} {max(i, j)}"].mean() for j in range(classes)] for i in range(classes)]
        )
        moment = np.array([rows[f"moment {i}"].mean() for i in range(classes)])
        weights = np.linalg.pinv(gram, rcond=1e-9, hermitian=True) @ moment
        square = rows["prediction_square"].mean()
        found = {"M8": float(weights[0]), "M8_residual": float(1 - weights @ moment / square) if square > 0 else np.nan}
    return {**found, "M8_class_probability": float(probability)}


def _recovered(cell: Cell) -> dict[str, Any]:
    """M9: slope and amplitude over the true ones, pooled (least squares through the origin over tasks)."""
    found = {}
    for name, column in (("M9_slope", "slope"), ("M9_amplitude", "amplitude")):
        values, true = cell.column(cell.predictor, column), cell.column(cell.predictor, f"true_{column}")
        total = np.square(true).mean()
        # A projection of nothing is rounding: no true slope, no ratio.
        found[name] = float((values * true).mean() / total) if total > 1e-8 * max(cell.variance, 1e-300) else np.nan
    return found


def _with_context_slope(table: pd.DataFrame, cells: dict[tuple, Cell]) -> pd.DataFrame:
    """M13: the slope of NMSE(p, O) in log k, least squares over a path's context lengths; the same in all its cells."""
    table = table.copy()
    table[["M13", "M13_low", "M13_high"]] = np.nan
    for (probe, strength), part in table.groupby(["probe", "strength"], sort=False):
        used = part[(part["length"] > 0) & np.isfinite(part["M2"])]
        if used["length"].nunique() < 2:
            continue
        at = np.log(used["length"].to_numpy(dtype=float))
        centred = (at - at.mean()) / np.square(at - at.mean()).sum()
        coordinate = used["coordinate"].iloc[0]
        ratios = [
            cells[probe, coordinate, strength, length].ratio(cells[probe, coordinate, strength, length].predictor)
            for length in used["length"]
        ]
        if len({len(ratio.values) for ratio in ratios}) > 1:
            continue
        slope = Ratio(
            centred @ np.stack([ratio.values for ratio in ratios]),
            centred @ np.stack([ratio.replicates for ratio in ratios]),
        )
        table.loc[part.index, ["M13", "M13_low", "M13_high"]] = [slope.value, *slope.interval()]
    return table
