"""The verdict of a cell, from M1, M3 and the interval of M4 (reference: the verdict rule).

`under-trained` where M1 fails its gate; else by the 95% interval of M4, the gain over Bayes, and a margin δ = .02:
`beats Bayes` (above 0), `worse than Bayes` (below 0), `follows Bayes` (inside ±δ), otherwise `undecided`. An interval
above 0 yet inside +δ reads `follows Bayes (slightly better)`. Where M3 ≤ .02 the prior already covers the cell:
`inside the prior`.
"""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

M1_GATE = 0.01
M3_LEAST = 0.02
MARGIN = 0.02
SEEDS_WANTED = 5

INSIDE = "inside the prior"
UNDER_TRAINED = "under-trained"
BEATS = "beats Bayes"
SLIGHTLY = "follows Bayes (slightly better)"
FOLLOWS = "follows Bayes"
WORSE = "worse than Bayes"
UNDECIDED = "undecided"
VERDICTS = (INSIDE, UNDER_TRAINED, BEATS, SLIGHTLY, FOLLOWS, WORSE, UNDECIDED)


def verdict(m1: float, m3: float, low: float, high: float) -> str:
    """The verdict of a cell with M1 `m1`, M3 `m3` and the interval [`low`, `high`] of M4.

    Where M3 is unknown, because C has no closed form, M1 and M4 decide. Where one of them is unknown nothing is
    concluded: `undecided`.
    """
    if m3 <= M3_LEAST:
        return INSIDE
    if m1 > M1_GATE:
        return UNDER_TRAINED
    if any(math.isnan(number) for number in (m1, low, high)):
        return UNDECIDED
    if low > 0:
        return SLIGHTLY if high < MARGIN else BEATS
    if high < 0:
        return WORSE
    return FOLLOWS if low > -MARGIN and high < MARGIN else UNDECIDED


def provisional(seeds: int) -> str:
    """What a verdict from few training seeds adds; nothing from five on."""
    if seeds >= SEEDS_WANTED or seeds < 1:
        return ""
    return f"{seeds} seed{'' if seeds == 1 else 's'}: provisional"


def families_that_fail(cell: Mapping[Any, Any]) -> list[str]:
    """The families whose own M1 is above the gate, which the M1 of all may hide: the families' variances differ."""
    names = [name for name in cell if str(name).startswith("M1: ")]
    return [str(name).removeprefix("M1: ") for name in names if cell[name] > M1_GATE]


def is_judged(cells: pd.DataFrame) -> bool:
    """Is there a verdict on any cell? Without an exact posterior there is no gain over Bayes, and nothing to judge."""
    return "M4" in cells and bool(cells["M4"].notna().any())


def verdicts(metrics: pd.DataFrame) -> pd.DataFrame:
    """A row a cell outside the plain in-distribution test: where it lies, its verdict, and the numbers that gave it.

    `families_that_fail` names the families that by themselves miss the gate of M1 at the cell's context length.
    """
    cells = metrics[metrics["probe"] != "in-distribution"]
    failing = [", ".join(families_that_fail(cell)) for cell in cells.to_dict("records")]
    cells = cells.assign(families_that_fail=failing)
    columns = ["probe", "coordinate", "strength", "length", "verdict", "provisional", "M1", "M2", "M3", "M4", "M4_low",
               "M4_high", "M5", "M5_low", "M5_high", "seeds", "interval_over", "families_that_fail"]  # fmt: skip
    return cells[columns].reset_index(drop=True)
