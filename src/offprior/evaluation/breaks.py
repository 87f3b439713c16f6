"""Where a predictor breaks first, and whose fault it is: the probes of a metrics table in order; no jax.

A cell is *broken* where the predictor's NMSE is above that of C, the Bayes predictor that knows the probe's functions,
by more than the verdict's margin: what could have been known was not. (B stands in for a C that has no closed form;
without either nothing is called broken.) The shortfall has two parts, NMSE(B) − NMSE(C),
which the optimum of the pretraining mixture loses as well (M3), and NMSE(p) − NMSE(B), which it does not (−M4). How far
outside a cell lies is measured in nats a context pair: its surprise under the mixture (M12) above that of the
mixture's own prompts of the same length.
"""

from typing import Any

import numpy as np
import pandas as pd

from offprior.evaluation.verdict import M1_GATE, M3_LEAST, MARGIN
from offprior.table import IN_DISTRIBUTION

PRIOR, MODEL, BOTH = "the prior's", "the model's", "both"
UNDER_TRAINED = "under-trained"
HOLDS = ""
COLUMNS = [
    *("rank", "probe", "coordinate", "strength", "length", "outside", "M2", "bayes_nmse", "combined_nmse"),
    *("shortfall", "shortfall_low", "shortfall_high", "fault", "verdict", "provisional"),
]


def breaks(metrics: pd.DataFrame, length: int | None = None, *, trained: bool = True) -> pd.DataFrame:
    """One row a probe, those that break nearest to the mixture first, those that hold last.

    Cells of `length` context pairs are looked at, the longest that all probes have unless given; a probe whose
    coordinate is the context's length has all its cells looked at. A broken probe is shown where it first breaks, the
    broken cell that lies least far outside, with `rank` 1, 2, …; one that holds, at its largest shortfall with `rank`
    0. A predictor that was never `trained` on the mixture is not called under-trained, however far from B.
    """
    rows = metrics[metrics["probe"] != IN_DISTRIBUTION]
    if rows.empty:
        return pd.DataFrame(columns=COLUMNS)
    at = rows.assign(outside=_outside(rows, metrics), along=_is_along_context(rows))
    if length is None:
        length = int(at[~at["along"]].groupby("probe")["length"].max().min()) if (~at["along"]).any() else 0
    at = at[at["along"] | (at["length"] == length)]
    found = [_first(cells, trained) for _, cells in at.groupby("probe", sort=False)]
    broken = sorted((row for row in found if row["fault"] != HOLDS), key=_by_distance)
    held = sorted((row for row in found if row["fault"] == HOLDS), key=lambda row: -_finite(row["shortfall"], -np.inf))
    ranked = [{**row, "rank": place + 1} for place, row in enumerate(broken)]
    return pd.DataFrame([*ranked, *({**row, "rank": 0} for row in held)])[COLUMNS]


def fault(cell: Any, trained: bool = True) -> str:
    """Whose fault a broken cell is: by M1, then by the two parts of the shortfall over C."""
    if trained and cell["M1"] > M1_GATE:
        return UNDER_TRAINED
    if not cell["M3"] > M3_LEAST:
        return MODEL
    return PRIOR if -cell["M4"] <= MARGIN else BOTH


def _first(cells: pd.DataFrame, trained: bool) -> dict[Any, Any]:
    broken = cells[cells["shortfall_low"] > MARGIN]
    if broken.empty:
        largest = cells["shortfall"].fillna(-np.inf).idxmax()
        return {**cells.loc[largest].to_dict(), "fault": HOLDS}
    first = min(broken.to_dict("records"), key=_by_distance)
    return {**first, "fault": fault(first, trained)}


def _by_distance(row: Any) -> tuple[float, float]:
    """Nearest to the mixture first; where that is unknown, the largest shortfall first."""
    return _finite(row["outside"], np.inf), -_finite(row["shortfall"], -np.inf)


def _outside(rows: pd.DataFrame, metrics: pd.DataFrame) -> pd.Series:
    """Nats a context pair by which a cell is more surprising than the mixture's own prompts."""
    own = metrics[metrics["probe"] == IN_DISTRIBUTION].set_index("length")["M12"]
    pairs = rows["length"].where(rows["length"] > 0)
    return (rows["M12"] - rows["length"].map(own)) / pairs


def _is_along_context(rows: pd.DataFrame) -> pd.Series:
    return (rows["strength"] == rows["length"]).groupby(rows["probe"]).transform("all")


def _finite(value: Any, otherwise: float) -> float:
    return float(value) if np.isfinite(value) else otherwise
