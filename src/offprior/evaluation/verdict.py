"""The verdict of a cell, from M1 and the intervals of M3, M4 and M19 (reference: the verdict rule).

In this order, with 95% intervals and a margin δ = .02:

1. `no prior gap` where all of M3's interval is at most .02; `undecided` where only a part of it is.
2. `under-trained` where M1, the largest over the families that the cell's functions are made of, is above its gate.
3. By the interval of M4, the gain over Bayes. Inside ±δ: `follows Bayes`, with "(slightly better)" or
   "(slightly worse)" where it excludes 0. Below 0: `worse than Bayes`. Above 0: `generalises` where the interval of
   M19, the gain over the smoother S, is above 0 too; otherwise `smooths`.
4. Otherwise `undecided`.

A table without rows of S cannot tell the last two words apart: where M4 is above 0 its verdict is `undecided`.
"""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

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
VERDICTS = (
    *(NO_PRIOR_GAP, UNDER_TRAINED, GENERALISES, SMOOTHS),
    *(SLIGHTLY_BETTER, SLIGHTLY_WORSE, FOLLOWS, WORSE, UNDECIDED),
)
NOT_JUDGED = (NO_PRIOR_GAP, UNDER_TRAINED)
"""Verdicts that say nothing about a gain over Bayes."""

Interval = tuple[float, float]


def verdict(m1: float, prior_gap: Interval, gain: Interval, over_smoother: Interval) -> str:
    """The verdict of a cell with M1 `m1`, by the intervals of M3, M4 and M19.

    Where M3 is unknown, because C has no closed form, M1 and M4 decide. Where one of them is unknown nothing is
    concluded: `undecided`.
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


def provisional(seeds: int) -> str:
    """What a verdict from few training seeds adds; nothing from five on."""
    if seeds >= SEEDS_WANTED or seeds < 1:
        return ""
    return f"{seeds} seed{'' if seeds == 1 else 's'}: provisional"


def families_that_fail(cell: Mapping[Any, Any]) -> list[str]:
    """The families whose own M1 is above the gate."""
    names = [name for name in cell if str(name).startswith("M1: ")]
    return [str(name).removeprefix("M1: ") for name in names if cell[name] > M1_GATE]


def is_judged(cells: pd.DataFrame) -> bool:
    """Is there a verdict on any cell? Without an exact posterior there is no gain over Bayes, and nothing to judge."""
    return "M4" in cells and bool(cells["M4"].notna().any())


def verdicts(metrics: pd.DataFrame) -> pd.DataFrame:
    """A row a cell outside the plain in-distribution test: where it lies, its verdict, and the numbers that gave it.

    `families_that_fail` names the families of the cell that miss the gate of M1.
    """
    cells = metrics[metrics["probe"] != "in-distribution"]
    failing = [", ".join(families_that_fail(cell)) for cell in cells.to_dict("records")]
    cells = cells.assign(families_that_fail=failing)
    columns = ["probe", "coordinate", "strength", "length", "placement", "verdict", "provisional", "M1", "M2", "M3",
               "M3_low", "M3_high", "M4", "M4_low", "M4_high", "M5", "M5_low", "M5_high", "M19", "M19_low", "M19_high",
               "M20", "M20_low", "M20_high", "seeds", "interval_over", "families_that_fail"]  # fmt: skip
    return cells[columns].reset_index(drop=True)
