"""Metrics M1–M10, M12–M17, M19 and M20 of a table of errors, with their intervals; no jax.

All errors are normalised: NMSE is a ratio of means, squared error averaged over tasks and queries, over the target's
variance pooled over the same tasks and queries. Differences are paired: the same prompts for every predictor.
Intervals (`offprior.analysis.intervals`) are over tasks, and over training seeds if there are several; the column
`interval_over` says which. M4 also has an interval over tasks alone (`M4_tasks_low`, `M4_tasks_high`). More tasks would
not help if `M4_tasks_add`, the share by which tasks widen the interval over seeds, is below a tenth.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from offprior.analysis.cells import CELL, PLACE, Cell, cells
from offprior.analysis.class_metrics import best_blend_ratio, implied_weight, nearest_class_ratio, recovered
from offprior.analysis.estimate import Estimate, Measured, intervals
from offprior.analysis.intervals import Ratio, seed_interval, stacked
from offprior.analysis.reliability import reliability
from offprior.analysis.selection import excess_parts, selection_cost, specialist_cost
from offprior.analysis.unknown_prior import judged_without_prior, without_prior
from offprior.analysis.verdict import (
    M1_GATE,
    M3_LEAST,
    MARGIN,
    NO_PRIOR_GAP,
    controlled,
    is_off_bayes,
    provisional,
    verdict,
)
from offprior.columns import ALL, FAILURE, FLOOR, IN_DISTRIBUTION, PLACEMENTS, SMOOTHER

FEW_TASKS = 4.0
"""A mean whose error depends on fewer tasks than this is labelled."""
ROUNDING = 1e-9
"""A smaller distance from the nearest class or blend is rounding."""
TESTED = {
    **{"M3": (M3_LEAST,), "M4": (0.0, MARGIN, -MARGIN), "M19": (0.0,)},
    **dict.fromkeys(("shortfall", "bayes_distance", "class_distance", "blend_distance", "panel_gap"), (MARGIN,)),
}
"""The tested values of each metric that has p-values."""


def metrics(
    rows: pd.DataFrame, predictor: str = "model", gate: pd.DataFrame | None = None, *, prior_known: bool = True
) -> pd.DataFrame:
    """Returns one row per cell (probe, strength, context length, placement) in which `predictor` was evaluated.

    M1 is the largest over the families that the cell's functions are made of; columns M1: FAMILY use one family's
    prompts alone. M1 is measured on the rows of the gate probe that the cell's rows name; `gate`, another table of the
    same predictor, takes precedence over `rows` for that probe. Unknown numbers are not-a-number. If the predictor's
    prior is not known, metrics and verdicts are those of `offprior.analysis.unknown_prior`.

    Raises:
        OffpriorError: predictors or training seeds of a cell differ in their tasks.
    """
    found = cells(rows, predictor, PLACEMENTS)
    if not found:
        return pd.DataFrame()
    gates = by_probe(found)
    if gate is not None:
        plain = gate["probe"].str.startswith(IN_DISTRIBUTION)
        gates |= by_probe(cells(gate[plain], predictor, PLACEMENTS))
    of_cells = [measured(key, cell, gate_of(key, cell, gates)) for key, cell in found.items()]
    if not prior_known:
        pairs = zip(found.values(), of_cells, strict=True)
        of_cells = [_without_prior(cell, of_cell) for cell, of_cell in pairs]
    table = pd.DataFrame(_columns(of_cells))
    inside = rows.groupby(PLACE, sort=False)["inside"].first().reset_index()
    table = table.merge(inside, on=PLACE, how="left")
    if not prior_known:
        table["provisional"] = [provisional(int(seeds)) for seeds in table["seeds"]]
        return _with_context_slope(judged_without_prior(table), found)
    # C gains nothing inside the prior, even if it has no closed form to show this.
    covered = table["inside"].astype(bool) & table["M3"].isna() & table["M4"].notna()
    ends = {name: list(zip(table[f"{name}_low"], table[f"{name}_high"], strict=True)) for name in ("M3", "M4", "M19")}
    judged = [verdict(*numbers) for numbers in zip(table["M1"], *ends.values(), strict=True)]
    table["verdict"] = np.where(covered, NO_PRIOR_GAP, judged)
    table["verdict_fdr"] = controlled(table)
    table["off_bayes"] = is_off_bayes(table)
    table["provisional"] = [provisional(int(seeds)) for seeds in table["seeds"]]
    return _with_context_slope(table, found)


def by_probe(found: Mapping[tuple, Cell]) -> dict[tuple, Cell]:
    """Returns the first cell of each probe, length and placement."""
    first: dict[tuple, Cell] = {}
    for (probe, _, _, length, placement), cell in found.items():
        first.setdefault((probe, length, placement), cell)
    return first


def gate_of(key: tuple, cell: Cell, gates: Mapping[tuple, Cell]) -> Cell | None:
    """Returns the cell on whose prompts M1 of another is measured: itself, or one of the probe that its rows name.

    Tables without such names use the plain in-distribution prompts, of the same length and placement.
    """
    probe, _, _, length, placement = key
    named = cell.label("gate")
    if named == "" or probe == IN_DISTRIBUTION:
        return gates.get((probe, length, placement), cell) if probe == IN_DISTRIBUTION else cell
    return gates.get((named or IN_DISTRIBUTION, length, placement))


def _columns(of_cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Computes values, interval ends and p-values of all cells' metrics; those of one shape are computed together."""
    rows: list[dict[str, Any]] = []
    known: list[tuple[dict[str, Any], str, Estimate]] = []
    for of_cell in of_cells:
        row: dict[str, Any] = {}
        rows.append(row)
        for name, value in of_cell.items():
            if not isinstance(value, Measured):
                row[name] = value
                continue
            row |= dict.fromkeys((name, f"{name}_low", f"{name}_high"), np.nan)
            row |= {_p_name(name, at): np.nan for at in TESTED.get(name, ())}
            if value.estimate is not None:
                row[name] = value.estimate.value
                known.append((row, name, value.estimate))
    for (row, name, _), ends in zip(known, intervals([estimate for _, _, estimate in known]), strict=True):
        row[f"{name}_low"], row[f"{name}_high"] = ends
    tested: dict[tuple[str, int, int], list[tuple[dict[str, Any], Ratio]]] = {}
    for row, name, estimate in known:
        if name in TESTED and estimate.ratio is not None:
            tested.setdefault((name, estimate.ratio.seeds, estimate.ratio.tasks), []).append((row, estimate.ratio))
    for (name, _, _), part in tested.items():
        together = stacked([of_row for _, of_row in part])
        for at in TESTED[name]:
            for (row, _), value in zip(part, together.p_value(at), strict=True):
                row[_p_name(name, at)] = float(value)
    return rows


def _p_name(name: str, at: float) -> str:
    return f"{name}_p" if at == TESTED[name][0] else f"{name}_p_{'above' if at > 0 else 'below'}"


def measured(key: tuple, cell: Cell, trained: Cell | None) -> dict[str, Any]:
    """Returns a cell's metrics as `Measured` estimates, and plain columns; M1 is measured in the cell `trained`.

    Studies read their measure here, per seed and per resample.
    """
    row: dict[str, Any] = {**dict(zip(CELL, key, strict=True)), "seeds": cell.trained, "tasks": len(cell.tasks)}
    row["interval_over"] = "training seeds and tasks" if len(cell.seeds) > 1 else "tasks"
    if cell.knows(FAILURE):
        row["failed"] = cell.failed
    if cell.label("unit") is not None:
        row["unit"] = cell.label("unit")
    row["variance"], row["share"] = cell.variance, float(cell.share.mean())
    row |= _gap_of_families(cell, trained)
    model, bayes = cell.nmse(cell.predictor), cell.nmse("B")
    row |= _named("M2", model)
    # The distance at the cell itself: if only inputs or noise changed, B is still optimal.
    row |= _named("bayes_distance", cell.nmse(cell.predictor, "bayes_gap"))
    row |= _named("bayes_nmse", bayes)
    row["bayes_nmse_floor10"] = cell.nmse(FLOOR).value if cell.has(FLOOR) else np.nan
    gain = bayes.minus(model)
    row |= _named("M4", gain)
    row |= _beside(gain if np.isfinite(gain.value) else model)
    # If a mixture knows no combinations but its own, C equals B.
    combined = cell.nmse("C") if cell.has("C") else bayes
    prior_gap = bayes.minus(combined)
    row |= _named("combined_nmse", combined)
    row |= _named("M3", prior_gap)
    row |= _named("shortfall", model.minus(combined if np.isfinite(combined.value) else bayes))
    row |= _named("M5", gain.over(prior_gap) if prior_gap.interval()[0] > M3_LEAST else None)
    smoother = cell.nmse(SMOOTHER) if cell.has(SMOOTHER) else None
    row |= _named("smoother_nmse", smoother)
    row |= _over_smoother(smoother, model, combined)
    row |= _named("M7", best_blend_ratio(cell, model))
    if key[-1] == ALL:
        row |= _of_all_queries(key, cell, model)
    return row


def _of_all_queries(key: tuple, cell: Cell, model: Estimate) -> dict[str, Any]:
    """Returns the metrics that a table knows only for all queries together."""
    row = _named("M6", nearest_class_ratio(cell, model))
    row |= _named("M8_class_probability", cell.mean(cell.column(cell.predictor, "class_probability")[:1]))
    weight, residual = implied_weight(cell)
    row |= _named("M8", weight) | _named("M8_residual", residual)
    row |= _named("M9_slope", recovered(cell, "slope")) | _named("M9_amplitude", recovered(cell, "amplitude"))
    row |= _named("M10", selection_cost(cell) if key[0] == IN_DISTRIBUTION else None)
    for name in cell.specialists:
        row |= _named(f"M10: {name}", specialist_cost(cell, name))
    for label in cell.instructed:
        row |= _named(f"M10: {label}", model.minus(cell.nmse(label)))
    parts = excess_parts(cell)
    row |= _named("excess_selection", parts and parts[0]) | _named("excess_within", parts and parts[1])
    row |= _named("M12", cell.mean(cell.column(cell.predictor, "surprise")[:1]))
    for name, estimate in reliability(cell).items():
        row |= _named(name, estimate)
    return row


def _over_smoother(smoother: Estimate | None, model: Estimate, combined: Estimate) -> dict[str, Any]:
    """Returns M19, the gain over S; C's gain over S; and M20, their ratio, if C's gain is above the margin of M3."""
    if smoother is None:
        return _named("M19", None) | _named("structure_gap", None) | _named("M20", None)
    gain, most = smoother.minus(model), smoother.minus(combined)
    return (
        _named("M19", gain)
        | _named("structure_gap", most)
        | _named("M20", gain.over(most) if most.interval()[0] > M3_LEAST else None)
    )


def _without_prior(cell: Cell, row: dict[str, Any]) -> dict[str, Any]:
    found = without_prior(cell, cell.nmse(cell.predictor), row)
    # Which tasks carry a verdict is a question about the distances that it is read from; rounding has no tail.
    distances = [found[name].estimate for name in ("class_distance", "blend_distance")]
    carried = [_beside(each)["carried_by"] for each in distances if each is not None and each.value > ROUNDING]
    few = min(carried, default=np.nan)
    unknown = {name: np.nan for name in found if name.startswith("M4_tasks")}
    return found | unknown | {"carried_by": few, "few_tasks_carry": bool(few < FEW_TASKS)}


def _named(name: str, estimate: Estimate | None) -> dict[str, Any]:
    return {name: Measured(estimate)}


def _beside(gain: Estimate) -> dict[str, float]:
    """Returns the effect of the number of tasks on M4.

    It consists of M4's interval over tasks alone and the share by which tasks widen an interval over seeds, which both
    need several seeds, and the number of tasks that the error of M4 depends on.
    """
    low, high = gain.over_tasks() if len(gain.values) > 1 else (np.nan, np.nan)
    seeds_low, seeds_high = seed_interval(gain.values)
    over_seeds = seeds_high - seeds_low
    # Tasks and seeds are drawn independently: widths add in squares.
    add = np.hypot(1.0, (high - low) / over_seeds) - 1.0 if over_seeds > 0 else np.nan
    row = {"M4_tasks_low": low, "M4_tasks_high": high, "M4_tasks_add": float(add)}
    carried = (
        gain.ratio.carried_by(gain.sample.top.mean(0), gain.sample.bottom) if gain.ratio and gain.sample else np.nan
    )
    return row | {"carried_by": float(carried), "few_tasks_carry": bool(carried < FEW_TASKS)}


def _gap_of_families(cell: Cell, trained: Cell | None) -> dict[str, Any]:
    """Returns M1, the largest over the families that a cell's functions are made of, and each family's own M1."""
    if trained is None:
        return _named("M1", None)
    named = [name for name in (cell.label("made_of") or "").split("|") if name]
    names = named or [str(name) for name in np.unique(trained.family)]
    gaps = {name: trained.gap_of(name) for name in names}
    known = {name: gap for name, gap in gaps.items() if gap is not None and np.isfinite(gap.value)}
    # If a family's own M1 is unknown, so is whether the gate holds, unless another family misses it.
    largest = max(known, key=lambda name: known[name].value) if known else None
    holds = largest is not None and (len(known) == len(names) or known[largest].value > M1_GATE)
    row = _named("M1", known[largest] if largest is not None and holds else None)
    return row | {f"M1: {name}": gap.value for name, gap in known.items()}


def _with_context_slope(table: pd.DataFrame, found: dict[tuple, Cell]) -> pd.DataFrame:
    """Adds M13: the least-squares slope of NMSE(p, O) in log k over a path's lengths, the same in all its cells."""
    table[["M13", "M13_low", "M13_high"]] = np.nan
    # If the coordinate is the context length itself, there is one path, not one per coordinate.
    along = (table["strength"] == table["length"]).groupby(table["probe"]).transform("all")
    for _, part in table.groupby(["probe", "placement", table["strength"].where(~along, np.inf)], sort=False):
        used = part[(part["length"] > 0) & np.isfinite(part["M2"])]
        keys = list(used[CELL].itertuples(index=False, name=None))
        if len(keys) < 2 or len({(*found[key].seeds, -1, *found[key].tasks) for key in keys}) > 1:
            continue
        at = np.log(used["length"].to_numpy(dtype=float))
        centred = (at - at.mean()) / np.square(at - at.mean()).sum()
        ratios = [found[key].nmse(found[key].predictor) for key in keys]
        slope = Estimate(
            *(centred @ np.stack(part) for part in zip(*((r.values, r.replicates) for r in ratios), strict=True))
        )
        table.loc[part.index, ["M13", "M13_low", "M13_high"]] = [slope.value, *slope.interval()]
    return table
