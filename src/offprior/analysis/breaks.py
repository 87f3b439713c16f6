"""Where a predictor breaks first, and why: the probes of a metrics table in order; no jax.

A cell is *broken* if the predictor's NMSE exceeds that of C, the Bayes predictor that knows the probe's functions, by
more than the verdict's margin: the predictor missed something that could have been known. (B replaces a C without a
closed form; without either, no cell is called broken.) Where there is no prior gap, B is optimal too. There a cell is
also broken if its estimated NMSE exceeds C's by the margin and the predictor's distance from B is above the margin. The
first break among many cells is the largest of many numbers, so both claims are tested at a false-discovery rate of 5%
over all cells considered (`is_broken`), not cell by cell. A probe *holds* if every cell's own 95% interval stays within
the margin; otherwise it is *undecided*.

The shortfall has two parts: NMSE(B) − NMSE(C), which the optimum of the pretraining mixture loses as well (M3), and
NMSE(p) − NMSE(B), which it does not (−M4). A cell's distance outside the prior is counted in places along the probe's
path from where the prior lies. It is also given in nats per context pair: the cell's surprise under the mixture (M12)
minus that of the mixture's own prompts of the same length.

Of a predictor whose prior is unknown there is no B, and C would be that of a reference mixture. The *best of the panel*
takes C's place: what some predictor achieves that was not trained at all. The shortfall is then the error above the
panel's least (`panel_gap`), its p-values are adjusted for the choice of the best, and the one fault is to be behind it.
"""

from typing import Any

import numpy as np
import pandas as pd

from offprior.analysis.intervals import LEVEL
from offprior.analysis.unknown_prior import is_prior_known
from offprior.analysis.verdict import M1_GATE, M3_LEAST, MARGIN, falls_short
from offprior.columns import ALL, IN_DISTRIBUTION

PRIOR, MODEL, BOTH = "the prior's", "the model's", "both"
OWN = "the model's, on its own functions"
UNDER_TRAINED = "under-trained"
BEHIND = "behind the panel"
"""The only fault that is known of a predictor whose prior is not."""
HOLDS, UNDECIDED = "", "undecided"
COLUMNS = [
    *("rank", "probe", "coordinate", "strength", "length", "steps", "outside", "M2", "bayes_nmse", "combined_nmse"),
    *("smoother_nmse", "shortfall", "shortfall_low", "shortfall_high", "bayes_distance", "fault", "verdict"),
    "provisional",
]


def breaks(metrics: pd.DataFrame, length: int | None = None, *, trained: bool = True) -> pd.DataFrame:
    """Returns one row per probe: those that break first, then those that are undecided, then those that hold.

    Places inside the prior are left out if a probe has others. The false-discovery rate of broken cells is 5% over all
    cells considered. A broken probe is shown at its first broken place. Broken probes are ordered by the number of
    places between that place and the prior, then by the largest shortfall, and have `rank` 1, 2, …. Others are shown at
    their largest shortfall, with `rank` 0.

    Args:
        metrics: a table of metrics, as `offprior.analysis.metrics.metrics` returns it.
        length: the context length to consider, in pairs; None takes the longest that all probes have. A probe whose
            coordinate is the context length has all its cells considered.
        trained: whether the predictor was trained on the mixture. If not, it is not called under-trained, however far
            it is from B.
    """
    of_all = metrics[metrics["placement"] == ALL] if "placement" in metrics else metrics
    rows = of_all[of_all["probe"] != IN_DISTRIBUTION]
    rows = rows[~rows["probe"].str.startswith(f"{IN_DISTRIBUTION},")]
    if rows.empty:
        return pd.DataFrame(columns=COLUMNS)
    own = of_all[of_all["probe"] == IN_DISTRIBUTION].set_index("length")
    known = is_prior_known(metrics)
    if not known:
        ends = {f"shortfall{end}": rows[f"panel_gap{end}"] for end in ("", "_low", "_high", "_p")}
        rows = rows.assign(**ends, bayes_distance_p=np.nan)
    at = rows.assign(outside=_outside(rows, own), along=_is_along_context(rows), steps=_steps(rows))
    at = at.assign(trained=_is_trained(at, own))
    if length is None:
        length = int(at[~at["along"]].groupby("probe")["length"].max().min()) if (~at["along"]).any() else 0
    at = at[at["along"] | (at["length"] == length)]
    at = pd.concat([_outside_prior(cells) for _, cells in at.groupby("probe", sort=False)])
    at = at.assign(broken=is_broken(at))
    found = [_first(cells, trained) for _, cells in at.groupby("probe", sort=False)]
    broken = sorted((row for row in found if row["fault"] not in (HOLDS, UNDECIDED)), key=_by_distance)
    rest = [row for row in found if row["fault"] in (HOLDS, UNDECIDED)]
    rest.sort(key=lambda row: (row["fault"] == HOLDS, -_finite(row["shortfall"], -np.inf)))
    ranked = [{**row, "rank": place + 1} for place, row in enumerate(broken)]
    if not known:
        ranked = [{**row, "fault": BEHIND} for row in ranked]
    kept = [*COLUMNS, *(name for name in ("unit", "panel_best", "panel_nmse") if name in metrics)]
    return pd.DataFrame([*ranked, *({**row, "rank": 0} for row in rest)])[kept]


def is_broken(cells: pd.DataFrame, rate: float = 1 - LEVEL) -> pd.Series:
    """Says which cells are broken, with a false-discovery rate of `rate` over all of them (`falls_short`)."""
    return pd.Series(falls_short(cells, np.ones(len(cells), bool), rate), cells.index)


def fault(cell: Any, trained: bool = True) -> str:
    """Names the fault in a broken cell, the model's or its prior's: by M1, then by the two parts of the shortfall."""
    if trained and not cell["trained"]:
        return UNDER_TRAINED
    if trained and cell["M1"] > M1_GATE:
        return OWN  # trained enough in distribution, but not on the same functions under this cell's inputs
    if not cell["M3_high"] > M3_LEAST:
        return MODEL
    return PRIOR if -cell["M4"] <= MARGIN else BOTH


def _first(cells: pd.DataFrame, trained: bool) -> dict[Any, Any]:
    broken = cells[cells["broken"]]
    if len(broken):
        first = min(broken.to_dict("records"), key=_by_distance)
        return {**first, "fault": fault(first, trained)}
    largest = cells.loc[cells["shortfall"].fillna(-np.inf).idxmax()].to_dict()
    return {**largest, "fault": HOLDS if (cells["shortfall_high"] <= MARGIN).all() else UNDECIDED}


def _outside_prior(cells: pd.DataFrame) -> pd.DataFrame:
    """Drops the places inside the prior, such as a shift of 0, if the probe has others."""
    outside = cells[~cells["inside"].astype(bool)]
    return outside if len(outside) else cells


def _by_distance(row: Any) -> tuple[float, float]:
    """Sorts by fewest places from the prior, then by largest shortfall."""
    return _finite(row["steps"], np.inf), -_finite(row["shortfall"], -np.inf)


def _steps(rows: pd.DataFrame) -> pd.Series:
    """Counts the places along the path between a cell and the nearest place inside the prior.

    If a probe has none inside, the least surprising place counts as the first outside.
    """
    found = pd.Series(np.nan, rows.index)
    for _, cells in rows.groupby("probe", sort=False):
        places = np.sort(cells["strength"].unique())
        inside = cells.loc[cells["inside"].astype(bool), "strength"].unique()
        first = 0
        if not len(inside):
            surprise = cells.groupby("strength")["M12"].mean()
            inside, first = [surprise.idxmin() if surprise.notna().any() else places[0]], 1
        steps = np.abs(np.subtract.outer(np.arange(len(places)), np.searchsorted(places, inside))).min(1) + first
        found.loc[cells.index] = cells["strength"].map(dict(zip(places, steps, strict=True))).astype(float)
    return found


def _outside(rows: pd.DataFrame, own: pd.DataFrame) -> pd.Series:
    """Returns the nats per context pair by which a cell is more surprising than the mixture's own prompts."""
    pairs = rows["length"].where(rows["length"] > 0)
    return (rows["M12"] - rows["length"].map(own["M12"])) / pairs


def _is_trained(rows: pd.DataFrame, own: pd.DataFrame) -> pd.Series:
    """Whether a cell's families pass the gate on the mixture's plain prompts of the same length."""
    plain = rows["length"].map(own["M1"])
    families = [name for name in rows if str(name).startswith("M1: ")]
    of_families = [rows["length"].map(own[name]).where(rows[name].notna()) for name in families]
    worst = pd.concat(of_families, axis=1).max(axis=1).fillna(plain) if families else plain
    return ~(worst > M1_GATE)


def _is_along_context(rows: pd.DataFrame) -> pd.Series:
    return (rows["strength"] == rows["length"]).groupby(rows["probe"]).transform("all")


def _finite(value: Any, otherwise: float) -> float:
    return float(value) if np.isfinite(value) else otherwise
