"""The verdict of a cell, from M1 and the intervals of M3, M4 and M19 (reference: the verdict rule).

The rules apply in this order, with 95% intervals and a margin δ = .02:

1. `no prior gap` if all of M3's interval is at most .02; `undecided` if only a part of it is.
2. `under-trained` if M1, the largest over the families that the cell's functions are made of, is above its gate.
3. By the interval of M4, the gain over Bayes. Inside ±δ: `follows Bayes`, with "(slightly better)" or
   "(slightly worse)" if it excludes 0. Below 0: `worse than Bayes`. Above 0: `generalises` if the interval of M19, the
   gain over the smoother S, is above 0 too; otherwise `smooths`.
4. Otherwise `undecided`.

A table without rows of S cannot distinguish `generalises` from `smooths`: if M4 is above 0, the verdict is `undecided`.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from offprior.analysis.intervals import LEVEL, benjamini_hochberg
from offprior.console.output import printable

M1_GATE = 0.01
M3_LEAST = 0.02
MARGIN = 0.02
SEEDS_WANTED = 5

NO_PRIOR_GAP = "no prior gap"
UNDER_TRAINED = "under-trained"
GENERALISES = "generalises"
SMOOTHS = "smooths"
SLIGHTLY_BETTER = "follows Bayes (slightly better)"
SLIGHTLY_WORSE = "follows Bayes (slightly worse)"
FOLLOWS = "follows Bayes"
WORSE = "worse than Bayes"
UNDECIDED = "undecided"
LIKE_BLEND, LIKE_CLASS, NEITHER = "like the best blend", "like one class", "neither"
WITHOUT_PRIOR = (LIKE_BLEND, LIKE_CLASS, NEITHER)
"""Verdicts on a predictor whose prior is unknown (`offprior.analysis.unknown_prior`)."""
VERDICTS = (
    *(NO_PRIOR_GAP, UNDER_TRAINED, GENERALISES, SMOOTHS),
    *(SLIGHTLY_BETTER, SLIGHTLY_WORSE, FOLLOWS, WORSE, UNDECIDED),
    *WITHOUT_PRIOR,
)
NOT_JUDGED = (NO_PRIOR_GAP, UNDER_TRAINED)
"""Verdicts that say nothing about a gain over Bayes."""
FEW_TASKS_CARRY, CARRY_MARK = "few tasks carry it", "†"
"""The label of a cell whose gain depends on few tasks, and its mark in maps and tables."""

Interval = tuple[float, float]
COLUMNS = (
    *("probe", "coordinate", "strength", "length", "placement", "verdict", "verdict_fdr", "provisional", "M1", "M2"),
    *("M3", "M3_low", "M3_high", "M4", "M4_low", "M4_high", "M5", "M5_low", "M5_high", "M19", "M19_low", "M19_high"),
    *("M20", "M20_low", "M20_high", "bayes_distance", "shortfall", "off_bayes", "carried_by", "few_tasks_carry"),
    *("structure_gap", "structure_gap_low", "structure_gap_high", "seeds", "interval_over", "families_that_fail"),
)
"""Columns of a table of verdicts."""
OF_UNKNOWN_PRIOR = (
    *(f"{name}{end}" for name in ("class_distance", "blend_distance", "panel_gap") for end in ("", "_low", "_high")),
    *("nearest_class", "nearest_class_share", "nearest", "nearest_distance", "panel_best", "panel_nmse"),
)
"""Further columns if the predictor's prior is unknown."""


def verdict(m1: float, prior_gap: Interval, gain: Interval, over_smoother: Interval) -> str:
    """Returns the verdict of a cell with M1 `m1`, by the intervals of M3, M4 and M19.

    If M3 is unknown, because C has no closed form, M1 and M4 decide. If one of those is unknown, nothing is concluded:
    `undecided`.
    """
    if prior_gap[1] <= M3_LEAST:
        return NO_PRIOR_GAP
    if prior_gap[0] <= M3_LEAST:
        return UNDECIDED
    if m1 > M1_GATE:
        return UNDER_TRAINED
    low, high = gain
    if any(math.isnan(number) for number in (m1, low, high)):
        return UNDECIDED
    if low > -MARGIN and high < MARGIN:
        return SLIGHTLY_BETTER if low > 0 else SLIGHTLY_WORSE if high < 0 else FOLLOWS
    if high < 0:
        return WORSE
    if low <= 0 or any(math.isnan(number) for number in over_smoother):
        return UNDECIDED
    return GENERALISES if over_smoother[0] > 0 else SMOOTHS


def is_off_bayes(cells: pd.DataFrame, rate: float = 1 - LEVEL) -> pd.Series:
    """Marks cells without a prior gap in which the predictor is away from B, and worse than it, beyond the margin.

    The false-discovery rate is `rate` over the cells of each probe and placement.
    """
    found = pd.Series(False, cells.index)
    for _, part in cells.groupby(["probe", "placement"], sort=False):
        found.loc[part.index] = falls_short(part, (part["verdict"] == NO_PRIOR_GAP).to_numpy(), rate)
    return found


def falls_short(cells: pd.DataFrame, counted: np.ndarray, rate: float = 1 - LEVEL) -> np.ndarray:
    """Says which of the counted cells fall short of C, with a false-discovery rate of `rate` over all of them.

    The hypotheses (Benjamini and Hochberg 1995) are that a cell's shortfall is above the margin, for every cell, and
    that its distance from B is above it, for cells without a prior gap whose estimated shortfall is above the margin.
    """
    short = cells["shortfall"].to_numpy(float) > MARGIN
    by_shortfall = np.where(counted, directed(cells["shortfall_p"], short), np.nan)
    away = directed(cells["bayes_distance_p"], short & (cells["bayes_distance"].to_numpy(float) > MARGIN))
    away = np.where(counted & (cells["verdict"] == NO_PRIOR_GAP).to_numpy(), away, np.nan)
    return np.asarray(benjamini_hochberg(np.concatenate([by_shortfall, away]), rate).reshape(2, -1).any(0))


def controlled(cells: pd.DataFrame, rate: float = 1 - LEVEL) -> pd.Series:
    """Returns the verdicts that hold at a false-discovery rate over the cells of each probe and placement.

    Each kind of claim is a family of hypotheses, one per cell, tested by Benjamini and Hochberg. In cells outside the
    prior, the claims are that M3 is above its margin, and that it is below. In cells with a prior gap whose model
    passes M1, they are that M4 is above 0, that it is below, that it is inside ±δ, and that M4 and M19 are both above
    0. If a cell's estimate contradicts a claim, its p-value is 1, however certain it is. A claim that does not survive
    is dropped from the verdict.
    """
    found = cells["verdict"].copy()
    for _, part in cells.groupby(["probe", "placement"], sort=False):
        found.loc[part.index] = _controlled(part, rate)
    return found


def directed(p: Any, agrees: Any) -> np.ndarray:
    """Returns p-values of one-sided claims: 1 if the estimate is on the other side; unknown values stay unknown."""
    p = np.asarray(p, float)
    return np.where(np.isnan(p), p, np.where(agrees, p, 1.0))


def _controlled(part: pd.DataFrame, rate: float) -> list[str]:
    number = {name: part[name].to_numpy(float) for name in ("M3", "M4", "M19")}
    p = {name: part[name].to_numpy(float) for name in ("M3_p", "M4_p", "M4_p_above", "M4_p_below", "M19_p")}
    # Inside the prior there is no gap by construction: such cells are not tested, and do not dilute doubtful ones.
    inside = part["inside"].to_numpy(bool) if "inside" in part else np.zeros(len(part), bool)
    unknown, p_gap = np.isnan(number["M3"]), np.where(inside, np.nan, p["M3_p"])
    above = benjamini_hochberg(directed(p_gap, number["M3"] > M3_LEAST), rate) | unknown
    below = benjamini_hochberg(directed(p_gap, number["M3"] < M3_LEAST), rate) | unknown | inside
    tested = ~part["verdict"].isin(NOT_JUDGED).to_numpy() & ~(part["M3_low"] <= M3_LEAST).to_numpy()

    def survives(p: np.ndarray) -> np.ndarray:
        return benjamini_hochberg(np.where(tested, p, np.nan), rate)

    better, worse = (survives(directed(p["M4_p"], sign * number["M4"] > 0)) for sign in (1, -1))
    signed = better | worse
    close = survives(directed(np.maximum(p["M4_p_above"], p["M4_p_below"]), np.abs(number["M4"]) < MARGIN))
    both = (number["M4"] > 0) & (number["M19"] > 0)
    structured = survives(directed(np.maximum(p["M4_p"], p["M19_p"]), both))
    found = []
    for place, verdict in enumerate(part["verdict"]):
        if verdict in (UNDER_TRAINED, UNDECIDED):
            kept = verdict
        elif not (below if verdict == NO_PRIOR_GAP else above)[place]:
            kept = UNDECIDED
        elif verdict in (SLIGHTLY_BETTER, SLIGHTLY_WORSE, FOLLOWS):
            kept = UNDECIDED if not close[place] else verdict if signed[place] else FOLLOWS
        elif verdict in (GENERALISES, SMOOTHS, WORSE):
            kept = (
                UNDECIDED if not signed[place] else SMOOTHS if not structured[place] and verdict != WORSE else verdict
            )
        else:
            kept = verdict
        found.append(kept)
    return found


def smoother_note(cell: Mapping[Any, Any]) -> str:
    """Returns a note if C gains little over S, so that almost nothing can be gained over S; otherwise nothing."""
    low, high = (cell.get(f"structure_gap_{end}", math.nan) for end in ("low", "high"))
    if high <= M3_LEAST:
        return "S is as good as C here"
    return "C is not shown to gain over S here" if low <= M3_LEAST else ""


def carry_mark(cell: Mapping[Any, Any]) -> str:
    """Returns the mark of a judged cell whose gain depends on few tasks; otherwise nothing."""
    # A missing value in an older table is not True.
    return CARRY_MARK if str(cell.get("few_tasks_carry")) == "True" and cell["verdict"] not in NOT_JUDGED else ""


def provisional(seeds: int) -> str:
    """Returns the note on a verdict from few training seeds; nothing for five or more."""
    if seeds >= SEEDS_WANTED or seeds < 1:
        return ""
    return f"{seeds} seed{'' if seeds == 1 else 's'}: provisional"


def families_that_fail(cell: Mapping[Any, Any]) -> list[str]:
    """Returns the families whose own M1 is above the gate."""
    names = [name for name in cell if str(name).startswith("M1: ")]
    return [str(name).removeprefix("M1: ") for name in names if cell[name] > M1_GATE]


def is_judged(cells: pd.DataFrame) -> bool:
    """Whether any cell has a verdict: without an exact posterior there is nothing to judge by."""
    return any(name in cells and bool(cells[name].notna().any()) for name in ("M4", "class_distance"))


class Verdicts(pd.DataFrame):
    """Verdicts, one row per cell; printed as a narrow table of the main columns, as are selections of rows."""

    @property
    def _constructor(self) -> Any:
        return Verdicts

    def compact(self) -> pd.DataFrame:
        """Returns each cell's place, verdict, main numbers with their intervals, and notes, as text."""
        rows = self.to_dict("records")
        return pd.DataFrame(
            {
                "probe": [row["probe"] for row in rows],
                "at": [f"{row['coordinate']} = {row['strength']:.3g}" if row["coordinate"] else "" for row in rows],
                "k": [row["length"] for row in rows],
                "queries": [row["placement"] for row in rows],
                "verdict": [row["verdict"] for row in rows],
                **{head: [_interval(row, name) for row in rows] for head, name in self._shown().items()},
                "notes": [_notes(row) for row in rows],
            }
        )

    def _shown(self) -> dict[str, str]:
        """Returns the columns with intervals that are printed, by their headings."""
        if "class_distance" not in self:
            return {"gain over B": "M4", "gain over S": "M19"}
        return {"from a class": "class_distance", "from a blend": "blend_distance", "above the panel": "panel_gap"}

    def __repr__(self) -> str:
        if not set(COLUMNS) <= set(self.columns) or not len(self):
            return super().__repr__()
        lines = []
        for probe, cells in self.compact().groupby("probe", sort=False):
            same = {"probe", *(name for name in ("queries", "notes") if cells[name].isin(["all", ""]).all())}
            words = cells.drop(columns=list(same)).astype(str)
            wide = {name: max(len(name), words[name].str.len().max()) for name in words}
            head, *body = (
                "  ".join(text.ljust(wide[name]) for name, text in zip(words, row, strict=True)).rstrip()
                for row in [tuple(words), *words.itertuples(index=False, name=None)]
            )
            lines += [str(probe), *(f"  {line}" for line in (head, *body))]
        notes = sorted({note for note in self["provisional"] if note})
        return printable("\n".join([*lines, *notes, f"{len(self.columns)} columns in all; .to_string() prints them"]))

    def _repr_html_(self) -> str | None:
        if not set(COLUMNS) <= set(self.columns) or not len(self):
            return pd.DataFrame(self)._repr_html_()  # pyright: ignore[reportCallIssue]
        return self.compact()._repr_html_()  # pyright: ignore[reportCallIssue]


def _interval(row: Mapping[Any, Any], name: str) -> str:
    value, low, high = (
        f"{row[key] + 0.0:.3f}".replace("0.", ".", 1).replace("-.000", ".000")
        for key in (name, f"{name}_low", f"{name}_high")
    )
    return "" if math.isnan(row[name]) else f"{value} [{low}, {high}]"


def _notes(row: Mapping[Any, Any]) -> str:
    notes = [f"{row['families_that_fail']} misses M1"] if row["verdict"] == UNDER_TRAINED else []
    notes += [FEW_TASKS_CARRY] if carry_mark(row) else []
    notes += ["off B"] if row["off_bayes"] else []
    notes += [note] if row["verdict"] in (GENERALISES, SMOOTHS) and (note := smoother_note(row)) else []
    notes += [f"{row['verdict_fdr']} at an FDR of 5%"] if row["verdict_fdr"] != row["verdict"] else []
    is_open = row["verdict"] == UNDECIDED and row["M4_low"] > 0 and not row["M3_low"] <= M3_LEAST
    notes += ["no S"] if is_open and not math.isnan(row["M1"]) and math.isnan(row["M19"]) else []
    return "; ".join(notes)


def verdicts(metrics: pd.DataFrame) -> Verdicts:
    """Returns one row per cell outside the plain in-distribution test: its place, its verdict and their numbers.

    `verdict_fdr` is what remains of the verdict when the false-discovery rate is controlled over the probe's cells
    (`controlled`). `families_that_fail` names the cell's families that miss the gate of M1. Of tokens there is the
    `unit` too.
    """
    cells = metrics[(metrics["probe"] != "in-distribution") & (metrics["verdict"] != "")]
    failing = [", ".join(families_that_fail(cell)) for cell in cells.to_dict("records")]
    cells = cells.assign(families_that_fail=failing)
    kept = [*COLUMNS, *(name for name in ("unit", *OF_UNKNOWN_PRIOR) if name in cells)]
    return Verdicts(cells[kept].reset_index(drop=True))
